"""Overruns: what is said of a task that went over what it declared, and which line to change."""

from __future__ import annotations

from localflyte.launch.watch import Breach
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.plan import Plan

__all__ = ("deadline_passed", "machine_ran_out", "over_limit", "queued_too_long", "ran_too_long")

MIB = 1 << 20
ROOM = 1.25  # the limit that is proposed, as a multiple of what was seen


def ran_too_long(plan: Plan) -> ErrorInfo:
    """:return: the error of an attempt that reached its ``max_runtime``"""
    bound = plan.timeout.max_runtime or 0.0
    return _timeout(
        "MaxRuntimeExceededError",
        f"An attempt of task {plan.task.name} ran longer than its max_runtime of {bound:g} s and was ended. Raise it with "
        f"timeout=flyte.Timeout(max_runtime=...) (or timeout=<seconds>) on the task, or on a call with override(timeout=...).",
    )


def queued_too_long(plan: Plan) -> ErrorInfo:
    """:return: the error of an attempt that reached its ``max_queued_time``"""
    bound = plan.timeout.max_queued_time or 0.0
    queue = f", or give queue {plan.queue!r} a higher concurrency" if plan.queue else ""
    return _timeout(
        "MaxQueuedTimeExceededError",
        f"An attempt of task {plan.task.name} waited longer than its max_queued_time of {bound:g} s for its turn and was not started. "
        f"Raise timeout=flyte.Timeout(max_queued_time=...), ask for fewer resources{queue}.",
    )


def deadline_passed(plan: Plan) -> ErrorInfo:
    """:return: the error of a task that reached its ``deadline``"""
    bound = plan.timeout.deadline or 0.0
    error = _timeout(
        "DeadlineExceededError",
        f"Task {plan.task.name} did not end within its deadline of {bound:g} s, all attempts and waits together, and was ended. "
        f"Raise timeout=flyte.Timeout(deadline=...).",
    )
    return error._replace(recoverable=False)


def over_limit(plan: Plan, breach: Breach) -> ErrorInfo:
    """:return: the error of an attempt that used more memory or disk than it declared"""
    if breach.what == "disk":
        return ErrorInfo("user", "DiskLimitExceeded", _disk(plan, breach), "user")
    return ErrorInfo("user", "OOMKilled", _memory(plan, breach), "user", platform="OOMError")


def machine_ran_out(plan: Plan) -> ErrorInfo:
    """:return: the error of an attempt that died as the whole machine ran out of memory"""
    message = (
        f"The process of task {plan.task.name} was killed, and the kernel has just killed for want of memory: this machine ran out. "
        f"Declare what the task needs in resources=flyte.Resources(memory=...){_place(plan, 'the declaration')}, so that fewer run at once."
    )
    return ErrorInfo("user", "OOMKilled", message, "user", platform="OOMError")


def _timeout(name: str, message: str) -> ErrorInfo:
    return ErrorInfo("user", name, message, "user", platform=name)


def _memory(plan: Plan, breach: Breach) -> str:
    resources = plan.resources
    declared = f'memory="{_size(breach.limit)}"'
    if resources.memory_limit is not None:
        declared = f'memory=(..., "{_size(breach.limit)}")'
    seen = "the kernel ended it" if breach.by == "kernel" else f"it held {_size(breach.peak)} when it was ended"
    samples = ", ".join(f"{_size(held)} at {seconds:.2f} s" for seconds, held in breach.samples)
    wanted = _size(_rounded(max(breach.peak, breach.limit) * ROOM))
    soft = (
        ""
        if resources.memory_limit is not None
        else '\nThis is a request; memory_requests = "account" in [tool.localflyte] does not hold tasks to it.'
    )
    return (
        f"Task {plan.task.name} went over its memory limit of {_size(breach.limit)}: {seen}.\n"
        f"What was seen: {samples or 'nothing, it was too fast'}.\n"
        f'Change {declared} to at least memory="{wanted}"{_place(plan, "resources=flyte.Resources(...)")}, '
        f"or call it with override(resources=...), or hold less at a time.{soft}"
    )


def _disk(plan: Plan, breach: Breach) -> str:
    wanted = _size(_rounded(breach.peak * ROOM))
    return (
        f"Task {plan.task.name} keeps {_size(breach.peak)} on disk, over its limit of {_size(breach.limit)}, and was ended. "
        f'Change disk="{_size(breach.limit)}" to at least disk="{wanted}"{_place(plan, "resources=flyte.Resources(...)")}, '
        "or remove what it no longer needs."
    )


def _place(plan: Plan, what: str) -> str:
    if not plan.declared_at:
        return f" in {what} of environment {plan.environment!r}" if plan.environment else ""
    return f" in {what} of environment {plan.environment!r}, {plan.declared_at}"


def _rounded(number: float) -> int:
    """:return: the next power of two times 1 or 1.5, which is how people write sizes"""
    size = MIB
    while size < number:
        size *= 2
    return size * 3 // 4 if size * 3 // 4 >= number else size


def _size(number: float) -> str:
    """:return: a size as Kubernetes writes it"""
    for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if number >= size:
            value = number / size
            return f"{value:.0f}{unit}" if value >= 10 or value == int(value) else f"{value:.1f}{unit}"
    return f"{number:.0f}"
