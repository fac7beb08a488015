"""An engine is found by asking, within a bound, and every way in which it does not answer has words of its own."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import anyio
import pytest

from localflyte.images import engines
from localflyte.images.engines import Engine
from localflyte.images.engines import find_engine
from localflyte.images.engines import run_program
from localflyte.settings import Settings

if TYPE_CHECKING:
    from tests.images.conftest import FakeDocker

SettingsWith = Callable[..., Settings]
ABSENT = {"err": "Cannot connect to the Docker daemon at unix:///nowhere. Is the docker daemon running?", "code": 1}


def test_docker_is_taken_first(docker: FakeDocker, settings_with: SettingsWith) -> None:
    docker.order(info={"out": '8 ["name=seccomp,profile=default","name=rootless"]'})
    found = anyio.run(find_engine, settings_with())
    assert found.engine == Engine(name="docker", program=f"{docker.folder}/bin/docker", version="24.0.7", cpus=8, rootless=True)
    assert (docker.calls()[0][0], found.reasons) == ("version", ())


def test_podman_is_taken_where_docker_does_not_answer(docker: FakeDocker, settings_with: SettingsWith) -> None:
    docker.order(version=ABSENT, info={"out": "4.3.1"})
    found = anyio.run(find_engine, settings_with()).engine
    assert found is not None
    assert (found.name, found.version, found.cpus) == ("podman", "4.3.1", None)  # what it says of its cores is no number


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (ABSENT, "docker does not answer: Cannot connect to the Docker daemon at unix:///nowhere"),
        ({"code": 1}, "docker does not answer: it said nothing, and its exit code was 1"),
        ({"out": "<html>?</html>"}, "{folder}/bin/docker does not answer as docker does: '<html>?</html>' is no version"),
        ({"out": ""}, "docker does not answer: it said nothing, and its exit code was 0"),
        ({"hang": True}, "docker did not answer within 0.3 seconds"),
    ],
)
def test_row_61_why_there_is_none(
    docker: FakeDocker, settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch, order: dict[str, Any], reason: str
) -> None:
    if order.get("hang"):
        monkeypatch.setattr(engines, "ANSWER_SECONDS", 0.3)
    docker.order(version=order)
    found = anyio.run(find_engine, settings_with(container_engine="docker"))
    assert found.engine is None
    assert found.reasons[0].startswith(reason.format(folder=docker.folder))


def test_no_program(docker: FakeDocker, settings_with: SettingsWith) -> None:
    docker.remove("docker")
    docker.remove("podman")
    found = anyio.run(find_engine, settings_with())
    assert found.reasons == ("there is no program docker on the PATH", "there is no program podman on the PATH")


def test_a_program_that_cannot_be_started(docker: FakeDocker, settings_with: SettingsWith) -> None:
    (docker.folder / "bin" / "docker").write_text("#!/nowhere/at/all\n")
    found = anyio.run(find_engine, settings_with(container_engine="docker"))
    assert "cannot be started: No such file" in found.reasons[0]


def test_none_is_asked_where_none_is_wanted(docker: FakeDocker, settings_with: SettingsWith) -> None:
    found = anyio.run(find_engine, settings_with(container_engine="none"))
    assert (found.engine, found.reasons, docker.calls()) == (None, ("the setting container_engine is none",), [])


def test_what_podman_says_of_itself(docker: FakeDocker, settings_with: SettingsWith) -> None:
    docker.order(info={"out": "4 true"})
    engine = Engine(name="podman", program=f"{docker.folder}/bin/podman", version="4")
    assert anyio.run(engines._facts, engine.name, engine.program) == (4, True)


def test_podman_under_the_name_of_docker_is_podman(docker: FakeDocker, settings_with: SettingsWith) -> None:
    docker.order(version={"out": "4.3.1"}, info={"only": ".NCPU", "code": 125}, **{"--version": {"out": "podman version 4.3.1"}})
    found = anyio.run(find_engine, settings_with(container_engine="docker")).engine
    assert found == Engine(name="podman", program=f"{docker.folder}/bin/docker", version="4.3.1", cpus=8)


def test_docker_that_tells_no_facts_is_docker(docker: FakeDocker, settings_with: SettingsWith) -> None:
    docker.order(info={"code": 1})
    found = anyio.run(find_engine, settings_with()).engine
    assert found == Engine(name="docker", program=f"{docker.folder}/bin/docker", version="24.0.7")


def test_inspect_of_what_is_no_json(docker: FakeDocker) -> None:
    docker.order(image_inspect={"out": "Error: not today"})
    docker.has("a:1")
    engine = Engine(name="docker", program=f"{docker.folder}/bin/docker", version="24")
    assert anyio.run(engine.inspect, "a:1") is None
    assert docker.calls("image inspect")[0] == ["image", "inspect", "--", "a:1"]


# -- programs -----------------------------------------------------------------------------------------------------


def python(text: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", text]


def test_lines_come_as_they_are_said_and_bars_and_colours_do_not() -> None:
    lines: list[str] = []

    async def main() -> None:
        text = "import sys; sys.stdout.write('one\\n10%\\r20%\\r\\x1b[31mdone\\x1b[0m\\n\\nlast'); sys.stdout.flush()"
        done = await run_program(python(text), timeout=20, on_line=lines.append)
        assert (done.code, done.stdout.endswith("last"), done.complaint) == (0, True, "last")

    anyio.run(main)
    assert lines == ["one", "done", "last"]


def test_only_the_end_of_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "KEPT_BYTES", 100)

    async def main() -> None:
        done = await run_program(python("print('x' * 100_000 + 'end')"), timeout=20)
        assert (len(done.stdout), done.stdout[-4:]) == (100, "end\n")

    anyio.run(main)


def test_input_and_variables_and_folder(tmp_path: Path) -> None:
    async def main() -> None:
        text = "import os, sys; print(sys.stdin.read(), os.environ['X'], os.getcwd(), 'PATH' in os.environ)"
        done = await run_program(python(text), timeout=20, input=b"in", env={"X": "1"}, cwd=str(tmp_path))
        assert done.stdout == f"in 1 {tmp_path} True\n"

    anyio.run(main)


def test_a_program_that_does_not_read_its_input() -> None:
    async def main() -> None:
        done = await run_program(python("import os; os.close(0)"), timeout=20, input=b"x" * 10_000_000)
        assert done.code == 0

    anyio.run(main)


TREE = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]).pid, flush=True)
time.sleep(1000)
"""


def wait_for_end(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with open(descriptor, "rb", buffering=0):
        assert select.select([descriptor], [], [], 30)[0]


def test_who_takes_too_long_is_killed_with_what_it_started() -> None:
    async def main() -> int:
        done = await run_program(python(TREE), timeout=1.5)
        assert (done.code, done.timed_out, done.complaint) == (124, True, "it took longer than 1.5 seconds")
        return int(done.stdout)

    pid = anyio.run(main)
    wait_for_end(pid)


def test_who_is_cancelled_is_killed() -> None:
    pids: list[int] = []

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            started = anyio.Event()

            def hear(line: str) -> None:
                pids.append(int(line))
                started.set()

            async def work() -> None:
                await run_program(python(TREE), timeout=1000, on_line=hear)

            tasks.start_soon(work)
            await started.wait()
            tasks.cancel_scope.cancel()

    anyio.run(main)
    wait_for_end(pids[0])
