"""The environment of a task: built from a short list and what was declared, and sent to the interpreter once it is up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from programs import surroundings

import localflyte as flyte
from localflyte import errors
from localflyte.launch.environ import ALIAS_FOLDER
from localflyte.launch.environ import ALLOWED
from localflyte.launch.environ import THREAD_COUNTS
from localflyte.launch.environ import WITHOUT_THREADS
from localflyte.launch.environ import build_environment
from localflyte.launch.environ import start_environment
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.plan import TaskRef

ROOT = Path(__file__).resolve().parents[2]


def plan(**more: Any) -> Plan:
    return Plan(task=TaskRef(name="env.task"), environment="env", short_name="task", interface="()", **more)


def built(caller: dict[str, str], *pass_env: str, cores: float = 4, **more: Any) -> dict[str, str]:
    """The environment, without what is said of threads, which it always has."""
    env = build_environment(caller, plan(**more), pass_env, cores)
    return {name: value for name, value in env.items() if name not in THREAD_COUNTS and name not in WITHOUT_THREADS}


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


class TestBuilding:
    @pytest.mark.parametrize("name", [name.replace("*", "ANY") for name in ALLOWED])
    def test_a_name_on_the_list_is_passed(self, name: str) -> None:
        assert built({name: "x"}) == {name: "x"}

    @pytest.mark.parametrize(
        "name", ["AWS_SECRET_ACCESS_KEY", "PATHS", "MYPATH", "LCX", "path", "LOCALFLYTE_HOME", "LD_PRELOAD", "FLYTE_API_KEY"]
    )
    def test_any_other_is_not(self, name: str) -> None:
        assert built({name: "x"}) == {}

    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "no_proxy"])
    def test_the_way_into_the_network_is_passed_unless_a_password_is_part_of_it(self, name: str) -> None:
        assert built({name: "http://proxy:3128"}) == {name: "http://proxy:3128"}
        assert built({name: "http://me:hunter2@proxy:3128"}) == {}

    @pytest.mark.parametrize(
        ("pattern", "passed"), [("MY_*", {"MY_A", "MY_B"}), ("MY_A", {"MY_A"}), ("*_A", {"MY_A"}), ("*", {"MY_A", "MY_B", "X"})]
    )
    def test_the_settings_can_pass_more(self, pattern: str, passed: set[str]) -> None:
        assert set(built({"MY_A": "1", "MY_B": "2", "X": "3", "LOCALFLYTE_HOME": "4"}, pattern)) == passed

    def test_our_own_settings_are_passed_only_by_name(self) -> None:
        assert set(built({"LOCALFLYTE_HOME": "1", "LOCALFLYTE_CPU": "2"}, "LOCALFLYTE_HOME")) == {"LOCALFLYTE_HOME"}

    def test_what_is_declared_wins(self) -> None:
        assert built({"HOME": "/here", "X": "caller"}, "X", env_vars={"HOME": "/there", "X": "task", "Y": ""}) == {
            "HOME": "/there", "X": "task", "Y": "",
        }  # fmt: skip

    @pytest.mark.parametrize(("name", "value"), [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0y")])
    def test_what_cannot_be_a_variable_is_refused_without_telling_its_value(self, name: str, value: str) -> None:
        with pytest.raises(errors.RuntimeUserError, match="env.task") as caught:
            built({}, env_vars={name: value})
        assert caught.value.code == "EnvironmentVariableError"
        assert value not in str(caught.value).replace("env.task", "").replace("empty", "").split()


class TestThreadCounts:
    @pytest.mark.parametrize(
        ("resources", "count"),
        [
            ({}, "1"),
            ({"cpu": 0.5}, "1"),
            ({"cpu": 2.0}, "2"),
            ({"cpu": 1.5}, "2"),
            ({"cpu": 1.0, "cpu_limit": 3.0}, "3"),
            ({"cpu": 64.0}, "4"),
        ],
    )
    def test_they_follow_the_cores_of_the_task(self, resources: dict[str, float], count: str) -> None:
        env = build_environment({}, plan(resources=ResourceTerms(**resources)), (), 4)
        assert env == dict.fromkeys(THREAD_COUNTS, count) | WITHOUT_THREADS

    def test_those_of_the_caller_do_not_count(self) -> None:
        assert build_environment({"OMP_NUM_THREADS": "64"}, plan(), (), 4)["OMP_NUM_THREADS"] == "1"

    def test_those_of_the_user_do(self) -> None:
        assert build_environment({}, plan(env_vars={"OMP_NUM_THREADS": "8"}), (), 4)["OMP_NUM_THREADS"] == "8"
        assert build_environment({"OMP_NUM_THREADS": "6"}, plan(), ("OMP_*",), 4)["OMP_NUM_THREADS"] == "6"
        assert build_environment({}, plan(env_vars={"JE_ARROW_MALLOC_CONF": "a:b"}), (), 4)["JE_ARROW_MALLOC_CONF"] == "a:b"

    def test_a_library_finds_them_when_it_is_imported(self) -> None:
        cores = len(os.sched_getaffinity(0))
        task = surroundings.threads_at_import
        assert run(task) == "1"
        assert run(task.override(resources=flyte.Resources(cpu=cores))) == str(cores)


class TestStart:
    def test_an_interpreter_is_started_with_the_list_and_what_it_reads_itself(self) -> None:
        declared = {"PYTHONHASHSEED": "0", "LC_ALL": "C", "MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "a", "PATH": "/mine", "TOKEN": "x"}
        caller = {"PATH": "/bin", "TOKEN": "y", "OTHER": "z", "https_proxy": "http://me:hunter2@proxy"}
        assert start_environment(caller, declared) == {
            "PATH": "/bin", "PYTHONHASHSEED": "0", "LC_ALL": "C", "MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "a",
        }  # fmt: skip

    def test_the_system_shows_no_more_of_a_worker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NOT_FOR_TASKS", "1")
        seen = run(surroundings.shown_by_the_system.override(env_vars={"DECLARED": "1", "PYTHONHASHSEED": "7"}))
        assert "DECLARED" in seen["has"]
        assert "DECLARED" not in seen["shown"]
        assert "PYTHONHASHSEED" in seen["shown"]
        assert "NOT_FOR_TASKS" not in {*seen["has"], *seen["shown"]}

    def test_a_variable_for_the_interpreter_itself_works(self) -> None:
        task = surroundings.hash_of_text
        assert len({run(task.override(env_vars={"PYTHONHASHSEED": seed})) for seed in ("1", "2", "1")}) == 2

    def test_the_time_zone_of_a_task_holds(self) -> None:
        assert run(surroundings.hours_at_the_epoch.override(env_vars={"TZ": "UTC-5"})) == 5
        assert run(surroundings.hours_at_the_epoch.override(env_vars={"TZ": "UTC"})) == 0

    def test_a_value_in_no_encoding_arrives(self) -> None:
        value = os.fsdecode(b"\xff\xfe")
        code = (
            "import os, sys; sys.path[:0] = [sys.argv[1], sys.argv[1] + '/tests']\n"
            "import localflyte as flyte\nfrom programs import surroundings\n"
            "assert flyte.run(surroundings.raw, name='LC_ODD').outputs()[0] == 'fffe'\n"
        )
        environ = {**os.environ, "LC_ODD": value}
        done = subprocess.run([sys.executable, "-c", code, str(ROOT)], env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr


class TestMissing:
    """A task that fails for want of a variable that its caller has is told so."""

    @pytest.mark.parametrize("how", ["index", "says", "wraps"])
    def test_a_failure_that_names_it_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
        monkeypatch.setenv("WANTED", "here")
        with pytest.raises(errors.RuntimeUserError, match="WANTED") as caught:
            run(surroundings.wants, how=how)
        assert 'env_vars={"WANTED": ...}' in str(caught.value)
        assert str(caught.value).count("pass_env") == 1

    def test_one_that_nobody_has_stays_as_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WANTED", raising=False)
        with pytest.raises(errors.RuntimeUserError) as caught:
            run(surroundings.wants, how="index")
        assert str(caught.value) == "'WANTED'"

    def test_one_that_the_task_was_given_is_not_the_reason(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WANTED", "here")
        with pytest.raises(errors.RuntimeUserError) as caught:
            run(surroundings.wants.override(env_vars={"WANTED": ""}), how="says")
        assert str(caught.value) == "WANTED is not set"

    def test_a_word_in_small_letters_is_only_a_word(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("not", "here")
        monkeypatch.delenv("WANTED", raising=False)
        with pytest.raises(errors.RuntimeUserError) as caught:
            run(surroundings.wants, how="says")
        assert str(caught.value) == "WANTED is not set"


def test_variables_that_tasks_do_not_get_need_no_server_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYTHING", "1")
    first = run(surroundings.server)
    monkeypatch.setenv("ANYTHING", "2")
    assert run(surroundings.server) == first


class TestFreshInterpreters:
    """What a task starts knows flyte by its name where the task does. Processes are started in tests/engine/test_scripts.py."""

    def path(self, caller: dict[str, str], **more: Any) -> list[str]:
        return build_environment(caller, plan(**more), (), 4, alias=True)["PYTHONPATH"].split(os.pathsep)

    def test_a_folder_of_ours_comes_first_and_the_persons_own_stay(self) -> None:
        assert self.path({"PYTHONPATH": "one:two"}) == [ALIAS_FOLDER, "one", "two"]
        assert self.path({}, env_vars={"PYTHONPATH": "three"}) == [ALIAS_FOLDER, "three"]

    def test_no_path_gets_no_empty_entry_which_would_be_the_current_folder(self) -> None:
        assert self.path({}) == self.path({"PYTHONPATH": ""}) == [ALIAS_FOLDER]

    def test_a_run_that_a_task_starts_by_the_command_line_has_it_once(self) -> None:
        assert self.path({"PYTHONPATH": ALIAS_FOLDER}) == [ALIAS_FOLDER]

    def test_only_where_flyte_means_localflyte(self) -> None:
        assert "PYTHONPATH" not in build_environment({}, plan(), (), 4)
