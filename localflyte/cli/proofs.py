"""Proofs: what localflyte promises of tasks, each held to it by running one that breaks it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from localflyte.cli import trials
from localflyte.cli.finding import Examination
from localflyte.cli.finding import Finding
from localflyte.cli.finding import Verdict
from localflyte.errors import RuntimeSystemError
from localflyte.launch.machine import usable_cores
from localflyte.runs.lives import Life
from localflyte.runs.lives import life_of

__all__ = ("PROOFS", "prove")

ROOT = str(Path(__file__).resolve().parents[2])
TRIAL_SECONDS = 60.0  # for a trial that hangs
SHARE_GIVE = 0.15  # of a core more than its share that a tree may have got within a second
REPORT = "Please report this with the output of `localflyte doctor --json`."
PROGRAM = "import sys; from localflyte.cli.trials import main; main(*sys.argv[1:])"


def prove(exam: Examination) -> Iterator[Finding]:
    """Run a task for each promise and tell how it went."""
    for what, proof in PROOFS.items():
        try:
            yield proof(exam, what)
        except RuntimeSystemError as error:
            yield Finding(what, Verdict.NO, str(error), REPORT, broken=True)


def _process(exam: Examination, what: str) -> Finding:
    seen = _try(exam, "process")
    how = f"{trials.CALLS} calls ran in {'as many processes' if seen['apart'] else 'shared processes'}, {seen['milliseconds']} ms each"
    return _judged(what, seen["apart"], how)


def _memory(exam: Examination, what: str) -> Finding:
    seen = _try(exam, "memory", LOCALFLYTE_MEMORY_WALL="sampler")
    return _judged(what, seen["error"] == "OOMError", f"a task with 64Mi took 256Mi: {_told(seen)}")


def _share(exam: Examination, what: str) -> Finding:
    seen = _try(exam, "share", LOCALFLYTE_MEMORY_WALL="sampler")
    well = seen["share"] <= trials.SHARE + SHARE_GIVE
    return _judged(what, well, f"a busy task with cpu={trials.SHARE} got {seen['share']} of a core in {trials.SPIN_SECONDS} s")


def _cores(exam: Examination, what: str) -> Finding:
    if not hasattr(os, "sched_setaffinity"):
        how = f"{sys.platform} has no way to keep a process on cores; tasks are told their share by OMP_NUM_THREADS and its kin"
        return Finding(what, Verdict.NO, how)
    seen = _try(exam, "cores")["cores"]
    if usable_cores() < 2:
        return Finding(what, Verdict.PARTLY, "there is one core to be on")
    return _judged(what, len(seen) == 1, f"a task with cpu=1 ran on {len(seen)} of {os.cpu_count()} cores")


def _time(exam: Examination, what: str) -> Finding:
    seen = _try(exam, "time", LOCALFLYTE_GRACE_SECONDS="0.5")
    how = f"a task with 0.5 s that ignores SIGTERM was ended after {seen['seconds']} s: {_told(seen)}"
    return _judged(what, seen["error"] == "MaxRuntimeExceededError", how)


def _disk(exam: Examination, what: str) -> Finding:
    seen = _try(exam, "disk")
    return _judged(what, "disk" in seen["message"].lower() and bool(seen["error"]), f"a task with 4Mi wrote 16Mi: {_told(seen)}")


def _left_behind(exam: Examination, what: str) -> Finding:
    gone = _try(exam, "left behind")["gone"]
    when = "gone within" if gone else "still there after"
    how = f"a process in a session of its own, left by a task that returned, was {when} {trials.GONE_SECONDS:g} s"
    if not gone and sys.platform != "linux":
        advice = "Have tasks wait for what they start: this system does not tell us of processes that leave their group."
        return Finding(what, Verdict.PARTLY, how, advice)
    return _judged(what, gone, how)


def _engine_killed(exam: Examination, what: str) -> Finding:
    note = exam.scratch / "stay"
    with _start(exam, "stay", str(note)) as engine:
        try:
            give_up = time.monotonic() + TRIAL_SECONDS
            while not note.exists() and engine.poll() is None and time.monotonic() < give_up:
                time.sleep(0.01)
            if not note.exists():
                raise RuntimeSystemError("DoctorError", _ended_early("stay", engine))
            lives = [life for pid in note.read_text().split() if (life := life_of(int(pid))) is not None]
        finally:
            engine.kill()
    left = _left_after(lives, trials.GONE_SECONDS)
    if left and sys.platform != "linux":
        advice = "`localflyte doctor --clean` ends what a killed engine left."
        return Finding(what, Verdict.PARTLY, f"{len(left)} of {len(lives)} processes outlived a kill -9", advice)
    how = f"after a kill -9 of the engine, {'none' if not left else len(left)} of its {len(lives)} processes lived longer than 2 s"
    return _judged(what, not left, how)


def _variables(exam: Examination, what: str) -> Finding:
    seen = _try(exam, "variables", **{trials.SECRET: "told to one", trials.PLAIN: "told to none"})
    how = f"of a variable and a secret of the caller a task that declares nothing was given {_list(seen['undeclared'])}, "
    how += f"one that declares the secret {_list(seen['declared'])}"
    return _judged(what, seen == {"undeclared": [], "declared": [trials.SECRET]}, how)


#: what is promised, and how it is proved
PROOFS: dict[str, Callable[[Examination, str], Finding]] = {
    "a process for each call": _process,
    "memory, by the sampler": _memory,
    "a share of a core, by stopping and resuming": _share,
    "whole cores, by affinity": _cores,
    "time bounds": _time,
    "disk, by measuring": _disk,
    "what a task leaves behind": _left_behind,
    "the end of the engine": _engine_killed,
    "environment and secrets": _variables,
}


def _judged(what: str, well: bool, how: str) -> Finding:
    return Finding(what, Verdict.YES if well else Verdict.NO, how, "" if well else REPORT, broken=not well)


def _list(names: list[str]) -> str:
    return " and ".join("the secret" if name == trials.SECRET else "the variable" for name in names) or "none"


def _told(seen: dict[str, Any]) -> str:
    """:return: what the error was, in short"""
    return f"{seen['error']}: {seen['message'].strip().splitlines()[0].partition('. ')[0]}" if seen["error"] else "nobody stopped it"


def _left_after(lives: list[Life], seconds: float) -> list[Life]:
    give_up = time.monotonic() + seconds
    while (left := [life for life in lives if not life.is_over]) and time.monotonic() < give_up:
        time.sleep(0.01)
    return left


def _try(exam: Examination, name: str, **variables: str) -> dict[str, Any]:
    """:raises RuntimeSystemError: if the trial came to nothing"""
    with _start(exam, name, **variables) as process:
        try:
            out, _ = process.communicate(timeout=TRIAL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise RuntimeSystemError("DoctorError", f"the trial {name!r} did not end within {TRIAL_SECONDS:g} s") from None
    with suppress(ValueError, IndexError):
        seen: dict[str, Any] = json.loads(out.splitlines()[-1])
        return seen
    raise RuntimeSystemError("DoctorError", _ended_early(name, process, out))


def _start(exam: Examination, name: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a trial in a program of its own, with a home of its own."""
    path = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH", "")]))
    env = {**os.environ, "PYTHONPATH": path, "LOCALFLYTE_HOME": str(exam.scratch / "home"), **variables}
    command = [sys.executable, "-P", "-c", PROGRAM, name, *arguments]
    return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _ended_early(name: str, process: subprocess.Popen[str], out: str | None = None) -> str:
    last = (out if out is not None else process.stdout.read() if process.stdout and process.poll() is not None else "").strip()
    return f"the trial {name!r} ended with exit code {process.returncode}: {last.splitlines()[-1] if last else 'it said nothing'}"
