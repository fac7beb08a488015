"""Variables: those of the caller's environment that the code of a task reads, and that no pod has."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from typing import Any

from localflyte.launch.environ import is_passed
from localflyte.portability.code import UNKNOWN
from localflyte.portability.code import Code
from localflyte.portability.finding import Finding
from localflyte.portability.finding import place
from localflyte.portability.scope import Scope
from localflyte.spec.plan import Plan

__all__ = ("find_variables",)


def find_variables(scope: Scope, plan: Plan) -> Iterator[Finding]:
    """Find the variables that are set here, and that neither the task declares nor a cluster sets."""
    declared = {*plan.env_vars, *(secret.env_var for secret in plan.secrets)}
    declared |= {name for code in scope.codes for name in _set(code)}
    for code in scope.codes:
        for name, node, needed in _read(code):
            value = os.environ.get(name)
            # What pass_env lets through is let through on this machine alone.
            if value is None or name in declared or is_passed(name, value, ()):
                continue
            if not needed and code.function is None and not _is_used(node, code, scope):
                continue
            yield Finding(
                "variable",
                name,
                place(code.file, node.lineno),
                f"task {plan.task.name} reads the variable {name}",
                "it is set where the run is started, and a pod is not given it",
                f'Declare it: env_vars={{"{name}": ...}}; if it is a secret: secrets=flyte.Secret(key="{name}")',
            )


def _read(code: Code) -> Iterator[tuple[str, Any, bool]]:
    """:return: name, where, and whether the code cannot do without, for each variable that is read"""
    for node in code.nodes:
        name: Any = UNKNOWN
        needed = False
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and code.meaning(node.value) is os.environ:
            name, needed = code.meaning(node.slice), True
        elif isinstance(node, ast.Call) and node.args and _is_reader(node.func, code):
            name = code.meaning(node.args[0])
        if isinstance(name, str):
            yield name, node, needed


def _is_reader(called: ast.expr, code: Code) -> bool:
    if isinstance(called, ast.Attribute) and called.attr in ("get", "pop") and code.meaning(called.value) is os.environ:
        return True
    return code.meaning(called) is os.getenv


def _set(code: Code) -> Iterator[str]:
    """:return: the variables that the code gives a value itself"""
    for node in code.nodes:
        name: Any = UNKNOWN
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and code.meaning(node.value) is os.environ:
            name = code.meaning(node.slice)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault":
            name = code.meaning(node.args[0]) if code.meaning(node.func.value) is os.environ else UNKNOWN
        if isinstance(name, str):
            yield name


def _is_used(node: ast.AST, code: Code, scope: Scope) -> bool:
    """:return: whether what a module keeps of it is a variable that the task reads"""
    read = {name.rpartition(".")[2] for name in scope.uses.variables}
    for statement, _ in code.statements:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and any(each is node for each in ast.walk(statement)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            return any(isinstance(each, ast.Name) and each.id in read for target in targets for each in ast.walk(target))
    return False
