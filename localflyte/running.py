"""Running: flyte.run and with_runcontext, from a task and its arguments to a Run. The caller's process never runs task code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any
from typing import ParamSpec
from typing import TypeVar

from localflyte.api.context import current
from localflyte.api.needs import images_needed
from localflyte.api.port import current_port
from localflyte.api.port import in_worker
from localflyte.api.resolve import invocation_for
from localflyte.api.sync import Dual
from localflyte.api.sync import dual
from localflyte.api.task import TaskTemplate
from localflyte.errors import ModuleLoadError
from localflyte.initialize import get_init_config
from localflyte.initialize import image_names
from localflyte.initialize import is_initialized
from localflyte.runcontext import after
from localflyte.runcontext import check_mode
from localflyte.runcontext import said_of
from localflyte.runcontext import several
from localflyte.runcontext import sort_options
from localflyte.runobject import Run
from localflyte.spec.options import Options
from localflyte.spec.run import RunRequest
from localflyte.spec.run import Surroundings
from localflyte.wire.crossing import from_info
from localflyte.worker.raised import with_frames

if TYPE_CHECKING:
    from localflyte.settings import Settings
    from localflyte.spec.run import RunResult

__all__ = ("Run", "Runner", "rerun", "run", "with_runcontext")

P = ParamSpec("P")
R = TypeVar("R")


class _Watched(Dual[P, R]):
    """An async function whose plain call, outside of tasks, has signals end what it started, also where a loop runs already."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if in_worker():
            return super().__call__(*args, **kwargs)
        from localflyte.engine.interrupts import watching

        with watching():
            return super().__call__(*args, **kwargs)


class Runner:
    """Runs tasks under the options of `with_runcontext`. What each means here is told there."""

    def __init__(self, mode: str | None = None, *, sinks: Sequence[Any] = (), **options: Any) -> None:
        check_mode(mode, options)
        if mode == "hybrid":
            options.pop("run_base_dir", None)  # every run has a folder of its own here
        self._sinks = tuple(sinks)
        self._strict_remote: bool | None = options.pop("strict_remote", None)
        self._copy_style = str(options.get("copy_style") or "loaded_modules")
        self._notifications = several(options.pop("notifications", None))
        self._own, self._shared = sort_options(options)

    @_Watched
    async def run(self, task: Any, *args: Any, **kwargs: Any) -> Run:
        """Run a task as the root of a new run and wait for its end.

        :raises TypeError: if it is no task, or an argument is not what its parameter declares
        :raises ValueError: if the arguments do not fit the parameters
        :raises localflyte.errors.BaseRuntimeError: if the task failed, as its class and code say
        """
        if not isinstance(task, TaskTemplate):
            raise TypeError(f"Only Flyte tasks can be run, got {task!r}. Decorate the function with @env.task of a flyte.TaskEnvironment.")
        port, context = current_port(), current()
        if port is None and in_worker():
            # Each worker that imports the file would start a run, whose workers import the file ...
            raise ModuleLoadError(
                f"flyte.run({task.name}) is called while a worker imports its module. Every process that runs a task imports the "
                'file, here as on a cluster: put the call under `if __name__ == "__main__":`.'
            )
        inherited = context.run_options if context is not None else None
        shared = self._shared if inherited is None else Options(**{**said_of(inherited), **said_of(self._shared)})
        if port is None:
            task.forget_code()
        invocation = invocation_for(task, args, kwargs, run=shared, root=True, custom_context=self._own.get("custom_context"))
        own = {**_whose(), **{key: value for key, value in self._own.items() if key != "custom_context"}}
        if port is not None:
            if self._notifications:
                port.tell("notice", {"text": f"notifications of a run that a task starts are not sent ({task.name})"})
            outputs, told = await port.arun(invocation, {**own, "options": said_of(shared)})
            return Run(told["name"], told["folder"], task, invocation, outputs)
        own |= {"images": image_names(), "images_needed": images_needed(task, image_names())}
        request = RunRequest(invocation=invocation, surroundings=surroundings(), options=said_of(shared), **own)
        result = await self._finish(request, lambda: self._warnings(task, args, kwargs, shared))
        if result.outcome.error is not None:
            error = with_frames(from_info(result.outcome.error))
            error.run_name, error.run_url = result.name, Run(result.name, result.folder, task, invocation, ()).url  # type: ignore[attr-defined]
            raise error
        return Run(result.name, result.folder, task, invocation, result.outcome.outputs)

    @dual
    async def rerun(
        self,
        run_name: str,
        action_name: str = "a0",
        recover: bool = False,
        force_rerun_actions: Sequence[str] | None = None,
        allow_missing_source_outputs: bool = False,
        **inputs: Any,
    ) -> Run:
        """As `rerun`, under the options of this runner."""
        from localflyte.rerunning import prepare_rerun

        if action_name != "a0":
            raise ValueError(f"rerun(action_name={action_name!r}): here a run is run again from a0; call flyte.run with that task instead")
        if force_rerun_actions and not recover:
            raise ValueError("force_rerun_actions needs recover=True: without it everything is carried again")
        before = prepare_rerun(run_name, inputs)
        runner = copy(self)
        runner._own, runner._shared = after(before.said, self._own, self._shared)
        runner._own |= {"recover": before.folder if recover else "", "force_rerun_actions": tuple(force_rerun_actions or ())}
        return await runner.run.aio(before.task, **before.inputs)

    async def _finish(self, request: RunRequest, look: Callable[[], tuple[str, ...]]) -> RunResult:
        """:param look: looks for what breaks in a pod"""
        if "localflyte.engine.thread" not in sys.modules and os.environ.get("LOCALFLYTE_ISOLATION") != "inline":
            from localflyte.launch.start import start_early

            start_early(sys.executable)  # it comes up on another core while this process loads what it needs itself
        import asyncio

        from localflyte.engine.interrupts import finish
        from localflyte.engine.interrupts import watching
        from localflyte.engine.thread import current_engine
        from localflyte.observe.aside import Aside
        from localflyte.observe.passthrough import Passthrough
        from localflyte.observe.records import RecordSink
        from localflyte.settings import load_settings

        own = (Aside(Passthrough(), Passthrough.KINDS, waited_for=True),)
        logged = Aside(RecordSink(), RecordSink.KINDS, waited_for=True)
        with watching():
            engine = current_engine(load_settings, _kept_sinks, _serve_inline)
            if engine.settings.strict_remote if self._strict_remote is None else self._strict_remote:
                request = replace(request, parting=await asyncio.to_thread(look))
            sinks = (*(tuple(map(_aside, self._sinks)) or own), logged, *self._tidings(request))
            return await finish(engine.submit(request, sinks), summarise=not self._sinks)

    def _warnings(self, task: Any, args: Sequence[Any], kwargs: Mapping[str, Any], options: Options | None) -> tuple[str, ...]:
        from localflyte.portability.checks import check_run

        root = get_init_config().root_dir if is_initialized() else os.getcwd()
        try:
            found = check_run(task, args, kwargs, root=root, copy_style=self._copy_style, options=options)
            return tuple(f"strict-remote: {each}" for each in found)
        except Exception as error:  # noqa: BLE001 - what only looks may not be what a run fails of
            return (f"strict-remote: the program could not be looked at: {type(error).__name__}: {error}",)

    def _tidings(self, request: RunRequest) -> tuple[Any, ...]:
        if not self._notifications:
            return ()
        from localflyte.observe.aside import Aside
        from localflyte.observe.tidings import TidingsSink

        facts = {"project": request.project, "domain": request.domain}
        return (Aside(TidingsSink(self._notifications, facts), waited_for=True),)


def with_runcontext(mode: str | None = None, **options: Any) -> Runner:
    """Set options for the runs it starts: ``with_runcontext(name="first").run(main, x=1)``.

    Every mode runs on this machine. ``name``, ``raw_data_path``, ``custom_context``, ``disable_run_cache``, ``overwrite_cache``,
    ``env_vars``, ``queue`` (or ``task_queue``), ``interruptible``, ``project``, ``domain``, ``run_start_time``, ``interactive_mode``
    and ``max_action_concurrency`` are honoured. With ``cache_lookup_scope="project-domain"`` results that were computed for another
    project or domain are not reused; ``"global"``, the default, takes those of all. ``log_level``, ``user_log_level``, ``log_format`` and
    ``reset_root_logger`` say how tasks log. ``labels`` and ``annotations`` are kept with the run, for whoever looks for it; versions and
    what else only a server can use change nothing. What would be silently wrong is refused.

    Besides what Flyte has, ``explain=True`` says of every miss of the cache why it is one, and ``check_determinism=True`` carries every
    call that can be cached twice and compares what comes out. ``strict_remote=True`` warns at the end of what passes on this machine
    and breaks in a pod; by default the setting of that name decides. ``notifications`` are sent when the run has ended; what cannot be
    sent is said, and fails nothing.

    :raises ValueError: if an option is unknown, refused, or has a value that can never work
    """
    return Runner(mode, **options)


@_Watched
async def run(task: Any, *args: Any, task_queue: str | None = None, **kwargs: Any) -> Run:
    """Run a task as the root of a new run and wait for its end; what it raises is told at `Runner.run`.

    :param task_queue: the queue of the root action
    """
    runner = Runner(queue=task_queue) if task_queue is not None else Runner()
    return await runner.run.aio(task, *args, **kwargs)


@dual
async def rerun(
    run_name: str,
    action_name: str = "a0",
    recover: bool = False,
    force_rerun_actions: Sequence[str] | None = None,
    allow_missing_source_outputs: bool = False,
    **inputs: Any,
) -> Run:
    """Run an earlier run again, with the inputs that it had and the code that is there now; what `with_runcontext` was told of it for its
    tasks (variables, each by itself, and queue, context, cache) and its labels hold again where nothing else is told.

    :param run_name: its name
    :param action_name: only ``"a0"``, its first action
    :param recover: take what its actions gave, where they have succeeded and the code of their task has not changed, and carry only the
        others. What gave more than 64 KiB is carried again
    :param force_rerun_actions: names of actions that are carried again all the same; needs `recover`
    :param allow_missing_source_outputs: changes nothing: what a run has given is not needed to run it again
    :param inputs: by name, what is to be another than it was
    :raises ValueError: if the arguments make no sense together, or name no input
    :raises RunNotFoundError: if there is no such run, or nothing was kept of it
    :raises TaskNotFoundError: if its task is not there any more
    """
    runner = Runner()
    return await runner.rerun.aio(run_name, action_name, recover, force_rerun_actions, allow_missing_source_outputs, **inputs)


def surroundings() -> Surroundings:
    """:return: this interpreter as its workers have to see it"""
    from localflyte.api.changes import times_changed

    bridge = sys.modules.get("localflyte.bridges.flyte")
    umask = os.umask(0o077)
    os.umask(umask)
    return Surroundings(
        python=sys.executable,
        cwd=os.getcwd(),
        sys_path=tuple(os.path.abspath(entry) for entry in sys.path),
        argv=tuple(sys.argv),
        env={**os.environ, **_logging()},
        umask=umask,
        alias=bool(bridge and bridge.installed()),
        terminal=_terminal(),
        times_changed=times_changed(),
    )


def _logging() -> dict[str, str]:
    """:return: the variables by which tasks log as this program does"""
    logs = sys.modules.get("localflyte.logs")
    return logs.environment() if logs is not None else {}


def _terminal() -> str:
    """:return: the device where a person both reads and types, empty if there is none"""
    try:
        return os.ttyname(0) if os.isatty(0) and os.isatty(2) else ""
    except OSError:
        return ""


def _whose() -> dict[str, str]:
    """:return: the project and the domain that flyte.init was given"""
    if not is_initialized():
        return {}
    config = get_init_config()
    return {key: value for key in ("project", "domain") if (value := getattr(config, key))}


def _aside(sink: Any) -> Any:
    """:return: a sink that the engine can call without waiting for it"""
    from localflyte.observe.aside import Aside

    return sink if getattr(sink, "never_blocks", False) else Aside(sink, waited_for=getattr(sink, "waited_for", False))


def _serve_inline(sock: Any) -> Callable[[], None]:
    from localflyte.worker.inline import serve_inline

    return serve_inline(sock, _terminal())


def _kept_sinks(settings: Settings, folder: str, notice: Callable[[str], None]) -> tuple[Any, ...]:
    """:return: the sinks that every run has, whoever watches it: its logs, and its page at the end"""
    from localflyte.observe.lending import Keeper
    from localflyte.observe.logs import LogSink
    from localflyte.observe.page import PageSink
    from localflyte.observe.prompt import PromptSink

    kept = (LogSink(folder, notice, settings.log_cap_bytes), PageSink(folder))
    return (*kept, PromptSink(folder, terminal), Keeper(terminal)) if (terminal := _terminal()) else kept
