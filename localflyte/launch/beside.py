"""Beside: the containers of tasks that are no Python, each run beside the process of its call, which starts it and waits for it.

Here it is decided what such a container is started with, save what only that process knows: the inputs and the command. It is also
here that it is ended when that process could not: whoever is killed removes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread

from localflyte.errors import ImageBuildError
from localflyte.images.engines import Engine
from localflyte.images.images import Images
from localflyte.images.options import end_options
from localflyte.images.options import gpu_options
from localflyte.images.options import limit_options
from localflyte.images.options import network_options
from localflyte.images.options import user_options
from localflyte.images.ways import Container
from localflyte.launch.containers import LABEL
from localflyte.launch.containers import container_memory
from localflyte.launch.containers import end_left_containers
from localflyte.launch.containers import new_name
from localflyte.launch.gpus import visible_gpus
from localflyte.launch.machine import usable_cores
from localflyte.launch.servers import RunView
from localflyte.runs.lives import my_life
from localflyte.settings import Settings
from localflyte.spec.plan import Plan
from localflyte.spec.secret import MOUNT

__all__ = ("Beside", "Besides")

END_SECONDS = 30.0
#: Of our own environment, what the program of an engine goes by.
FOR_ENGINES = ("DOCKER_", "CONTAINER_", "CONTAINERS_", "XDG_", "SSH_AUTH_SOCK", "PATH", "HOME", "TMPDIR")
#: Variables of a task that name places of this machine.
PLACES = frozenset(("TMPDIR", "TEMP", "TMP"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The container of one attempt."""

    engine: Engine
    name: str
    terms: Mapping[str, Any]
    """All that the process of the attempt needs to start it."""

    def terms_with(self, variables: Sequence[str]) -> dict[str, Any]:
        """:param variables: names of what the attempt is given besides what was declared
        :return: the terms, for the request
        """
        names = dict.fromkeys((*self.terms["variables"], *(name for name in variables if name not in PLACES)))
        return {**self.terms, "variables": list(names)}

    async def end(self) -> None:
        """Remove it, running or not; there may be none."""
        await self.engine.run("rm", "--force", "--volumes", "--", self.name, timeout=END_SECONDS)


class Besides:
    """:param settings: those of the engine; that images are not honoured for Python tasks changes nothing here: there is no other way"""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._images = Images(replace(settings, image_policy="container"))
        self._cores = settings.cpu or usable_cores()
        self._ways: dict[tuple[int, int], tuple[object, Plan, Container]] = {}
        self._swept: set[str] = set()

    async def prepare(self, run: RunView, plan: Plan) -> None:
        """Have the image of a task's container here.

        :raises ImageBuildError: if there is no engine, or it cannot be had
        """
        if (id(run), id(plan)) in self._ways:
            return
        search = await self._images.engine()
        if search.engine is None:
            raise ImageBuildError(
                f"Task {plan.task.name} is a container, and there is no container engine to run it: {'; '.join(search.reasons)}. "
                "Install docker or podman, and check it with `localflyte doctor`; "
                "or call the program from an ordinary @env.task with subprocess.run, where it is installed on this machine."
            )
        if search.engine.program not in self._swept:
            self._swept.add(search.engine.program)
            await anyio.to_thread.run_sync(end_left_containers, search.engine)
        way = await self._images.ready(plan.container_image, run.notice, run.request.images)
        assert isinstance(way, Container)
        self._ways[id(run), id(plan)] = (run, plan, way)

    def new(self, run: RunView, plan: Plan) -> Beside:
        """:return: a container to start, of an image that was prepared"""
        way, name = self._ways[id(run), id(plan)][2], new_name()
        memory = container_memory(plan.resources, self._settings)
        cores = min(self._cores, way.engine.cpus or self._cores)
        options = [
            "--init", "--pull=never", "--name", name, "--label", f"{LABEL}={my_life()}",
            *network_options(self._settings), *user_options(way.engine), *end_options(way.engine),
            *limit_options(plan.resources, memory, cores), *gpu_options(way.engine, plan.resources, visible_gpus()),
        ]  # fmt: skip
        terms = {
            "program": way.engine.program,
            "options": options,
            "image": way.image,
            "called": way.name,
            "name": name,
            "memory": memory,
            "secrets": MOUNT if any(secret.mount for secret in plan.secrets) else "",
            "variables": [*plan.env_vars, *(secret.env_var for secret in plan.secrets if secret.env_var)],
            "environ": {key: value for key, value in os.environ.items() if key.startswith(FOR_ENGINES)},
        }
        return Beside(engine=way.engine, name=name, terms=terms)

    def forget(self, run: RunView) -> None:
        """Drop what is remembered for a run that ended."""
        self._ways = {key: entry for key, entry in self._ways.items() if key[0] != id(run)}
