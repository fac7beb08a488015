"""Gate: what stands between a call and its first process: the limits that refuse it, its queue, and its share of the machine."""

from __future__ import annotations

import os

from localflyte.engine.admission import Amounts
from localflyte.engine.admission import Claim
from localflyte.engine.admission import Lease
from localflyte.engine.admission import Ledger
from localflyte.engine.admission import Slots
from localflyte.engine.call import Call
from localflyte.engine.queues import Queue
from localflyte.engine.queues import Queues
from localflyte.engine.queues import how_to_declare
from localflyte.errors import RuntimeUserError
from localflyte.launch.gpus import visible_gpus
from localflyte.launch.machine import usable_cores
from localflyte.launch.machine import usable_memory
from localflyte.launch.pools import Pool
from localflyte.observe.text import size
from localflyte.settings import Settings
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.plan import ResourceTerms

__all__ = ("Gate",)


class Gate:
    """What all runs of an engine go through. A call enters it once, is admitted for each of its attempts, and leaves it once."""

    def __init__(self, settings: Settings) -> None:
        gpus = _gpu_names(settings.gpus)
        total = Amounts(settings.cpu or usable_cores(), settings.memory or usable_memory(), len(gpus))
        self.ledger = Ledger(total, _core_numbers(), gpus)
        self.queues = Queues(settings.queues)
        self._settings = settings
        self._undeclared = Amounts(min(settings.default_cpu, total.cpu))
        #: of calls that declare nothing, by depth
        self._claims: dict[int, Claim] = {}

    def enter(self, call: Call) -> None:
        """Count a call that was accepted."""
        call.run.in_flight += 1
        queue = self._queue(call)
        if queue is not None:
            queue.accepted += 1

    def leave(self, call: Call) -> None:
        """Count it no longer."""
        call.run.in_flight -= 1
        queue = self._queue(call)
        if queue is not None:
            queue.accepted -= 1

    def refusal(self, call: Call) -> ErrorInfo | None:
        """:return: which limit the call, which has entered, is over, or ``None``"""
        settings = self._settings
        if call.depth > settings.max_depth:
            return _refused(
                "DepthLimitError",
                f"Task {call.task} is called {call.depth} levels deep, over the limit of {settings.max_depth}. If this is no endless "
                f"recursion, raise max_depth: LOCALFLYTE_MAX_DEPTH or [tool.localflyte] max_depth.",
            )
        if call.run.in_flight > settings.max_in_flight:
            return _refused(
                "InFlightLimitError",
                f"Task {call.task} is called while {settings.max_in_flight} calls of run {call.run.name} are under way or waiting, "
                f"which is the limit. If this is no endless fan-out, await some of them first, as flyte.map(..., concurrency=...) does, "
                f"or raise max_in_flight: LOCALFLYTE_MAX_IN_FLIGHT or [tool.localflyte] max_in_flight.",
            )
        queue = self._queue(call)
        if queue is not None and queue.max_depth is not None and queue.accepted > queue.max_depth:
            return _refused(
                "QueueFullError",
                f"RESOURCE_EXHAUSTED: queue {queue.name!r} holds {queue.max_depth} tasks that run or wait, which is its max_depth, so task "
                f"{call.task} is refused. Call it again when some have ended, or raise max_depth of {queue.name!r} in "
                f"[tool.localflyte.queues].",
            )
        return None

    async def admit(self, call: Call, pool: Pool | None = None) -> Lease:
        """Wait until the run, the queue and the machine have room for the call, all three at once, and the pool too.

        :param pool: of the replicas that it is to run in, if it is
        :raises RuntimeUserError: under `strict`, if it cannot have what it asks for
        """
        claim = self._claim(call)
        if pool is not None:
            claim = _shared(claim, pool)
        lease = await self.ledger.acquire(claim, call, call.caller)
        if lease.borrowed:
            try:
                self._give_less(call, _BORROWED.format(task=call.task, what=_described(lease.claim.amounts)), "", _BORROWED_WAY_OUT)
            except BaseException:
                lease.release()
                raise
        return lease

    def _claim(self, call: Call) -> Claim:
        plan, run = call.invocation.plan, call.run
        resources = plan.resources
        amounts, pinned = self._undeclared, False
        if resources.cpu is not None or resources.memory is not None or resources.gpu:
            amounts = self._amounts(call, resources)
            pinned = self._wants_whole_cores(resources, amounts.cpu)
        if not plan.queue:
            if amounts is self._undeclared and not run.slots:
                return self._plain(call.depth)
            return Claim(amounts, run.slots, (), 0, call.depth, pinned)
        queue = self.queues.find(plan.queue)
        if queue is None:
            run.notice(
                f"queue {plan.queue!r} is not declared, so as many of its tasks run at once as the machine has room for; to limit it, "
                f"write {how_to_declare(plan.queue)}"
            )
            return Claim(amounts, run.slots, (), 0, call.depth, pinned)
        # What a task starts belongs to the run that it is in: else that would wait for its own place.
        kept = queue.run_slots if call.depth == 1 else ()
        return Claim(amounts, (*run.slots, *queue.slots), kept, queue.priority, call.depth, pinned)

    def _plain(self, depth: int) -> Claim:
        """:return: the claim of a call that declares nothing, as most do: one for all of them"""
        claim = self._claims.get(depth)
        if claim is None:
            claim = self._claims[depth] = Claim(self._undeclared, depth=depth)
        return claim

    def _amounts(self, call: Call, resources: ResourceTerms) -> Amounts:
        """:return: what the call asks for, or all there is of it"""
        total = self.ledger.total
        cpu = self._undeclared.cpu if resources.cpu is None else resources.cpu
        memory = resources.memory or 0
        gpus = resources.gpu
        if cpu > total.cpu:
            self._give_less(
                call, f"{call.task} asks for {cpu:g} CPUs and this machine has {total.cpu:g}", "it gets all of them", _way("cpu")
            )
            cpu = total.cpu
        if memory > total.memory:
            asked = f"{call.task} asks for {size(memory)} of memory and this machine has {size(total.memory)}"
            self._give_less(call, asked, "it is admitted when all of it is free", _way("memory"))
            memory = total.memory
        if gpus > total.gpus:
            kind = f"{gpus} GPU{'s' if gpus > 1 else ''}{f' ({resources.gpu_device})' if resources.gpu_device else ''}"
            asked = f"{call.task} asks for {kind} and this machine has {total.gpus or 'none'}"
            self._give_less(call, asked, "it gets all of them" if total.gpus else "it runs on the CPU", _way("gpus"))
            gpus = total.gpus
        return Amounts(cpu, memory, gpus)

    def _wants_whole_cores(self, resources: ResourceTerms, cpu: float) -> bool:
        if resources.cpu is None or cpu < 1 or cpu != int(cpu):
            return False
        if resources.cpu_limit is None:
            return self._settings.cpu_requests == "enforce"
        return resources.cpu_limit <= resources.cpu  # else it may use more than it asks for

    def _give_less(self, call: Call, asked: str, instead: str, way_out: str) -> None:
        if self._settings.strict:
            leave = "or leave strict off (LOCALFLYTE_STRICT, [tool.localflyte] strict) to run it all the same"
            raise RuntimeUserError("ResourceLimitError", f"{asked}. {way_out}, {leave}.")
        call.run.notice(f"{asked}: {instead}" if instead else asked)

    def _queue(self, call: Call) -> Queue | None:
        name = call.invocation.plan.queue
        return self.queues.find(name) if name else None


_BORROWED = (
    "{task} asks for {what}, which tasks that wait for others hold; it runs beside them, or nothing would go on "
    "(a task that awaits others keeps its memory and its GPUs)"
)
_BORROWED_WAY_OUT = "Let the tasks that wait ask for less, or raise the budget (LOCALFLYTE_MEMORY, LOCALFLYTE_GPUS)"


def _way(what: str) -> str:
    return f"Ask for less, raise the budget (LOCALFLYTE_{what.upper()}, [tool.localflyte] {what})"


def _described(amounts: Amounts) -> str:
    parts = [f"{size(amounts.memory)} of memory"] if amounts.memory else []
    if amounts.gpus:
        parts.append(f"{amounts.gpus} GPU{'s' if amounts.gpus > 1 else ''}")
    return " and ".join(parts)


def _shared(claim: Claim, pool: Pool) -> Claim:
    """:return: a claim to a place in a pool, and to the call's part of what was declared for a whole replica"""
    if pool.slots is None:
        pool.slots = Slots(pool.capacity)
    among = pool.terms.concurrency
    cpu, memory, gpus = claim.amounts
    part = Amounts(cpu / among, memory // among, gpus)
    return claim._replace(amounts=part, slots=(*claim.slots, pool.slots), pinned=claim.pinned and among == 1)


def _refused(code: str, message: str) -> ErrorInfo:
    return ErrorInfo("user", code, message, "system", "", False)


def _core_numbers() -> list[int]:
    try:
        return sorted(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return list(range(os.cpu_count() or 1))


def _gpu_names(count: int | None) -> tuple[str, ...]:
    """:param count: how many to hand out, whatever the machine shows; ``None``: what it shows"""
    shown = visible_gpus()
    if count is None:
        return shown
    return (*shown, *(str(number) for number in range(len(shown), count)))[:count]
