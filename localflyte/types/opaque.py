"""Opaque values: the only file that pickles. Classes and functions of the script travel by name, not by content."""

from __future__ import annotations

import sys
from _pickle import Pickler
from _pickle import PicklingError
from _pickle import Unpickler
from collections.abc import Callable
from io import BytesIO
from types import FunctionType
from typing import Any

from localflyte.types.culprit import find_culprit
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import describe
from localflyte.types.script import find_in_script
from localflyte.types.script import is_script
from localflyte.types.script import name_in_script

__all__ = ("dumps", "loads", "pack_object", "unpack_object")

_PROTOCOL = 5


def pack_object(value: Any) -> bytes:
    """Pickle a value.

    :raises TypeTransformerFailedError: if it cannot be pickled; the message leads to the part that cannot
    """
    try:
        return dumps(value)
    except Exception as error:
        step, culprit, reason = find_culprit(value, dumps, error)
        refusal = TypeTransformerFailedError(f"cannot pickle {describe(culprit)}: {reason}")
        refusal.at(step)
        raise refusal from error


def unpack_object(data: bytes) -> Any:
    """Make the value of a pickle again. Only for data that this run's own tasks, or its store, made."""
    return loads(data)


def dumps(value: Any) -> bytes:
    """Pickle with the standard pickler where references are enough, and with cloudpickle where code has to travel."""
    if not _pickles_modules_by_value():
        try:
            return _dump_with(_ReferencePickler, value)
        except Exception:  # noqa: BLE001, S110 - whatever it was, cloudpickle gets its chance and its error is told
            pass
    return _dump_with(_cloud_pickler(), value)


def loads(data: bytes) -> Any:
    """Unpickle; what a worker knows by the script's module name is ``__main__`` here."""
    return _ScriptUnpickler(BytesIO(data)).load()


def _pickles_modules_by_value() -> bool:
    cloud = sys.modules.get("cloudpickle")
    return bool(cloud and cloud.list_registry_pickle_by_value())


def _dump_with(kind: Callable[[Any], Any], value: Any) -> bytes:
    out = BytesIO()
    kind(out).dump(value)
    return out.getvalue()


def _reduce_by_name(thing: Any) -> Any:
    """Reduce a class or function of the script to its name; anything else is left to the pickler."""
    if (type(thing) is FunctionType or isinstance(thing, type)) and getattr(thing, "__module__", "") == "__main__":
        found = name_in_script(thing)
        return None if found is None else (find_in_script, found)
    return NotImplemented


class _ReferencePickler(Pickler):
    def __init__(self, out: Any) -> None:
        super().__init__(out, _PROTOCOL)

    def reducer_override(self, thing: Any) -> Any:
        reduced = _reduce_by_name(thing)
        if reduced is None:
            raise PicklingError("not reachable by name")
        return reduced


class _ScriptUnpickler(Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return super().find_class("__main__" if is_script(module) else module, name)


_cloud: Any = None


def _cloud_pickler() -> Any:
    global _cloud  # noqa: PLW0603 - made once; importing cloudpickle costs more than a call
    if _cloud is None:
        import cloudpickle

        class _CloudPickler(cloudpickle.Pickler):  # type: ignore[misc]
            def __init__(self, out: Any) -> None:
                super().__init__(out, _PROTOCOL)

            def reducer_override(self, thing: Any) -> Any:
                reduced = _reduce_by_name(thing)
                if reduced is None or reduced is NotImplemented:
                    return super().reducer_override(thing)
                return reduced

        _cloud = _CloudPickler
    return _cloud
