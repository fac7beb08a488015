"""The inline size rule: what may travel inside a call, and the error that says what to do about the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable

from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed

__all__ = ("breach",)

_PICKLE = re.compile(rb"\xc9(.{4})\x02(?=\x80[\x02-\x05])", re.DOTALL)  # how the data of a large pickle begins
_LARGE = 1 << 18  # bytes; a larger one lies in a file, if `sys.getsizeof` finds its object large
_LOOKED_AT = 1 << 20


def breach(task: str, direction: str, values: Iterable[tuple[str, Packed]], limit: int) -> ErrorInfo | None:
    """Measure packed values against ``max_inline_io_bytes``.

    :param task: the full name of the task
    :param direction: ``"inputs"`` or ``"outputs"``; each is measured by itself
    :param limit: bytes; strictly more is a breach, as on a cluster
    :return: the error to raise in the caller, or ``None``
    """
    measured = [(value.inline_bytes, name, value) for name, value in values]
    total = sum(size for size, _, _ in measured)
    if total <= limit:
        return None
    largest, name, value = max(measured, key=lambda row: row[0])
    one = direction.removesuffix("s")
    message = (
        f"{direction.capitalize()} exceed max_inline_io_bytes of task {task}: {total:,} bytes, limit {limit:,}; "
        f"the largest {one} is {name!r} with {largest:,} bytes. Pass it as flyte.io.File, Dir or DataFrame "
        f"(only the reference counts), or raise the limit: max_inline_io_bytes={total} on the task or its override."
        f"{_on_pickles(value.data)}"
    )
    return ErrorInfo("user", "InlineIOMaxBytesBreached", message, "user", "", False, "InlineIOMaxBytesBreached")


def _on_pickles(data: bytes) -> str:
    """:return: why a large pickle counts whole, if the data has one; it surprises who knows that arrays go by reference"""
    for found in _PICKLE.finditer(data, 0, _LOOKED_AT):
        size = int.from_bytes(found[1], "big")
        if _LARGE < size <= len(data) - found.end():
            return (
                f" A pickle in it of {size:,} bytes counts whole, as on a cluster, since sys.getsizeof finds its object small: an array "
                "that a task was given does not own its memory. Hand over a copy, x.copy(): that goes by reference."
            )
    return ""
