"""What flyte's own type system does on protobuf: importable here, so that programs load; clear where it is really used."""

# ruff: noqa: ARG003 - parameters are flyte's, and callers name them

from __future__ import annotations

import warnings
from typing import Any
from typing import Generic
from typing import NoReturn
from typing import Protocol
from typing import TypeVar
from typing import runtime_checkable

__all__ = ("FlytePickle", "Renderable", "TypeEngine", "TypeTransformer", "guess_interface", "literal_string_repr")

T = TypeVar("T")


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(
        f"flyte.types.{name} works on Flyte's protobuf literals, which localflyte does not have: values cross as msgpack. "
        "It works with the flyte SDK; here, annotate with a dataclass, a pydantic model or any class (it is pickled)."
    )


class FlytePickle(Generic[T]):
    """As an annotation: any value, carried as a pickle unless it is plain data."""

    @classmethod
    def python_type(cls) -> None:
        return None

    @classmethod
    async def to_pickle(cls, python_val: Any) -> str:
        _refuse("FlytePickle.to_pickle")

    @classmethod
    async def from_pickle(cls, uri: str) -> Any:
        _refuse("FlytePickle.from_pickle")


@runtime_checkable
class Renderable(Protocol):
    """Something that can show a value as HTML, for a report."""

    def to_html(self, python_value: Any) -> str:
        """:return: the value as HTML"""


class TypeTransformer(Generic[T]):
    """Base class of flyte's conversions to protobuf. It can be subclassed and registered here; it is never called."""

    def __init__(self, name: str, t: type[T], enable_type_assertions: bool = True) -> None:
        self._name = name
        self._type = t
        self._type_assertions_enabled = enable_type_assertions

    @property
    def name(self) -> str:
        return self._name

    @property
    def python_type(self) -> type[T]:
        return self._type

    @property
    def type_assertions_enabled(self) -> bool:
        return self._type_assertions_enabled

    def assert_type(self, t: Any, v: Any) -> None:
        """Check a value against the type.

        :raises TypeError: if it is no instance of it
        """
        if isinstance(t, type) and not isinstance(v, t):
            raise TypeError(f"expected {t.__name__}, got {type(v).__name__}")

    def get_literal_type(self, t: type[T] | None = None) -> Any:
        _refuse("TypeTransformer.get_literal_type")

    async def to_literal(self, python_val: T, python_type: type[T], expected: Any) -> Any:
        _refuse("TypeTransformer.to_literal")

    async def to_python_value(self, lv: Any, expected_python_type: type[T]) -> Any:
        _refuse("TypeTransformer.to_python_value")

    def guess_python_type(self, literal_type: Any) -> Any:
        _refuse("TypeTransformer.guess_python_type")

    def to_html(self, python_val: T, expected_python_type: type[T]) -> str:
        return repr(python_val)

    def schema_match(self, incoming: Any) -> bool:
        return False


class TypeEngine:
    """Flyte's registry of conversions. Registering is remembered; converting is not possible here."""

    _REGISTRY: dict[Any, TypeTransformer[Any]] = {}  # noqa: RUF012 - flyte's own name and shape

    @classmethod
    def register(cls, transformer: TypeTransformer[Any], additional_types: list[type] | None = None) -> None:
        """Remember a transformer. Values of its type are carried by localflyte's own codecs all the same.

        :raises ValueError: if the type has one already
        """
        kinds = [transformer.python_type, *(additional_types or [])]
        for kind in kinds:
            if kind in cls._REGISTRY:
                raise ValueError(f"Transformer {cls._REGISTRY[kind].name} for type {kind} is already registered.")
            cls._REGISTRY[kind] = transformer
        warnings.warn(
            f"localflyte carries {', '.join(getattr(kind, '__name__', str(kind)) for kind in kinds)} by its own codec; "
            f"the transformer {transformer.name!r} is called on a Flyte cluster only",
            stacklevel=2,
        )

    @classmethod
    def register_additional_type(cls, transformer: TypeTransformer[Any], additional_type: Any, override: bool = False) -> None:
        """Remember a transformer for one more type."""
        if override or additional_type not in cls._REGISTRY:
            cls._REGISTRY[additional_type] = transformer

    @classmethod
    def register_restricted_type(cls, name: str, type: Any) -> None:
        _refuse("TypeEngine.register_restricted_type")

    @classmethod
    def get_available_transformers(cls) -> Any:
        return cls._REGISTRY.keys()

    @classmethod
    def get_transformer(cls, python_type: Any) -> TypeTransformer[Any]:
        """:return: the transformer that was registered for the type"""
        found = cls._REGISTRY.get(python_type)
        return found if found is not None else _refuse("TypeEngine.get_transformer")

    @classmethod
    def to_literal_type(cls, python_type: Any) -> Any:
        _refuse("TypeEngine.to_literal_type")

    @classmethod
    async def to_literal(cls, python_val: Any, python_type: Any, expected: Any) -> Any:
        _refuse("TypeEngine.to_literal")

    @classmethod
    async def to_python_value(cls, lv: Any, expected_python_type: Any) -> Any:
        _refuse("TypeEngine.to_python_value")

    @classmethod
    def guess_python_type(cls, flyte_type: Any) -> Any:
        _refuse("TypeEngine.guess_python_type")

    @classmethod
    def to_html(cls, python_val: Any, expected_python_type: Any) -> str:
        found = cls._REGISTRY.get(expected_python_type)
        return found.to_html(python_val, expected_python_type) if found is not None else repr(python_val)


def guess_interface(interface: Any) -> Any:
    """Guess Python types from a protobuf interface: not possible here."""
    _refuse("guess_interface")


def literal_string_repr(lm: Any) -> Any:
    """Show a protobuf literal: not possible here."""
    _refuse("literal_string_repr")
