"""flyte.io.extend: handlers for further kinds and formats of tables, registered by programs and used wherever such a table crosses.

On a cluster they work on Flyte's protobuf. Here they get it too, if the program has imported ``flyteidl2``, and objects with the same
attributes if it has not. `encode` may give back either, or only the place where it wrote the table.
"""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from typing import Any
from typing import ClassVar
from typing import Generic
from typing import TypeVar

from localflyte.io.handlers import ANYWHERE
from localflyte.io.handlers import DuplicateHandlerError
from localflyte.io.handlers import Registry
from localflyte.io.handlers import decoders
from localflyte.io.handlers import encoders

__all__ = ("DataFrameDecoder", "DataFrameEncoder", "DataFrameTransformerEngine", "DuplicateHandlerError")

T = TypeVar("T")


class _Handler(ABC, Generic[T]):
    """What both directions have in common.

    :param python_type: the class of tables
    :param protocol: the places it is for, such as ``"s3"``; every place by default
    :param supported_format: the format it is for, such as ``"feather"``; every format by default
    """

    def __init__(self, python_type: type[T], protocol: str | None = None, supported_format: str | None = None) -> None:
        self._python_type = python_type
        self._protocol = protocol.replace("://", "") if protocol else None
        self._supported_format = supported_format or ""

    @property
    def python_type(self) -> type[T]:
        return self._python_type

    @property
    def protocol(self) -> str | None:
        return self._protocol

    @property
    def supported_format(self) -> str:
        return self._supported_format


class DataFrameEncoder(_Handler[T]):
    """Writes tables of one class."""

    @abstractmethod
    async def encode(self, dataframe: Any, structured_dataset_type: Any) -> Any:
        """Write a table.

        :param dataframe: a flyte.io.DataFrame: the table is its ``val``, and its ``uri`` is where to write it
        :param structured_dataset_type: says the ``format``
        :return: what has a ``uri``, or that uri itself
        """


class DataFrameDecoder(_Handler[T]):
    """Reads tables of one class."""

    def __init__(
        self,
        python_type: type[T],
        protocol: str | None = None,
        supported_format: str | None = None,
        additional_protocols: list[str] | None = None,
    ) -> None:
        super().__init__(python_type, protocol, supported_format)

    @abstractmethod
    async def decode(self, flyte_value: Any, current_task_metadata: Any) -> Any:
        """Read a table.

        :param flyte_value: its ``uri`` is where the table is
        :param current_task_metadata: its ``structured_dataset_type.columns`` are the columns to read; none means all
        :return: the table, or an iterator over its parts
        """


class DataFrameTransformerEngine:
    """The registry of handlers."""

    ENCODERS: ClassVar[dict[Any, dict[str, dict[str, Any]]]] = encoders.handlers
    DECODERS: ClassVar[dict[Any, dict[str, dict[str, Any]]]] = decoders.handlers
    DEFAULT_FORMATS: ClassVar[dict[Any, str]] = encoders.formats
    DEFAULT_PROTOCOLS: ClassVar[dict[Any, str]] = encoders.protocols
    Renderers: ClassVar[dict[Any, Any]] = {}

    @classmethod
    def register(
        cls,
        h: Any,
        default_for_type: bool = False,
        override: bool = False,
        default_format_for_type: bool = False,
        default_storage_for_type: bool = False,
    ) -> None:
        """Use a handler from now on. Register it before the tasks that need it are declared.

        :param default_for_type: also where a task says neither format nor place
        :param override: in the place of another one
        :param default_format_for_type: also where a task says no format
        :param default_storage_for_type: also where a task says no place
        :raises TypeError: if it is no handler
        :raises ValueError: if there is one already for its class, protocol and format, or it is to be the default for no one protocol
        """
        if not isinstance(h, _Handler):
            raise TypeError(f"We don't support this type of handler {h!r}: derive it from DataFrameEncoder or DataFrameDecoder")
        if h.protocol == "":
            raise ValueError(f"Use None instead of empty string for the protocol of {type(h).__name__}")
        if h.protocol is None and default_for_type:
            raise ValueError(
                f"{type(h).__name__} is for every protocol, so it cannot be the default: give it one, or say default_format_for_type=True"
            )
        try:
            _registry_of(h).add(
                h,
                override=override,
                is_format=default_for_type or default_format_for_type,
                is_protocol=default_for_type or default_storage_for_type,
            )
        except DuplicateHandlerError:
            if h.protocol is not None:  # for every protocol, the first one stays, as in flyte
                raise

    @classmethod
    def get_encoder(cls, df_type: Any, protocol: str, format: str) -> Any:
        """:return: what writes a class of tables
        :raises ValueError: if nothing that was registered does
        """
        return _found(encoders, df_type, protocol, format)

    @classmethod
    def get_decoder(cls, df_type: Any, protocol: str, format: str) -> Any:
        """:return: what reads a class of tables
        :raises ValueError: if nothing that was registered does
        """
        return _found(decoders, df_type, protocol, format)

    @classmethod
    def register_renderer(cls, python_type: Any, renderer: Any) -> None:
        """Show tables of a class with ``renderer.to_html(table)``."""
        cls.Renderers[python_type] = renderer

    def to_html(self, python_val: Any, expected_python_type: Any) -> str:
        """:return: a table as HTML, for a report
        :raises NotImplementedError: if its class has no renderer
        """
        frame = getattr(python_val, "val", None) if hasattr(type(python_val), "flyte_reference") else python_val
        if type(frame) not in self.Renderers:
            raise NotImplementedError(
                f"no renderer was registered for {type(frame).__qualname__}: DataFrameTransformerEngine.register_renderer"
            )
        return str(self.Renderers[type(frame)].to_html(frame))


def _registry_of(handler: Any) -> Registry:
    return encoders if isinstance(handler, DataFrameEncoder) else decoders


def _found(registry: Registry, kind: Any, protocol: str, form: str) -> Any:
    found = registry.find(kind, protocol or ANYWHERE, form)
    if found is None:
        raise ValueError(f"Failed to find a handler for {kind}, protocol [{protocol}], fmt ['{form}']")
    return found
