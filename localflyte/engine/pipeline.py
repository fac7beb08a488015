"""Pipeline: one invocation's way, top to bottom. This is the page to read first."""

from __future__ import annotations

import os
import time

import anyio

from localflyte.engine.admission import Lease
from localflyte.engine.again import diverges
from localflyte.engine.attempt import Attempt
from localflyte.engine.call import Call
from localflyte.engine.host import Host
from localflyte.engine.overruns import deadline_passed
from localflyte.engine.overruns import queued_too_long
from localflyte.engine.overruns import ran_too_long
from localflyte.engine.secrecy import holds_secret
from localflyte.engine.secrecy import tells_secret
from localflyte.engine.tried import Tried
from localflyte.engine.tried import tell_queued
from localflyte.engine.verdict import failure
from localflyte.errors import BaseRuntimeError
from localflyte.images.recipe import wanted_terms
from localflyte.launch.child import Worker
from localflyte.runs.checkpoints import hand_over
from localflyte.runs.checkpoints import has_saved
from localflyte.spec.inline import breach
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.outcome import Outcome
from localflyte.spec.outcome import Status
from localflyte.store.memo import Found
from localflyte.wire.crossing import to_info

__all__ = ("at_once", "perform")


async def perform(host: Host, call: Call, tried: Tried | None = None) -> Outcome:
    """Carry one call from its acceptance to its one outcome.

    :param tried: what `at_once` has found out already
    """
    run = call.run
    began = time.monotonic()
    tell_queued(call)
    try:
        outcome = await _outcome(host, call, tried)
    except BaseRuntimeError as ours:  # raised by localflyte itself
        outcome = failure(to_info(ours, "")._replace(platform=type(ours).__name__))
    except BaseException:
        run.emit("action.finished", call.action, status="aborted", cached=False, attempts=0, seconds=time.monotonic() - began)
        raise
    finally:
        run.traces.forget(call.action)
    if outcome.error is None and not holds_secret(call, outcome.outputs):
        run.recall.keep(call.action, call.task, call.invocation.plan.body, outcome.outputs)
    error = outcome.error._asdict() if outcome.error else None
    run.emit(
        "action.finished",
        call.action,
        status=outcome.status.value,
        cached=outcome.cached,
        attempts=outcome.attempts,
        seconds=outcome.seconds or time.monotonic() - began,
        error=error,
    )
    return outcome


def at_once(host: Host, call: Call) -> Tried | None:
    """Look a call up that has entered and needs nothing that takes time: no task of the loop has to be made for a hit then.

    :return: what was found; ``None`` for a call that has to go the long way
    """
    cache, run = call.invocation.plan.cache, call.run
    if run.recalled is not None:
        return None
    if cache.behavior == "disable" or cache.serialize or run.mask or run.request.check_determinism:
        return None
    if any(value.refs for value in call.invocation.inputs.values()):
        return None
    if _refusal(host, call) is not None:
        return None
    key = host.memo.key_at_once(run, call.invocation)
    return None if key is None else Tried(key, host.memo.look(run, key))


async def _outcome(host: Host, call: Call, tried: Tried | None) -> Outcome:
    refused = _refusal(host, call)
    if refused is not None:
        return failure(refused)
    recovered = _recovered(call)
    if recovered is not None:
        return recovered
    bound = call.invocation.plan.timeout.deadline
    if bound is None:
        return await _answer(host, call, tried)
    with call.run.clocks.move_on_after(bound):  # it counts from here on: what waits for its turn, retries and pauses between them too
        return await _answer(host, call, tried)
    host.give_up(call)
    return failure(deadline_passed(call.invocation.plan))


def _recovered(call: Call) -> Outcome | None:
    """:return: what an earlier run has for the call, if this one recovers that"""
    run, plan = call.run, call.invocation.plan
    if run.recalled is None or call.parent is None or call.action in run.request.force_rerun_actions:
        return None
    outputs = run.recalled.find(call.action, call.task, plan.body)
    if outputs is None:
        return None
    run.emit("action.hit", call.action, key="", why=f"recovered from run {os.path.basename(run.request.recover)}")
    return Outcome(status=Status.SUCCEEDED, outputs=outputs, cached=True, attempts=0)


async def _answer(host: Host, call: Call, tried: Tried | None) -> Outcome:
    """Find the outcome in the store, or have it made and stored."""
    memo, run, invocation = host.memo, call.run, call.invocation
    if tried is None:
        may_store = invocation.plan.cache.behavior != "disable" and not tells_secret(call, invocation.inputs.values(), "input")
        key = await memo.key(run, invocation) if may_store else None
    else:
        key = tried.key
    if key is None:
        return await _attempts(host, call)
    if key.terms.serialize:
        run.flush()  # while it waits for another engine nothing may happen here that has this done
    async with memo.turn(run, key, call):  # with serialize: identical work waits for the one that does it
        is_checked = run.request.check_determinism and not call.again
        if is_checked:
            found = Found(why="every call that can be cached is carried twice" if run.request.explain else "")
        else:
            found = await memo.fetch(run, memo.look(run, key) if tried is None else tried.found, call.action)
        if found.outputs is not None:
            memo.note(key)
            run.emit("action.hit", call.action, key=key.digest, why=found.why)
            return Outcome(status=Status.SUCCEEDED, outputs=found.outputs, cached=True, attempts=0)
        run.emit("action.miss", call.action, key=key.digest, parts=key.parts, why=found.why)
        outcome = await _attempts(host, call)
        if outcome.status is not Status.SUCCEEDED or (is_checked and await diverges(host, call, outcome, perform)):
            return outcome
        if not tells_secret(call, outcome.outputs, "output"):
            with anyio.CancelScope(shield=True):
                outputs = await memo.commit(call.run, key, outcome.outputs, call.action, outcome.seconds)
            if outputs is not None:
                call.run.emit("action.stored", call.action, key=key.digest)
        return outcome


async def _go_on(call: Call) -> None:
    """Have the first attempt find the checkpoint that the call left in the run that this one recovers."""
    run, recovered = call.run, call.run.request.recover
    if run.recalled is None or call.action in run.request.force_rerun_actions or not has_saved(recovered, call.action):
        return
    if call.parent is None and not run.recalled.is_asked_with(call.invocation.inputs):
        return  # the name of every other action says that its inputs are the same
    name = os.path.basename(recovered)
    try:
        if await anyio.to_thread.run_sync(hand_over, recovered, run.folder, call.action):
            run.notice(f"{call.task} is given the checkpoint that it left in run {name}")
    except OSError as error:
        run.notice(f"the checkpoint that {call.task} left in run {name} cannot be had ({error}); it begins without")


async def _attempts(host: Host, call: Call) -> Outcome:
    """Run attempts until one succeeds, a failure is final, or the retries are used up."""
    terms = call.invocation.plan.retries
    number = lost = 0
    if wanted_terms(call.invocation.plan.image, call.run.request.images) is not None or call.invocation.plan.container_image is not None:
        await host.prepare(call)
    await _go_on(call)
    while True:
        outcome, was_lost = await _attempt(host, call, number)
        error = outcome.error
        failures = number - lost
        if error is None or not error.recoverable:
            return outcome
        if was_lost and lost < host.settings.system_retries:
            lost += 1  # nobody's fault, so it takes nothing from what the task may try
            delay = 0.0
        elif failures < terms.count:
            delay = terms.base * terms.factor**failures
            delay = min(delay, terms.cap) if terms.cap is not None else delay
        else:
            return outcome
        call.run.emit("action.retrying", call.action, attempt=number, delay=delay)
        await anyio.sleep(delay)
        number += 1


async def _attempt(host: Host, call: Call, number: int) -> tuple[Outcome, bool]:
    """Run one attempt, once there is room for it.

    :return: its outcome, and whether it was lost through no fault of the task
    """
    plan = call.invocation.plan
    lease = await _admitted(host, call)
    if lease is None:
        return failure(queued_too_long(plan), number), False
    try:
        child = await _child(host, call)
    except BaseException:
        lease.release()
        raise
    if child is None:
        lease.release()
        host.give_up(call)
        return failure(ran_too_long(plan), number + 1, plan.timeout.max_runtime or 0.0), False
    outcome = await Attempt(host, call, number, lease).run(child)
    return outcome, child.lost


async def _child(host: Host, call: Call) -> Worker | None:
    """:return: a process for an attempt, or ``None`` if importing its module, which is part of running it, took too long"""
    bound = call.invocation.plan.timeout.max_runtime
    if bound is None:
        return await host.take_child(call)
    with call.run.clocks.move_on_after(bound):
        return await host.take_child(call)
    return None


async def _admitted(host: Host, call: Call) -> Lease | None:
    """:return: a share of the machine, or ``None`` if the task may not wait for it any longer"""
    bound = call.invocation.plan.timeout.max_queued_time
    if bound is None:
        return await host.admit(call)
    with call.run.clocks.move_on_after(bound):
        return await host.admit(call)
    return None


def _refusal(host: Host, call: Call) -> ErrorInfo | None:
    """:return: why the call must not even begin, or ``None``"""
    plan = call.invocation.plan
    if (refused := host.refusal(call)) is not None:
        return refused
    if plan.pod_template is not None and (refused := call.run.pods.refusal(plan)) is not None:
        return refused
    return breach(call.task, "inputs", call.invocation.inputs.items(), plan.max_inline_io_bytes)
