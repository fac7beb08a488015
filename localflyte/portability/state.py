"""State: what a program has changed in its modules since they were imported; the process of a task finds them as they were then."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from localflyte.portability.finding import Finding
from localflyte.portability.finding import place
from localflyte.portability.scope import Scope
from localflyte.portability.witness import ask

__all__ = ("find_state",)


def find_state(scopes: Iterable[Scope]) -> list[Finding]:
    """Find the global variables and classes that tasks read and that are not in this process what they are after an import.

    What differs from one import to the next, as a time, is not meant: no program has set that.
    """
    groups: dict[tuple[str, str], list[Scope]] = {}
    for scope in scopes:
        ref = scope.task.ref()
        if not ref.pickle and ref.module:
            groups.setdefault((ref.module, ref.file), []).append(scope)
    return [finding for (module, file), several in groups.items() for finding in _of_module(module, file, several)]


def _of_module(module: str, file: str, scopes: list[Scope]) -> Iterator[Finding]:
    mine = {scope.task.name: {**scope.uses.variables, **_classes(scope.uses.classes())} for scope in scopes}
    names = sorted({name for held in mine.values() for name in held})
    if not names:
        return
    theirs = _imported(module, file, list(mine), names)
    if theirs is None or not any(_differing(mine[task], *theirs, task) for task in mine):
        return
    again = _imported(module, file, list(mine), names)
    for scope in scopes:
        task = scope.task.name
        for name in _differing(mine[task], *theirs, task):
            if again is None or again[0].get(task, {}).get(name) != theirs[0].get(task, {}).get(name):
                continue
            yield _finding(scope, name, made=name not in theirs[0].get(task, {}))


def _imported(module: str, file: str, tasks: list[str], names: list[str]) -> tuple[dict[str, dict[str, str]], set[str]] | None:
    """:return: for each task what an import leaves in the names that it reads, and which of the names exist then"""
    bridge = sys.modules.get("localflyte.bridges.flyte")
    answer = ask(module, file, tasks, names, alias=bool(bridge and bridge.installed()))
    if answer is None:
        return None
    held = {task: {**variables, **_classes(answer["classes"][task])} for task, variables in answer["variables"].items()}
    return held, set(answer["exist"])


def _differing(mine: Mapping[str, str], theirs: Mapping[str, Mapping[str, str]], existing: set[str], task: str) -> list[str]:
    if task not in theirs:  # made by the program itself, and not by the import of its module
        return []
    held = theirs[task]
    changed = [name for name, text in mine.items() if name in held and _plain(text) != _plain(held[name])]
    missing = [name for name in mine if name not in held and name not in existing and not name.startswith("class ")]
    return [*changed, *missing]


def _classes(digests: Mapping[str, str]) -> dict[str, str]:
    return {f"class {name}": digest for name, digest in digests.items()}


def _plain(text: str) -> str:
    return re.sub(r" #\d+", "", text)  # in which order things were met says nothing


def _finding(scope: Scope, name: str, *, made: bool) -> Finding:
    kind, _, full = name.rpartition(" ")
    what = "which this process has made" if made else "which this process has changed"
    return Finding(
        "state",
        name,
        _read_at(scope, full.rpartition(".")[2]),
        f"task {scope.task.name} reads {kind or 'the variable'} {full}, {what} after its module was imported",
        "the process of a task, here and in a pod, imports the module anew and finds what the import leaves there",
        "Hand the value over as an input, or have it set by the import itself",
    )


def _read_at(scope: Scope, name: str) -> str:
    """:return: where the code of a task reads a variable first"""
    for code in scope.codes:
        for node in code.nodes:
            read: Any = getattr(node, "ctx", None)
            if isinstance(read, ast.Load) and name in (getattr(node, "id", ""), getattr(node, "attr", "")):
                return place(code.file, getattr(node, "lineno", 0))
    code = scope.task.function.__code__
    return place(code.co_filename, code.co_firstlineno)
