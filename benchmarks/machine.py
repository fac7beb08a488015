"""Machine: where the numbers were taken, without which they say nothing."""

from __future__ import annotations

import os
import platform
from datetime import UTC
from datetime import datetime
from pathlib import Path

from benchmarks.subjects import Subject

__all__ = ("cores", "describe")


def cores() -> int:
    """:return: how many cores this process may use"""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(subjects: dict[str, Subject]) -> list[str]:
    """Say machine, load, versions and date, one short line each."""
    present = [f"{subject.package} {subject.version}" for subject in subjects.values() if subject.package and not subject.missing]
    load = os.getloadavg()[0]
    busy = "; **the machine was busy with other work, so these numbers are too high**" if load > 0.5 * cores() else ""
    return [
        f"{_processor()}, {cores()} cores, {_memory()}, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}; " + ", ".join(dict.fromkeys(present)),
        f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC, load average before the start {load:.1f}{busy}",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
