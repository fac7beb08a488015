"""Secrecy: keeps what gives a secret away out of the store and out of errors, and tells of variables that a task was not given."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from localflyte.engine.call import Call
from localflyte.launch.environ import is_passed
from localflyte.settings import Settings
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.outcome import Outcome
from localflyte.spec.packed import Packed

__all__ = ("afterwards", "holds_secret", "tells_secret")

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
LOOKED_AT = 4096  # characters of a message; who misses a variable says so at the beginning


def holds_secret(call: Call, values: Iterable[Packed]) -> bool:
    """:return: whether one of the values holds a secret of the run"""
    mask = call.run.mask
    return bool(mask) and any(mask.holds(value) for value in values)


def tells_secret(call: Call, values: Iterable[Packed], what: str) -> bool:
    """:param what: what the values are to the task, in one word
    :return: whether one of them holds a secret of the run, so that nothing of the call may be stored; then that is said
    """
    if not holds_secret(call, values):
        return False
    call.run.notice(f"an {what} of {call.task} holds the value of a secret: its result is not cached. Have it ask for the secret itself.")
    return True


def afterwards(call: Call, outcome: Outcome, settings: Settings) -> Outcome:
    """:return: the outcome of an attempt as everybody may see it, with a word on a variable that it seems to have missed"""
    error = outcome.error
    if error is None:
        return outcome
    if call.run.mask:
        error = call.run.mask.error(error)
    hint = _hint(call, error, settings)
    if hint and hint not in error.message:  # a caller fails with the message of the task it called
        error = error._replace(message=f"{error.message}\n{hint}")
    return outcome if error is outcome.error else replace(outcome, error=error)


def _hint(call: Call, error: ErrorInfo, settings: Settings) -> str:
    plan, caller = call.invocation.plan, call.run.request.surroundings.env
    given = {*plan.env_vars, *(secret.env_var for secret in plan.secrets)}
    for name in dict.fromkeys(_WORD.findall(error.message[:LOOKED_AT])):
        value = caller.get(name)
        if value is None or name in given or is_passed(name, value, settings.pass_env):
            continue
        if not name.isupper() and error.message != repr(name):  # a word like any other
            continue
        return (
            f"The variable {name} is set where the run was started, and tasks are not given the variables of their caller. Declare it: "
            f'env_vars={{"{name}": ...}}; if it is a secret: secrets=flyte.Secret(key="{name}"); or for every task of the project: '
            f'pass_env = ["{name}"] in [tool.localflyte] of pyproject.toml (LOCALFLYTE_PASS_ENV={name}).'
        )
    return ""
