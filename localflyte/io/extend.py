"""flyte.io.extend: handlers for further kinds of frames. They work on Flyte's protobuf literals, which localflyte does not have."""

from __future__ import annotations

from typing import Any
from typing import NoReturn

__all__ = ("DataFrameDecoder", "DataFrameEncoder", "DataFrameTransformerEngine")


class _ClusterOnly:
    def __init__(self, *_: Any, **__: Any) -> None:
        _refuse(type(self).__name__)


class DataFrameEncoder(_ClusterOnly):
    """Writes one kind of frame in one format, on a Flyte cluster."""


class DataFrameDecoder(_ClusterOnly):
    """Reads one kind of frame from one format, on a Flyte cluster."""


class DataFrameTransformerEngine(_ClusterOnly):
    """The registry of both."""

    @classmethod
    def register(cls, handler: Any, **_: Any) -> None:
        _refuse(f"DataFrameTransformerEngine.register({handler!r})")


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(
        f"flyte.io.extend.{name} works on Flyte's protobuf literals and so with the flyte SDK only; "
        "localflyte reads and writes pandas and pyarrow frames as parquet or csv by itself."
    )
