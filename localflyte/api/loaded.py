"""Loaded: whether the code that this process runs is the code that now stands in the file.

A file may be edited while a program runs. A version made from the new text would then be taken for results of the old code.
"""

from __future__ import annotations

import os
import time
from types import CodeType
from typing import Any

__all__ = ("is_as_loaded", "is_older_than_this_process", "loads_for_itself", "note_import", "note_load")

MARGIN_NS = 2_000_000_000  # clocks of files and of processes tick coarsely, and may be set

_imported: list[tuple[int, int]] = []
_began: list[int] = []
_loaded: list[int] = []


def note_import() -> None:
    """Note when the import of a program began, and in which process. The children of a fork server share its answer."""
    if not _imported:
        _imported.append((os.getpid(), time.time_ns()))


def note_load() -> None:
    """Note that this process, and not a fork server for it, imported the module of a task."""
    _loaded[:] = [os.getpid()]


def loads_for_itself() -> bool:
    """:return: whether each task's process imports for itself, so that an edit shows in calls of a run that has begun"""
    return bool(_loaded) and _loaded[0] == os.getpid()


def is_older_than_this_process(changed_ns: int) -> bool:
    """:return: whether a file that last changed then is surely what was imported"""
    if not _began:
        _began.append(_start_of_process())
    return changed_ns < _began[0] - MARGIN_NS


def _start_of_process() -> int:
    """:return: when the interpreter that imported everything was started, as nanoseconds since 1970"""
    note_import()
    pid, imported = _imported[0]
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        since_boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        started = time.time_ns() - since_boot + ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return imported
    # Later than our own import it belongs to another process, which got the number of one that ended.
    return min(started, imported)


def is_as_loaded(code: CodeType, source: bytes, file: str) -> int | None:
    """Look for the code of a function in a source that may have changed.

    :return: the line where it now begins; ``None`` if the source has no such code any more
    """
    found = [each for each in _codes_of(source, file) if each.co_qualname == code.co_qualname and _same(each, code)]
    lines = {each.co_firstlineno for each in found}
    if code.co_firstlineno in lines:
        return code.co_firstlineno
    return lines.pop() if len(lines) == 1 else None


_compiled: dict[str, tuple[bytes, list[CodeType]]] = {}


def _codes_of(source: bytes, file: str) -> list[CodeType]:
    known = _compiled.get(file)
    if known is None or known[0] != source:
        known = _compiled[file] = (source, [])
        left = [compile(source, file, "exec", dont_inherit=True)]
        while left:
            code = left.pop()
            known[1].append(code)
            left.extend(each for each in code.co_consts if isinstance(each, CodeType))
    return known[1]


def _same(one: CodeType, other: CodeType) -> bool:
    """Compare all but the lines."""
    return _key(one) == _key(other)


def _key(code: CodeType) -> tuple[Any, ...]:
    constants = tuple(_key(each) if isinstance(each, CodeType) else (type(each).__name__, repr_of(each)) for each in code.co_consts)
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags, constants


def repr_of(constant: Any) -> str:
    """:return: a constant of a code object as text; a set has no order"""
    if isinstance(constant, frozenset):
        return f"{{{', '.join(sorted(map(repr, constant)))}}}"
    return repr(constant)
