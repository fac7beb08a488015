"""Paths: paths of this machine that a task is given, or opens."""

from __future__ import annotations

import ast
import builtins
import io
import os
import pathlib
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from localflyte.portability.code import Code
from localflyte.portability.finding import Finding
from localflyte.portability.finding import place
from localflyte.portability.scope import Scope

__all__ = ("find_paths", "find_paths_in_inputs")

#: Folders that every machine has, or that hold nothing that is meant to be carried.
_EVERYWHERE = tuple(f"/{name}" for name in ("tmp", "var/tmp", "dev", "proc", "etc", "sys", "run", "usr", "bin", "sbin", "lib", "lib64"))
#: What takes the path of a file to read or of a folder to look into.
_OPENERS = (builtins.open, io.open, os.open, os.listdir, os.scandir, os.walk, os.stat)
_PATHS = (pathlib.Path, pathlib.PosixPath, pathlib.PurePath, pathlib.PurePosixPath)
MOST = 100  # values of a list that are looked at


def find_paths_in_inputs(task: Any, values: Mapping[str, Any]) -> Iterator[Finding]:
    """Find the inputs that are text, or a ``Path``, and name something that exists on this machine.

    :param values: the inputs by name
    """
    code = task.function.__code__
    for name, value in values.items():
        for path in _local_paths(value):
            kind = "Dir" if os.path.isdir(path) else "File"
            yield Finding(
                "path",
                str(path),
                place(code.co_filename, code.co_firstlineno),
                f"the input {name!r} of task {task.name} is {str(path)!r}, a path of this machine",
                "a pod has a file system of its own, and nothing is carried there for a path that is text",
                f"Declare {name}: flyte.io.{kind}, and give it flyte.io.{kind}.from_local_sync({str(path)!r})",
            )
            break


def find_paths(scope: Scope) -> Iterator[Finding]:
    """Find the defaults of a task's parameters, and the literals in its code, that are paths of this machine."""
    task = scope.task
    defaults = {name: each.default for name, each in task.border.inputs.items()}
    yield from find_paths_in_inputs(task, defaults)
    # What a module makes of its own place, a pod makes of another.
    written = {node.value for code in scope.codes for node in code.nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for code in scope.functions:
        for node in code.nodes:
            if not isinstance(node, ast.Call):
                continue
            for path in (each for each in _literals(node, code, scope) if each in written):
                called = ast.unparse(node.func)
                yield Finding(
                    "path",
                    path,
                    place(code.file, node.lineno),
                    f"{called}({path!r}) in the code of task {task.name} names a path of this machine",
                    "a pod has a file system of its own",
                    "Take it as an input of type flyte.io.File or Dir, or bring it into the image, with_source_folder(...)",
                )


def _literals(node: ast.Call, code: Code, scope: Scope) -> Iterator[str]:
    called = code.meaning(node.func)
    if any(called is each for each in (*_OPENERS, *_PATHS)):
        given: Iterable[ast.expr] = node.args[:1]
    elif getattr(called, "name", None) in scope.uses.tasks:
        given = [*node.args, *(each.value for each in node.keywords)]
    elif isinstance(node.func, ast.Attribute) and node.func.attr.startswith("read_"):  # of pandas and its kin
        given = node.args[:1]
    else:
        return
    for each in given:
        value = code.meaning(each)
        if isinstance(value, str) and os.path.isabs(value) and _is_of_this_machine(value):
            yield value


def _local_paths(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple | set):
        for each in list(value)[:MOST]:
            yield from _local_paths(each)
    elif isinstance(value, dict):
        for each in list(value.values())[:MOST]:
            yield from _local_paths(each)
    elif isinstance(value, pathlib.PurePath):
        yield from [str(value)] if _is_of_this_machine(str(value)) else []
    elif isinstance(value, str) and _looks_like_path(value) and _is_of_this_machine(value):
        yield value


def _looks_like_path(text: str) -> bool:
    """:return: whether text is meant as a path: a word may be the name of a folder by chance"""
    return len(text) < 4096 and "\n" not in text and "://" not in text and ("/" in text.strip("/") or bool(os.path.splitext(text)[1]))


def _is_of_this_machine(path: str) -> bool:
    try:
        if not os.path.exists(path):
            return False
    except ValueError:  # a zero byte
        return False
    whole = os.path.abspath(path)
    if os.path.isabs(path) and whole == "/":
        return False
    own = () if not os.path.isabs(path) else (*_EVERYWHERE, sys.prefix, sys.base_prefix)
    return not any(whole == each or whole.startswith(each + "/") for each in own)
