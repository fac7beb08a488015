"""Again: a call carried a second time, to see whether the same comes out. What is cached should not depend on which run came first."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import replace

from localflyte.engine.call import Call
from localflyte.engine.host import Host
from localflyte.spec.outcome import Outcome
from localflyte.spec.plan import CacheTerms

__all__ = ("diverges",)


async def diverges(host: Host, call: Call, first: Outcome, perform: Callable[[Host, Call], Awaitable[Outcome]]) -> bool:
    """Carry a call that has succeeded once more, as an action of its own, and compare what comes out.

    What it calls is carried once: for that the store has the results of the first time.

    :param perform: carries a call
    :return: whether it comes to something else; then that is said
    """
    plan = replace(call.invocation.plan, cache=CacheTerms())
    second = await perform(host, replace(call, action=f"{call.action}-again", invocation=replace(call.invocation, plan=plan), again=True))
    if second.error is not None:
        what = f"succeeds once and fails the next time ({second.error.code})"
        names: list[str] = []
    else:
        try:
            before, after = await host.memo.digests(first.outputs), await host.memo.digests(second.outputs)
        except OSError as error:
            call.run.notice(f"whether {call.task} is deterministic cannot be told: {error}")
            return False
        names = [name for name, one, other in zip(plan.outputs, before, after, strict=True) if one != other]
        if not names:
            return False
        what = f"gives another {' and '.join(names)} the second time"
    call.run.emit("action.diverged", call.action, task=call.task, outputs=names)
    call.run.notice(
        f"{call.task} {what}, with the same inputs: its result is not stored. Have it take the time, seeds of random numbers and what else "
        f"may change as inputs, and sort what comes from sets; or do not cache it"
    )
    return True
