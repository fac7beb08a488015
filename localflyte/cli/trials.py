"""Trials: small tasks that do what tasks must not do, and what was seen when they did; the doctor runs them as programs of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any

from localflyte.api.environment import TaskEnvironment
from localflyte.errors import BaseRuntimeError
from localflyte.running import run
from localflyte.runs.lives import life_of
from localflyte.spec.resources import Resources
from localflyte.spec.secret import Secret
from localflyte.spec.timeout import Timeout

__all__ = ("TRIALS", "main")

MIB = 1 << 20
PAGE = 4096
CALLS = 20  # of which the median is told
SPIN_SECONDS = 1.5
SHARE = 0.2  # of a core
GONE_SECONDS = 2.0  # FAULTS: within which nothing of a run may be left
SECRET = "DOCTORS_OWN_SECRET"  # noqa: S105 - the name of one
PLAIN = "DOCTORS_OWN_VARIABLE"
SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]

env = TaskEnvironment("doctor")


@env.task
def tell() -> tuple[int, list[int], list[str]]:
    """:return: the process, its cores, and which of our variables it has"""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return os.getpid(), cores, [name for name in (SECRET, PLAIN) if name in os.environ]


@env.task
def eat(mib: int) -> int:
    blocks = []
    for _ in range(mib // 8):
        blocks.append(bytearray(8 * MIB))
        blocks[-1][::PAGE] = b"x" * len(blocks[-1][::PAGE])
        time.sleep(0.01)
    time.sleep(600)
    return len(blocks)


@env.task
def spin(seconds: float) -> float:
    """:return: the share of a core that it got"""
    used, began = time.process_time(), time.monotonic()
    while time.monotonic() < began + seconds:
        pass
    return (time.process_time() - used) / (time.monotonic() - began)


@env.task
def leave_behind() -> int:
    return subprocess.Popen(SLEEPER, start_new_session=True, stdin=subprocess.DEVNULL).pid


@env.task
def stay(note: str) -> int:
    left = subprocess.Popen(SLEEPER, start_new_session=True, stdin=subprocess.DEVNULL)
    with open(f"{note}.new", "w", encoding="ascii") as file:
        file.write(f"{os.getpid()} {left.pid}")
    os.replace(f"{note}.new", note)
    time.sleep(600)
    return 0


@env.task
def be_deaf() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
    return 0


@env.task
def fill(mib: int) -> int:
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
        file.flush()
        time.sleep(600)
    return mib


def _process() -> dict[str, Any]:
    seconds: list[float] = []
    pids: set[int] = set()
    for _ in range(CALLS):
        began = time.perf_counter()
        pids.add(_outputs(tell)[0])
        seconds.append(time.perf_counter() - began)
    return {"apart": len(pids) == CALLS and os.getpid() not in pids, "milliseconds": round(median(seconds) * 1000, 1)}


def _memory() -> dict[str, Any]:
    return _failure(eat.override(resources=Resources(memory=("64Mi", "64Mi"))), mib=256)


def _share() -> dict[str, Any]:
    return {"share": round(_outputs(spin.override(resources=Resources(cpu=(SHARE, SHARE))), seconds=SPIN_SECONDS)[0], 2)}


def _cores() -> dict[str, Any]:
    return {"cores": _outputs(tell.override(resources=Resources(cpu=1)))[1]}


def _left_behind() -> dict[str, Any]:
    began = time.monotonic()
    (pid,) = _outputs(leave_behind)
    while life_of(pid) is not None and time.monotonic() < began + GONE_SECONDS:
        time.sleep(0.01)
    return {"gone": life_of(pid) is None}


def _time() -> dict[str, Any]:
    began = time.monotonic()
    return {
        **_failure(be_deaf.override(timeout=Timeout(max_runtime=timedelta(seconds=0.5)))),
        "seconds": round(time.monotonic() - began, 1),
    }


def _disk() -> dict[str, Any]:
    return _failure(fill.override(resources=Resources(disk="4Mi")), mib=16)


def _variables() -> dict[str, Any]:
    """The caller has a variable that nobody declared, and a secret that one task declares."""
    declared = tell.override(secrets=Secret(SECRET, as_env_var=SECRET))
    return {"undeclared": _outputs(tell)[2], "declared": _outputs(declared)[2]}


def _outputs(task: Any, **inputs: Any) -> tuple[Any, ...]:
    outputs: tuple[Any, ...] = run(task, **inputs).outputs()
    return outputs


def _failure(task: Any, **inputs: Any) -> dict[str, Any]:
    try:
        run(task, **inputs)
    except BaseRuntimeError as error:
        return {"error": type(error).__name__, "message": str(error)}
    return {"error": "", "message": "it succeeded"}


#: what can be tried, by name
TRIALS: dict[str, Callable[[], dict[str, Any]]] = {
    "process": _process,
    "memory": _memory,
    "share": _share,
    "cores": _cores,
    "left behind": _left_behind,
    "time": _time,
    "disk": _disk,
    "variables": _variables,
}


def main(name: str, *arguments: str) -> None:
    """Try one thing and print what was seen, as JSON.

    :param arguments: of "stay": the file that tells who is there; it does not end by itself
    """
    if name == "stay":
        run(stay, note=arguments[0])
    else:
        print(json.dumps(TRIALS[name]()))
