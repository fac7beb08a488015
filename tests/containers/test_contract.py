"""One contract for every way to run a task: a process, a fresh interpreter, a replica, an environment made by uv, a container."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from engines import ENGINES
from engines import is_started
from programs import contract

import localflyte as flyte
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.errors import TaskTimeoutError
from localflyte.io import Dir
from localflyte.io import File

KINDS = [
    "plain",
    "fresh",
    "replica",
    "venv",
    "boxed",
    "boxed-warm",
    *(pytest.param(name, marks=pytest.mark.container) for name in (*ENGINES, f"{ENGINES[0]}-warm")),  # a replica is one with any engine
]
POINT = contract.Point(3, "äöü", {"a": [1.0]})


@pytest.fixture(params=KINDS)
def kind_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine_name(kind_name: str) -> str:
    """The engine that a kind stands for, for those that do."""
    return kind_name.partition("-")[0]


@pytest.fixture
def kind(kind_name: str, request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a kind in the program, with what it needs around it."""
    monkeypatch.setenv("LOCALFLYTE_PASS_ENV", "LOCALFLYTE_TEST_*")
    match kind_name.partition("-"):
        case "boxed", _, warm:
            if is_started(ENGINES[0]):
                pytest.skip("the engine that it stands for is here")
            request.getfixturevalue("boxed")
            return warm or "container"
        case (("docker" | "podman"), _, warm):
            request.getfixturevalue("engine")
            return warm or "container"
        case "venv", _, _:
            request.getfixturevalue("sample")
        case "fresh", _, _:
            monkeypatch.setenv("LOCALFLYTE_TEST_THREAD_AT_IMPORT", "1")  # then nothing can be forked after the import
            return "plain"
    return kind_name


def test_each_call_has_a_process_of_its_own(kind: str) -> None:
    pids = flyte.run(contract.calls, kind, 4).outputs()[0]
    assert str(os.getpid()) not in pids
    assert len(pids) == 4 or kind in ("replica", "warm")


def test_what_a_task_leaves_in_a_module_is_gone_with_it_unless_it_is_a_replica(kind: str) -> None:
    task = contract.KINDS[kind].remembers
    found = [flyte.run(task, number).outputs()[0] for number in (1, 2)]
    assert found[0] == [1]
    assert found[1] == ([1, 2] if kind == "warm" else found[1])
    assert found[1] == [2] or kind in ("replica", "warm")


def test_typed_values_go_there_and_back(kind: str) -> None:
    blob = bytes(range(256)) * 4096
    point, text, maybe, rows, turned = flyte.run(contract.KINDS[kind].values, POINT, "abc\0é", None, [POINT] * 3, blob).outputs()
    assert point == contract.Point(3, "äöü", {"a": [1.0], "seen": [1.5]})
    assert (text, maybe, rows, turned) == ("é\0cba", None, [POINT] * 3, blob[::-1])


def test_files_and_folders_go_there_and_back(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "far away"
    folder.mkdir()
    for name in ("b.txt", "a b.txt"):
        (folder / name).write_text(name)
    given = File.from_local_sync(folder / "b.txt")
    file, made, text = flyte.run(contract.KINDS[kind].reads, given, Dir.from_local_sync(folder)).outputs()
    assert text == "b.txt"
    with file.open_sync("rb") as stream:
        assert stream.read() == b"B.TXT"
    assert [Path(each.path).read_text() for each in made.walk_sync()] == ["a b.txt b.txt"]
    assert (folder / "b.txt").read_text() == "b.txt"


def test_a_task_calls_its_own_kind_and_another(kind: str) -> None:
    upper, pid = flyte.run(contract.PARENTS[kind], "some text").outputs()
    assert upper == "SOME TEXT"
    assert pid


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("raise", "LookupError"),
        ("exit", "SystemExit"),
        ("_exit", "WorkerExitedError"),
        ("segv", "SIGSEGV"),
        ("kill", "SIGKILL"),
        ("group", "SIGKILL"),
    ],
)
def test_a_fault_is_one_failed_call_that_says_what_it_was(kind: str, how: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_SYSTEM_RETRIES", "0")
    tasks = contract.KINDS[kind]
    with pytest.raises((RuntimeUserError, RuntimeSystemError)) as raised:
        flyte.run(tasks.raises, how)
    assert raised.value.code == code
    assert flyte.run(tasks.raises, "no way").outputs() == (0,)


def test_what_it_prints_is_in_its_log_to_the_last_line(kind: str) -> None:
    run = flyte.run(contract.KINDS[kind].prints, 20_000)
    log = list(run.get_logs())
    assert "line 0" in log[0]
    assert any("line 19999" in line for line in log)
    assert any("last" in line for line in log)


def test_a_timeout_ends_what_ignores_every_signal(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.3")
    with pytest.raises(TaskTimeoutError, match=r"max_runtime of 1 s"):
        flyte.run(contract.KINDS[kind].brief, 600.0)


def test_cancelling_the_await_ends_the_call(kind: str) -> None:
    assert flyte.run(contract.cancels, kind).outputs() == ("cancelled",)


def test_retries_know_their_number(kind: str) -> None:
    assert flyte.run(contract.KINDS[kind].flaky).outputs() == (2,)


def test_variables_are_those_that_were_declared(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOT_DECLARED", "there")
    task = contract.KINDS[kind].environment
    if kind not in ("replica", "warm"):
        task = task.override(env_vars={"DECLARED": "a b\n$c"})
        assert flyte.run(task, "DECLARED").outputs() == ("a b\n$c",)
    assert flyte.run(task, "NOT_DECLARED").outputs() == ("",)
    assert flyte.run(task, "FLYTE_ATTEMPT_NUMBER").outputs() == ("0",)


def test_a_secret_is_a_variable_of_who_declared_it(kind: str, canary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_CONTRACT", canary)
    task = contract.KINDS[kind].length_of
    assert flyte.run(task, "TOKEN_OF_CONTRACT").outputs() == (0,)
    if kind not in ("replica", "warm"):  # whose secrets are those of their environment
        asking = task.override(secrets="token_of_contract")
        assert flyte.run(asking, "TOKEN_OF_CONTRACT").outputs() == (len(canary),)


def test_it_starts_where_the_caller_is(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = flyte.run(contract.KINDS[kind].where).outputs()[0]
    assert found["cwd"] == str(tmp_path)


def test_an_environment_of_uv_has_its_own_interpreter(home: Path, sample: None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = flyte.run(contract.venv.where).outputs()[0]
    assert found["python"] != sys.executable
    assert found["python"].startswith(str(home))
