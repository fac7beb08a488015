"""flyte.init and its kin."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import localflyte as flyte
from localflyte import initialize
from localflyte import logs
from localflyte.config import Config
from localflyte.config import LocalConfig
from localflyte.config import PlatformConfig
from localflyte.config import TaskConfig
from localflyte.errors import InitializationError


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has not called init, in an empty folder, of a person without a configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in (
        "UCTL_CONFIG",
        "FLYTECTL_CONFIG",
        "FLYTE_API_KEY",
        "FLYTE_TASK_PROJECT",
        initialize.PROJECT_VARIABLE,
        initialize.DOMAIN_VARIABLE,
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(initialize, "_config", None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(logs, "_said", set())
    levels = logs.system_logger.level, logs.logger.level
    yield
    logs.system_logger.setLevel(levels[0])
    logs.logger.setLevel(levels[1])


def test_init_from_config_without_a_file() -> None:
    """What most programs begin with, with no configuration anywhere."""
    flyte.init_from_config()
    assert initialize.get_init_config().project is None


def test_aio_form() -> None:
    asyncio.run(flyte.init.aio(project="p"))
    assert flyte.current_project() == "p"


def test_root_dir_is_appended_to_the_path(tmp_path: Path) -> None:
    flyte.init_from_config(root_dir=tmp_path / "src")
    assert sys.path[-1] == str(tmp_path / "src")
    assert initialize.get_init_config().root_dir == str(tmp_path / "src")


def test_root_dir_is_appended_once(tmp_path: Path) -> None:
    flyte.init(root_dir=tmp_path / "src")
    flyte.init(root_dir=tmp_path / "src")
    assert sys.path.count(str(tmp_path / "src")) == 1


def test_current_folder_is_the_default_root(tmp_path: Path) -> None:
    flyte.init()
    assert str(tmp_path) in sys.path


def test_last_call_wins() -> None:
    flyte.init(project="first", domain="development")
    flyte.init(project="second")
    assert flyte.current_project() == "second"
    with pytest.raises(InitializationError):
        flyte.current_domain()


@pytest.mark.parametrize(
    ("ask", "code"), [("current_project", "ProjectNotInitializedError"), ("current_domain", "DomainNotInitializedError")]
)
def test_current_without_init(ask: str, code: str) -> None:
    with pytest.raises(InitializationError) as caught:
        getattr(flyte, ask)()
    assert caught.value.code == code


def test_missing_explicit_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InitializationError, match=str(tmp_path / "nothing.yaml")) as caught:
        flyte.init_from_config("nothing.yaml")
    assert caught.value.code == "ConfigFileNotFoundError"


def test_file_is_seen_from_root_dir(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="configuration files are read only where PyYAML is installed")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.yaml").write_text("task:\n  project: from-file\n")
    flyte.init_from_config("c.yaml", root_dir=tmp_path / "deep")
    assert flyte.current_project() == "from-file"


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("named", ["~/.flyte/config.yaml", "../../.flyte/config.yaml"])
def test_file_is_read_as_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, kind: type) -> None:
    """Below the home folder and beside the current one; and an argument wins over it alone, not over what else it says."""
    pytest.importorskip("yaml", reason="configuration files are read only where PyYAML is installed")
    (tmp_path / ".flyte").mkdir()
    (tmp_path / ".flyte" / "config.yaml").write_text("task:\n  project: from-file\n  domain: from-file\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.setenv("HOME", str(tmp_path))
    flyte.init_from_config(kind(named))
    assert (flyte.current_project(), flyte.current_domain()) == ("from-file", "from-file")
    flyte.init_from_config(kind(named), project="given")
    assert (flyte.current_project(), flyte.current_domain()) == ("given", "from-file")


def test_file_that_is_found_without_yaml_is_mentioned_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "config.yaml").write_text("task:\n  project: p\n")
    flyte.init_from_config()
    flyte.init_from_config()
    assert capsys.readouterr().err.count("PyYAML is not installed") == 1


def test_unrelated_config_yaml_is_left_alone(tmp_path: Path) -> None:
    """Many programs keep a config.yaml of their own in the current folder."""
    (tmp_path / "config.yaml").write_text("- just\n- a list\n")
    flyte.init_from_config()
    assert initialize.is_initialized()


def test_variable_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_TASK_PROJECT", "from-variable")
    flyte.init_from_config()
    assert flyte.current_project() == "from-variable"


def test_argument_wins_over_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_TASK_PROJECT", "from-variable")
    flyte.init_from_config(project="given")
    assert flyte.current_project() == "given"


def test_config_object() -> None:
    config = flyte.config.Config(task=flyte.config.TaskConfig(project="p", domain="d"))
    flyte.init_from_config(config)
    assert (flyte.current_project(), flyte.current_domain()) == ("p", "d")


def test_sections_of_a_configuration_are_replaced_and_the_others_stay(tmp_path: Path) -> None:
    config = Config(task=TaskConfig(project="mine"), local=LocalConfig(persistence=True), source=tmp_path)
    changed = config.with_params(PlatformConfig(endpoint="here"))
    assert (changed.platform.endpoint, changed.task.project, changed.local.persistence, changed.source) == ("here", "mine", True, tmp_path)
    assert config.with_params(task=TaskConfig(domain="d")).task == TaskConfig(domain="d")
    assert config.platform.endpoint is None


def test_what_names_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="the image 'web' needs the URI of an image"):
        flyte.init(images={"web": "--privileged"})


def test_named_images() -> None:
    flyte.init_from_config(images=("web=a/b:1", "c/d:2"))
    assert initialize.get_init_config().images == initialize.image_names() == {"web": "a/b:1", "default": "c/d:2"}


def test_server_is_not_contacted_and_that_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    flyte.init(endpoint="dns:///flyte.example.org")
    flyte.init(endpoint="dns:///flyte.example.org")
    assert capsys.readouterr().err.count("runs everything on this machine") == 1


def test_api_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_API_KEY", "k")
    flyte.init_from_api_key(project="p")
    assert flyte.current_project() == "p"


def test_missing_api_key() -> None:
    with pytest.raises(InitializationError) as caught:
        flyte.init_from_api_key()
    assert caught.value.code == "MissingApiKeyError"


def test_in_cluster_takes_the_clusters_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(initialize.PROJECT_VARIABLE, "p")
    assert "insecure" in flyte.init_in_cluster()
    assert flyte.current_project() == "p"


@pytest.mark.parametrize(("first", "second"), [("UCTL_CONFIG", "FLYTECTL_CONFIG"), ("FLYTECTL_CONFIG", "NEITHER")])
def test_in_cluster_reads_the_configuration_that_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, second: str) -> None:
    pytest.importorskip("yaml", reason="configuration files are read only where PyYAML is installed")
    (tmp_path / "mounted.yaml").write_text("task:\n  project: from-file\n  domain: from-file\n")
    monkeypatch.setenv(first, str(tmp_path / "mounted.yaml"))
    monkeypatch.setenv(second, str(tmp_path / "gone.yaml"))
    monkeypatch.setenv("_U_ORG_NAME", "from-variable")
    flyte.init_in_cluster(domain="given")
    config = initialize.get_init_config()
    assert (config.org, config.project, config.domain) == ("from-variable", "from-file", "given")
    flyte.init_in_cluster(org="given")
    assert initialize.get_init_config().org == "given"


def test_in_cluster_tells_of_a_configuration_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTECTL_CONFIG", str(tmp_path / "gone.yaml"))
    with pytest.raises(InitializationError, match=r"gone\.yaml"):
        flyte.init_in_cluster()
    assert flyte.init_in_cluster(api_key="k")["api_key"] == "k"


def test_passthrough(monkeypatch: pytest.MonkeyPatch) -> None:
    assert flyte.init_passthrough(project="p", endpoint="e") == {"endpoint": "e", "insecure": False}
    monkeypatch.setenv("_U_EP_OVERRIDE", "host:1")
    assert flyte.init_passthrough()["endpoint"] == "host:1"


def test_log_levels() -> None:
    flyte.init(log_level=10, user_log_level=40)
    assert (flyte.system_logger.level, flyte.logger.level) == (10, 40)


def test_init_config_before_init() -> None:
    with pytest.raises(InitializationError, match=r"flyte\.init"):
        initialize.get_init_config()


def test_runs_belong_to_the_project_that_init_was_given() -> None:
    from localflyte.running import _whose

    assert _whose() == {}
    flyte.init(project="p", domain="d")
    assert _whose() == {"project": "p", "domain": "d"}
