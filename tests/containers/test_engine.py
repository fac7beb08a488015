"""What only the kernel and a real engine can do: limits, isolation, ownership, and nothing left when everything is killed at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from programs import contract

import localflyte as flyte
from localflyte.errors import OOMError

pytestmark = pytest.mark.container
MIB = 1 << 20
END_WITHIN = 20.0  # seconds; what is promised is two, on a machine that does nothing else

PROGRAM = """
import time
import localflyte as flyte

env = flyte.TaskEnvironment("killed", image={image!r})


@env.task
def waits(note: str) -> int:
    open(note, "w").close()
    time.sleep(600)
    return 0
"""


def listed(program: str, *filters: str) -> list[str]:
    words = [word for each in filters for word in ("--filter", each)]
    return subprocess.run([program, "ps", "--all", "--quiet", *words], capture_output=True, text=True, check=True).stdout.split()


def inspected(program: str, container: str) -> str:
    return subprocess.run([program, "inspect", container], capture_output=True, text=True, check=True).stdout


def test_memory_is_held_by_the_kernel_and_said_as_outside_of_containers(engine: str, home: Path) -> None:
    task = contract.container.holds.override(resources=flyte.Resources(memory="96Mi"))
    assert flyte.run(task, 60).outputs() == (60 * MIB,)
    with pytest.raises(
        OOMError, match=r"went over its memory limit of 96Mi: the kernel ended it.*\n.*\n.*Change memory=\"96Mi\" to at least"
    ):
        flyte.run(task, 400)
    assert flyte.run(task, 60).outputs() == (60 * MIB,)


def test_one_call_that_runs_out_does_not_hurt_another_beside_it(engine: str, home: Path) -> None:
    assert flyte.run(contract.beside).outputs() == ("OOMError", 30 * MIB)


def test_it_sees_its_own_processes_and_files(engine: str, home: Path) -> None:
    found = flyte.run(contract.container.where).outputs()[0]
    assert found["python"] != sys.executable
    assert int(found["pid"]) < 1000


def test_a_module_that_the_host_does_not_have_is_there(engine: str, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {os.environ['LOCALFLYTE_TEST_IMAGE']}\n"
        "RUN [\"python3\", \"-c\", \"import site; open(site.getsitepackages()[0] + '/only_in_the_image.py', 'w').write('ANSWER = 42')\"]\n"
    )
    image = flyte.Image.from_dockerfile(tmp_path / "Dockerfile", registry="localhost", name="contract-built")
    env = flyte.TaskEnvironment("built", image=image)

    @env.task
    def answer() -> int:
        import only_in_the_image

        return only_in_the_image.ANSWER

    assert flyte.run(answer).outputs() == (42,)


def test_row_73_secrets_are_in_no_argument_and_in_nothing_that_the_engine_tells(
    engine: str, home: Path, canary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_CONTRACT", canary)
    file = flyte.Secret("token_of_contract", mount="/etc/flyte/secrets")
    task = contract.container.length_of.override(secrets=[flyte.Secret("token_of_contract", as_env_var="TOKEN_OF_CONTRACT"), file])
    assert flyte.run(task, "TOKEN_OF_CONTRACT").outputs() == (len(canary),)
    assert flyte.run(task, "/etc/flyte/secrets/token_of_contract").outputs() == (len(canary),)
    containers = listed(engine, "label=localflyte.engine")
    assert containers
    assert not [each for each in containers if canary in inspected(engine, each)]
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if canary.encode() in read(path)]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("who", ["engine", "relay"])
def test_row_60_a_kill_leaves_no_container(engine: str, tmp_path: Path, who: str) -> None:
    (tmp_path / "killed.py").write_text(PROGRAM.format(image=os.environ["LOCALFLYTE_TEST_IMAGE"]))
    note = tmp_path / "note"
    env = {**os.environ, "LOCALFLYTE_HOME": str(tmp_path / "home"), "LOCALFLYTE_SYSTEM_RETRIES": "0"}
    command = [sys.executable, "-m", "localflyte", "run", "killed.py", "waits", "--note", str(note)]
    process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(note.exists)
        label = f"label=localflyte.engine={life_of(process.pid)}"
        assert listed(engine, label)
        if who == "engine":
            process.kill()
        else:
            for pid in children(process.pid):
                if b"relay.py" in read(Path(f"/proc/{pid}/cmdline")):
                    os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not listed(engine, label))
    finally:
        process.kill()
        process.wait()


def life_of(pid: int) -> str:
    from localflyte.runs.lives import life_of as life

    return str(life(pid))


def children(pid: int) -> list[int]:
    return [int(word) for listing in Path(f"/proc/{pid}/task").glob("*/children") for word in listing.read_text().split()]


def wait_for(condition: object) -> None:
    give_up = time.monotonic() + END_WITHIN
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < give_up
        os.sched_yield()


def test_a_container_that_is_killed_is_one_lost_call_which_is_made_again(
    engine: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the folder that it shares with the container
    monkeypatch.setenv("LOCALFLYTE_PASS_ENV", "DOCKER_*")
    note = tmp_path / "note"
    assert flyte.run(contract.kills_its_container, engine, str(note)).outputs() == ("1",)


#: Becomes somebody else, who may all the same read what is root's alone: the interpreter of the tests, perhaps, and the engine's socket.
ORDINARY = [
    "setpriv", "--reuid=12345", "--regid=12345", "--clear-groups",
    "--inh-caps=+dac_override,+dac_read_search", "--ambient-caps=+dac_override,+dac_read_search",
]  # fmt: skip


@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root, by setpriv, can become somebody else")
def test_row_62_files_of_an_ordinary_user_are_theirs(engine: str, tmp_path: Path) -> None:
    if os.path.basename(engine) == "podman":
        pytest.skip("the images of root's podman are for root alone")
    os.chown(tmp_path, 12345, 12345)
    script = tmp_path / "owned.py"
    script.write_text(OWNED.format(image=os.environ["LOCALFLYTE_TEST_IMAGE"]))
    env = {**os.environ, "LOCALFLYTE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    command = [*ORDINARY, sys.executable, "-m", "localflyte", str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["12345", "12345"]


OWNED = """
import os, pathlib, tempfile
import flyte
from flyte.io import File

env = flyte.TaskEnvironment("owned", image={image!r})


@env.task
async def makes() -> tuple[File, int]:
    path = pathlib.Path(tempfile.mkdtemp()) / "f"
    path.write_text("x")
    return await File.from_local(str(path)), os.getuid()


if __name__ == "__main__":
    file, uid = flyte.run(makes).outputs()
    print(uid, os.stat(file.path).st_uid)
"""
