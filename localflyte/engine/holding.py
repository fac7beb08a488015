"""Holding: what an attempt is held to, decided from its plan, its lease and the settings, and set up around its process."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psutil

from localflyte.engine.admission import Lease
from localflyte.engine.call import Call
from localflyte.launch.affinity import pin
from localflyte.launch.child import Worker
from localflyte.launch.gpus import GPU_VARIABLE
from localflyte.launch.gpus import visible_gpus
from localflyte.launch.kept import ContainerGuard
from localflyte.launch.machine import kernel_oom_kills
from localflyte.launch.machine import usable_cores
from localflyte.launch.wall import Wall
from localflyte.launch.wall import WallMaker
from localflyte.launch.wall import find_wall
from localflyte.launch.watch import BuildWall
from localflyte.launch.watch import Guard
from localflyte.launch.watch import Limits
from localflyte.launch.watch import Watch
from localflyte.settings import Settings
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms

__all__ = ("Holding", "limits_for")

NOTHING = ResourceTerms()


class Holding:
    """:param settings: say whether requests are limits too, and which wall there is to be"""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._watch = Watch(settings.sample_seconds)
        self._cores = usable_cores()
        self._walls: WallMaker | None = None
        self._walls_sought = False
        #: a thread for what the kernel takes its time for: 20 ms to move a process into a group of a unified tree
        self._mason = ThreadPoolExecutor(1, "localflyte-walls")
        self._oom_kills = kernel_oom_kills()
        self._has_gpus = bool(visible_gpus())

    def hold(self, call: Call, number: int, child: Worker, lease: Lease) -> tuple[Guard | None, dict[str, str]]:
        """Set up what holds the child of an attempt.

        :param number: of the attempt
        :return: its guard, if there is anything to watch, and variables that tell the task of its share
        """
        plan = call.invocation.plan
        if self._settings.isolation == "inline":
            return None, {}  # what held this process would hold the engine, and every other task
        if lease.cores and child.sees is None:
            pin(child.pid, lease.cores)
        env = {}
        if lease.gpus or plan.resources.gpu or (self._has_gpus and GPU_VARIABLE not in plan.env_vars):
            env[GPU_VARIABLE] = ",".join(lease.gpus)  # who asks for none sees none, as in a pod
        if plan.resources == NOTHING:
            return None, env
        scratch = ""
        if plan.resources.disk is not None:
            scratch = f"{call.run.folder}/scratch/{call.action}-{number}"
            os.makedirs(scratch, 0o700)
            env |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch)
        folder = f"{call.run.request.raw_data_path or call.run.folder + '/data'}/{call.action}"
        limits = limits_for(plan, self._settings, self._cores, (scratch, folder))
        if plan.container_image is not None:
            limits = replace(limits, memory=None, cpu=None)  # those are of the container, and its engine holds them
        if not limits:
            return None, env
        if child.sees is not None:
            return self._watched(ContainerGuard(child, limits), child, scratch), env
        if self._settings.memory_wall == "cgroup":
            self._find_walls()  # so that it is refused before the task starts, where there is none
        guard = Guard(child.pid, limits, child.bare, lambda: child.signal(signal.SIGKILL), self._builder(call, number, child, limits))
        return self._watched(guard, child, scratch), env

    def machine_ran_out(self) -> bool:
        """:return: whether the kernel has killed for want of memory, anywhere on this machine, since this was last asked"""
        before, self._oom_kills = self._oom_kills, kernel_oom_kills()
        return self._oom_kills > before

    def close(self) -> None:
        """Watch nothing any more."""
        self._watch.close()
        self._mason.shutdown()
        if self._walls is not None:
            self._walls.close()

    def _watched(self, guard: Guard, child: Worker, scratch: str) -> Guard:
        self._watch.add(guard)
        child.when_gone(lambda: self._release(guard, scratch))
        return guard

    def _release(self, guard: Guard, scratch: str) -> None:
        self._watch.remove(guard)
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)

    def _find_walls(self) -> WallMaker | None:
        if not self._walls_sought:
            self._walls_sought = True
            self._walls = find_wall(self._settings)
        return self._walls

    def _builder(self, call: Call, number: int, child: Worker, limits: Limits) -> BuildWall:
        """:return: what puts a harder wall around an attempt that has lived long enough to be looked at"""
        loop = asyncio.get_running_loop()

        def make(processes: list[psutil.Process], memory: int | None) -> Wall | None:
            walls = self._find_walls()
            pids = [process.pid for process in processes if process.is_running()]  # and not another of the same number
            if walls is None or not pids:
                return None
            try:
                return walls.make(f"{call.run.name}-{call.action}-{number}", pids, memory=memory, cpu=limits.cpu)
            except OSError as error:
                text = f"no cgroup could be made for {call.task} ({error}); the sampler alone holds it to its limits"
                loop.call_soon_threadsafe(call.run.notice, text)
                return None

        def build(processes: list[psutil.Process], memory: int | None, done: Callable[[Wall | None], None]) -> None:
            if child.shared or (self._walls_sought and self._walls is None):
                done(None)  # there are none, or its process outlives this attempt
                return
            made = self._mason.submit(make, processes, memory)
            made.add_done_callback(lambda future: loop.call_soon_threadsafe(done, future.result()))

        return build


def limits_for(plan: Plan, settings: Settings, cores: float, folders: tuple[str, ...]) -> Limits:
    """Decide what a task is held to. A single value is a request; whether it is a limit too, the settings say.

    :param cores: that this machine has; a limit at or above them needs no holding
    :param folders: what counts as its disk
    """
    asked = plan.resources
    memory = asked.memory_limit
    if memory is None and settings.memory_requests == "enforce":
        memory = asked.memory
    cpu = asked.cpu_limit
    if cpu is None and settings.cpu_requests == "enforce" and asked.cpu is not None and asked.cpu % 1:
        cpu = asked.cpu  # whole cores are held by affinity
    if cpu is not None and cpu >= cores:
        cpu = None
    disk = asked.disk
    return Limits(memory=memory, cpu=cpu, disk=disk, folders=tuple(filter(None, folders)) if disk is not None else ())
