"""Settings: where they come from, and what is said about wrong ones."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from localflyte import settings as module
from localflyte.errors import ConfigurationError
from localflyte.settings import Settings
from localflyte.settings import explain_settings
from localflyte.settings import load_settings
from localflyte.spec.queue import QueueTerms


def load(tmp_path: Path, toml: str = "", **environ: str) -> Settings:
    (tmp_path / "pyproject.toml").write_text(toml)
    return load_settings({"LOCALFLYTE_HOME": str(tmp_path / "home"), **environ}, tmp_path)


def test_every_field_is_convertible() -> None:
    assert set(module._KINDS) == {entry.name for entry in fields(Settings)}


def test_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings(home=tmp_path / "home")


def test_settings_are_frozen(tmp_path: Path) -> None:
    with pytest.raises(FrozenInstanceError):
        load(tmp_path).strict = True  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("LOCALFLYTE_CPU", "1.5", "cpu", 1.5),
        ("LOCALFLYTE_LOG_CAP_BYTES", "8Gi", "log_cap_bytes", 8 * 1024**3),
        ("LOCALFLYTE_LOG_CAP_BYTES", "1.5Gi", "log_cap_bytes", 3 * 512 * 1024**2),
        ("LOCALFLYTE_LOG_CAP_BYTES", "500M", "log_cap_bytes", 500_000_000),
        ("LOCALFLYTE_LOG_CAP_BYTES", "1024", "log_cap_bytes", 1024),
        ("LOCALFLYTE_PREFORK", "0", "prefork", 0),
        ("LOCALFLYTE_GRACE_SECONDS", "0", "grace_seconds", 0.0),
        ("LOCALFLYTE_MAX_DEPTH", "7", "max_depth", 7),
        ("LOCALFLYTE_MEMORY", "2Gi", "memory", 2 * 1024**3),
        ("LOCALFLYTE_GPUS", "0", "gpus", 0),
        ("LOCALFLYTE_MEMORY_REQUESTS", "Account", "memory_requests", "account"),
        ("LOCALFLYTE_MEMORY_WALL", "sampler", "memory_wall", "sampler"),
        ("LOCALFLYTE_PASS_ENV", "AWS_*, TOKEN", "pass_env", ("AWS_*", "TOKEN")),
        ("LOCALFLYTE_CONTAINER_ENGINE", "Podman", "container_engine", "podman"),
        ("LOCALFLYTE_IMAGE_POLICY", "venv", "image_policy", "venv"),
        ("LOCALFLYTE_BASE_IMAGE", "team/python:{python}-slim", "base_image", "team/python:{python}-slim"),
        ("LOCALFLYTE_BUILD_NETWORK", "host", "build_network", "host"),
        ("LOCALFLYTE_IMAGE_PULL_SECONDS", "60", "image_pull_seconds", 60.0),
        ("LOCALFLYTE_STRICT", "true", "strict", True),
        ("LOCALFLYTE_STRICT", "0", "strict", False),
    ],
)
def test_variable(tmp_path: Path, variable: str, text: str, name: str, value: object) -> None:
    assert getattr(load(tmp_path, **{variable: text}), name) == value


def test_table_of_the_nearest_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.localflyte]\nlog_cap_bytes = "1Gi"\ndefault-cpu = 1\nstrict = true\n')
    below = tmp_path / "src" / "deep"
    below.mkdir(parents=True)
    settings = load_settings({"LOCALFLYTE_HOME": "/h"}, below)
    assert (settings.log_cap_bytes, settings.default_cpu, settings.strict) == (1024**3, 1.0, True)


def test_only_the_nearest_pyproject_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.localflyte]\nstrict = true\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    assert load(inner).strict is False


def test_variable_wins_over_table(tmp_path: Path) -> None:
    assert load(tmp_path, "[tool.localflyte]\nmax_depth = 5\n", LOCALFLYTE_MAX_DEPTH="6").max_depth == 6


def test_relative_home_in_a_table_counts_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.localflyte]\nhome = ".cache/flyte"\n')
    below = tmp_path / "src"
    below.mkdir()
    assert load_settings({}, below).home == tmp_path / ".cache" / "flyte"


@pytest.mark.parametrize(
    ("toml", "environ", "message"),
    [
        ("", {"LOCALFLYTE_MAX_DEPHT": "3"}, "LOCALFLYTE_MAX_DEPHT in the environment is not a setting.*did you mean LOCALFLYTE_MAX_DEPTH"),
        ("[tool.localflyte]\nmax-dept = 3\n", {}, r"max-dept in \[tool.localflyte\] of .*pyproject.toml.*did you mean max_depth"),
        ("[tool.localflyte]\nzzz = 3\n", {}, "known are home, cpu"),
        ("", {"LOCALFLYTE_MAX_DEPTH": "many"}, "LOCALFLYTE_MAX_DEPTH must be a whole number above 0, not 'many'"),
        ("", {"LOCALFLYTE_MAX_DEPTH": "0"}, "above 0, not '0'"),
        ("", {"LOCALFLYTE_CPU": "nan"}, "LOCALFLYTE_CPU must be a number above 0, not 'nan'"),
        ("", {"LOCALFLYTE_CPU": "inf"}, "must be a number above 0"),
        ("", {"LOCALFLYTE_LOG_CAP_BYTES": "8 giraffes"}, 'must be a size, in bytes or like "512Mi", not .8 giraffes.'),
        ("", {"LOCALFLYTE_STRICT": "perhaps"}, "LOCALFLYTE_STRICT must be true or false, not 'perhaps'"),
        ("", {"LOCALFLYTE_HOME": ""}, "LOCALFLYTE_HOME must be a folder"),
        ("[tool.localflyte]\nmax_depth = true\n", {}, "max_depth in .* must be a whole number above 0, not True"),
        ("[tool.localflyte]\nmax_depth = 2.5\n", {}, "must be a whole number above 0, not 2.5"),
        ("[tool.localflyte]\nhome = 3\n", {}, "must be a folder, not 3"),
        ("[tool]\nlocalflyte = 3\n", {}, "must be a table"),
        ("[tool.localflyte\n", {}, "pyproject.toml is not valid TOML"),
    ],
)
def test_wrong_setting_is_one_clear_error(tmp_path: Path, toml: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(tmp_path, toml, **environ)


def test_broken_pyproject_of_a_project_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    assert load(tmp_path, "[tool.other\n").strict is False


def test_switches_of_the_tests_are_no_settings(tmp_path: Path) -> None:
    assert load(tmp_path, LOCALFLYTE_TEST_IMAGE="python:3").strict is False


def test_no_platformdirs_when_home_is_set() -> None:
    code = "import sys, localflyte.settings as s; s.load_settings({'LOCALFLYTE_HOME': '/h'}); print('platformdirs' in sys.modules)"
    done: Any = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_home_is_the_user_cache_by_default(tmp_path: Path) -> None:
    from platformdirs import user_cache_path

    assert load_settings({}, tmp_path).home == user_cache_path("localflyte", appauthor=False)


def test_queues_are_declared_in_the_table(tmp_path: Path) -> None:
    table = "[tool.localflyte.queues]\nsmall = 2\nlarge = { concurrency = 1, priority = 10 }\nopen = { priority = -1 }\n"
    table += "runs = { run_concurrency = 1, max_depth = 5 }\n"
    assert load(tmp_path, table).queues == {
        "small": QueueTerms(concurrency=2),
        "large": QueueTerms(concurrency=1, priority=10),
        "open": QueueTerms(priority=-1),
        "runs": QueueTerms(run_concurrency=1, max_depth=5),
    }


@pytest.mark.parametrize("line", ["q = 0", "q = 'two'", "q = { concurency = 1 }", "q = { priority = 'high' }", "q = { priority = true }"])
def test_a_wrong_queue_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError, match=r"queues in \[tool.localflyte\] of .* must be a table of queues"):
        load(tmp_path, f"[tool.localflyte.queues]\n{line}\n")


@pytest.mark.parametrize(
    ("variable", "text", "kind"),
    [
        ("LOCALFLYTE_QUEUES", "a=1", "a table of queues"),
        ("LOCALFLYTE_POD_TEMPLATES", "x", "a table of pod templates"),
        ("LOCALFLYTE_CPU_REQUESTS", "maybe", "enforce or account"),
        ("LOCALFLYTE_MEMORY_WALL", "brick", "auto, sampler or cgroup"),
        ("LOCALFLYTE_CONTAINER_ENGINE", "lxc", "auto, docker, podman or none"),
        ("LOCALFLYTE_IMAGE_POLICY", "vm", "auto, container, venv or host"),
        ("LOCALFLYTE_BASE_IMAGE", "--privileged", "the name of an image, like"),
    ],
)
def test_a_wrong_choice_is_refused(tmp_path: Path, variable: str, text: str, kind: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{variable} must be {kind}"):
        load(tmp_path, **{variable: text})


def test_pod_templates_are_kept_as_written(tmp_path: Path) -> None:
    table = "[tool.localflyte.pod_templates.big]\nspec = { terminationGracePeriodSeconds = 7 }\n"
    assert load(tmp_path, table).pod_templates == {"big": {"spec": {"terminationGracePeriodSeconds": 7}}}


def test_where_a_setting_comes_from(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.localflyte]\nmax-depth = 7\nstrict = true\n")
    origins = explain_settings({"LOCALFLYTE_STRICT": "false"}, tmp_path)
    assert origins == {"max_depth": str(tmp_path / "pyproject.toml"), "strict": "LOCALFLYTE_STRICT"}
