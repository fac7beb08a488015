"""A dry run of a deployment says what a cluster would be given, and what it would refuse."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from localflyte.api import registry
from localflyte.cli import main

Deploy = Callable[..., tuple[int, str, str]]

PROGRAM = """
import flyte
from deploy_helpers import through

features = flyte.TaskEnvironment("features", description="What models are made of.")
train = flyte.TaskEnvironment(
    "train", cache="auto", queue="large", resources=flyte.Resources(cpu=2, memory=("1Gi", "2Gi"), gpu="A100:1", disk="5Gi"),
    secrets=[flyte.Secret("TOKEN", group="team"), "PLAIN"], env_vars={"MODE": "fast", "A": "1"}, depends_on=[features],
    image=flyte.Image.from_debian_base().with_pip_packages("pandas"), include=("data.txt",),
)
spare = flyte.TaskEnvironment("spare")
empty = flyte.TaskEnvironment("empty")

@features.task(triggers=flyte.Trigger("nightly", flyte.Cron("0 0 * * *")))
async def build(x: int = 1) -> int:
    return x

@train.task(retries=3, timeout=flyte.Timeout(max_runtime=60, deadline=90))
async def fit(x: int) -> int:
    return await build(x)

@train.task(cache=flyte.Cache("override", version_override="v1", serialize=True), interruptible=True)
async def score(x: int) -> int:
    return await through(extra, x)

@spare.task(reusable=None, cache="disable")
async def extra(x: int) -> int:
    return x
"""
TWINS = 'import flyte\na = flyte.TaskEnvironment("same")\nb = flyte.TaskEnvironment("same")\n'
HELPERS = "async def through(task, x):\n    return await task(x)\n"


@pytest.fixture
def deploy(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Deploy]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "deploy_helpers.py").write_text(HELPERS)

    def run(*arguments: str, text: str = PROGRAM) -> tuple[int, str, str]:
        (tmp_path / "to_deploy.py").write_text(textwrap.dedent(text))
        code = main(["deploy", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    yield run
    for name in ("to_deploy", "deploy_helpers"):
        sys.modules.pop(name, None)


def test_types_are_shown_as_a_person_reads_them(deploy: Deploy) -> None:
    text = """
        from dataclasses import dataclass
        import flyte
        class Own: pass
        @dataclass
        class Row:
            x: int
        env = flyte.TaskEnvironment("typed")
        @env.task
        def task(rows: list[Row], own: Own) -> dict[str, Row]: return {}
    """
    _, out, _ = deploy("--dry-run", "to_deploy.py", text=text)
    assert "task typed.task(rows: list[Row], own: Own) -> (o0: dict[str, Row])" in out


def test_everything_that_is_declared_is_shown(deploy: Deploy) -> None:
    code, out, err = deploy("--dry-run", "to_deploy.py")
    assert (code, err) == (0, "")
    shown = {" ".join(line.split()) for line in out.splitlines()}
    assert shown >= {
        "What models are made of.",
        "depends on features",
        "include data.txt",
        "resources cpu 2, memory 1.0 GiB to 2.0 GiB, gpu 1 A100, disk 5.0 GiB",
        "secrets team/TOKEN, PLAIN",
        "env_vars A, MODE",
        "queue large",
        "task train.fit(x: int) -> (o0: int)",
        "retries 3",
        "timeout max_runtime 1m 00s, deadline 1m 30s",
        "cache auto",
        "cache override, version v1, serialize",
        "interruptible yes",
        "no tasks",
    }
    assert any("image" in line and "pip pandas" in line for line in shown)
    assert any(line.startswith("trigger nightly: Cron(") for line in shown)
    assert "fast" not in out  # names of variables, not their values


def test_what_would_not_be_there_is_told(deploy: Deploy) -> None:
    code, out, err = deploy("--dry-run", "to_deploy.py", "train")
    assert code == 1
    assert "environment features" in out
    assert "environment spare" not in out
    assert "task train.score uses task spare.extra" in err
    assert "to_deploy.py:6: " in err
    assert "depends_on=[...] in environment 'train'" in err


def test_two_environments_of_one_name_are_told(deploy: Deploy) -> None:
    code, _, err = deploy(
        "--dry-run", "to_deploy.py", text='import flyte\na = flyte.TaskEnvironment("same")\nb = flyte.TaskEnvironment("same")\n'
    )
    assert code == 1
    assert "two environments are called 'same', to_deploy.py:2 and to_deploy.py:3" in err


def test_a_program_without_environments_is_told(deploy: Deploy) -> None:
    code, out, err = deploy("--dry-run", "to_deploy.py", text="x = 1\n")
    assert (code, out.strip()) == (1, "")
    assert "there is no environment in it" in err


@pytest.mark.parametrize(
    ("trigger", "problem"),
    [
        (
            "flyte.Trigger('odd', flyte.Cron('0 0 * * 7'))",
            "trigger 'odd' of task a.work (to_deploy.py): Cron('0 0 * * 7', 'UTC'): weekday '7'",
        ),
        ("'daily'", "task a.work: triggers are made with flyte.Trigger(...), got 'daily'"),
    ],
)
def test_a_trigger_that_a_cluster_refuses_is_told(deploy: Deploy, trigger: str, problem: str) -> None:
    text = f"import flyte\n@flyte.TaskEnvironment('a').task(triggers={trigger})\ndef work() -> None: ...\nenv = work.parent_env()\n"
    code, _, err = deploy("--dry-run", "to_deploy.py", text=text)
    assert code == 1
    assert problem in err


def test_it_is_one_object_of_json_for_programs(deploy: Deploy) -> None:
    _, out, _ = deploy("--dry-run", "--json", "to_deploy.py", "train")
    row = json.loads(out)
    assert [each["name"] for each in row["environments"]] == ["train", "features"]
    assert row["environments"][0]["plans"][0]["env_vars"] == ["A", "MODE"]
    assert len(row["problems"]) == 1


def test_what_may_break_in_a_pod_is_a_warning(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_MINE", "1")
    text = 'import flyte, os\nenv = flyte.TaskEnvironment("env")\n@env.task\ndef task() -> str: return os.environ["OF_MINE"]\n'
    code, out, err = deploy("--dry-run", "to_deploy.py", text=text)
    assert code == 0
    assert "strict-remote: to_deploy.py:4: task env.task reads the variable OF_MINE" in err
    _, out, _ = deploy("--dry-run", "--json", "to_deploy.py", text=text)
    assert [each["kind"] for each in json.loads(out)["findings"]] == ["variable"]


@pytest.fixture
def package(deploy: Deploy, tmp_path: Path) -> Iterator[Deploy]:
    """A project whose environments are not in the file that is named."""
    folder = tmp_path / "src" / "deploy_package"
    (folder / "below").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "envs.py").write_text('import flyte\nenv = flyte.TaskEnvironment("shared")\n')
    (folder / "main.py").write_text("from deploy_package.below.tasks import first\n")
    (folder / "below" / "tasks.py").write_text("from deploy_package.envs import env\n@env.task\ndef first() -> None: ...\n")
    (folder / "below" / "more-tasks.py").write_text('import flyte\nmore = flyte.TaskEnvironment("more")\n')
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "broken.py").write_text("1 / 0\n")
    known = list(registry.environments())
    registry.environments().clear()
    yield deploy
    registry.environments()[:0] = known
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)) or "deploy_package" in name:
            del sys.modules[name]


def test_environments_of_the_modules_that_a_file_imports(package: Deploy) -> None:
    code, out, err = package("--dry-run", "--root-dir", "src", "src/deploy_package/main.py")
    assert (code, out.strip()) == (1, "")
    assert "the modules that it imports make 'shared': --all takes them, too" in err


def test_all_takes_them(package: Deploy) -> None:
    code, out, _ = package("--dry-run", "--all", "--root-dir", "src", "src/deploy_package/main.py")
    assert code == 0
    assert "environment shared" in out
    assert "task shared.first" in out


@pytest.mark.parametrize(("arguments", "is_there"), [(("--all", "src/deploy_package"), False), (("-r", "src/deploy_package/below"), True)])
def test_all_of_a_folder_and_of_those_below(package: Deploy, arguments: tuple[str, ...], is_there: bool) -> None:
    code, out, _ = package("--dry-run", "--root-dir", "src", *arguments)
    assert (code, "environment more" in out) == (0, is_there)


def test_a_folder_without_python_is_told(package: Deploy, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    assert "no Python file in 'bare'; --recursive looks" in package("--dry-run", "--all", "bare")[2]
    assert "no Python file in 'bare'. See" in package("--dry-run", "-r", "bare")[2]


def test_a_file_that_is_imported_under_two_names_is_told(package: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As happens where the sources lie in a folder that the imports do not count from."""
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    code, _, err = package("--dry-run", "--recursive", "src")
    assert code == 1
    assert "environment 'shared', src/deploy_package/envs.py:2, is made twice" in err
    assert "imported as deploy_package.envs and as src.deploy_package.envs" in err
    assert "--root-dir" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["to_deploy.py"], "deploy --dry-run to_deploy.py` shows"),
        (["--dry-run", "to_deploy.py", "trian"], "there is no environment 'trian'; there are empty, features, spare, train"),
        (["--dry-run", "to_depoy.py"], "did you mean 'to_deploy.py'?"),
    ],
)
def test_what_is_not_understood_is_one_line(deploy: Deploy, arguments: list[str], words: str) -> None:
    code, _, err = deploy(*arguments)
    assert code == 2
    assert words in err
