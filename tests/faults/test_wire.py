"""Rows 63 to 65 and 70: whatever a worker sends, whoever else is on the machine, and whatever lies in the project's folder."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest
from faults import frames
from faults.order import Order
from faults.outside import Program
from faults.outside import wait_until
from faults.test_cancel import request
from programs import garbling
from programs import misbehaving

import localflyte as flyte
from localflyte import errors
from localflyte.engine import holding
from localflyte.engine.engine import Engine
from localflyte.errors import ProtocolError
from localflyte.launch.child import Child
from localflyte.launch.child import Exit
from localflyte.settings import load_settings
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.wire.messages import error_from_wire
from localflyte.wire.messages import inputs_from_wire
from localflyte.wire.messages import outputs_from_wire
from localflyte.wire.messages import plan_from_wire

Start = Callable[..., Program]
SEED = 20240607
ENGINE_SECONDS = 6.0  # of frames through the whole engine
DECODER_SECONDS = 2.0  # of frames through what reads them alone
MIB = 1 << 20


# -- 63: what a worker sends ---------------------------------------------------------------------------------------------


def test_row_63_no_frame_makes_its_readers_raise_anything_but_what_they_promise() -> None:
    give_up = time.monotonic() + DECODER_SECONDS
    count = 0
    for stream in frames.streams(SEED):
        if time.monotonic() > give_up:
            break
        reader = FrameReader(1 << 20)
        try:
            for message in reader.feed(stream):
                count += 1
                read_all(message)
        except ProtocolError:
            continue
    assert count > 1_000


def read_all(message: list[Any]) -> None:
    for read in (plan_from_wire, inputs_from_wire, outputs_from_wire, error_from_wire):
        for part in message[1:]:
            try:
                read(part)
            except ProtocolError:
                continue


class FakeChild(Child):
    """A worker that sends what it was told to as soon as it has its request, and hangs up."""

    def __init__(self, engine: Engine, stream: bytes) -> None:
        ours, self._theirs = socket.socketpair()
        pipes = [os.pipe() for _ in range(2)]
        for _, write in pipes:
            os.close(write)
        super().__init__(
            engine.hub,
            2**22 + 5,
            (ours.detach(), *(read for read, _ in pipes)),  # type: ignore[arg-type]
            signal=lambda _: None,
            generation=0,
            bare=0,
            on_done=lambda _: None,
            max_frame_bytes=1 << 20,
        )
        self._stream = stream

    def begin(self, talk: Any, request: dict[str, Any]) -> None:
        super().begin(talk, request)
        self._theirs.sendall(self._stream)
        self._theirs.close()
        asyncio.get_running_loop().call_later(0.0, self._turn, 3)

    def _turn(self, left: int) -> None:
        """Let some turns of the loop pass between the last byte and the end."""
        if left:
            asyncio.get_running_loop().call_later(0.0, self._turn, left - 1)
        elif self.exit is None:
            self.ended(Exit(0, (0.0, 0.0)))


GOOD_REPLY = pack_frame(("reply", True, [frames.VALUE], [1024, 0.1]))


async def take_all(streams: Iterable[bytes]) -> int:
    """Run the root of a run for each stream, in one engine, with a worker that sends it; workers of nested calls behave.

    :return: how many there were
    """
    engine = Engine(load_settings(), lambda *_: ())
    what = request(misbehaving.fine, x=1)
    root = b""

    async def take_child(call: Any) -> Any:
        child = FakeChild(engine, root if call.parent is None and call.caller is None else GOOD_REPLY)
        call.run.children.add(child)
        child.when_gone(lambda: call.run.children.discard(child))
        return child

    engine.take_child = take_child  # type: ignore[method-assign]
    count = 0
    try:
        for root in streams:
            order = Order()
            with_limit = asyncio.wait_for(engine.run(what, [order]), 20)
            result = await with_limit
            error = result.outcome.error
            assert error is None or error.code != "InternalError", f"add to {frames.CORPUS.name}: {root.hex()}\n{error.traceback}"
            order.check_end()
            count += 1
    finally:
        await engine.aclose()
    return count


def test_row_63_streams_that_something_once_broke_on(home: Path) -> None:
    streams = frames.corpus()
    assert asyncio.run(take_all(streams)) == len(streams) > 0


def test_row_63_whatever_a_worker_sends_hurts_nobody_but_itself(home: Path) -> None:
    def until(give_up: float) -> Iterable[bytes]:
        for stream in frames.streams(SEED):
            if time.monotonic() > give_up:
                return
            yield stream

    asyncio.run(take_all(until(time.monotonic() + 0.5)))  # what is loaded and grows once
    before = psutil.Process().memory_info().rss
    assert asyncio.run(take_all(until(time.monotonic() + ENGINE_SECONDS))) > 100
    assert psutil.Process().memory_info().rss - before < 32 * MIB


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("garbage", "max_frame_bytes"),
        ("4 GB", "max_frame_bytes"),
        ("half a frame", "cut off in the middle"),
        ("nested", "could not be read"),
        ("no array", "not an array that begins with its kind"),
        ("no kind", "not an array that begins with its kind"),
        ("unknown", "unknown message 'shout'"),
        ("wrong types", "unknown message 'call'"),
        ("unknown plan", "names plan 99, which was never sent"),
        ("wrong plan", "not a plan"),
        ("wrong inputs", "not inputs"),
        ("wrong outputs", "not outputs"),
        ("wrong error", "not an error"),
        ("twice", "call 1 was made twice"),
        ("too much", "max_frame_bytes"),
    ],
)
def test_row_63_a_worker_that_breaks_the_protocol_fails_alone(what: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_FRAME_BYTES", "4Mi")
    before = psutil.Process().memory_info().rss
    kind, code, message, beside = flyte.with_runcontext(sinks=[lambda _: None]).run(garbling.beside, what=what).outputs()[0]
    assert (kind, code) == ("RuntimeSystemError", "ProtocolError")
    assert says in message
    assert "garbling.garbles" in message
    assert beside == "7"
    assert psutil.Process().memory_info().rss - before < 64 * MIB


def test_row_63_a_worker_that_we_end_is_not_taken_for_one_that_the_kernel_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else of the machine the kernel ends for want of memory in that moment."""
    monkeypatch.setattr(holding, "kernel_oom_kills", count().__next__)
    attempts: list[Any] = []
    run = flyte.with_runcontext(sinks=[lambda event: attempts.append(event) if event.kind == "attempt.started" else None])
    kind, code, _, _ = run.run(garbling.beside, what="wrong types").outputs()[0]
    assert (kind, code) == ("RuntimeSystemError", "ProtocolError")
    assert len(attempts) == 3  # nor is it called again as if it had been lost


# -- 64: what it names and how much it calls -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/dev/zero", "fifo", "missing", "../../x", "/proc/self/mem", "/", "socket", "a\0b", "/etc/shadow/x"])
def test_row_64_an_attachment_that_is_no_file_is_neither_waited_for_nor_stored(path: str, tmp_path: Path) -> None:
    told: list[Any] = []
    run = flyte.with_runcontext(sinks=[told.append])
    ending = run.run(garbling.names, path=path, folder=str(tmp_path)).outputs()[0]
    assert not [event for event in told if event.kind == "action.stored" and event.action != "a0"]
    assert ending  # it came to an end


def test_row_64_a_report_that_a_task_says_lies_elsewhere_is_not_shown(home: Path) -> None:
    run = flyte.with_runcontext(name="reports", sinks=[lambda _: None]).run(garbling.reports, path="/etc/passwd")
    assert run.outputs()[0] == 1
    page = (home / "runs" / "reports" / "index.html").read_text()
    assert "/etc/passwd" not in page
    assert "root:" not in page


def test_row_64_a_worker_that_calls_without_end_is_refused_and_costs_the_engine_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    me = psutil.Process()
    flyte.run(misbehaving.fine, x=1)
    before = me.memory_info().rss
    with pytest.raises(errors.RuntimeSystemError, match="calls are under way, and a worker makes no more at once") as caught:
        flyte.with_runcontext(sinks=[lambda _: None]).run(garbling.calls_without_end, n=1_000_000)
    assert caught.value.code == "ProtocolError"
    assert me.memory_info().rss - before < 160 * MIB


# -- 65: other people on the machine -------------------------------------------------------------------------------------

WAITS = """
    import localflyte as flyte
    import os, time
    env = flyte.TaskEnvironment("program")

    @env.task
    def main() -> int:
        open("here", "w").write(str(os.getpid()))
        while not os.path.exists("go"):
            time.sleep(0.01)
        return 7

    if __name__ == "__main__":
        print(flyte.run(main).outputs()[0])
"""


def test_row_65_there_is_no_socket_that_anybody_could_connect_to(start: Start) -> None:
    program = start(dedent(WAITS))
    program.wait_for("here")
    everybody = [psutil.Process(program.process.pid), *psutil.Process(program.process.pid).children(recursive=True)]
    assert len(everybody) >= 3
    for process in everybody:
        for connection in process.net_connections("all"):
            assert connection.family == socket.AF_UNIX
            assert connection.laddr == ""  # neither a path nor an abstract name
    (program.folder / "go").touch()
    assert program.finish() == 0


def test_row_65_another_user_reads_nothing_of_a_run_and_reaches_none_of_its_descriptors(start: Start, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("becoming another user needs root")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)  # so that it is our own modes that keep others out
    program = start(dedent(WAITS))
    program.wait_for("here")
    child = int(wait_until((program.folder / "here").read_text))  # it is there before its text is
    look = f"""
        import os, sys
        os.setgid(65534); os.setuid(65534)
        tried = {[str(program.home / "runs"), str(program.home / "store"), f"/proc/{child}/fd", f"/proc/{child}/environ"]!r}
        for path in tried:
            try:
                os.listdir(path) if os.path.isdir(path) else open(path, "rb").read()
            except FileNotFoundError:
                continue
            except PermissionError:
                continue
            print(path)
        try:
            os.kill({child}, 0)
            print("signal")
        except PermissionError:
            pass
    """
    done = subprocess.run([sys.executable, "-c", dedent(look)], capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout, done.stderr) == ("", "")
    assert stat.S_IMODE((program.home / "runs").stat().st_mode) == 0o700
    (program.folder / "go").touch()
    assert program.finish() == 0


# -- 70: the project's own names -----------------------------------------------------------------------------------------

SHADOWS = (
    "types", "json", "sitecustomize", "usercustomize", "typing", "dataclasses", "random", "socket", "signal", "logging", "queue", "select",
    "msgpack", "anyio", "psutil", "click", "traceback", "functools", "inspect", "asyncio", "threading", "errors", "spec", "wire", "worker",
)  # fmt: skip
SHADOWED = """
    import flyte
    env = flyte.TaskEnvironment("program")

    @env.task
    async def child(x: int) -> int:
        print("something")
        return x + 1

    @env.task(cache="auto")
    async def main(x: int = 1) -> int:
        return await child(x)

    @env.task
    def fails() -> int:
        raise ValueError("as told")
"""


def test_row_70_modules_of_the_project_that_are_called_like_others_stay_out_of_our_way(start: Start) -> None:
    program = start(dedent(SHADOWED), "-c", "import time; time.sleep(0.5)")
    for name in SHADOWS:
        (program.folder / f"{name}.py").write_text(f"raise RuntimeError('the {name} of the project was imported')\n")
    environ = {**os.environ, "PYTHONPATH": str(Path(flyte.__file__).parents[1]), "LOCALFLYTE_HOME": str(program.home)}

    def command(task: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-P", "-m", "localflyte", "run", "--plain", "program.py", task]
        return subprocess.run(words, cwd=program.folder, env=environ, capture_output=True, text=True, timeout=30, check=False)

    done = command("main")
    assert done.stdout.rstrip().endswith("o0     2"), (done.stdout, done.stderr)
    failed = command("fails")
    assert "ValueError: as told" in failed.stderr
    assert 'program.py", line' in failed.stderr
    assert "of the project was imported" not in failed.stderr


def test_row_70_a_task_that_wants_the_projects_own_module_gets_it(start: Start) -> None:
    text = """
        import localflyte as flyte
        env = flyte.TaskEnvironment("program")

        @env.task
        def main() -> str:
            import colours
            return colours.BEST

        if __name__ == "__main__":
            print(flyte.run(main).outputs()[0])
    """
    program = start(dedent(text), env={"PYTHONSAFEPATH": ""})
    (program.folder / "colours.py").write_text("BEST = 'green'\n")
    program.finish()
    again = start(dedent(text))
    (again.folder / "colours.py").write_text("BEST = 'green'\n")
    assert again.finish() == 0, again.err
    assert again.out == "green\n"
