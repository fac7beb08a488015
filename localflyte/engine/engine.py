"""Engine: what all runs of one process share, and the life of a run from acceptance to its last event."""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import fields
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread

from localflyte.engine.admission import Lease
from localflyte.engine.breakdown import break_down
from localflyte.engine.breakdown import end_children
from localflyte.engine.call import Call
from localflyte.engine.gate import Gate
from localflyte.engine.holding import Holding
from localflyte.engine.pipeline import at_once
from localflyte.engine.pipeline import perform
from localflyte.engine.pods import Pods
from localflyte.engine.runstate import RunState
from localflyte.engine.runstate import Sink
from localflyte.engine.tried import Tried
from localflyte.engine.tried import tell_hit
from localflyte.engine.verdict import failure
from localflyte.errors import BaseRuntimeError
from localflyte.errors import RuntimeUserError
from localflyte.launch.beside import Beside
from localflyte.launch.beside import Besides
from localflyte.launch.census import enroll
from localflyte.launch.census import leave
from localflyte.launch.census import sweep
from localflyte.launch.child import Worker
from localflyte.launch.hub import Hub
from localflyte.launch.inline import Inline
from localflyte.launch.inline import Serve
from localflyte.launch.pools import Pools
from localflyte.launch.servers import Servers
from localflyte.observe.mask import Mask
from localflyte.runs.folder import create_run_folder
from localflyte.runs.journal import Journal
from localflyte.runs.lives import my_life
from localflyte.runs.names import new_run_name
from localflyte.runs.recall import recalled
from localflyte.settings import Settings
from localflyte.spec.invocation import Invocation
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.outcome import Outcome
from localflyte.spec.outcome import Status
from localflyte.spec.packed import Packed
from localflyte.spec.run import RunRequest
from localflyte.spec.run import RunResult
from localflyte.store.memo import Limits
from localflyte.store.memo import Memo
from localflyte.wire.crossing import to_info
from localflyte.wire.shapes import check_shape

__all__ = ("Engine", "SinksFor")

_TRACE_FIELDS = ("name", "parent", "inputs", "outputs", "started", "seconds", "error")

#: given the settings, a run's folder and a way to say something, the sinks that the run has whoever watches it
SinksFor = Callable[[Settings, str, Callable[[str], None]], Sequence[Sink]]


class Engine:
    """:param sinks_for: makes the sinks that every run has
    :param serve: serves a request in a thread of this process, for who wants that
    """

    def __init__(self, settings: Settings, sinks_for: SinksFor, serve: Serve | None = None) -> None:
        self.settings = settings
        self._home = str(settings.home)
        sweep(self._home)
        enroll(self._home)
        self.gate = Gate(settings)
        tier = "" if settings.cache_tier is None else str(settings.cache_tier)
        self.memo = Memo(self._home, Limits(settings.cache_max_bytes, settings.cache_max_age, tier, settings.serialize_seconds))
        self.holding = Holding(settings)
        self.hub = Hub(self._after_batch)
        self._servers = Servers(self.hub, settings)
        self._besides = Besides(settings)
        self._inline = Inline(self.hub, settings, serve) if serve is not None and settings.isolation == "inline" else None
        self._pools = Pools(self._servers, settings.grace_seconds)
        self._sinks_for = sinks_for
        self._runs: dict[str, RunState] = {}
        #: hides the secrets of every run: a run may hand its own to another, and a warm replica may have those of an earlier one
        self._mask = Mask()

    async def run(self, request: RunRequest, sinks: Sequence[Sink] = (), parent: Call | None = None) -> RunResult:
        """Carry a run to its end. A failure of the root is a result; only cancelling raises."""
        name, folder = self._create_folder(request)
        run = RunState(request, name, folder, sinks, parent.run.origin if parent else request)
        run.mask = self._mask
        run.add_sink(Journal(folder, run.notice))
        for sink in self._sinks_for(self.settings, folder, run.notice):
            run.add_sink(sink)
        run.pods = Pods(self.settings, request.surroundings.cwd, run.notice)
        self._runs[name] = run
        me, began = my_life(), time.monotonic()
        outcome: Outcome | None = None
        try:
            async with anyio.create_task_group() as run.tasks:
                call = self._call(run, None, request.invocation, parent)
                origin: dict[str, Any] = {"parent": parent.run.name if parent else None}
                if request.trigger:
                    origin |= {"trigger": request.trigger, "due": request.run_start_time}
                origin |= {key: dict(said) for key in ("labels", "annotations") if (said := getattr(request, key))}
                run.emit("run.started", task=call.task, pid=me.pid, born=me.born, file=request.invocation.plan.task.file, **origin)
                await self._prepare_recall(call)
                for text in request.notices:
                    run.notice(text)
                run.flush()
                outcome = await self._refused(run) or await self._perform(call)
                run.tasks.cancel_scope.cancel()
            if run.broken is not None:
                raise run.broken
        except Exception as ours:  # noqa: BLE001 - what a task does wrong never comes this way
            outcome = break_down(run, ours)
            await end_children(run.children)
        finally:
            status = outcome.status.value if outcome else "aborted"
            error = outcome.error._asdict() if outcome and outcome.error else None
            for text in request.parting:
                run.notice(text)
            run.emit("run.finished", status=status, seconds=time.monotonic() - began, error=error)
            del self._runs[name]
            self._pools.forget(run)
            self._servers.forget(run)
            self._besides.forget(run)
            if run.mask and (any(map(run.mask.holds, request.invocation.inputs.values())) or run.mask.tells(request.said())):
                run.recall.drop()  # which of them is a secret may have come to light only when a task asked for it
            run.close()
            with anyio.CancelScope(shield=True):
                await run.finish()
        assert outcome is not None  # else what ended the run has been raised
        if not self._runs:
            await self.memo.rest()
        return RunResult(name=name, folder=folder, outcome=outcome)

    def look(self, parent: Call, invocation: Invocation) -> Tried | None:
        """:return: what the store has for a call that a task makes, where that can be told at once"""
        if invocation.plan.cache.behavior == "disable" or invocation.plan.pod_template is not None:
            return None
        # Without its name, which is made while the task goes on with its answer.
        call = Call(parent.run, invocation, "", parent, parent.depth + 1, "", parent, parent.again)
        self.gate.enter(call)
        try:
            return at_once(self, call)
        finally:
            self.gate.leave(call)

    def found(self, parent: Call, invocation: Invocation, tried: Tried) -> None:
        """Take note of a call that a task made and that was answered at once."""
        self.memo.note(tried.key)
        tell_hit(self.accept(parent, invocation), tried)

    def accept(self, parent: Call, invocation: Invocation) -> Call:
        """Accept a call that a task made."""
        return self._call(parent.run, parent, invocation, parent)

    async def nested(self, call: Call, tried: Tried | None = None) -> tuple[Outcome, Mapping[str, Any]]:
        """Carry a call that a task made and that was accepted."""
        return await self._perform(call, tried), {}

    async def spawned(self, parent: Call, invocation: Invocation, options: Mapping[str, Any]) -> tuple[Outcome, Mapping[str, Any]]:
        """Carry a run that a task started: independent, with a name and folder of its own."""
        known = {field.name for field in fields(RunRequest)} - {"invocation", "surroundings"}
        chosen = {key: value for key, value in options.items() if key in known}
        try:
            # What started the run of its parent, and what an earlier run gave, are another run's; what the program is like has been said.
            own = {"name": "", "trigger": "", "recover": "", "force_rerun_actions": (), **chosen, "parting": ()}
            request = replace(parent.run.request, **{**own, "invocation": invocation})
            check_shape(request, "invocation", "surroundings", "notices")
            result = await self.run(request, parent=parent)
        except (BaseRuntimeError, TypeError, ValueError, OSError) as error:
            # Its name is taken, its folder cannot be made, or an option is what flyte.run itself would have refused.
            return failure(to_info(error, "")), {"name": "", "folder": ""}
        return result.outcome, {"name": result.name, "folder": result.folder}

    async def asked(self, call: Call, kind: str, data: Mapping[str, Any]) -> tuple[Outcome, Mapping[str, Any]]:
        """Answer what a task asks for that is no call."""
        try:
            return Outcome(status=Status.SUCCEEDED), await call.run.conditions.answer(call, kind, data)
        except (BaseRuntimeError, OSError) as error:
            return failure(to_info(error, "")._replace(platform=type(error).__name__)), {}

    def told(self, call: Call, kind: str, data: Mapping[str, Any]) -> None:
        """Pass a one-way note of a task on to the sinks."""
        if kind == "trace":
            call.run.traces.keep(call.action, data)
            note = {name: data[name] for name in _TRACE_FIELDS if name in data}
            call.run.emit("action.trace", str(data.get("action", "")), **note)
        elif kind == "report":
            call.run.emit("action.report", call.action, path=str(data.get("path", "")))
        elif kind == "notice":
            call.run.notice(str(data.get("text", "")))

    def refusal(self, call: Call) -> ErrorInfo | None:
        """:return: which limit the call is over, or ``None``"""
        return self.gate.refusal(call)

    async def admit(self, call: Call) -> Lease:
        """Wait until the run, the queue and the machine have room for the call, and the pool if it is to be had from one."""
        plan = call.invocation.plan
        is_pooled = plan.reuse is not None and self._inline is None
        return await self.gate.admit(call, await self._pools.find(call.run, plan) if is_pooled else None)

    def give_up(self, call: Call) -> None:
        """Stop importing the module of a call that may not wait for it any longer."""
        self._servers.give_up(call.invocation.plan)

    async def prepare(self, call: Call) -> None:
        """Have the call's image made, before anything is counted that it may take."""
        plan = call.invocation.plan
        if self._inline is None:
            await self._servers.prepare(call.run, plan)
        if plan.container_image is not None:
            await self._besides.prepare(call.run, plan)

    def beside(self, call: Call) -> Beside | None:
        """:return: the container that an attempt is to start, for a task that is one"""
        plan = call.invocation.plan
        return None if plan.container_image is None else self._besides.new(call.run, plan)

    async def take_child(self, call: Call) -> Worker:
        """:return: a process that has the call's code loaded and waits for its request"""
        launcher = self._inline or (self._servers if call.invocation.plan.reuse is None else self._pools)
        child: Worker = await launcher.take(call.run, call.invocation.plan)
        children = call.run.children
        children.add(child)
        child.when_gone(lambda: children.discard(child))
        if call.run.killed:
            child.signal(signal.SIGKILL)
        return child

    def folder_of(self, request: RunRequest) -> str:
        """:return: the folder of a run that is under way; empty if there is none"""
        return next((run.folder for run in self._runs.values() if run.request is request), "")

    def kill(self, request: RunRequest) -> None:
        """Kill every process of a run, and of the runs that its tasks started."""
        for run in self._runs.values():
            if run.origin is request:
                run.killed = True
                for child in tuple(run.children):
                    child.signal(signal.SIGKILL)

    def break_runs(self, error: Exception) -> None:
        """End every run because of an error of ours that has come up outside of all of them."""
        for run in self._runs.values():
            run.broken = run.broken or error
            run.tasks.cancel_scope.cancel()

    async def aclose(self) -> None:
        """End every process this engine started."""
        await self._pools.aclose()
        await self._servers.aclose()
        self.holding.close()
        self.memo.close()
        self.hub.close()
        leave(self._home)

    async def _perform(self, call: Call, tried: Tried | None = None) -> Outcome:
        """`perform`, with what a pod template says, and counted while it lasts."""
        if call.invocation.plan.pod_template is not None:
            call = replace(call, invocation=replace(call.invocation, plan=call.run.pods.apply(call.invocation.plan)))
        self.gate.enter(call)
        try:
            return await perform(self, call, tried)
        finally:
            self.gate.leave(call)

    def _call(self, run: RunState, parent: Call | None, invocation: Invocation, caller: Call | None) -> Call:
        digest = _digest(invocation.inputs, invocation.plan.cache.ignored_inputs)
        name = run.name_action(parent.action if parent else None, invocation, digest)
        again = caller is not None and caller.again
        return Call(run, invocation, name, parent, caller.depth + 1 if caller else 1, digest, caller, again)

    async def _refused(self, run: RunState) -> Outcome | None:
        """:return: how a run ends before it starts: where an image of its tasks cannot be had on this machine"""
        if self._inline is not None:
            return None
        try:
            for terms in run.request.images_needed:
                await self._servers.check_image(run, terms)
        except BaseRuntimeError as error:
            return failure(to_info(error, "")._replace(platform=type(error).__name__))
        return None

    async def _prepare_recall(self, root: Call) -> None:
        run, invocation = root.run, root.invocation
        run.recall.begin(invocation.plan.task, invocation.inputs, run.request.surroundings.sys_path, run.request.said())
        if run.request.recover:
            run.recalled = await anyio.to_thread.run_sync(recalled, run.request.recover)

    def _create_folder(self, request: RunRequest) -> tuple[str, str]:
        home = str(self.settings.home)
        while True:
            name = request.name or new_run_name()
            try:
                return name, create_run_folder(home, name)
            except FileExistsError as error:
                if request.name:
                    raise RuntimeUserError("RunAlreadyExistsError", str(error), "user") from None

    def _after_batch(self) -> None:
        for run in tuple(self._runs.values()):
            run.flush()


def _digest(inputs: Mapping[str, Packed], ignored: Collection[str]) -> str:
    """:return: a digest of the inputs as they were sent, by which an action is named; it reads no content, as the key of a cache does"""
    text = hashlib.sha256()
    for name, value in inputs.items():
        if name in ignored:
            continue
        text.update(name.encode())
        text.update(value.canonical or value.data)
        for ref in value.refs:
            text.update((f"given:{ref.hash}" if ref.hash else ref.path).encode("utf-8", "surrogateescape"))
    return text.hexdigest()
