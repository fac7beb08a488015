"""The names of flyte's type system: transformers of one's own are used, and what is protobuf alone says so where it is used."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Generic
from typing import Protocol
from typing import TypeVar
from typing import runtime_checkable

from localflyte.types.codec import codec_for
from localflyte.types.codec import forget
from localflyte.types.codec import readable
from localflyte.types.literals import LocalLiteral
from localflyte.types.literals import LocalLiteralMap
from localflyte.types.literals import LocalType
from localflyte.types.literals import refuse
from localflyte.types.opaque import pack_object
from localflyte.types.opaque import unpack_object
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import describe
from localflyte.types.transformed import TRANSFORMERS
from localflyte.types.transformed import find
from localflyte.types.transformed import load_plugins

__all__ = (
    "FlytePickle",
    "OwnTransformer",
    "Renderable",
    "TypeEngine",
    "TypeTransformer",
    "guess_interface",
)

T = TypeVar("T")

_OWN = (int, float, str, bool, type(None), list, dict)


class FlytePickle(Generic[T]):
    """As an annotation: any value, carried as a pickle unless it is plain data."""

    @classmethod
    def python_type(cls) -> None:
        return None

    @classmethod
    async def to_pickle(cls, python_val: Any) -> str:
        """Write a value to a file among the run's data.

        :return: the path of the file
        """
        from importlib import import_module

        # io stands above types
        path: str = import_module("localflyte.io.location").new_location("value.pickle")
        with open(path, "wb") as target:  # noqa: ASYNC230 - a local file
            target.write(pack_object(python_val))
        return path

    @classmethod
    async def from_pickle(cls, uri: str) -> Any:
        """Read what `to_pickle` wrote."""
        with open(uri, "rb") as source:  # noqa: ASYNC230 - a local file
            return unpack_object(source.read())


@runtime_checkable
class Renderable(Protocol):
    """Something that can show a value as HTML, for a report."""

    def to_html(self, python_value: Any) -> str:
        """:return: the value as HTML"""


class TypeTransformer(Generic[T]):
    """Base class of conversions of one's own: `to_literal` makes something else of a value, `to_python_value` makes it a value again.

    On a cluster that is a protobuf Literal. Here it may be one too, if ``flyteidl2`` is installed, or anything that can be carried.

    :param name: what errors, and the keys of the cache, call the conversion
    :param t: the type it is for
    :param enable_type_assertions: whether `assert_type` is asked before
    """

    def __init__(self, name: str, t: type[T], enable_type_assertions: bool = True) -> None:
        self._name = name
        self._t = t
        self._type_assertions_enabled = enable_type_assertions

    @property
    def name(self) -> str:
        return self._name

    @property
    def python_type(self) -> type[T]:
        return self._t

    @property
    def type_assertions_enabled(self) -> bool:
        return self._type_assertions_enabled

    def assert_type(self, t: Any, v: Any) -> None:
        """Check a value against the type.

        :raises TypeTransformerFailedError: if it is no instance of it
        """
        kind = getattr(t, "__origin__", t)
        if isinstance(kind, type) and not isinstance(v, kind):
            raise TypeTransformerFailedError(f"expected {readable(t)}, got {describe(v)}")

    def get_literal_type(self, t: type[T]) -> Any:
        """:return: what `to_literal` is told to make"""
        return LocalType(t)

    async def to_literal(self, python_val: T, python_type: type[T], expected: Any) -> Any:
        """Make something that can be carried of a value."""
        raise NotImplementedError(f"the transformer {self.name!r} has no to_literal()")

    async def to_python_value(self, lv: Any, expected_python_type: type[T]) -> Any:
        """Make the value again."""
        raise NotImplementedError(f"the transformer {self.name!r} has no to_python_value()")

    def guess_python_type(self, literal_type: Any) -> Any:
        """Find the Python type of what `get_literal_type` gave.

        :raises ValueError: if it is of another transformer
        """
        raise ValueError("this transformer does not find Python types")

    def to_html(self, python_val: T, expected_python_type: type[T]) -> str:
        """:return: the value as HTML, for a report"""
        from html import escape

        return escape(repr(python_val))

    def schema_match(self, schema: Any) -> bool:
        """:return: whether a JSON schema describes the type"""
        return False


class _Restricted(TypeTransformer[Any]):
    """Refuses a type as an input or output."""

    def get_literal_type(self, t: Any) -> Any:
        from localflyte.errors import RestrictedTypeError

        raise RestrictedTypeError(f"{readable(self.python_type)} may be no input or output of a task: it was registered as {self.name!r}")


class OwnTransformer(TypeTransformer[Any]):
    """Converts as localflyte itself does."""

    async def to_literal(self, python_val: Any, python_type: Any, expected: Any) -> LocalLiteral:
        return LocalLiteral(pack(codec_for(python_type), python_val), python_type)

    async def to_python_value(self, lv: Any, expected_python_type: Any) -> Any:
        if not isinstance(lv, LocalLiteral):
            refuse("TypeEngine.to_python_value of a protobuf Literal")
        return unpack(codec_for(expected_python_type), lv.packed)


class TypeEngine:
    """The registry of conversions. A type without one of its own is converted as localflyte does it."""

    _REGISTRY = TRANSFORMERS

    @classmethod
    def register(cls, transformer: TypeTransformer[Any], additional_types: list[type] | None = None) -> None:
        """Convert values of the transformer's type with it from now on.

        :raises ValueError: if the type has one already
        """
        kinds = [transformer.python_type, *(additional_types or [])]
        for kind in kinds:
            if kind in _OWN or kind in TRANSFORMERS:
                name = TRANSFORMERS[kind].name if kind in TRANSFORMERS else readable(kind)
                raise ValueError(f"Transformer {name} for type {kind} is already registered.")
        for kind in kinds:
            cls.register_additional_type(transformer, kind)

    @classmethod
    def register_additional_type(cls, transformer: TypeTransformer[Any], additional_type: Any, override: bool = False) -> None:
        """Convert values of one more type with a transformer.

        :param override: also if the type has one already
        """
        if override or additional_type not in TRANSFORMERS:
            TRANSFORMERS[additional_type] = transformer
            forget()

    @classmethod
    def register_restricted_type(cls, name: str, type: Any) -> None:
        """Refuse a type as an input or output of tasks.

        :raises ValueError: if the type has a transformer
        """
        cls.register(_Restricted(name, type))

    @classmethod
    def lazy_import_transformers(cls) -> None:
        """Let installed packages register theirs."""
        load_plugins(TypeEngine)

    @classmethod
    def get_available_transformers(cls) -> Any:
        """:return: the types that have a transformer of their own"""
        return TRANSFORMERS.keys()

    @classmethod
    def get_transformer(cls, python_type: Any) -> TypeTransformer[Any]:
        """:return: what converts values of the type"""
        cls.lazy_import_transformers()
        found: TypeTransformer[Any] | None = find(python_type)
        return found if found is not None else OwnTransformer(readable(python_type), python_type, enable_type_assertions=False)

    @classmethod
    def to_literal_type(cls, python_type: Any) -> Any:
        """:return: what stands for the type on the way"""
        return cls.get_transformer(python_type).get_literal_type(python_type)

    @classmethod
    async def to_literal(cls, python_val: Any, python_type: Any, expected: Any) -> Any:
        """Convert a value.

        :raises TypeTransformerFailedError: if it is not of the type
        """
        transformer = cls.get_transformer(python_type)
        if transformer.type_assertions_enabled:
            transformer.assert_type(python_type, python_val)
        return await transformer.to_literal(python_val, python_type, expected)

    @classmethod
    async def to_python_value(cls, lv: Any, expected_python_type: Any) -> Any:
        """Make a value again."""
        return await cls.get_transformer(expected_python_type).to_python_value(lv, expected_python_type)

    @classmethod
    async def dict_to_literal_map(cls, d: Mapping[str, Any], type_hints: Mapping[str, Any] | None = None) -> LocalLiteralMap:
        """Convert values by name.

        :param type_hints: their types; the class of a value where there is none
        :raises TypeError: if a value is not of its type
        """
        literals: dict[str, Any] = {}
        for name, value in d.items():
            kind = (type_hints or {}).get(name, type(value))
            try:
                literals[name] = await cls.to_literal(value, kind, cls.to_literal_type(kind))
            except TypeError as error:
                raise TypeError(f"Type conversion failed for variable '{name}' of type {readable(kind)}: {error}") from error
        return LocalLiteralMap(literals)

    @classmethod
    async def literal_map_to_kwargs(
        cls, lm: Any, python_types: Mapping[str, Any] | None = None, literal_types: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Make values by name again.

        :param python_types: their types, or:
        :param literal_types: what describes them, with a ``type``
        :raises ValueError: if neither is given, or there are more values than types
        :raises TypeTransformerFailedError: if one cannot be made
        """
        if python_types is None and literal_types is None:
            raise ValueError("give python_types or literal_types")
        kinds = python_types if not literal_types else cls.guess_python_types(literal_types)
        if not kinds:
            return {}
        if len(lm.literals) > len(kinds):
            raise ValueError(f"{len(lm.literals)} values came for {len(kinds)} inputs")
        values: dict[str, Any] = {}
        for name, literal in lm.literals.items():
            try:
                values[name] = await cls.to_python_value(literal, kinds[name])
            except Exception as error:
                raise TypeTransformerFailedError(f"input '{name}' cannot be made a {readable(kinds[name])}: {error}") from error
        return values

    @classmethod
    def guess_python_types(cls, flyte_variables: Any) -> dict[str, Any]:
        """Find the Python types of several, by name.

        :param flyte_variables: a mapping of things with a ``type``, or entries with a ``key`` and a ``value`` that has it
        """
        entries = flyte_variables.items() if isinstance(flyte_variables, Mapping) else ((each.key, each.value) for each in flyte_variables)
        return {name: cls.guess_python_type(variable.type) for name, variable in entries}

    @classmethod
    def guess_python_type(cls, flyte_type: Any) -> Any:
        """Find the Python type of what `to_literal_type` gave.

        :raises ValueError: if no transformer knows it
        """
        if isinstance(flyte_type, LocalType):
            return flyte_type.python_type
        for transformer in TRANSFORMERS.values():
            try:
                return transformer.guess_python_type(flyte_type)
            except ValueError:
                continue
        raise ValueError(f"No transformers could reverse Flyte literal type {flyte_type!r}")

    @classmethod
    def to_html(cls, python_val: Any, expected_python_type: Any) -> str:
        """:return: the value as HTML, for a report"""
        return cls.get_transformer(expected_python_type).to_html(python_val, expected_python_type)


def guess_interface(interface: Any, default_inputs: Iterable[Any] | None = None) -> Any:
    """Find the Python types of an interface that `TypeEngine.to_literal_type` describes.

    :param interface: has the inputs and outputs as ``inputs.variables`` and ``outputs.variables``: by name, things with a ``type``
    :param default_inputs: things with a ``name``: the inputs that have a default
    :return: a flyte.models.NativeInterface
    :raises ValueError: if a type is Flyte's protobuf
    """
    from importlib import import_module

    native = import_module("localflyte.api.native").NativeInterface  # api stands above types
    if interface is None:
        return native({}, {})
    given = {each.name: each for each in default_inputs or ()}
    empty = import_module("inspect").Parameter.empty
    kinds = TypeEngine.guess_python_types(_variables(interface.inputs))
    inputs = {name: (kind, native.has_default if name in given else empty) for name, kind in kinds.items()}
    return native.from_types(inputs, TypeEngine.guess_python_types(_variables(interface.outputs)), given)


def _variables(side: Any) -> Any:
    return getattr(side, "variables", None) or {}
