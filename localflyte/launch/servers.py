"""Servers: the fork servers of an engine, one for each distinct interpreter, environment and folder, started when first needed."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from typing import Protocol

import anyio

from localflyte.errors import RuntimeSystemError
from localflyte.images.images import Images
from localflyte.images.recipe import wanted_terms
from localflyte.images.ways import Host
from localflyte.images.ways import Way
from localflyte.launch.arrival import NO_PYTHON
from localflyte.launch.census import end_strays
from localflyte.launch.child import Child
from localflyte.launch.containers import Commands
from localflyte.launch.containers import end_left_containers
from localflyte.launch.containers import writable_folders
from localflyte.launch.containers import write_commands
from localflyte.launch.environ import start_environment
from localflyte.launch.footing import Site
from localflyte.launch.footing import check_python
from localflyte.launch.footing import find_site
from localflyte.launch.forkserver import ForkServerHandle
from localflyte.launch.hub import Hub
from localflyte.launch.machine import usable_cores
from localflyte.launch.mounts import Mounts
from localflyte.launch.refusals import ServerBusyError
from localflyte.launch.refusals import ServerEndedError
from localflyte.launch.secrets import Secrets
from localflyte.launch.serverspec import ServerSpec
from localflyte.launch.start import end_early
from localflyte.runs.folder import runs_folder
from localflyte.settings import Settings
from localflyte.spec.plan import Plan
from localflyte.spec.run import RunRequest
from localflyte.spec.secret import MOUNT

__all__ = ("RunView", "Servers")

MAX_WARM = 8  # servers kept for who may come back; a program that gives each call variables of its own would have thousands
MAX_RESTARTS = 4  # of one fork server, in the time below; a server that keeps dying will not do better the fifth time
RESTART_SECONDS = 60.0
STRAY_SECONDS = 0.3
PYTHON_NAMES = ("python3", "python")
FOLDER_VARIABLE = "FLYTE_SECRETS_DEFAULT_DIR"  # Flyte's name for where the files of secrets are

_Key = tuple[tuple[object, ...], bool]


class RunView(Protocol):
    """What a launcher has to know of a run."""

    request: RunRequest

    def emit(self, kind: str, action: str = "", **data: Any) -> None:
        """Tell the run's sinks."""

    def notice(self, text: str) -> None:
        """Say something to the person, once."""

    def hide(self, name: str, value: str) -> None:
        """Hide the value of a secret in everything that the run tells."""


class Servers:
    def __init__(self, hub: Hub, settings: Settings) -> None:
        self._hub = hub
        self._settings = settings
        self._cores = settings.cpu or usable_cores()
        self._ahead = settings.prefork if settings.prefork is not None else max(1, round(self._cores))
        self._handles: dict[tuple[object, ...], ForkServerHandle] = {}
        self._deaths: dict[tuple[object, ...], deque[float]] = {}
        self._threaded: set[tuple[object, ...]] = set()
        self._apart: set[str] = set()  # modules that would have had to wait for the import of others
        self._retired: list[ForkServerHandle] = []
        self._secrets = Secrets(settings.secrets_file)
        self._mounts = Mounts(str(settings.home))
        self._closed = False
        self._sweeper = ThreadPoolExecutor(1, "localflyte-strays")  # looking through all processes takes 10 ms
        self._mounted: list[tuple[ForkServerHandle, str]] = []
        #: the handle last used for a plan by a run; both are kept beside so that their ids stay their own
        self._known: dict[tuple[int, int], tuple[object, Plan, ForkServerHandle]] = {}
        self._ways: dict[tuple[int, int], tuple[object, Plan, Way]] = {}
        self._images = Images(settings)
        self._pythons: dict[str, str] = {}  # what the interpreter of an image is called, where it has not the first of the names
        self._has_swept = False

    async def prepare(self, run: RunView, plan: Plan) -> None:
        """Have the image of a task made into something that its process can be started in, however long that takes.

        :raises ImageBuildError: if that cannot be had
        """
        await self._way(run, plan)

    async def check_image(self, run: RunView, terms: Mapping[str, Any]) -> None:
        """Make sure that an image can be had, without making it.

        :raises ImageBuildError: if it cannot; the message says why, and what to do
        """
        self._images.forget_failures()
        await self._images.check(terms, run.request.images)

    async def take(self, run: RunView, plan: Plan) -> Child:
        """:return: a child whose server has the plan's module loaded
        :raises RuntimeSystemError: if no server can be started
        """
        while True:
            known = self._known.get((id(run), id(plan)))
            handle = known[2] if known is not None and known[2].alive else None
            try:
                handle = handle or await self._ready(run, plan)
                if handle.is_lent:
                    return await self._take_alone(handle, plan)
                self._known[id(run), id(plan)] = (run, plan, handle)
                child = await handle.take()
                check_python(handle.version, plan, child)
                return child
            except ServerEndedError:  # another takes its place, a few times at least
                continue
            except ServerBusyError:
                self._apart.add(plan.task.module)
                self._known.pop((id(run), id(plan)), None)
            except RuntimeSystemError:
                if handle is None or handle.refused is None or not self._has_another_name(handle):
                    raise

    async def _take_alone(self, handle: ForkServerHandle, plan: Plan) -> Child:
        """:return: the one child that its container serves at a time"""
        try:
            child = await handle.take()
            check_python(handle.version, plan, child)
        except BaseException:
            handle.is_lent = False
            raise
        child.when_gone(lambda: setattr(handle, "is_lent", False))
        return child

    def _has_another_name(self, handle: ForkServerHandle) -> bool:
        """Let go of a server that could not be started.

        :return: whether the interpreter of its image may have another name
        """
        self._handles = {key: each for key, each in self._handles.items() if each is not handle}
        self._known = {key: entry for key, entry in self._known.items() if entry[2] is not handle}
        commands = handle.spec.commands
        if commands is None or handle.refused is None or handle.refused.code != NO_PYTHON or commands.python != PYTHON_NAMES[0]:
            return False
        self._pythons[commands.image] = PYTHON_NAMES[1]
        return True

    async def identity(self, run: RunView, plan: Plan) -> tuple[object, ...]:
        """:return: what is equal for two plans that may share a process: all that a task could see before its first line runs
        :raises SecretNotFoundError: if a secret of the task is nowhere
        """
        return (await self._where(run, plan)).key

    def give_up(self, plan: Plan) -> None:
        """Stop importing the module of a task that may not wait for it any longer."""
        for handle in tuple(self._handles.values()):
            if handle.importing and handle.importing == plan.task.module:
                handle.give_up()

    def forget(self, run: RunView) -> None:
        """Drop what is remembered for a run that ended; its servers stay warm for the next."""
        self._known = {key: entry for key, entry in self._known.items() if key[0] != id(run)}
        self._ways = {key: entry for key, entry in self._ways.items() if key[0] != id(run)}
        self._secrets.forget(run)
        self._unmount()

    async def aclose(self) -> None:
        """End every server and every child of it."""
        async with anyio.create_task_group() as tasks:
            for handle in (*self._handles.values(), *self._retired):
                tasks.start_soon(handle.aclose)
        self._handles.clear()
        self._retired.clear()
        self._closed = True
        end_early()
        self._sweeper.shutdown()
        self._images.close()
        self._mounts.close()

    async def _way(self, run: RunView, plan: Plan) -> Way:
        if wanted_terms(plan.image, run.request.images) is None:
            return Host()
        known = self._ways.get((id(run), id(plan)))
        if known is None:
            way = await self._images.ready(plan.image, run.notice, run.request.images)
            if way.notice:
                run.notice(way.notice)
            known = self._ways[id(run), id(plan)] = (run, plan, way)
        return known[2]

    async def _where(self, run: RunView, plan: Plan) -> Site:
        return find_site(await self._way(run, plan), run.request, plan, await self._secrets.give(run, plan), self._settings, self._cores)

    async def _ready(self, run: RunView, plan: Plan) -> ForkServerHandle:
        site = await self._where(run, plan)
        where = (*site.key, plan.task.module if plan.task.module in self._apart else "")
        lane = self._free_lane(where) if site.is_alone else 0
        while True:
            preload = where not in self._threaded
            key = ((*where, lane), preload)
            handle = self._handles.get(key)
            if handle is not None and not handle.alive and not self._may_replace(run, where, key, handle):
                continue
            if handle is None or not handle.alive:
                handle = self._start(run, plan, key, site)
            handle.is_lent = site.is_alone
            problem = await self._load(handle, plan)
            if not handle.alive and handle.refused is None:
                continue
            if not problem.startswith("threads: "):
                return handle  # what else the import raises, the attempt will raise again, and report
            handle.is_lent = False
            if where in self._threaded:
                continue  # another call of the run found it out while we waited
            run.notice(
                f"{problem.removeprefix('threads: ')}, and a process with threads cannot be forked safely: each call imports "
                f"the module for itself, which is slower. Start threads inside tasks to avoid that."
            )
            self._threaded.add(where)
            # It forks no more, but what it has forked is at work, the caller of this very call perhaps.
            self._retired.append(self._handles.pop(key))

    async def _load(self, handle: ForkServerHandle, plan: Plan) -> str:
        try:
            return await handle.load(plan.task.module, plan.task.file)
        except BaseException:
            handle.is_lent = False
            raise

    def _free_lane(self, where: tuple[object, ...]) -> int:
        """:return: the number of a container that serves nobody, or of a new one"""
        for lane in count(1):
            handles = (self._handles.get(((*where, lane), preload)) for preload in (True, False))
            if not any(handle is not None and handle.is_lent for handle in handles):
                return lane
        raise AssertionError  # there is always another number

    def _start(self, run: RunView, plan: Plan, key: _Key, site: Site) -> ForkServerHandle:
        self._make_room()
        around = run.request.surroundings
        folder = self._mounts.create(site.files) if site.files else ""
        footing = site.footing
        if footing.container is not None and not self._has_swept:
            self._has_swept = True
            self._sweeper.submit(end_left_containers, footing.container.engine)
        spec = ServerSpec(
            python=footing.python,
            cwd=site.cwd,
            env={**site.env, FOLDER_VARIABLE: MOUNT if footing.container else folder} if folder else site.env,
            start_env=start_environment(around.env, plan.env_vars),
            sys_path=site.sys_path,
            argv=around.argv,
            alias=around.alias,
            umask=around.umask,
            terminal=site.terminal,
            preload=key[1],
            mounts={MOUNT: folder} if folder and footing.container is None else {},
            program=footing.program,
            keeps_path=footing.keeps_path,
            commands=self._commands(run, plan, site, folder),
        )
        handle = ForkServerHandle(
            self._hub,
            spec,
            ahead=1 if site.is_alone else self._ahead,
            on_output=lambda stream, data: run.emit("log", "", attempt=0, stream=stream, data=data),
            on_orphaned=self._on_orphaned,
            notice=run.notice,
            max_frame_bytes=self._settings.max_frame_bytes,
        )
        handle.start()
        self._handles[key] = handle
        if folder:
            self._mounted.append((handle, folder))
        return handle

    def _commands(self, run: RunView, plan: Plan, site: Site, secrets: str) -> Commands | None:
        way = site.footing.container
        if way is None:
            return None
        home = str(self._settings.home)
        writable = writable_folders(site.cwd, runs_folder(home), run.request.raw_data_path)
        readable = writable_folders(*site.sys_path, os.path.dirname(plan.task.file))
        return write_commands(
            way,
            python=self._pythons.get(way.name, PYTHON_NAMES[0]),
            program=site.footing.program,
            writable=writable,
            readable=readable,
            secrets=(secrets, MOUNT) if secrets else None,
            resources=plan.resources,
            settings=self._settings,
            cores=self._cores,
        )

    def _on_orphaned(self) -> None:
        """Look for what a dead server or an orphan of one had adopted, now and once what it was just starting is there too."""
        self._end_strays()
        asyncio.get_running_loop().call_later(STRAY_SECONDS, self._end_strays)

    def _end_strays(self) -> None:
        if self._closed:
            return
        known: set[int] = set().union(*(handle.pids for handle in (*self._handles.values(), *self._retired)))
        self._sweeper.submit(end_strays, known)

    def _make_room(self) -> None:
        """Let the oldest servers go that nobody uses, and reap those that went."""
        for key, handle in tuple(self._handles.items()):
            if len(self._handles) < MAX_WARM:
                break
            if not handle.busy:
                self._retired.append(self._handles.pop(key))
        for handle in self._retired:
            if handle.alive and not handle.busy:
                handle.dismiss()
        self._retired = [handle for handle in self._retired if not handle.has_ended()]
        self._unmount()

    def _unmount(self) -> None:
        """Remove the secrets of servers that are gone, and whose children are."""
        for handle, folder in tuple(self._mounted):
            if handle.has_ended():
                self._mounts.remove(folder)
                self._mounted.remove((handle, folder))

    def _may_replace(self, run: RunView, where: tuple[object, ...], key: _Key, dead: ForkServerHandle) -> bool:
        """Decide what comes after a server that died; what it had started runs on.

        :return: whether another of its kind; if not, one that preloads nothing is to be tried
        :raises RuntimeSystemError: if there is no sense in trying again
        """
        self._retired.append(self._handles.pop(key))
        count = self._count_death(key)
        if count <= MAX_RESTARTS:
            run.notice(f"a fork server ended ({dead.death}) and is replaced; what it had started runs on")
            return True
        if not key[1] or dead.died_importing:
            raise RuntimeSystemError("WorkerStartError", f"the fork server ended {count} times within a minute, last: {dead.death}")
        run.notice(f"the fork server ended {count} times within a minute, last: {dead.death}. From now on each call imports for itself.")
        self._threaded.add(where)
        return False

    def _count_death(self, key: tuple[object, ...]) -> int:
        deaths = self._deaths.setdefault(key, deque())
        now = time.monotonic()
        deaths.append(now)
        while deaths and now - deaths[0] > RESTART_SECONDS:
            deaths.popleft()
        return len(deaths)
