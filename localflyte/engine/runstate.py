"""RunState: one run while it is under way: its folder, its sinks, its clock, and the names it has given."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import anyio.to_thread
from msgpack import packb

from localflyte.engine.admission import Slots
from localflyte.engine.clocks import Clocks
from localflyte.engine.conditions import Conditions
from localflyte.engine.counts import Counts
from localflyte.engine.pods import Pods
from localflyte.engine.records import Records
from localflyte.engine.traces import Traces
from localflyte.observe.mask import SHORTEST
from localflyte.observe.mask import Mask
from localflyte.runs.names import ROOT_ACTION
from localflyte.runs.names import action_name
from localflyte.runs.recall import Recall
from localflyte.runs.recall import Recalled
from localflyte.spec.event import Event
from localflyte.spec.invocation import Invocation
from localflyte.spec.plan import Plan
from localflyte.spec.run import RunRequest
from localflyte.wire.messages import plan_from_wire

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from localflyte.launch.child import Worker

__all__ = ("RunState", "Sink")

Sink = Callable[[Event], None]

MOST_PLANS = 1000  # that are remembered; a task that overrides something else in each of its calls sends one with each


class RunState:
    """:param sinks: called with each event in turn; one that fails is reported once and set aside"""

    def __init__(self, request: RunRequest, name: str, folder: str, sinks: Sequence[Sink], origin: RunRequest) -> None:
        self.request = request
        #: the request of the run that this process waits for: its own, or that of the run whose task started it
        self.origin = origin
        #: the processes at work for it
        self.children: set[Worker] = set()
        #: an error of localflyte itself that ends the run
        self.broken: Exception | None = None
        #: whether what is at work for it is killed instead of asked
        self.killed = False
        self.name = name
        self.folder = folder
        #: the group that every nested call of the run lives in
        self.tasks: TaskGroup
        #: what pod templates say, for the plans that ask for one
        self.pods: Pods
        self.started = request.run_start_time or time.time()
        named = {"FLYTE_INTERNAL_EXECUTION_PROJECT": request.project, "FLYTE_INTERNAL_EXECUTION_DOMAIN": request.domain}
        #: variables that every attempt of the run is given
        self.env = {name: value for name, value in named.items() if value}
        self.unflushed = False
        limit = request.max_action_concurrency
        #: the places that `max_action_concurrency` allows; a parent that waits for others takes none
        self.slots = (Slots(limit),) if limit else ()
        #: calls that are accepted and not finished
        self.in_flight = 0
        #: what it keeps to be run again from
        self.recall = Recall(folder, self.notice)
        #: what an earlier run has kept that this one recovers
        self.recalled: Recalled | None = None
        #: what its tasks ask people
        self.conditions = Conditions(folder)
        #: what its tasks log
        self.records = Records(name, self.emit, self.notice, self._beginning)
        #: what bounds the time of its calls
        self.clocks = Clocks()
        #: what traced calls of actions that are under way gave, for their next attempts
        self.traces = Traces()
        #: hides secrets; the engine puts the one of all its runs here
        self.mask = Mask()
        self._sinks = list(sinks)
        self._calls = Counts()
        self._plans: dict[bytes, Plan] = {}
        self._said: set[str] = set()

    def add_sink(self, sink: Sink) -> None:
        """Have one more sink told of what happens from now on."""
        self._sinks.append(sink)

    def emit(self, kind: str, action: str = "", **data: Any) -> None:
        """Tell every sink of one event."""
        event = Event(kind, self.name, action, time.time(), data)
        self.unflushed = True
        if not self.mask:
            self._tell(event)
            return
        for masked in self.mask.events(event, self.folder):
            self._tell(masked)

    def notice(self, text: str) -> None:
        """Say something to the person, once a run."""
        if text not in self._said:
            self._said.add(text)
            self.emit("notice", text=text)
            self.flush()  # it may be about a wait that has just begun

    def hide(self, name: str, value: str) -> None:
        """Hide the value of a secret from now on in everything that the run tells.

        :param name: how to call the secret in front of people
        """
        if not self.mask.add(value):
            self.notice(
                f"the secret {name} has fewer than {SHORTEST} characters and is not hidden in logs: it would hide innocent words too"
            )

    def flush(self) -> None:
        """Let sinks write down what they were told, so that a killed engine loses nothing."""
        if not self.unflushed:
            return
        self.unflushed = False
        self.recall.flush()
        for sink in tuple(self._sinks):
            flush = getattr(sink, "flush", None)
            if flush is not None:
                try:
                    flush()
                except Exception as error:  # noqa: BLE001
                    self._set_aside(sink, error)

    def close(self) -> None:
        """Flush and close every sink."""
        self.conditions.close()
        self.recall.close()
        self.flush()
        for sink in tuple(self._sinks):
            close = getattr(sink, "close", None)
            if close is not None:
                try:
                    close()
                except Exception as error:  # noqa: BLE001
                    self._set_aside(sink, error)

    async def finish(self) -> None:
        """Have sinks do what takes long at the end, in a thread: other runs go on meanwhile. What they give back is said."""
        for sink in tuple(self._sinks):
            finish = getattr(sink, "finish", None)
            if finish is not None:
                try:
                    text = await anyio.to_thread.run_sync(finish)
                except Exception as error:  # noqa: BLE001
                    self._set_aside(sink, error)
                else:
                    if text:
                        self.notice(text)

    def name_action(self, parent: str | None, invocation: Invocation, digest: str) -> str:
        """Name a call so that it has the same name whatever order things happen in.

        :param parent: the name of the action that makes it
        :param digest: of the inputs
        """
        if parent is None:
            return ROOT_ACTION
        task = invocation.plan.task.name
        seq = self._calls.count((parent, task, digest, invocation.group))
        return action_name(parent, task, digest, seq, invocation.group)

    def read_plan(self, row: Any) -> Plan:
        """Read a plan that a task sent. Equal plans become one: a thousand parents that call the same task send it a thousand times.

        :raises ProtocolError: if it is no plan
        """
        key = packb(row)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = plan_from_wire(row)
        return plan

    def _beginning(self, text: str) -> str:
        return self.mask.beginning(text)  # the mask is replaced by the one of all runs

    def _tell(self, event: Event) -> None:
        for sink in tuple(self._sinks):
            try:
                sink(event)
            except Exception as error:  # noqa: BLE001 - whatever a sink raises, it must not reach a task
                self._set_aside(sink, error)

    def _set_aside(self, sink: Sink, error: Exception) -> None:
        self._sinks.remove(sink)
        self.notice(f"{getattr(sink, 'name', type(sink).__name__)} failed and is set aside for this run: {type(error).__name__}: {error}")
