"""Servers: the fork servers of an engine, one for each distinct interpreter, environment and folder, started when first needed."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from typing import Protocol

import anyio

from localflyte.errors import RuntimeSystemError
from localflyte.launch.census import end_strays
from localflyte.launch.child import Child
from localflyte.launch.environ import build_environment
from localflyte.launch.environ import start_environment
from localflyte.launch.forkserver import ForkServerHandle
from localflyte.launch.hub import Hub
from localflyte.launch.machine import usable_cores
from localflyte.launch.mounts import Mounts
from localflyte.launch.refusals import ServerBusyError
from localflyte.launch.refusals import ServerEndedError
from localflyte.launch.secrets import Secrets
from localflyte.launch.serverspec import ServerSpec
from localflyte.settings import Settings
from localflyte.spec.plan import Plan
from localflyte.spec.run import RunRequest
from localflyte.spec.secret import MOUNT

__all__ = ("RunView", "Servers")

MAX_WARM = 8  # servers kept for who may come back; a program that gives each call variables of its own would have thousands
MAX_RESTARTS = 4  # of one fork server, in the time below; a server that keeps dying will not do better the fifth time
RESTART_SECONDS = 60.0
STRAY_SECONDS = 0.3
FOLDER_VARIABLE = "FLYTE_SECRETS_DEFAULT_DIR"  # Flyte's name for where the files of secrets are

_Key = tuple[tuple[object, ...], bool]
_Files = tuple[tuple[str, str], ...]


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

    async def take(self, run: RunView, plan: Plan) -> Child:
        """:return: a child whose server has the plan's module loaded
        :raises RuntimeSystemError: if no server can be started
        """
        while True:
            known = self._known.get((id(run), id(plan)))
            try:
                handle = known[2] if known is not None and known[2].alive else await self._ready(run, plan)
                self._known[id(run), id(plan)] = (run, plan, handle)
                return await handle.take()
            except ServerEndedError:  # another takes its place, a few times at least
                continue
            except ServerBusyError:
                self._apart.add(plan.task.module)
                self._known.pop((id(run), id(plan)), None)

    async def identity(self, run: RunView, plan: Plan) -> tuple[object, ...]:
        """:return: what is equal for two plans that may share a process: all that a task could see before its first line runs
        :raises SecretNotFoundError: if a secret of the task is nowhere
        """
        where, _, files = await self._where(run, plan)
        return *where, files

    def give_up(self, plan: Plan) -> None:
        """Stop importing the module of a task that may not wait for it any longer."""
        for handle in tuple(self._handles.values()):
            if handle.importing and handle.importing == plan.task.module:
                handle.give_up()

    def forget(self, run: RunView) -> None:
        """Drop what is remembered for a run that ended; its servers stay warm for the next."""
        for key in [key for key in self._known if key[0] == id(run)]:
            del self._known[key]
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
        self._sweeper.shutdown()
        self._mounts.close()

    async def _where(self, run: RunView, plan: Plan) -> tuple[tuple[object, ...], dict[str, str], _Files]:
        around = run.request.surroundings
        given = await self._secrets.give(run, plan)
        built = build_environment(around.env, plan, self._settings.pass_env, self._cores, alias=around.alias)
        env = {**built, **given.variables}
        cwd, variables = plan.working_dir or around.cwd, tuple(sorted(env.items()))
        seen = (around.python, cwd, around.sys_path, around.argv, around.alias, around.umask, around.terminal, around.times_changed)
        return (*seen, variables), env, given.files

    async def _ready(self, run: RunView, plan: Plan) -> ForkServerHandle:
        place, env, files = await self._where(run, plan)
        where = (*place, files, plan.task.module if plan.task.module in self._apart else "")
        while True:
            preload = where not in self._threaded
            handle = self._handles.get((where, preload))
            if handle is not None and not handle.alive and not self._may_replace(run, where, preload, handle):
                continue
            if handle is None or not handle.alive:
                handle = self._start(run, plan, (where, preload), env, files)
            problem = await handle.load(plan.task.module, plan.task.file)
            if not handle.alive:
                continue
            if not problem.startswith("threads: "):
                return handle  # what else the import raises, the attempt will raise again, and report
            if where in self._threaded:
                continue  # another call of the run found it out while we waited
            run.notice(
                f"{problem.removeprefix('threads: ')}, and a process with threads cannot be forked safely: each call imports "
                f"the module for itself, which is slower. Start threads inside tasks to avoid that."
            )
            self._threaded.add(where)
            # It forks no more, but what it has forked is at work, the caller of this very call perhaps.
            self._retired.append(self._handles.pop((where, preload)))

    def _start(self, run: RunView, plan: Plan, key: _Key, env: dict[str, str], files: _Files) -> ForkServerHandle:
        self._make_room()
        around = run.request.surroundings
        folder = self._mounts.create(files) if files else ""
        spec = ServerSpec(
            python=around.python,
            cwd=plan.working_dir or around.cwd,
            env={**env, FOLDER_VARIABLE: folder} if folder else env,
            start_env=start_environment(around.env, plan.env_vars),
            sys_path=around.sys_path,
            argv=around.argv,
            alias=around.alias,
            umask=around.umask,
            terminal=around.terminal,
            preload=key[1],
            mounts={MOUNT: folder} if folder else {},
        )
        handle = ForkServerHandle(
            self._hub,
            spec,
            ahead=self._ahead,
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

    def _may_replace(self, run: RunView, where: tuple[object, ...], preload: bool, dead: ForkServerHandle) -> bool:
        """Decide what comes after a server that died; what it had started runs on.

        :return: whether another of its kind; if not, one that preloads nothing is to be tried
        :raises RuntimeSystemError: if there is no sense in trying again
        """
        self._retired.append(self._handles.pop((where, preload)))
        count = self._count_death((where, preload))
        if count <= MAX_RESTARTS:
            run.notice(f"a fork server ended ({dead.death}) and is replaced; what it had started runs on")
            return True
        if not preload or dead.died_importing:
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
