"""NativeInterface: a task's inputs and outputs as plain Python types, for people and tools to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from inspect import Parameter as Signature
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import get_args
from typing import get_origin

from localflyte.types.codec import codec_for
from localflyte.types.interface import REQUIRED
from localflyte.types.interface import Interface
from localflyte.types.interface import Output
from localflyte.types.interface import Parameter

__all__ = ("NativeInterface", "as_interface", "as_types")


class _HasDefault:
    """Stands for a default that exists but is not known here."""


@dataclass(frozen=True, repr=False)
class NativeInterface:
    """The types of a task's inputs and outputs."""

    inputs: Mapping[str, tuple[Any, Any]]
    """Type and default by name; the default is ``inspect.Parameter.empty`` when there is none."""
    outputs: Mapping[str, Any]
    docstring: Any = None

    has_default: ClassVar[type[_HasDefault]] = _HasDefault

    @classmethod
    def from_interface(cls, interface: Interface, docstring: str | None = None) -> NativeInterface:
        """Show an interface of ours."""
        inputs = {
            name: (one.annotation, Signature.empty if one.default is REQUIRED else one.default) for name, one in interface.inputs.items()
        }
        return cls(inputs, {name: each.annotation for name, each in interface.outputs.items()}, docstring)

    @classmethod
    def from_callable(cls, func: Any) -> NativeInterface:
        """Read the signature of a function. A Literal of texts stands as an Enum of them, as flyte shows it, and any other as Any.

        :raises ValueError: if it takes ``*args`` or ``**kwargs``
        """
        read = cls.from_interface(Interface.from_function(func, task=getattr(func, "__name__", str(func))), func.__doc__)
        inputs = {name: (_without_literal(kind), default) for name, (kind, default) in read.inputs.items()}
        return cls(inputs, {name: _without_literal(kind) for name, kind in read.outputs.items()}, read.docstring)

    @classmethod
    def from_types(cls, inputs: Mapping[str, tuple[Any, Any]], outputs: Mapping[str, Any], default_inputs: Any = None) -> NativeInterface:
        """Make one from types.

        :raises ValueError: if an input is said to have a default that `default_inputs` does not give
        """
        for name, (_, default) in inputs.items():
            if default is cls.has_default and name not in (default_inputs or {}):
                raise ValueError(f"Input {name} has a default value but no default input provided for remote task.")
        return cls(inputs, outputs)

    def has_outputs(self) -> bool:
        """:return: whether the task gives anything back"""
        return bool(self.outputs)

    def required_inputs(self) -> list[str]:
        """:return: the names of the inputs that have no default"""
        return [name for name, (_, default) in self.inputs.items() if default is Signature.empty]

    def num_required_inputs(self) -> int:
        """:return: how many inputs have no default"""
        return len(self.required_inputs())

    def get_input_types(self) -> dict[str, Any]:
        """:return: the types of the inputs by name"""
        return {name: annotation for name, (annotation, _) in self.inputs.items()}

    def convert_to_kwargs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Name positional arguments.

        :raises ValueError: if there are more than parameters, or one is given twice, or has no parameter
        """
        if len(args) > len(self.inputs):
            raise ValueError(f"Too many positional arguments provided, expected inputs {list(self.inputs)}, args {len(args)}")
        named = dict(zip(self.inputs, args, strict=False))
        for name in kwargs:
            if name in named or name not in self.inputs:
                problem = "given twice" if name in named else "not an input"
                raise ValueError(f"Argument {name!r} is {problem}; expected inputs {list(self.inputs)}")
        return {**named, **kwargs}

    @property
    def json_schema(self) -> dict[str, Any]:
        """A JSON schema of the inputs."""
        from localflyte.api.schema import schema_of

        properties = {name: schema_of(annotation) for name, (annotation, _) in self.inputs.items()}
        return {"type": "object", "properties": properties, "required": self.required_inputs()}

    def __repr__(self) -> str:
        given = ", ".join(f"{name}: {_name(annotation)}{self._default(default)}" for name, (annotation, default) in self.inputs.items())
        back = ", ".join(f"{name}: {_name(annotation)}" for name, annotation in self.outputs.items())
        if len(self.outputs) > 1:
            back = f"({back})"
        return f"({given})" + (f" -> {back}:" if back else ":")

    def _default(self, default: Any) -> str:
        if default is Signature.empty:
            return ""
        return " = ..." if default is self.has_default else f" = {default}"


def as_interface(given: Any) -> Any:
    """:return: the interface that plain Python types stand for, as tasks need it that are no function; anything else as it is"""
    if not isinstance(given, NativeInterface):
        return given
    inputs = {}
    for name, (annotation, default) in given.inputs.items():
        known = default is not Signature.empty and default is not given.has_default
        inputs[name] = Parameter(name, annotation, codec_for(annotation), default if known else REQUIRED)
    return Interface(inputs, {name: Output(name, annotation, codec_for(annotation)) for name, annotation in given.outputs.items()})


def as_types(given: Any, func: Any = None) -> Any:
    """:return: an interface of ours as plain Python types, anything else as it is
    :param func: the function that has it
    """
    return NativeInterface.from_interface(given, getattr(func, "__doc__", None)) if isinstance(given, Interface) else given


def _without_literal(annotation: Any) -> Any:
    if get_origin(annotation) is not Literal:
        return annotation
    texts = get_args(annotation)
    if not all(isinstance(text, str) for text in texts):
        return Any
    return Enum("LiteralEnum", {text.upper(): text for text in texts})


def _name(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    if annotation is Any:
        return "Any"
    return annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__origin__") else repr(annotation)
