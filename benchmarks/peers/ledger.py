"""What a call pays for its share of the machine: through the gate and back, alone, and with a thousand others in the line."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import pairwise
from time import perf_counter
from types import SimpleNamespace

from localflyte.engine.call import Call
from localflyte.engine.gate import Gate
from localflyte.settings import Settings
from localflyte.spec.invocation import Invocation
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.plan import TaskRef
from localflyte.spec.queue import QueueTerms

IN_LINE = 1000
SETTINGS = Settings(cpu=4, memory=8 << 30, gpus=2, queues={"q": QueueTerms(concurrency=8, priority=1)})
DECLARED = {"resources": ResourceTerms(cpu=1.0, memory=1 << 30, gpu=1), "queue": "q"}


def calls(count: int, **declared: object) -> list[Call]:
    """Make calls as a run has accepted them."""
    plan = Plan(task=TaskRef(name="env.task"), environment="env", short_name="task", interface="()", **declared)
    run = SimpleNamespace(slots=(), notice=print)
    return [Call(run, Invocation(plan=plan, inputs={}), f"a{number}", None, 1, "") for number in range(count)]


async def alone(count: int, **declared: object) -> list[float]:
    """Take a share and give it back, with nobody else there."""
    gate, seconds = Gate(SETTINGS), []
    for call in calls(count, **declared):
        start = perf_counter()
        (await gate.admit(call)).release()
        seconds.append(perf_counter() - start)
    return seconds


async def in_line(count: int) -> list[float]:
    """Have a thousand calls wait at any time, of two kinds; seconds from the end of one to the end of the next."""
    gate, ends = Gate(SETTINGS), []
    waiting = iter([call for pair in zip(calls(count), calls(count, **DECLARED), strict=True) for call in pair][: count + IN_LINE])

    async def work() -> None:
        for call in waiting:
            (await gate.admit(call)).release()
            ends.append(perf_counter())
            await asyncio.sleep(0)

    await asyncio.gather(*[work() for _ in range(IN_LINE)])
    return [after - before for before, after in pairwise(ends)]


WORK = {
    "ledger": alone,
    "ledger_declared": lambda count: alone(count, **DECLARED),
    "ledger_line": in_line,
}


def main() -> None:
    """Measure what the command line names, so often."""
    print(json.dumps(asyncio.run(WORK[sys.argv[1]](int(sys.argv[2])))))


if __name__ == "__main__":
    main()
