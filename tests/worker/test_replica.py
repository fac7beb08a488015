"""A replica serves what comes, one request after the other or several at once, and ends in order when its link is closed."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import localflyte as flyte
from localflyte import errors
from localflyte.api.resolve import invocation_for
from localflyte.types.interface import Interface
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.wire.messages import error_from_wire
from localflyte.wire.messages import outputs_from_wire
from localflyte.wire.messages import task_to_wire
from localflyte.worker.gauge import Gauge
from localflyte.worker.link import EngineGoneError
from localflyte.worker.link import Link
from localflyte.worker.replica import Replica
from localflyte.worker.replicalink import ReplicaLink
from localflyte.worker.replicalink import serving
from tests.worker.fake_engine import FakeEngine
from tests.worker.fake_engine import answer
from tests.worker.fake_engine import call_of
from tests.worker.fake_engine import plan_of

env = flyte.TaskEnvironment("replicated", reusable=flyte.ReusePolicy(replicas=1))
crowd = flyte.TaskEnvironment("replicated_crowd", reusable=flyte.ReusePolicy(replicas=1, concurrency=8))
seen: list[int] = []
left: list[Any] = []
MIB = 1 << 20


@env.task
def remember(x: int) -> list[int]:
    seen.append(x)
    return seen


@env.task
async def remember_async(x: int) -> list[int]:
    await asyncio.sleep(0)
    seen.append(x)
    return seen


@crowd.task
async def meet(x: int) -> list[int]:
    seen.append(x)
    while len(seen) < 3:
        await asyncio.sleep(0.001)
    return sorted(seen)


@crowd.task
async def wait(x: int) -> int:
    await asyncio.sleep(1000)
    return x


@env.task
async def wait_alone(note: str) -> int:
    asyncio.get_running_loop().call_soon(Path(note).touch)
    await asyncio.sleep(1000)
    return 1


@env.task
def calls(x: int) -> int:
    return remember(x)[0]


@env.task
def at_exit(note: str) -> int:
    atexit.register(Path(note).write_text, "left in order")
    signal.signal(signal.SIGTERM, lambda *_: exit(0))
    return 1


@env.task
def leaves_a_caller(x: int) -> int:
    def work() -> None:
        try:
            remember(x)
        except BaseException as error:
            left.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    time.sleep(0.1)
    return x


@env.task
def what_the_caller_got() -> str:
    while not left:
        time.sleep(0.001)
    return str(getattr(left[0], "code", type(left[0]).__name__))


@env.task
def holds(mib: int, seconds: float) -> int:
    block = bytearray(mib * MIB)
    block[::4096] = b"x" * len(block[::4096])
    time.sleep(seconds)
    return len(block)


@flyte.trace
def traced(x: int) -> int:
    return x


@env.task
async def trace_later(x: int) -> int:
    async def work() -> None:
        await asyncio.sleep(0.05)
        left.append(traced(x))

    left.append(asyncio.ensure_future(work()))
    return x


@env.task
async def how_tracing_went() -> int:
    await left[0]
    return int(left[1])


def request_of(task: Any, number: int, *args: Any, **fields: Any) -> dict[str, Any]:
    invocation = invocation_for(task, args, {})
    return {
        "rid": number,
        "task": task_to_wire(invocation.plan.task),
        "inputs": invocation.inputs,
        "env": {"FLYTE_ATTEMPT_NUMBER": "0", "RUN_NAME": "run", "ACTION_NAME": f"a{number}"},
        "run": "run",
        "action": f"a{number}",
        "custom_context": {},
        "run_start_time": 1.0,
        "version": "",
        "raw_data_path": "",
        "output_path": "",
        "run_base_dir": "",
        "project": "",
        "domain": "",
        "interactive_mode": False,
        "run_options": {},
        "disable_run_cache": False,
        "report": False,
        "max_inline_io_bytes": MIB,
        **fields,
    }


class Process:
    """A replica in a process of its own, at the other end of a socket."""

    def __init__(self, concurrency: int = 1) -> None:
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(10)
        self.messages: list[list[Any]] = []
        self._reader = FrameReader()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.sock.close()
                Replica(Link(theirs), concurrency).run()
            finally:
                os._exit(99)
        theirs.close()

    def asks(self, *requests: dict[str, Any]) -> None:
        """Send all of them at once."""
        self.sock.sendall(b"".join(pack_frame(("request", request)) for request in requests))

    def sends(self, *message: Any) -> None:
        self.sock.sendall(pack_frame(message))

    def next(self, kind: str) -> list[Any]:
        """:return: the next message of this kind, a request's or the replica's own"""
        while True:
            for index, message in enumerate(self.messages):
                if kind in (message[0], message[2] if len(message) > 2 else None):
                    return self.messages.pop(index)
            data = self.sock.recv(1 << 16)
            assert data, "the replica has hung up"
            self.messages.extend(self._reader.feed(data))

    def reply(self) -> tuple[int, bool, Any]:
        """:return: the number of the request, whether it succeeded, and the output or the code of the error"""
        _, number, _, ok, payload, _ = self.next("reply")
        return number, ok, read(payload) if ok else error_from_wire(payload).code

    def call(self, task: Any, number: int, *args: Any) -> Any:
        self.asks(request_of(task, number, *args))
        found, ok, value = self.reply()
        assert (found, ok) == (number, True), value
        return value

    def ends(self) -> int:
        """:return: how it ended, as wait() says it"""
        pid, self.pid = self.pid, 0
        return os.waitpid(pid, 0)[1]

    def close(self) -> None:
        self.sock.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def read(payload: Any) -> Any:
    def any_list() -> list[int]:
        return []

    def any_text() -> str:
        return ""

    def any_int() -> int:
        return 0

    for function in (any_list, any_int, any_text):
        try:
            return Interface.from_function(function, task="t").decode_outputs(outputs_from_wire(payload), task="t")
        except Exception:
            continue
    raise AssertionError(payload)


@pytest.fixture
def process() -> Iterator[Process]:
    made = Process()
    yield made
    made.close()


@pytest.fixture
def shared() -> Iterator[Process]:
    made = Process(8)
    yield made
    made.close()


# -- one after the other --------------------------------------------------------------------------------------------


def test_it_serves_one_request_after_the_other_and_keeps_its_state(process: Process) -> None:
    assert [process.call(remember, number, number) for number in (1, 2, 3)] == [[1], [1, 2], [1, 2, 3]]


def test_sync_and_async_tasks_take_turns(process: Process) -> None:
    tasks = (remember, remember_async, remember, remember_async, remember_async, remember)
    assert [len(process.call(task, number, number)) for number, task in enumerate(tasks)] == [1, 2, 3, 4, 5, 6]


def test_an_unknown_task_is_an_error_of_its_request_alone(process: Process) -> None:
    request = request_of(remember, 1, 1)
    request["task"]["name"] = "replicated.nothing"
    process.asks(request)
    assert process.reply()[1:] == (False, "TaskNotFoundError")
    assert process.call(remember, 2, 2) == [2]


def test_a_module_that_cannot_be_imported_is_an_error_of_its_request_alone(process: Process) -> None:
    request = request_of(remember, 1, 1)
    request["task"]["module"] = "there_is_no_such_module"
    process.asks(request)
    assert process.reply()[1:] == (False, "ModuleNotFoundError")
    assert process.call(remember, 2, 2) == [2]


def test_a_reply_tells_what_the_request_has_used(process: Process) -> None:
    def peak(number: int, mib: int) -> int:
        process.asks(request_of(holds, number, mib, 0.02))
        return int(process.next("reply")[5][0]) // MIB

    small, large, small_again = peak(1, 1), peak(2, 100), peak(3, 1)
    assert large >= small + 90
    assert small_again < large - 90


def test_what_it_calls_goes_out_under_its_number(process: Process) -> None:
    process.asks(request_of(calls, 5, 1))
    _, number, _, call, *_ = process.next("call")
    assert number == 5
    packed = remember.border.encode_outputs([7], task="t")
    process.sends("result", call, True, packed, {})
    assert process.reply() == (5, True, 7)


def test_an_interrupt_fails_the_request_and_not_the_replica(process: Process, tmp_path: Path) -> None:
    assert process.call(remember, 1, 1) == [1]
    process.asks(request_of(wait_alone, 2, str(tmp_path / "note")))
    give_up = time.monotonic() + 10
    while not (tmp_path / "note").exists():
        assert time.monotonic() < give_up
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGINT)
    assert process.reply() == (2, False, "KeyboardInterrupt")
    assert process.call(remember_async, 3, 3) == [1, 3]


def test_a_call_of_a_thread_that_was_left_behind_ends_with_its_request(process: Process) -> None:
    assert process.call(leaves_a_caller, 1, 1) == 1
    assert process.call(what_the_caller_got, 2) == "TaskEndedError"
    assert process.call(remember, 3, 3) == [3]


def test_a_trace_that_ends_after_its_request_is_told_nobody(process: Process) -> None:
    assert process.call(trace_later, 1, 4) == 4
    assert process.call(how_tracing_went, 2) == 4
    assert not [message for message in process.messages if "tell" in message]


# -- several at once ------------------------------------------------------------------------------------------------


def test_requests_that_come_together_are_served_together(shared: Process) -> None:
    shared.asks(*(request_of(meet, number, number) for number in (1, 2, 3)))
    assert sorted(shared.reply() for _ in range(3)) == [(number, True, [1, 2, 3]) for number in (1, 2, 3)]


def test_a_request_can_be_cancelled_by_itself(shared: Process) -> None:
    shared.asks(request_of(wait, 1, 1), request_of(wait, 2, 2))
    shared.sends("cancel_request", 2)
    shared.sends("cancel_request", 77)
    assert shared.reply() == (2, False, "CancelledError")
    shared.sends("cancel_request", 1)
    assert shared.reply() == (1, False, "CancelledError")


def test_a_request_can_be_cancelled_before_it_begins(shared: Process) -> None:
    for _ in range(2):  # the second time its loop is open already
        shared.sock.sendall(pack_frame(("request", request_of(wait, 1, 1))) + pack_frame(("cancel_request", 1)))
        assert shared.reply() == (1, False, "CancelledError")


# -- its end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [remember, remember_async])
def test_it_ends_when_the_link_is_closed(process: Process, first: Any) -> None:
    process.call(first, 1, 1)
    process.sock.close()
    assert process.ends() == 0


def test_it_ends_at_once_when_the_engine_is_gone_while_it_works(shared: Process) -> None:
    shared.asks(request_of(wait, 1, 1))
    shared.sends("cancel_request", 77)
    shared.sock.close()
    assert os.waitstatus_to_exitcode(shared.ends()) == 1


def test_it_leaves_in_order(process: Process, tmp_path: Path) -> None:
    process.call(at_exit, 1, str(tmp_path / "note"))
    process.sock.close()
    assert process.ends() == 0
    assert (tmp_path / "note").read_text() == "left in order"


def test_a_signal_handler_that_exits_makes_it_leave_in_order(process: Process, tmp_path: Path) -> None:
    process.call(at_exit, 1, str(tmp_path / "note"))
    os.kill(process.pid, signal.SIGTERM)
    assert process.ends() == 0
    assert (tmp_path / "note").read_text() == "left in order"


# -- the link -------------------------------------------------------------------------------------------------------


class Linked:
    """A link of a replica in this process, and a fake engine at its other end, which sees what requests say."""

    def __init__(self, window: int = 1000) -> None:
        self.held: list[list[Any]] = []
        self.hold = False
        self.engine = FakeEngine(self._on_message, window)
        self.link = ReplicaLink(self.engine.link)

    def _on_message(self, engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "of" and message[2] == "call":
            if self.hold:
                self.held.append(message)
            else:
                engine.echo(message[2:])
        return True


def in_request(linked: Linked, number: int, work: Any) -> Any:
    """Do something as a request does it."""
    request = linked.link.begin({"rid": number, "env": {}, "run_options": {}, "action": f"a{number}"})
    token = serving.set(request)
    try:
        return work(request)
    finally:
        serving.reset(token)


def test_each_request_tells_its_plans_itself() -> None:
    linked = Linked()
    plan = plan_of()
    with linked.engine as engine:
        for number in (1, 2):
            numbers = in_request(linked, number, lambda _: [answer(linked.link.call(call_of(each, plan))) for each in (5, 6)])
            assert numbers == [5, 6]
        said = [message[1:3] for message in engine.messages]
        assert said == [[1, "plan"], [1, "call"], [1, "call"], [2, "plan"], [2, "call"], [2, "call"]]


def test_the_window_of_one_request_holds_up_no_other() -> None:
    linked = Linked(window=1)
    linked.hold = True
    with linked.engine as engine:
        threads = []
        for number in (1, 2):
            request = linked.link.begin({"rid": number, "env": {}, "run_options": {}})

            def work(request: Any = request) -> None:
                serving.set(request)
                asyncio.run(two_calls(linked.link))

            threads.append(threading.Thread(target=work))
            threads[-1].start()
        engine.wait_for("of", 4)  # a plan and a call of each
        assert sorted(message[1] for message in linked.held) == [1, 2]
        linked.hold = False
        for message in linked.held:
            engine.echo(message[2:])
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


async def two_calls(link: ReplicaLink) -> None:
    await asyncio.gather(link.acall(call_of(1)), link.acall(call_of(2)))


def test_an_ended_request_cannot_call_and_is_told_so() -> None:
    linked = Linked()

    def work(request: Any) -> None:
        linked.link.end(request, True, (), (0, 0.0))
        with pytest.raises(RuntimeError, match="has ended"):
            linked.link.call(call_of())
        linked.link.tell("report", {})

    with linked.engine as engine:
        in_request(linked, 1, work)
        assert [message[2] for message in engine.wait_for("of", 1)] == ["reply"]


def test_a_call_under_way_ends_with_its_request() -> None:
    linked = Linked()
    linked.hold = True

    def work(request: Any) -> None:
        caught: list[BaseException] = []

        def call() -> None:
            serving.set(request)
            try:
                linked.link.call(call_of())
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        linked.engine.wait_for("of", 2)
        linked.link.end(request, True, (), (0, 0.0))
        linked.engine.send(pack_frame(("request", {"rid": 2})))  # what the thread reads next, since it leads
        thread.join(10)
        assert isinstance(caught[0], errors.RuntimeUserError)
        assert caught[0].code == "TaskEndedError"
        assert linked.link.next_request() == {"rid": 2}

    with linked.engine:
        in_request(linked, 1, work)


def test_a_thread_that_does_not_tell_belongs_to_the_oldest_request() -> None:
    linked = Linked()
    with linked.engine:
        assert linked.link.request() is None
        assert linked.link.context() is None
        first = linked.link.begin({"rid": 1, "env": {}, "run_options": {}, "action": "first"})
        linked.link.begin({"rid": 2, "env": {}, "run_options": {}, "action": "second"})
        context = linked.link.context()
        assert context is not None
        assert context.action.name == "first"
        linked.link.end(first, True, (), (0, 0.0))
        context = linked.link.context()
        assert context is not None
        assert context.action.name == "second"


def test_requests_that_came_with_the_first_word_are_not_lost() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"".join(pack_frame(("request", {"rid": number})) for number in (0, 1, 2)))
        first = Link(theirs)
        assert first.receive_request() == {"rid": 0}
        link = ReplicaLink(first)
        assert [link.next_request(), link.next_request()] == [{"rid": 1}, {"rid": 2}]
        ours.close()
        assert link.next_request() is None


def test_a_forked_copy_cannot_reply() -> None:
    linked = Linked()
    with linked.engine as engine:
        request = linked.link.begin({"rid": 1, "env": {}, "run_options": {}})
        linked.link._pid += 1
        with pytest.raises(EngineGoneError):
            linked.link.end(request, True, (), (0, 0.0))
        assert engine.messages == []


def test_a_gauge_without_its_files_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.worker.gauge._open_high", lambda *_: -1)
    gauge = Gauge()
    gauge.reset()
    assert gauge._peak() == 0
    assert gauge.read()[1] >= 0.0
