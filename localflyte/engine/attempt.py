"""Attempt: one process at work on one call. It listens to the child, starts what the child asks for, and ends what is left."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import anyio

from localflyte.engine.admission import Lease
from localflyte.engine.call import Call
from localflyte.engine.host import Host
from localflyte.engine.overruns import machine_ran_out
from localflyte.engine.overruns import over_limit
from localflyte.engine.overruns import ran_too_long
from localflyte.engine.secrecy import afterwards
from localflyte.engine.staging import is_seen
from localflyte.engine.staging import stage
from localflyte.engine.verdict import breaks_protocol
from localflyte.engine.verdict import failure
from localflyte.engine.verdict import judge
from localflyte.errors import ProtocolError
from localflyte.launch.child import Worker
from localflyte.launch.watch import Guard
from localflyte.runs.checkpoints import BEFORE
from localflyte.runs.checkpoints import CHECKPOINTS
from localflyte.spec.invocation import Invocation
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.outcome import Outcome
from localflyte.spec.packed import Packed
from localflyte.spec.plan import Plan
from localflyte.wire.messages import inputs_from_wire
from localflyte.wire.messages import task_to_wire
from localflyte.wire.shapes import is_text_by_text

__all__ = ("Attempt",)

MOST_CALLS = 10_000  # of one task at once; its link keeps back what is beyond 1,000, and calls it gave up may take a while to end


class Attempt:
    def __init__(self, host: Host, call: Call, number: int, lease: Lease) -> None:
        self.call = call
        self.number = number
        self._host = host
        self._lease = lease
        self._plans: dict[int, Plan] = {}
        self._calls: dict[int, anyio.CancelScope] = {}
        self._idle: anyio.Event | None = None
        self._guard: Guard | None = None
        self._beside = host.beside(call)
        self._is_paused = False
        self._stages = 0

    async def run(self, child: Worker) -> Outcome:
        """Give the child its request and wait for its end, or for ours.

        The lease goes back when the process and all it started are gone, which may be a little after the outcome.
        """
        run, action = self.call.run, self.call.action
        began = time.monotonic()
        run.emit("attempt.started", action, attempt=self.number, pid=child.pid)
        child.when_gone(self._lease.release)
        try:
            self._guard, env = self._host.holding.hold(self.call, self.number, child, self._lease)
            inputs = self.call.invocation.inputs
            child.begin(self, self._request(env, dict(zip(inputs, await self._shown(child, tuple(inputs.values())), strict=True))))
            in_time = await self._in_time(child)
            seconds = time.monotonic() - began
            if not in_time:
                await self._stop(child)
            outcome = afterwards(self.call, self._judge(child, in_time, seconds), self._host.settings)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stop(child)
                await self._end_beside(child)
                self._emit_end(child, "aborted", time.monotonic() - began, None)
            raise
        with anyio.CancelScope(shield=True):
            await self._end_beside(child)
            if self._calls:
                await self._end_calls()
        self._emit_end(child, outcome.status.value, seconds, outcome.error)
        return outcome

    async def _in_time(self, child: Worker) -> bool:
        """Wait for the child's reply or its end, no longer than the task may run.

        :return: whether it came in time
        """
        bound = self.call.invocation.plan.timeout.max_runtime
        if bound is None:
            await child.settled.wait()
            return True
        with self.call.run.clocks.move_on_after(bound):
            await child.settled.wait()
        return child.settled.is_set()

    def _judge(self, child: Worker, in_time: bool, seconds: float) -> Outcome:
        plan, tries = self.call.invocation.plan, self.number + 1
        if not in_time:
            return failure(ran_too_long(plan), tries, seconds)
        breach = self._guard.verdict() if self._guard is not None and child.reply is None else None
        if breach is not None:
            if breach.by == "kernel":
                self._host.holding.machine_ran_out()  # that kill is accounted for: the next unexplained one is not it
            return failure(over_limit(plan, breach), tries, seconds)
        is_killed = child.reply is None and child.exit is not None and child.exit.status == signal.SIGKILL
        if is_killed and not breaks_protocol(child):  # that one we end ourselves
            if self._host.holding.machine_ran_out():
                return failure(machine_ran_out(plan), tries, seconds)
            child.lost = True  # somebody outside did it
        return judge(child, self.call.task, tries, seconds)

    def _emit_end(self, child: Worker, status: str, seconds: float, error: ErrorInfo | None) -> None:
        """Tell how the attempt ended, and what it used: as it says itself, or else as it was seen from outside."""
        reply, exit = child.reply, child.exit
        cpu = reply.cpu if reply is not None else sum(exit.cpu) if exit is not None else None
        peak = reply.peak if reply is not None else self._guard.peak if self._guard is not None else None
        said = {"code": error.code, "message": error.message} if error is not None else None
        self._pause(False)
        self.call.run.conditions.leave(self.call.action)
        self.call.run.emit(
            "attempt.ended",
            self.call.action,
            attempt=self.number,
            status=status,
            seconds=seconds,
            cpu_seconds=cpu,
            peak_memory=peak or None,
            error=said,
        )

    def on_message(self, child: Worker, message: list[Any]) -> None:
        """Take what the child asks for while it works."""
        match message:
            case ["plan", int(number), row]:
                self._plans[number] = self.call.run.read_plan(row)
            case ["call", int(number), int(plan), inputs, str(group), dict(context)]:
                invocation = self._invocation(plan, inputs, group, context)
                self._call(child, number, invocation)
            case ["run", int(number), int(plan), inputs, str(group), dict(context), dict(options)]:
                invocation = self._invocation(plan, inputs, group, context)
                self._begin(child, number, self._host.spawned(self.call, invocation, options))
            case ["ask", int(number), str(kind), dict(data)]:
                self._begin(child, number, self._host.asked(self.call, kind, data))
            case ["cancel", int(number)]:
                scope = self._calls.get(number)
                if scope is not None:
                    scope.cancel()
            case ["tell", ("paused" | "resumed") as kind, dict(data)]:
                self._pause(kind == "paused", str(data.get("where", "")))
            case ["tell", "record", dict(data)]:
                self.call.run.records.take(self.call.task, self.call.action, self.number, data)
            case ["tell", str(kind), dict(data)]:
                self._host.told(self.call, kind, data)
            case _:
                raise ProtocolError(f"unknown message {message[0]!r}")

    def on_output(self, stream: str, data: bytes) -> None:
        """Pass on what the task prints."""
        self.call.run.emit("log", self.call.action, attempt=self.number, stream=stream, data=data)

    def _pause(self, is_paused: bool, where: str = "") -> None:
        """Have the clocks of the run stand still while a person looks into the task, or go on."""
        if is_paused == self._is_paused:
            return
        self._is_paused = is_paused
        clocks, kind = self.call.run.clocks, "paused" if is_paused else "resumed"
        clocks.hold() if is_paused else clocks.resume()
        self.call.run.emit(f"attempt.{kind}", self.call.action, attempt=self.number, where=where)

    # -- nested calls -------------------------------------------------------------------------------------------

    def _invocation(self, plan: int, inputs: Any, group: str, context: dict[str, str]) -> Invocation:
        if plan not in self._plans:
            raise ProtocolError(f"a call names plan {plan}, which was never sent")
        if not is_text_by_text(context):
            raise ProtocolError("a call's custom context is no mapping of texts to texts")
        return Invocation(plan=self._plans[plan], inputs=inputs_from_wire(inputs), group=group, custom_context=context)

    def _call(self, child: Worker, number: int, invocation: Invocation) -> None:
        try:
            tried = self._host.look(self.call, invocation)
            if tried is not None and tried.found.outputs is not None and is_seen(tried.found.outputs, child.sees):
                child.send("result", number, True, tried.found.outputs, {})
                self._host.found(self.call, invocation, tried)  # after that, while the task goes on
                return
            work = self._host.nested(self._host.accept(self.call, invocation), tried)
        except Exception as ours:  # noqa: BLE001 - of localflyte, not of what the worker sent: it ends the run as such
            work = _raise(ours)
        self._begin(child, number, work)

    def _begin(self, child: Worker, number: int, work: Any) -> None:
        if number in self._calls:
            work.close()
            raise ProtocolError(f"call {number} was made twice")
        if len(self._calls) >= MOST_CALLS:
            work.close()
            raise ProtocolError(f"{MOST_CALLS} calls are under way, and a worker makes no more at once")
        if not self._calls:
            self._lease.pause()  # while it waits for others, others may have its cores
        self._calls[number] = anyio.CancelScope()
        self.call.run.tasks.start_soon(self._serve, child, number, work, name=number)

    async def _serve(self, child: Worker, number: int, work: Any) -> None:
        answer: tuple[Any, ...] | None = None
        try:
            with self._calls[number]:
                outcome, extra = await work
                ok = outcome.error is None
                answer = (number, ok, await self._shown(child, outcome.outputs) if ok else outcome.error, extra)
        finally:
            del self._calls[number]
            if not self._calls:
                if self._idle is not None:
                    self._idle.set()
                if child.reply is None and child.exit is None:
                    self._lease.resume()
        if answer is not None:
            child.send("result", *answer)

    async def _end_calls(self) -> None:
        """A task that ended no longer wants what it called for and did not wait for."""
        for scope in tuple(self._calls.values()):
            scope.cancel()
        while self._calls:
            self._idle = anyio.Event()
            await self._idle.wait()

    # -- the end ------------------------------------------------------------------------------------------------

    async def _stop(self, child: Worker) -> None:
        """Ask, then insist: SIGTERM to the whole group, and after the grace SIGKILL. What it called for goes first."""
        for scope in tuple(self._calls.values()):
            scope.cancel()
        if self._guard is not None:
            self._guard.loosen()  # what is held still could not hear us
        child.signal(signal.SIGTERM)
        own = self.call.invocation.plan.grace_seconds
        with anyio.move_on_after(self._host.settings.grace_seconds if own is None else own):
            await child.wait_gone()
        if child.exit is None:
            await self._end_beside(child)
            child.signal(signal.SIGKILL)
            with anyio.move_on_after(self._host.settings.grace_seconds):
                await child.wait_gone()
        await self._end_calls()

    async def _end_beside(self, child: Worker) -> None:
        """Remove the container that the child started, unless it did so itself before it replied."""
        if self._beside is not None and child.reply is None:
            await self._beside.end()

    async def _shown(self, child: Worker, values: Sequence[Packed]) -> Sequence[Packed]:
        """:return: the values, with what they point at where the child sees it"""
        if child.sees is None or is_seen(values, child.sees):
            return values
        self._stages += 1
        folder = f"{self.call.run.folder}/staged/{self.call.action}-{self.number}-{self._stages}"
        return await stage(values, child.sees, folder)

    def _request(self, env: dict[str, str], inputs: Mapping[str, Packed]) -> dict[str, Any]:
        call, run = self.call, self.call.run
        plan, request = call.invocation.plan, run.request
        folder = request.raw_data_path or f"{run.folder}/data"
        traces = {"traces": run.traces.of(call.action)} if self.number else {}
        env = {"FLYTE_ATTEMPT_NUMBER": str(self.number), "RUN_NAME": run.name, "ACTION_NAME": call.action, **run.env, **env}
        recovers = {} if run.recalled is None else {"recovers": BEFORE}
        beside = {} if self._beside is None else {"container": self._beside.terms_with(tuple(env))}
        return {
            **traces,
            **recovers,
            **beside,
            "task": task_to_wire(plan.task),
            "inputs": inputs,
            "env": env,
            "run": run.name,
            "action": call.action,
            "custom_context": dict(call.invocation.custom_context),
            "run_start_time": run.started,
            "version": plan.cache.version,
            "raw_data_path": f"{folder}/{call.action}",
            "output_path": f"{run.folder}/outputs/{call.action}",
            "attempt": self.number,
            "checkpoint_path": f"{run.folder}/{CHECKPOINTS}/{call.action}",
            "run_base_dir": run.folder,
            "project": request.project,
            "domain": request.domain,
            "interactive_mode": request.interactive,
            "run_options": request.options,
            "disable_run_cache": request.disable_run_cache,
            "report": plan.report,
            "max_inline_io_bytes": plan.max_inline_io_bytes,
        }


async def _raise(error: Exception) -> Any:
    raise error
