"""Container and shell tasks with a real engine: what only a kernel and a daemon can show."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from containers.conftest import ours
from faults.outside import wait_until
from programs import boxes

import localflyte as flyte
from localflyte.errors import OOMError
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.errors import TaskTimeoutError
from localflyte.extras import ContainerTask
from localflyte.io import Dir
from localflyte.io import File

pytestmark = [pytest.mark.container, pytest.mark.usefixtures("home", "engine")]


@pytest.fixture(autouse=True)
def passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_PASS_ENV", "LOCALFLYTE_TEST_*")


@pytest.fixture
def ordinary(engine: str) -> Iterator[str]:
    """An image whose user is not root."""
    name = f"localflyte/test-ordinary:{os.getpid()}"
    text = f"FROM {boxes.IMAGE}\nUSER 1234:1234\n"
    subprocess.run([engine, "build", "--quiet", "--tag", name, "-"], input=text, text=True, check=True, capture_output=True)
    yield name
    subprocess.run([engine, "rmi", "--force", name], check=True, capture_output=True)


def when_started(act: Callable[[int], None]) -> Any:
    """:return: a sink that acts on the process of an attempt once its container prints, in a thread of its own"""
    pids: list[int] = []

    def sink(event: Any) -> None:
        if event.kind == "attempt.started":
            pids.append(event.data["pid"])
        elif event.kind == "log" and b"started" in event.data["data"]:
            threading.Thread(target=act, args=pids[:1]).start()

    return sink


def test_values_and_files_go_there_and_back(tmp_path: Path) -> None:
    assert flyte.run(boxes.calls, "World").outputs()[0] == "Hello, World."
    assert flyte.run(boxes.moment_of, 3).outputs()[0] == "True 3 2026-01-02"
    given = tmp_path / "given"
    given.mkdir()
    for name in ("one", "two", "inner.txt"):
        (given / name).write_text(f"{name}\n")
    one, two = (File.from_local_sync(given / name) for name in ("one", "two"))
    joined, made = flyte.run(boxes.files, one=one, many=[two, one], folder=Dir.from_local_sync(given)).outputs()
    assert Path(joined.path).read_text() == "one\ntwo\none\n"
    assert (Path(made.path) / "inner.txt").read_text() == "inner.txt\n"
    names, _ = flyte.run(boxes.named, one=one, many=[two, one]).outputs()
    assert names == "one/one many/one many/two\n"


def test_what_it_is_given_cannot_be_changed_by_it(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    task = ContainerTask("changes", boxes.IMAGE, ["sh", "-c", "echo changed > /var/inputs/src"], {"src": File})
    with pytest.raises(RuntimeUserError, match="Read-only file system"):
        flyte.run(task, src=File.from_local_sync(tmp_path / "kept"))
    assert (tmp_path / "kept").read_text() == "kept"


def test_what_it_writes_belongs_to_the_caller_whoever_it_runs_as(ordinary: str) -> None:
    script = "id -u > /var/outputs/user; python3 -c 'import os; os.mkdir(\"/var/outputs/made\")'; echo x > /var/outputs/made/x"
    task = ContainerTask("owned", ordinary, ["sh", "-c", script], outputs={"user": int, "made": Dir})
    user, made = flyte.run(task).outputs()
    assert user == (1234 if os.getuid() == 0 else os.getuid())
    assert {os.stat(path).st_uid for path in (made.path, f"{made.path}/x")} == {os.getuid()}


def tells_of_memory(engine: str) -> bool:
    """:return: whether the engine itself tells that the kernel ended a container for want of memory; podman does not on every kernel"""
    name = f"localflyte-test-memory-{os.getpid()}"
    options = ["--network=none", "--memory=32m", "--memory-swap=32m", "--name", name]
    subprocess.run([engine, "run", *options, boxes.IMAGE, "python3", "-c", "bytearray(200 << 20)"], capture_output=True, check=False)
    asked = [engine, "container", "inspect", "--format", "{{.State.OOMKilled}}", name]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run([engine, "rm", "--force", name], capture_output=True, check=True)
    return told == "true"


def test_its_memory_is_held_by_the_kernel(engine: str) -> None:
    if tells_of_memory(engine):
        with pytest.raises(OOMError, match="went over its memory limit of 64Mi"):
            flyte.run(boxes.greedy)
    else:
        with pytest.raises(RuntimeUserError, match="exit code 137, as after SIGKILL.*goes over its memory limit, here 64Mi"):
            flyte.run(boxes.greedy)
    memory, user = flyte.run(boxes.limits).outputs()
    assert memory.split() == [str(64 << 20)]
    assert user == os.getuid()


def test_exit_codes_are_judged() -> None:
    with pytest.raises(RuntimeUserError, match="ended with exit code 9") as caught:
        flyte.run(boxes.fails.override(retries=0), code=9)
    assert "wrong" in str(caught.value)
    with pytest.raises(RuntimeUserError, match="ended with exit code 127"):  # of its shell, not of the engine
        flyte.run(ContainerTask("typo", boxes.IMAGE, ["sh", "-c", "no-such-program"]))
    with pytest.raises(RuntimeSystemError, match="has no such program as the command begins with"):
        flyte.run(ContainerTask("nothing", boxes.IMAGE, ["no-such-program"]))
    with pytest.raises(RuntimeSystemError, match="cannot be executed in the image"):
        flyte.run(ContainerTask("plain", boxes.IMAGE, ["/etc/passwd"]))
    with pytest.raises(RuntimeSystemError, match="refused to start a container"):
        flyte.run(ContainerTask("tiny", boxes.IMAGE, ["true"], resources=flyte.Resources(memory="1Mi")))


def test_a_timeout_ends_it(engine: str) -> None:
    before = ours(engine)
    with pytest.raises(TaskTimeoutError):
        flyte.run(boxes.hasty)
    assert ours(engine) <= before


def test_one_that_does_not_listen_is_killed_after_the_grace(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
    before = ours(engine)
    with pytest.raises(TaskTimeoutError):
        flyte.run(boxes.stubborn.override(timeout=2))
    assert ours(engine) <= before


def test_it_ends_with_the_process_of_its_call(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_SYSTEM_RETRIES", "0")
    before = ours(engine)
    with pytest.raises(RuntimeSystemError, match="was killed by SIGKILL"):
        flyte.with_runcontext(sinks=[when_started(lambda pid: os.kill(pid, signal.SIGKILL))]).run(boxes.lasts)
    assert ours(engine) <= before


def test_it_is_cancelled_with_its_caller(engine: str) -> None:
    before = ours(engine)
    assert flyte.run(boxes.gives_up).outputs()[0] == "given up"
    assert ours(engine) <= before


def test_the_next_start_removes_what_a_killed_engine_left(engine: str, home: Path) -> None:
    program = "import sys; sys.path[:0] = ['tests']\nfrom programs import boxes\nimport localflyte\nlocalflyte.run(boxes.lasts)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    assert process.stdout is not None
    assert any(b"started" in line for line in process.stdout)
    # All of it at once, as a machine without memory would end it. The process of the call removes its container if it sees the engine's
    # command end, so all are stopped first; the kernel wakes what has lost its parent, so those below are killed before those above.
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for each in tree:
        each.suspend()
    assert wait_until(lambda: all(each.status() == psutil.STATUS_STOPPED for each in tree))
    for each in reversed(tree):
        each.kill()
    process.wait()
    process.stdout.close()
    psutil.wait_procs(tree, timeout=5)
    left = subprocess.run(
        [engine, "ps", "-q", "--filter", "label=localflyte.engine"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert left  # nothing of ours is there any more to end it
    assert flyte.run(boxes.greet, name="x").outputs()[0] == "Hello, x."
    now = subprocess.run(
        [engine, "ps", "-aq", "--filter", "label=localflyte.engine"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(left) & set(now)


def test_secrets_are_on_no_command_line_and_those_that_are_files_are_nowhere(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, canary: str
) -> None:
    monkeypatch.setenv("WORD", canary)
    monkeypatch.setenv("TEAM_WORD", canary)
    seen: dict[str, Any] = {}

    def look(pid: int) -> None:
        below = psutil.Process(pid).children(recursive=True)
        seen["argv"] = [word for process in below for word in process.cmdline()]
        name = seen["argv"][seen["argv"].index("--name") + 1]
        found = json.loads(subprocess.run([engine, "inspect", name], capture_output=True, check=True).stdout)[0]
        seen["env"] = found["Config"].pop("Env")
        seen["inspected"] = json.dumps(found)
        (tmp_path / "go").touch()

    run = flyte.with_runcontext(sinks=[when_started(look)]).run(boxes.secretive, stop=Dir.from_local_sync(tmp_path))
    assert run.outputs()[0] == "same\n"
    assert not any(canary in word for word in seen["argv"])
    assert canary not in seen["inspected"]
    assert [each for each in seen["env"] if canary in each] == [f"SECRET_WORD={canary}"]  # an engine shows the variables of its containers
