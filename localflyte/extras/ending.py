"""Ending: what is said of a container that did not end well, and whose fault that was."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from localflyte.errors import BaseRuntimeError
from localflyte.errors import OOMError
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.images.complaints import NO_SUCH_PROGRAM
from localflyte.images.complaints import NOT_EXECUTABLE
from localflyte.images.complaints import last_line
from localflyte.images.complaints import said_by_init
from localflyte.images.complaints import why_refused

__all__ = ("why_ended",)

BY_SIGNAL = 128  # above it an exit code is the number of a signal, as shells and engines have it
MIB = 1 << 20


def why_ended(terms: Mapping[str, Any], task: str, code: int, state: Mapping[str, Any] | None, said: str, told: str) -> BaseRuntimeError:
    """Judge the end of a container.

    :param terms: what it was started with
    :param code: what the command of the engine ended with
    :param state: what the engine says of the container; ``None`` if it knows of none
    :param said: the last of what was printed, for people
    :param told: the last of what came over standard error, where the engine complains
    """
    called = terms["called"]
    if state is None or not _has_started(state):
        return RuntimeSystemError("ContainerStartError", f"Task {task}: {_why_not_started(terms, code, state, told)}.", "system")
    if state.get("Status") == "running" or state.get("Running") is True:
        how = f"by {_signal(-code)}" if code < 0 else f"with exit code {code}"
        program = os.path.basename(terms["program"])
        text = f"Task {task}: its container of {called} ran still when `{program} run` ended {how}: {last_line(told)}."
        return RuntimeSystemError("ContainerLostError", text, "system")
    ended = int(state.get("ExitCode") or code)
    if (refused := said_by_init(ended, told)) is not None:
        return RuntimeSystemError("ContainerStartError", f"Task {task}: {_why_not_started(terms, refused, state, told)}.", "system")
    if state.get("OOMKilled") is True:
        return OOMError("OOMKilled", _out_of_memory(task, called, terms["memory"], said), "user")
    killed = f", as after {_signal(ended - BY_SIGNAL)}" if BY_SIGNAL < ended <= BY_SIGNAL + signal.NSIG else ""
    hint = ""
    if ended == BY_SIGNAL + signal.SIGKILL and terms["memory"] is not None:
        hint = f" That is also how a container ends that goes over its memory limit, here {terms['memory'] / MIB:.0f}Mi."
    message = f"The container of task {task} ({called}) ended with exit code {ended}{killed}.{hint}\n{said}"
    return RuntimeUserError("ContainerExitError", message.rstrip(), "user")


def _has_started(state: Mapping[str, Any]) -> bool:
    return state.get("Status") not in {"created", "configured", "initialized"} and not str(state.get("StartedAt")).startswith("0001-")


def _why_not_started(terms: Mapping[str, Any], code: int, state: Mapping[str, Any] | None, told: str) -> str:
    program, called = os.path.basename(terms["program"]), terms["called"]
    complaint = str(state.get("Error") or "") if state is not None else ""
    last = last_line(complaint or told)
    if refused := why_refused(program, called, code, told):
        return refused
    if code == NO_SUCH_PROGRAM:
        return f"the image {called} has no such program as the command begins with: {last}"
    if code == NOT_EXECUTABLE:
        return f"the program that the command begins with cannot be executed in the image {called}: {last}"
    return f"{program} ended with exit code {code} and started no container of {called}: {last}"


def _out_of_memory(task: str, called: str, memory: int | None, said: str) -> str:
    limit = "" if memory is None else f" of {memory / MIB:.0f}Mi"
    return (
        f"The container of task {task} ({called}) went over its memory limit{limit}, and the kernel ended what was in it. "
        f"Give it more with resources=flyte.Resources(memory=...), where the task is declared or in override(resources=...).\n{said}"
    ).rstrip()


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
