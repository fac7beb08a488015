"""localflyte's own way to a replica and back, without the engine above it: take a seat, hand over a request, get the reply."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from time import perf_counter
from typing import Any

from localflyte.api import registry
from localflyte.api.resolve import invocation_for
from localflyte.bridges.flyte import install
from localflyte.launch.hub import Hub
from localflyte.launch.pools import Pools
from localflyte.launch.servers import Servers
from localflyte.running import surroundings
from localflyte.settings import load_settings
from localflyte.spec.invocation import Invocation
from localflyte.spec.run import RunRequest
from localflyte.wire.messages import task_to_wire
from localflyte.worker.loading import load_module

__all__ = ("main",)


class _Run:
    """A run that nobody watches."""

    def __init__(self, request: RunRequest) -> None:
        self.request = request

    def emit(self, kind: str, action: str = "", **data: Any) -> None:
        """Tell nobody."""

    def notice(self, text: str) -> None:
        """Say nothing."""


class _Talk:
    """An attempt that hears nothing but the reply."""

    def on_message(self, child: object, message: list[Any]) -> None:
        """Take no calls."""

    def on_output(self, stream: str, data: bytes) -> None:
        """Keep nothing."""


def main() -> None:
    """Measure the program that the command line names, that many calls."""
    program, calls = sys.argv[1], int(sys.argv[2])
    install()
    load_module(program, os.path.abspath(os.path.join("benchmarks", "programs", f"{program}.py")))
    task = next(task for task in registry.tasks() if task.name.endswith(".noop"))
    print(asyncio.run(_measure(invocation_for(task, (1,), {}), calls)))


async def _measure(invocation: Invocation, calls: int) -> list[float]:
    settings = load_settings()
    hub = Hub(lambda: None)
    servers = Servers(hub, settings)
    pools = Pools(servers, settings.grace_seconds)
    run, talk, plan = _Run(RunRequest(invocation=invocation, surroundings=surroundings())), _Talk(), invocation.plan
    seconds = []
    for _ in range(20 + calls):
        request = _request(invocation)
        start = perf_counter()
        seat = await pools.take(run, plan)
        seat.begin(talk, request)
        await seat.settled.wait()
        seconds.append(perf_counter() - start)
        assert seat.reply is not None
        assert seat.reply.ok
    await pools.aclose()
    await servers.aclose()
    hub.close()
    return seconds[20:]


def _request(invocation: Invocation) -> Mapping[str, Any]:
    """:return: what an attempt sends"""
    folder = "/home/somebody/.cache/localflyte/runs/r01234567890"
    return {
        "task": task_to_wire(invocation.plan.task),
        "inputs": invocation.inputs,
        "env": {"FLYTE_ATTEMPT_NUMBER": "0", "RUN_NAME": "r01234567890", "ACTION_NAME": "a0"},
        "run": "r01234567890",
        "action": "a0",
        "custom_context": {},
        "run_start_time": 1.0,
        "version": "",
        "raw_data_path": f"{folder}/data/a0",
        "output_path": f"{folder}/outputs/a0",
        "report_path": f"{folder}/reports/a0.html",
        "run_base_dir": folder,
        "project": "",
        "domain": "",
        "interactive_mode": False,
        "run_options": {},
        "disable_run_cache": False,
        "report": False,
        "max_inline_io_bytes": invocation.plan.max_inline_io_bytes,
    }


if __name__ == "__main__":
    main()
