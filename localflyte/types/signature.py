"""Signature: parameters and outputs as a function declares them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from typing import Final
from typing import Never
from typing import NoReturn
from typing import get_args
from typing import get_origin

from localflyte.types.annotations import function_hints
from localflyte.types.annotations import strip
from localflyte.types.base import Codec
from localflyte.types.codec import codec_for
from localflyte.types.codec import readable
from localflyte.types.records import is_named_tuple
from localflyte.types.records import named_tuple_fields

__all__ = ("REQUIRED", "Output", "Parameter", "read_signature")


class _Required:
    def __repr__(self) -> str:
        return "REQUIRED"

    def __reduce__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()
"""The default of a parameter that has none."""


class Parameter:
    """One input of a task."""

    __slots__ = ("annotation", "codec", "default", "name", "positional")

    def __init__(self, name: str, annotation: Any, codec: Codec, default: Any = REQUIRED, *, positional: bool = True) -> None:
        self.name = name
        self.annotation = annotation
        self.codec = codec
        self.default = default
        """`REQUIRED` when there is none."""
        self.positional = positional
        """False after a ``*`` in the signature."""

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    def __repr__(self) -> str:
        return f"Parameter({self.name}: {self.codec.name})"


class Output:
    """One output of a task: ``o0``, ``o1`` and so on, or the field of a NamedTuple."""

    __slots__ = ("annotation", "codec", "name")

    def __init__(self, name: str, annotation: Any, codec: Codec) -> None:
        self.name = name
        self.annotation = annotation
        self.codec = codec

    def __repr__(self) -> str:
        return f"Output({self.name}: {self.codec.name})"


def read_signature(func: Callable[..., Any], *, task: str) -> tuple[dict[str, Parameter], dict[str, Output]]:
    """Read parameters and outputs from a function.

    :param task: the task's full name, for errors
    :raises ValueError: if a parameter cannot be given by name
    :raises TypeError: if the return annotation is none that outputs can be made of
    """
    signature = inspect.signature(func)
    hints = function_hints(func, task=task)
    inputs: dict[str, Parameter] = {}
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise ValueError(f"Task '{task}' takes '{parameter}', but a task needs named inputs; name each one, or take a list or dict.")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise ValueError(f"Task '{task}' takes '{name}' by position only, but inputs are passed by name; remove the '/'.")
        annotation = hints.get(name, Any)
        default = REQUIRED if parameter.default is parameter.empty else parameter.default
        codec = codec_for(annotation)
        inputs[name] = Parameter(name, annotation, codec, default, positional=parameter.kind is not parameter.KEYWORD_ONLY)
    if signature.return_annotation is signature.empty:
        return inputs, {}
    # a tuple of types is no annotation to typing, but flyte reads (A, B) as two outputs
    written = signature.return_annotation
    declared = written if isinstance(written, tuple) else hints.get("return", written)
    return inputs, _read_outputs(declared, task)


def _read_outputs(annotation: Any, task: str) -> dict[str, Output]:
    written, annotation = annotation, strip(annotation)
    if annotation in (None, type(None), NoReturn, Never):
        return {}
    if is_named_tuple(annotation):
        return {name: Output(name, hint, codec_for(hint)) for name, hint in named_tuple_fields(annotation).items()}
    if isinstance(annotation, tuple):
        kinds = list(annotation)
    elif get_origin(annotation) is tuple:
        kinds = list(get_args(annotation))
    elif isinstance(annotation, str):
        raise TypeError(f"The return annotation of task '{task}' is the text {annotation!r}; write the type itself.")
    else:
        kinds = [written]
    if isinstance(annotation, tuple) or get_origin(annotation) is tuple:
        _check_tuple(annotation, kinds, task)
    return {f"o{place}": Output(f"o{place}", kind, codec_for(kind)) for place, kind in enumerate(kinds)}


def _check_tuple(annotation: Any, kinds: list[Any], task: str) -> None:
    if Ellipsis in kinds:
        raise TypeError(f"Task '{task}' returns {readable(annotation)}: the number of outputs must be known; return list[...] instead.")
    if len(kinds) < 2:
        raise TypeError(f"Task '{task}' returns {readable(annotation)}: a tuple of outputs needs two or more; return the value itself.")
