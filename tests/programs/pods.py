"""Tasks with pod templates, which tell what they find around them. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import localflyte as flyte

PLACE = os.getcwd()
"""Where this module was imported."""


def pod(**said: Any) -> dict[str, Any]:
    """A pod with one container that says this."""
    return {"spec": {"containers": [{"name": "primary", **said}]}}


plain = flyte.TaskEnvironment("plain")
full = flyte.TaskEnvironment(
    "full",
    env_vars={"BOTH": "task"},
    pod_template={
        "metadata": {"labels": {"team": "a"}},
        "spec": {
            "containers": [
                {
                    "name": "primary",
                    "env": [
                        {"name": "POD", "value": "yes"},
                        {"name": "BOTH", "value": "pod"},
                        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    ],
                    "workingDir": "/",
                },
                {"name": "side"},
            ],
            "volumes": [{"name": "v"}],
        },
    },
)
named = flyte.TaskEnvironment("named", pod_template="big")


@plain.task
def look(names: list[str]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ} | {"cwd": os.getcwd(), "imported": PLACE}


@full.task
def look_in_full(names: list[str]) -> dict[str, str]:
    return look.forward(names)


@full.task
def again_in_full(names: list[str]) -> dict[str, str]:
    return look.forward(names)


@named.task
def look_in_named(names: list[str]) -> dict[str, str]:
    return look.forward(names)


@plain.task
async def parent(names: list[str]) -> list[dict[str, str]]:
    return list(await asyncio.gather(*(task.aio(names) for task in (look, look_in_full, again_in_full, look_in_full))))


@plain.task
def lingers(folder: str, seconds: float) -> None:
    """Takes so long to end when it is asked to."""

    def end(*_: Any) -> None:
        time.sleep(seconds)
        open(os.path.join(folder, "ended"), "w").close()
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    open(os.path.join(folder, "started"), "w").close()
    time.sleep(1000)


@plain.task
async def gives_up_on(folder: str, seconds: float, grace: int) -> str:
    """Calls what lingers with this grace, and wants it no more as soon as it has started."""
    template = flyte.PodTemplate().with_termination_grace_period(grace)
    call = asyncio.create_task(lingers.override(pod_template=template).aio(folder, seconds))
    while not os.path.exists(os.path.join(folder, "started")):
        await asyncio.sleep(0.01)
    call.cancel()
    return "gave up"
