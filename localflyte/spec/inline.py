"""The inline size rule: what may travel inside a call, and the error that says what to do about the rest."""

from __future__ import annotations

from collections.abc import Iterable

from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed

__all__ = ("breach",)


def breach(task: str, direction: str, values: Iterable[tuple[str, Packed]], limit: int) -> ErrorInfo | None:
    """Measure packed values against ``max_inline_io_bytes``.

    :param task: the full name of the task
    :param direction: ``"inputs"`` or ``"outputs"``; each is measured by itself
    :param limit: bytes; strictly more is a breach, as on a cluster
    :return: the error to raise in the caller, or ``None``
    """
    sizes = [(name, value.inline_bytes) for name, value in values]
    total = sum(size for _, size in sizes)
    if total <= limit:
        return None
    name, largest = max(sizes, key=lambda pair: pair[1])
    one = direction.removesuffix("s")
    message = (
        f"{direction.capitalize()} exceed max_inline_io_bytes of task {task}: {total:,} bytes, limit {limit:,}; "
        f"the largest {one} is {name!r} with {largest:,} bytes. Pass it as flyte.io.File, Dir or DataFrame "
        f"(only the reference counts), or raise the limit: max_inline_io_bytes={total} on the task or its override."
    )
    return ErrorInfo("user", "InlineIOMaxBytesBreached", message, "user", "", False, "InlineIOMaxBytesBreached")
