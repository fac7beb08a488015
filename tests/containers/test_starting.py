"""How a container is started, and what is said when it is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from programs import contract

import localflyte as flyte
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.images.engines import Engine
from localflyte.images.ways import Container
from localflyte.launch import containers
from localflyte.launch import forkserver
from localflyte.launch.arrival import why_not_started
from localflyte.launch.containers import Commands
from localflyte.launch.containers import end_left_containers
from localflyte.launch.containers import write_commands
from localflyte.runs.lives import my_life
from localflyte.settings import Settings
from localflyte.spec.plan import ResourceTerms

MIB = 1 << 20
WAY = Container(engine=Engine(name="docker", program="docker", version="24"), image="sha256:ab", name="some/image:1")


def commands(tmp_path: Path, way: Container = WAY, resources: ResourceTerms | None = None, **settings: Any) -> Commands:
    return write_commands(
        way,
        python="python3",
        program="/opt/localflyte/x.py",
        writable=(str(tmp_path),),
        readable=(str(tmp_path / "sub"), "/srv/code"),
        secrets=("/dev/shm/s", "/etc/flyte/secrets"),
        resources=resources or ResourceTerms(),
        settings=Settings(home=tmp_path, **settings),
        cores=2.0,
    )


def test_row_58_nothing_of_the_person_can_be_an_option(tmp_path: Path) -> None:
    run = commands(tmp_path).run
    at = run.index("--")
    assert run[at + 1 :] == ("sha256:ab", "/opt/localflyte/x.py", "--contained")
    assert "--privileged" not in run
    assert not any("docker.sock" in word for word in run)


def test_every_path_is_mounted_once_and_code_only_for_reading(tmp_path: Path) -> None:
    run = commands(tmp_path).run
    mounts = [run[at + 1] for at, word in enumerate(run) if word == "--mount"]
    assert f"type=bind,source={tmp_path},target={tmp_path}" in mounts
    assert "type=bind,source=/srv/code,target=/srv/code,readonly" in mounts
    assert not any(f"{tmp_path}/sub" in mount for mount in mounts)
    assert "type=bind,source=/dev/shm/s,target=/etc/flyte/secrets,readonly" in mounts
    assert "-v" not in run


@pytest.mark.parametrize("name", ["a,b", 'a"b', "a\nb"])
def test_row_59_a_path_that_would_be_another_mount_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RuntimeUserError, match=r"cannot be mounted into a container"):
        commands(tmp_path / name)


def test_limits_are_those_of_the_whole_container(tmp_path: Path) -> None:
    asked = ResourceTerms(memory=100 * MIB, cpu=16.0, shm=3 * MIB)
    run = commands(tmp_path, resources=asked).run
    size = 100 * MIB + containers.OWN_BYTES
    assert {f"--memory={size}", f"--memory-swap={size}", "--cpus=2.000", f"--shm-size={3 * MIB}"} <= set(run)
    assert run[-1] == "--limited"
    assert not [word for word in commands(tmp_path).run if word.startswith(("--memory", "--cpus"))]
    free = commands(tmp_path, resources=asked, memory_requests="account").run
    assert not [word for word in free if word.startswith("--memory")]
    pair = commands(tmp_path, resources=ResourceTerms(memory=MIB, memory_limit=64 * MIB, cpu=0.5, cpu_limit=1.5)).run
    assert {f"--memory={64 * MIB + containers.OWN_BYTES}", "--cpus=1.500"} <= set(pair)


def test_gpus_of_the_machine_are_in_the_container_of_a_task_that_asks_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert "--gpus=all" in commands(tmp_path, resources=ResourceTerms(gpu=1)).run
    assert "--gpus=all" not in commands(tmp_path).run


def test_more_cores_than_the_engine_has_are_not_asked_of_it(tmp_path: Path) -> None:
    small = Container(engine=Engine(name="docker", program="docker", version="24", cpus=1), image="i", name="i")
    assert "--cpus=1.000" in commands(tmp_path, small, ResourceTerms(cpu=2.0)).run


def test_the_network_is_what_the_settings_say(tmp_path: Path) -> None:
    assert not [word for word in commands(tmp_path).run if word.startswith("--network")]
    assert "--network=none" in commands(tmp_path, container_network="none").run


@pytest.mark.parametrize(("name", "rootless", "userns"), [("docker", False, False), ("podman", True, True), ("podman", False, False)])
def test_row_62_files_belong_to_who_runs_localflyte(
    tmp_path: Path, name: str, rootless: bool, userns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 99)
    way = Container(engine=Engine(name=name, program=name, version="4", rootless=rootless), image="i", name="i")
    run = commands(tmp_path, way).run
    assert run[run.index("--user") + 1] == "1234:99"
    assert ("--stop-timeout=0" in run) is (name == "podman")
    assert ("--userns=keep-id" in run) is userns


def test_root_runs_as_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert "--user" not in commands(tmp_path).run


@pytest.mark.parametrize(
    ("code", "told", "words"),
    [
        (125, "docker: Cannot connect to the Docker daemon at unix:///x.", r"docker does not answer.*LOCALFLYTE_IMAGE_POLICY=host"),
        (125, "Unable to find image 'x'\nNo such image: x", r"not on this machine any more.*docker pull some/image:1"),
        (125, "invalid argument", r"docker refused to start a container of some/image:1: invalid argument"),
        (127, 'exec: "python3": not found', r"has no python3 that can be started.*needs Python 3\.11"),
        (1, "ERROR (catatonit:6): failed to exec pid1: No such file or directory", r"has no python3 that can be started"),
        (1, "Traceback\nImportError: x", r"exit code 1 before it could serve: ImportError: x"),
        (137, "", r"exit code 137 before it could serve: it said nothing"),
    ],
)
def test_row_61_what_kept_a_container_from_starting_is_said_in_plain_words(tmp_path: Path, code: int, told: str, words: str) -> None:
    error = why_not_started(commands(tmp_path), code, told)
    assert error.code == ("NoPythonInImageError" if "no python3" in words else "ContainerStartError")
    with pytest.raises(RuntimeSystemError, match=words):
        raise error


def test_row_61_a_container_that_cannot_be_started_fails_the_call_and_is_tried_again_by_the_next(home: Path, boxed: Any) -> None:
    boxed.order(run={"code": 125, "err": "docker: the disk is full"})
    with pytest.raises(RuntimeSystemError, match=r"docker refused to start a container of .*: docker: the disk is full"):
        flyte.run(contract.container.where)
    boxed.order()
    assert flyte.run(contract.container.where).outputs()[0]["attempt"] == "0"


def test_row_61_a_container_that_never_says_anything_is_given_up(home: Path, boxed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    boxed.order(run={"mute": True})
    monkeypatch.setattr(forkserver, "ARRIVE_SECONDS", 0.1)
    monkeypatch.setattr(forkserver, "PATIENCE", 0.05)
    with pytest.raises(RuntimeSystemError, match="did not come up in time, and was ended"):
        flyte.run(contract.container.where)
    assert boxed.running() == []


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_an_interpreter_may_have_its_other_name(home: Path, boxed: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_CONTAINER_ENGINE", name)
    boxed.order(run={"missing": ["python3"]})
    assert flyte.run(contract.container.where).outputs()[0]["attempt"] == "0"
    assert [call[call.index("--entrypoint") + 1] for call in boxed.calls("run")] == ["python3", "python"]


def test_an_image_without_python_is_refused(home: Path, boxed: Any) -> None:
    boxed.order(run={"missing": ["python3", "python"]})
    with pytest.raises(RuntimeSystemError, match=r"has no python that can be started"):
        flyte.run(contract.container.where)


def test_a_task_that_has_to_be_pickled_needs_the_same_python(home: Path, boxed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env = flyte.TaskEnvironment("closure", image=contract.IMAGE)

    @env.task
    def inside() -> int:
        return 1

    assert flyte.run(inside).outputs() == (1,)
    monkeypatch.setattr("localflyte.launch.footing.sys.version_info", (3, 10, 0))
    with pytest.raises(RuntimeUserError, match=r"has to cross as a pickle, and its image runs Python .*not 3\.10"):
        flyte.run(inside)


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_row_60_the_containers_of_killed_engines_are_removed(boxed: Any, name: str) -> None:
    engine = Engine(name=name, program=str(boxed.folder / "bin" / name), version="24")
    over = str(my_life()).replace(str(os.getpid()), "1", 1)
    (boxed.folder / "left.pid").write_text(f"999999999 {over}")
    (boxed.folder / "mine.pid").write_text(f"999999999 {my_life()}")
    (boxed.folder / "other.pid").write_text("999999999 somebody-elses")
    assert end_left_containers(engine) == ["left"]
    assert boxed.calls("rm") == [["rm", "--force", "--", "left"]]


def test_no_engine_to_ask_is_no_reason_to_fail() -> None:
    assert end_left_containers(Engine(name="docker", program="/nowhere/docker", version="24")) == []
