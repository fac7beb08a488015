"""Machine: what this process may use of the computer it runs on."""

from __future__ import annotations

import os

__all__ = ("usable_cores",)


def usable_cores() -> float:
    """:return: the cores this process may run on: its affinity, and the quota of its cgroup where it has one"""
    try:
        cores = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # not on this system
        cores = float(os.cpu_count() or 1)
    return min(cores, _quota())


def _quota() -> float:
    for path, parse in (("/sys/fs/cgroup/cpu.max", _parse_v2), ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", _parse_v1)):
        try:
            with open(path, encoding="ascii") as file:
                return parse(file.read())
        except (OSError, ValueError):
            continue
    return float("inf")


def _parse_v2(text: str) -> float:
    quota, period = text.split()
    return float("inf") if quota == "max" else max(int(quota) / int(period), 0.1)


def _parse_v1(text: str) -> float:
    quota = int(text)
    if quota <= 0:
        return float("inf")
    with open("/sys/fs/cgroup/cpu/cpu.cfs_period_us", encoding="ascii") as file:
        return max(quota / int(file.read()), 0.1)
