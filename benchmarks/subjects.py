"""Subjects: who is measured, with which command, and why one cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rows import Row

__all__ = ("ROOT", "Subject", "find_subjects")

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    name: str
    title: str
    command: Callable[[Row, int], list[str]]
    package: str = ""
    version: str = ""
    missing: str = ""
    """Why it cannot be measured here; empty when it can."""
    most_calls: int = 1_000_000
    """A subject that takes 20 ms a call is not kept at it for a minute; its number of calls stands in the table."""


def find_subjects(flyte_python: str) -> dict[str, Subject]:
    """Look at what is installed.

    :param flyte_python: the interpreter in which the real flyte is installed
    :return: every subject by its name, the missing ones too
    """
    python = sys.executable
    flyte_version = _version(flyte_python, "flyte")
    peer = next((candidate for candidate in (python, flyte_python) if _version(candidate, "joblib")), "")
    joblib: dict[str, Any] = {"package": "joblib", "version": _version(peer, "joblib") if peer else ""}
    joblib["missing"] = "" if peer else f"not installed in {python}: pip install joblib"
    found = (
        Subject(
            name="localflyte",
            title="localflyte",
            package="localflyte",
            version=_version(python, "localflyte"),
            command=_engine(python, "localflyte"),
        ),
        Subject(name="floor", title="floor: fork + pipe + wait", command=_peer(python, "floor")),
        Subject(name="seat", title="localflyte, to the replica and back", command=_peer(python, "seat")),
        Subject(
            name="container",
            title="localflyte, in a container",
            command=_engine(python, "localflyte"),
            missing="" if os.environ.get("LOCALFLYTE_BENCH_IMAGE") else "LOCALFLYTE_BENCH_IMAGE names no image with Python in it",
        ),
        Subject(name="environment", title="localflyte, an environment of uv", command=_peer(python, "environment")),
        Subject(name="store", title="localflyte's cache alone", command=_peer(python, "store")),
        Subject(name="diskcache", title="diskcache as it comes", command=_peer(python, "bare")),
        Subject(name="hashlib", title="hashlib.file_digest", command=_peer(python, "hashing")),
        Subject(name="ledger", title="localflyte's ledger", command=_peer(python, "ledger")),
        Subject(name="sampler", title="localflyte's sampler", command=_peer(python, "sampler")),
        Subject(name="echo", title="echo over a Unix socket", command=_peer(python, "echo")),
        Subject(
            name="flyte",
            title="flyte, in-process",
            package="flyte",
            version=flyte_version,
            command=_engine(flyte_python, "flyte"),
            missing="" if flyte_version else f"flyte is not installed in {flyte_python}: name an interpreter with --flyte-python",
        ),
        Subject(name="futures", title="futures, a process a call", command=_peer(python, "futures"), most_calls=40),
        Subject(name="loky", title="loky, shared processes", command=_peer(peer or python, "loky"), **joblib),
        Subject(name="memory", title="joblib.Memory", command=_peer(peer or python, "memory"), **joblib),
        Subject(name="python", title="bare Python", command=lambda row, calls: [python, "-c", "pass"]),
    )
    return {subject.name: subject for subject in found}


def _engine(python: str, package: str) -> Callable[[Row, int], list[str]]:
    start = [python, "-m", "localflyte"] if package == "localflyte" else [python]

    def command(row: Row, calls: int) -> list[str]:
        if row.name == "import":
            return [python, "-c", f"import {package}"]
        if row.name.startswith("version"):
            return [python, "-m", "benchmarks.peers.body", row.program, str(calls)]
        program = os.path.join("benchmarks", "programs", f"{row.program}.py")
        if row.name == "cold":
            run = [*_script(python, package), "run", *(["--local"] if package == "flyte" else [])]
            return [*run, program, "main", "--name", "reader"]
        return [*start, program, str(calls)]

    return command


def _peer(python: str, name: str) -> Callable[[Row, int], list[str]]:
    return lambda row, calls: [python, "-m", f"benchmarks.peers.{name}", row.program, str(calls)]


def _script(python: str, package: str) -> list[str]:
    beside = Path(python).parent / package
    return [str(beside)] if beside.exists() else [python, "-m", package]


def _version(python: str, package: str) -> str:
    """:return: the installed version of a package as that interpreter sees it, or nothing"""
    code = f"import {package}; print({package}.__version__)"
    environ = {**os.environ, "FLYTE_DISABLE_SENTRY": "1"}
    try:
        answer = subprocess.run([python, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
