"""Whole runs with pod templates: what has a meaning here is applied, the rest is named once, and what cannot be is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from programs import pods

import localflyte as flyte
from localflyte import errors


@pytest.fixture(autouse=True)
def own_home(home: Path) -> Path:
    return home


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write the settings that a run finds in its folder."""

    def write(text: str) -> None:
        (tmp_path / "pyproject.toml").write_text(text)
        monkeypatch.chdir(tmp_path)

    return write


def run(task: Any, *args: Any) -> tuple[Any, list[str]]:
    """:return: what the task gave, and what the run said"""
    told: list[str] = []

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    return flyte.with_runcontext(sinks=[listens]).run(task, *args).outputs()[0], told


BIG = """
[tool.localflyte.pod_templates.big]
metadata = { labels = { team = "a" } }
spec = { containers = [{ name = "default", image = "noop", env = [{ name = "SIZE", value = "big" }] }] }
"""


def test_the_primary_container_is_applied_to_the_root() -> None:
    found, _ = run(pods.look_in_full, ["POD", "BOTH", "IP"])
    assert found == {"POD": "yes", "BOTH": "task", "cwd": "/", "imported": "/"}


def test_nested_calls_have_their_own() -> None:
    (plain, *full), _ = run(pods.parent, ["POD"])
    assert plain == {"cwd": os.getcwd(), "imported": os.getcwd()}
    assert full == [{"POD": "yes", "cwd": "/", "imported": "/"}] * 3


def test_what_is_not_applied_is_named_once() -> None:
    _, told = run(pods.parent, [])
    (text,) = (text for text in told if "pod template" in text)
    assert text.startswith("the pod template of full.look_in_full says more than can be applied on this machine")
    assert text.endswith("; not applied: labels, volumes, container side, env IP (valueFrom)")


def test_a_template_that_is_applied_whole_is_not_mentioned() -> None:
    task = pods.look.override(pod_template=pods.pod(env=[{"name": "POD", "value": "1"}]))
    found, told = run(task, ["POD"])
    assert (found["POD"], told) == ("1", [])


def test_variables_of_the_run_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD", "shell")
    found = flyte.with_runcontext(env_vars={"POD": "run"}).run(pods.look_in_full, ["POD"]).outputs()[0]
    assert found["POD"] == "run"


def test_an_object_like_a_pod_will_do() -> None:
    class Thing:
        def __init__(self, **said: Any) -> None:
            self.__dict__.update(said)

    template = Thing(spec=Thing(containers=[Thing(name="only", env=[Thing(name="POD", value="object")])]))
    found, _ = run(pods.look.override(pod_template=template), ["POD"])
    assert found["POD"] == "object"


def test_a_relative_folder_counts_from_where_the_run_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path)
    found, _ = run(pods.look.override(pod_template=pods.pod(workingDir="inner")), [])
    assert found["cwd"] == str(tmp_path / "inner")


def test_a_folder_that_is_not_here_is_told() -> None:
    found, told = run(pods.look.override(pod_template=pods.pod(workingDir="/in/the/image")), [])
    assert found["cwd"] == os.getcwd()
    assert "starts the task in /in/the/image, which is no folder here" in told[0]


class TestGrace:
    def test_a_task_has_the_time_that_its_pod_gives(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.1")
        run(pods.gives_up_on, str(tmp_path), 0.5, 60)
        assert (tmp_path / "ended").exists()

    def test_and_no_more(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "60")
        run(pods.gives_up_on, str(tmp_path), 1000.0, 0)
        assert not (tmp_path / "ended").exists()


class TestNamed:
    def test_it_is_found_in_the_settings(self, settings: Callable[[str], None]) -> None:
        settings(BIG)
        found, told = run(pods.look_in_named, ["SIZE"])
        assert found["SIZE"] == "big"
        assert told == ["the pod template 'big' of named.look_in_named says more than can be applied on this machine; not applied: labels"]

    def test_one_that_nobody_knows_is_told_with_the_place_to_write_it(self) -> None:
        found, told = run(pods.look_in_named, ["SIZE"])
        assert "SIZE" not in found
        assert "[tool.localflyte.pod_templates.big]" in told[0]

    def test_under_strict_it_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_STRICT", "1")
        with pytest.raises(errors.RuntimeUserError, match="is in no settings") as raised:
            run(pods.look_in_named, [])
        assert raised.value.code == "PodTemplateError"

    def test_what_kubernetes_would_refuse_fails_the_call(self, settings: Callable[[str], None]) -> None:
        settings('[tool.localflyte.pod_templates.big]\ncontainers = [{ name = "primary", env = "A=1" }]\n')
        with pytest.raises(errors.RuntimeUserError, match="'big' of named.look_in_named cannot be read: env must be a list"):
            run(pods.look_in_named, [])


class TestRefused:
    def test_a_pod_without_the_container_that_runs_the_task(self) -> None:
        template = flyte.PodTemplate(pods.pod(name="other")["spec"])
        with pytest.raises(errors.PrimaryContainerNotFoundError, match="no container of it is called 'primary'"):
            run(pods.look.override(pod_template=template), [])

    def test_a_request_over_the_limit_of_the_pod_is_cut(self) -> None:
        assert "it gets no more: 300Mi of memory are asked for and the limit is 200Mi" in run(self.greedy(), [])[1][0]

    def test_and_refused_under_strict(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_STRICT", "1")
        with pytest.raises(errors.RuntimeUserError, match="holds the task to less than it asks for"):
            run(self.greedy(), [])

    @staticmethod
    def greedy() -> Any:
        template = pods.pod(resources={"limits": {"memory": "200Mi"}})
        return pods.look.override(pod_template=template, resources=flyte.Resources(memory="300Mi"))
