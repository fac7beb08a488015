"""A link brings each result to the call it belongs to, whoever reads it: threads, loops, or both at once."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from localflyte import errors
from localflyte.spec.outcome import ErrorInfo
from localflyte.wire.frames import pack_frame
from localflyte.worker.link import EngineGoneError
from localflyte.worker.link import Link
from tests.worker.fake_engine import FakeEngine
from tests.worker.fake_engine import answer
from tests.worker.fake_engine import call_of
from tests.worker.fake_engine import plan_of


def never(_: FakeEngine, message: list[Any]) -> bool:
    """Leave every call unanswered."""
    return message[0] == "call"


def in_reverse(count: int) -> Callable[[FakeEngine, list[Any]], bool]:
    """Answer nothing until `count` calls are there, then the last first."""
    waiting: list[list[Any]] = []

    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] != "call":
            return False
        waiting.append(message)
        if len(waiting) == count:
            while waiting:
                engine.echo(waiting.pop())
        return True

    return on_message


# -- one caller -----------------------------------------------------------------------------------------------------


def test_a_blocking_call_gives_its_outputs() -> None:
    with FakeEngine() as engine:
        assert answer(engine.link.call(call_of(5))) == 5


def test_an_await_gives_its_outputs() -> None:
    with FakeEngine() as engine:
        assert answer(asyncio.run(engine.link.acall(call_of(5)))) == 5


def test_a_run_gives_its_outputs_and_what_the_engine_says_of_it() -> None:
    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        return False

    with FakeEngine(on_message) as engine:
        outputs, told = asyncio.run(engine.link.arun(call_of(5), {"name": "first"}))
        assert answer(outputs) == 5
        assert told == {}
        assert engine.of_kind("run")[0][6] == {"name": "first"}


@pytest.mark.parametrize("how", ["call", "acall", "run"])
def test_a_failure_is_raised_as_its_class(how: str) -> None:
    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] in ("call", "run"):
            engine.reply(message[1], False, ErrorInfo("user", "ValueError", "no good"))
        return True

    with FakeEngine(on_message) as engine, pytest.raises(errors.RuntimeUserError, match="no good") as caught:
        match how:
            case "call":
                engine.link.call(call_of())
            case "acall":
                asyncio.run(engine.link.acall(call_of()))
            case _:
                asyncio.run(engine.link.arun(call_of(), {}))
    assert caught.value.code == "ValueError"


def test_a_plan_is_sent_once_and_before_its_first_call() -> None:
    plans = [plan_of("env.a"), plan_of("env.b")]
    with FakeEngine() as engine:
        for number in range(6):
            engine.link.call(call_of(number, plans[number % 2]))
        assert [message[0] for message in engine.messages] == ["plan", "call", "plan", "call", "call", "call", "call", "call"]


def test_a_result_that_comes_in_pieces_is_put_together() -> None:
    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "call":
            real = engine.sock
            frames: list[bytes] = []
            engine.sock = type("Recorder", (), {"sendall": lambda _, data: frames.append(data)})()  # type: ignore[assignment]
            engine.echo(message)
            engine.sock = real
            for byte in frames[0]:
                engine.send(bytes([byte]))
        return True

    with FakeEngine(on_message) as engine:
        assert answer(engine.link.call(call_of(9))) == 9
        assert answer(asyncio.run(engine.link.acall(call_of(8)))) == 8


def test_inputs_over_the_limit_are_refused_before_anything_is_sent() -> None:
    from dataclasses import replace

    with FakeEngine() as engine:
        with pytest.raises(errors.InlineIOMaxBytesBreached):
            engine.link.call(call_of(1, replace(plan_of(), max_inline_io_bytes=1)))
        assert engine.messages == []


def test_a_call_that_cannot_be_packed_spoils_nothing() -> None:
    plan = plan_of("env.new")
    with FakeEngine() as engine:
        with pytest.raises(UnicodeEncodeError):
            engine.link.call(call_of(1, plan, group="\ud800"))
        assert answer(engine.link.call(call_of(2, plan))) == 2
        assert engine.link._waiters == {}


def test_results_of_unknown_calls_and_unknown_messages_are_ignored() -> None:
    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "call":
            engine.reply(999, True, [])
            engine.send(b"\x00\x00\x00\x06\x91\xa4what"[:4] + b"\x91\xa4what")
        return False

    with FakeEngine(on_message) as engine:
        assert answer(engine.link.call(call_of(3))) == 3


def test_a_default_timeout_of_the_program_is_not_ours() -> None:
    socket.setdefaulttimeout(0.01)
    try:
        ours, theirs = socket.socketpair()
        link = Link(theirs)
    finally:
        socket.setdefaulttimeout(None)
    with ours, theirs:
        assert theirs.gettimeout() is None
        assert os.get_blocking(theirs.fileno())
        assert link is not None


# -- several callers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [2, 8])
def test_threads_get_their_own_results_in_whatever_order_they_come(threads: int) -> None:
    with FakeEngine(in_reverse(threads)) as engine, ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(lambda number: answer(engine.link.call(call_of(number))), range(threads))) == list(range(threads))


def test_many_calls_of_many_threads_all_end() -> None:
    plans = [plan_of(f"env.t{number}") for number in range(40)]
    with FakeEngine() as engine, ThreadPoolExecutor(8) as pool:
        numbers = range(800)
        found = list(pool.map(lambda number: answer(engine.link.call(call_of(number, plans[number % 40]))), numbers))
        assert found == list(numbers)
        assert engine.link._waiters == {}
        assert engine.link._caller.in_flight == 0


def test_awaits_of_one_loop_run_side_by_side() -> None:
    with FakeEngine(in_reverse(50)) as engine:

        async def main() -> list[int]:
            return [answer(outputs) for outputs in await asyncio.gather(*[engine.link.acall(call_of(number)) for number in range(50)])]

        assert asyncio.run(main()) == list(range(50))


def test_loops_in_several_threads_share_the_link() -> None:
    with FakeEngine(in_reverse(6)) as engine, ThreadPoolExecutor(3) as pool:

        async def main(base: int) -> list[int]:
            pair = await asyncio.gather(engine.link.acall(call_of(base)), engine.link.acall(call_of(base + 1)))
            return [answer(outputs) for outputs in pair]

        assert list(pool.map(lambda base: asyncio.run(main(base)), (0, 10, 20))) == [[0, 1], [10, 11], [20, 21]]


def test_one_loop_after_another_can_use_the_link() -> None:
    with FakeEngine() as engine:
        for number in range(3):
            assert answer(asyncio.run(engine.link.acall(call_of(number)))) == number


def test_loops_and_threads_together_all_get_their_results() -> None:
    with FakeEngine() as engine, ThreadPoolExecutor(8) as pool:

        async def many(base: int) -> list[int]:
            found = await asyncio.gather(*[engine.link.acall(call_of(base + number)) for number in range(50)])
            return [answer(outputs) for outputs in found]

        blocking = [pool.submit(lambda n=number: [answer(engine.link.call(call_of(n))) for _ in range(50)]) for number in range(4)]
        loops = [pool.submit(lambda b=base: asyncio.run(many(b))) for base in (1000, 2000, 3000)]
        assert [future.result(30) for future in blocking] == [[number] * 50 for number in range(4)]
        assert [future.result(30) for future in loops] == [list(range(base, base + 50)) for base in (1000, 2000, 3000)]


def test_a_blocking_call_inside_a_loop_brings_the_loops_own_results_along() -> None:
    """The loop cannot read while its thread is blocked, so the blocking call reads for it."""
    with FakeEngine(in_reverse(3)) as engine:

        async def main() -> list[int]:
            waiting = [asyncio.ensure_future(engine.link.acall(call_of(number))) for number in (1, 2)]
            await asyncio.sleep(0)
            blocking = answer(engine.link.call(call_of(3)))
            return [blocking, *[answer(await future) for future in waiting]]

        assert asyncio.run(main()) == [3, 1, 2]


def test_the_lead_passes_on_when_the_leader_is_done() -> None:
    """The first caller is answered first; then somebody else has to read."""
    release = threading.Event()

    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "call" and message[1] == 1:
            engine.wait_late = message  # type: ignore[attr-defined]
            return True
        if message[0] == "call" and message[1] == 2:
            engine.echo(engine.wait_late)  # type: ignore[attr-defined]
            release.wait(10)
            engine.echo(message)
            return True
        return False

    with FakeEngine(on_message) as engine, ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: answer(engine.link.call(call_of(1))))
        engine.wait_for("call", 1)
        second = pool.submit(lambda: answer(engine.link.call(call_of(2))))
        assert first.result(10) == 1
        release.set()
        assert second.result(10) == 2


# -- the window -----------------------------------------------------------------------------------------------------


def test_no_more_calls_are_in_flight_than_the_window_lets_through() -> None:
    high: list[int] = []

    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "call":
            high.append(engine.link._caller.in_flight)
        return False

    with FakeEngine(on_message, window=3) as engine:

        async def main() -> list[int]:
            return [answer(outputs) for outputs in await asyncio.gather(*[engine.link.acall(call_of(number)) for number in range(200)])]

        assert asyncio.run(main()) == list(range(200))
        assert max(high) <= 3
        assert engine.link._caller.in_flight == 0


def test_what_waits_for_the_window_goes_out_in_order() -> None:
    with FakeEngine(window=1) as engine, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda number: answer(engine.link.call(call_of(number))), range(100))) == list(range(100))
        numbers = [message[1] for message in engine.of_kind("call")]
        assert numbers == sorted(numbers)


def test_a_call_that_is_cancelled_before_its_turn_is_never_sent_and_its_plan_is_known_all_the_same() -> None:
    plan = plan_of("env.second")
    held: list[list[Any]] = []

    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "call" and not held:
            held.append(message)
            return True
        return False

    with FakeEngine(on_message, window=1) as engine:

        async def main() -> int:
            first = asyncio.ensure_future(engine.link.acall(call_of(1)))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(engine.link.acall(call_of(2, plan)))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait([second])
            third = asyncio.ensure_future(engine.link.acall(call_of(3, plan)))
            await asyncio.sleep(0)
            engine.wait_for("call", 1)
            engine.echo(held[0])
            await first
            return answer(await third)

        assert asyncio.run(main()) == 3
        assert [message[1] for message in engine.of_kind("call")] == [1, 3]
        assert engine.of_kind("cancel") == []


# -- giving up ------------------------------------------------------------------------------------------------------


def test_a_cancelled_await_tells_the_engine_and_frees_its_place() -> None:
    with FakeEngine(never) as engine:

        async def main() -> None:
            task = asyncio.ensure_future(engine.link.acall(call_of()))
            await asyncio.sleep(0)
            task.cancel()
            await task

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())
        assert [message[1] for message in engine.wait_for("cancel", 1)] == [1]
        assert engine.link._waiters == {}
        assert engine.link._caller.in_flight == 0


def test_a_result_that_comes_after_the_cancel_is_ignored() -> None:
    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "cancel":
            engine.echo(engine.of_kind("call")[0])
        return message[0] == "call" and message[1] == 1

    with FakeEngine(on_message) as engine:

        async def main() -> int:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(engine.link.acall(call_of(1)), 0.01)
            return answer(await engine.link.acall(call_of(2)))

        assert asyncio.run(main()) == 2
        assert engine.link._caller.in_flight == 0


def test_a_blocking_call_that_a_signal_interrupts_is_given_up_and_others_go_on() -> None:
    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    def on_message(engine: FakeEngine, message: list[Any]) -> bool:
        if message[0] == "call" and message[1] == 1:
            os.kill(os.getpid(), signal.SIGUSR1)
            return True
        return False

    before = signal.signal(signal.SIGUSR1, ring)
    try:
        with FakeEngine(on_message) as engine, ThreadPoolExecutor(2) as pool:
            with pytest.raises(Alarm):
                engine.link.call(call_of(1))
            assert [message[1] for message in engine.wait_for("cancel", 1)] == [1]
            assert engine.link._waiters == {}
            assert list(pool.map(lambda number: answer(engine.link.call(call_of(number))), range(4))) == [0, 1, 2, 3]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_call_is_given_up_too_if_the_signal_comes_while_it_is_being_made() -> None:
    with FakeEngine(never) as engine:
        link, transmit = engine.link, engine.link._transmit

        def interrupted(frame: bytes) -> None:
            transmit(frame)
            if link._waiters:  # the call is out, and the plan was before
                link._transmit = transmit  # type: ignore[method-assign]
                raise KeyboardInterrupt

        link._transmit = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            link.call(call_of(1))
        assert [message[1] for message in engine.wait_for("cancel", 1)] == [1]
        assert link._waiters == {}


# -- the engine's end -----------------------------------------------------------------------------------------------


def test_every_waiting_call_learns_that_the_engine_is_gone() -> None:
    with FakeEngine(never) as engine, ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(engine.link.call, call_of(number)) for number in range(3)]
        loop = pool.submit(lambda: asyncio.run(engine.link.acall(call_of(9))))
        engine.wait_for("call", 4)
        engine.hang_up()
        for future in [*threads, loop]:
            assert isinstance(future.exception(10), EngineGoneError)


@pytest.mark.parametrize("how", ["call", "acall"])
def test_after_the_engines_end_no_call_begins(how: str) -> None:
    with FakeEngine(never) as engine:
        engine.hang_up()
        for _ in range(2):
            with pytest.raises(EngineGoneError):
                engine.link.call(call_of()) if how == "call" else asyncio.run(engine.link.acall(call_of()))


def test_a_link_that_is_closed_before_the_request_means_the_child_is_not_needed() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        assert Link(theirs).receive_request() is None


def test_a_large_request_arrives_whole() -> None:
    """The first read is small, since most requests are; what it does not hold comes after it."""
    request = {"inputs": {"x": [b"x" * 300_000, [], b""]}}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=ours.sendall, args=(pack_frame(("request", request)),))
        sender.start()
        assert Link(theirs).receive_request() == request
        sender.join()


# -- copies of the process ------------------------------------------------------------------------------------------


def in_a_fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 9
        try:
            work()
            code = 0
        except RuntimeError:
            code = 3
        except EngineGoneError:
            code = 4
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_process_that_the_task_forked_cannot_use_its_link() -> None:
    """Two readers of one socket would take each other's results, and a second reply would be believed."""
    with FakeEngine() as engine:
        assert in_a_fork(lambda: engine.link.call(call_of())) == 3
        assert in_a_fork(lambda: engine.link.tell("trace", {})) == 3
        assert in_a_fork(lambda: engine.link.send("reply", True, [])) == 4
        assert answer(engine.link.call(call_of(6))) == 6
        assert [message[0] for message in engine.messages] == ["plan", "call"]
