"""``localflyte triggers``: what a file declares is listed, and served over a clock that the test moves, by the real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Iterator
from datetime import datetime
from datetime import timedelta
from pathlib import Path

import pytest
from triggers.moved import MovedClock

from localflyte.cli import main
from localflyte.cli import serving
from localflyte.runs.history import list_runs
from localflyte.runs.history import load_run
from localflyte.triggers import service

Triggers = Callable[..., tuple[int, str, str]]

PROGRAM = """
from datetime import datetime
import os
import flyte
from clock_helpers import WORD

env = flyte.TaskEnvironment("env", env_vars={"A": "task", "B": "task"})

nightly = flyte.Trigger(
    "nightly", flyte.Cron("0 0 * * *", "Europe/London"), "Every night.", inputs={"at": flyte.TriggerTime, "n": 2},
    env_vars={"A": "trigger"}, custom_context={"team": "infra"}, labels={"l": "1"}, annotations={"a": "1"}, overwrite_cache=True,
    interruptible=True, max_action_concurrency=2, queue="small",
)

@env.task(triggers=nightly)
def told(at: datetime, n: int = 1) -> str:
    ctx = flyte.ctx()
    assert ctx.run_start_time == at
    words = [at.isoformat(), n, os.environ["A"], os.environ["B"], ctx.custom_context["team"], WORD, "one"]
    line = " ".join(map(str, words))
    with open("told.txt", "a") as file:
        print(line, file=file)
    return line

@env.task(triggers=(flyte.Trigger("idle", flyte.FixedRate(90), auto_activate=False), flyte.Trigger("by-hand")))
def rest(x: int = 3) -> int:
    return x

@env.task(triggers=flyte.Trigger("model", flyte.OnArtifact("m"), inputs={"x": flyte.TriggeredArtifact}))
def use(x: int) -> int:
    return x

@env.task(triggers=flyte.Trigger("broken", flyte.Cron("*/10 * * * *"), auto_activate=False))
def fail() -> None:
    raise ValueError("no such table")
"""
REFUSED = """
import flyte
env = flyte.TaskEnvironment("env")

@env.task(triggers=(flyte.Trigger("a", flyte.Cron("61 * * * *")), flyte.Trigger("b", flyte.Cron("@daily"), auto_activate=False)))
def work(x: int) -> None: ...

@env.task(triggers=flyte.Trigger("good", flyte.Cron("@daily")))
def good() -> None: ...
"""

NO_TRIGGER = "import flyte\n@flyte.TaskEnvironment('env').task(triggers='daily')\ndef work() -> None: ...\n"


@pytest.fixture
def triggers(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Triggers]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "clock_helpers.py").write_text("WORD = 'first'\n")

    def run(*arguments: str, text: str = PROGRAM) -> tuple[int, str, str]:
        (tmp_path / "clockwork.py").write_text(textwrap.dedent(text))
        code = main(["triggers", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    yield run
    for name in ("clockwork", "clock_helpers"):
        sys.modules.pop(name, None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    moved = MovedClock("2026-10-24T12:00:00", for_runs=True)
    monkeypatch.setattr(serving, "SystemClock", lambda: moved)
    return moved


def told(tmp_path: Path) -> list[str]:
    return sorted((tmp_path / "told.txt").read_text().splitlines())


def test_list(triggers: Triggers) -> None:
    code, out, err = triggers("list", "clockwork.py")
    assert (code, err) == (0, "")
    shown = [" ".join(line.split()) for line in out.splitlines()]
    assert shown[:3] == ["trigger nightly of env.told", "Every night.", "when cron 0 0 * * *, Europe/London time"]
    assert shown[3].startswith("next 20")
    assert shown[3].count(" 00:00:00 ") == 3
    assert shown[4] == "inputs at = the time it is due, n = 2"
    assert {
        "trigger idle of env.rest",
        "when every 90 minutes",
        "active no: it is served only if it is named",
        "inputs x = 3",
        "when when somebody says so",
        "when on new version of m",
        "inputs x = flyte.TriggeredArtifact",
        "inputs none",
    } <= set(shown)
    assert any(line.startswith("next ") and line.endswith("(if it is served from now on)") for line in shown)


def test_list_as_json(triggers: Triggers) -> None:
    code, out, _ = triggers("list", "--json", "clockwork.py")
    rows = {row["trigger"]: row for row in map(json.loads, out.splitlines())}
    assert code == 0
    assert list(rows) == ["nightly", "idle", "by-hand", "model", "broken"]
    assert [len(row["next"]) for row in rows.values()] == [3, 3, 0, 0, 3]
    assert (rows["idle"]["active"], rows["nightly"]["problems"]) == (False, [])
    assert datetime.fromisoformat(rows["nightly"]["next"][0]).tzinfo is not None


def test_what_a_cluster_would_refuse_is_told(triggers: Triggers) -> None:
    code, out, err = triggers("list", "clockwork.py", text=REFUSED)
    assert code == 1
    assert "trigger a  of env.work" in out
    assert err.splitlines() == [
        "localflyte: trigger 'a' of task env.work (clockwork.py): Cron('61 * * * *', 'UTC'): minute '61': it goes from 0 to 59",
        "localflyte: trigger 'a' of task env.work (clockwork.py): input 'x' has no default, and the trigger does not give it",
        "localflyte: trigger 'b' of task env.work (clockwork.py): input 'x' has no default, and the trigger does not give it",
    ]


def test_a_value_without_a_repr_is_listed(triggers: Triggers) -> None:
    text = """
    import flyte
    class Odd:
        def __repr__(self): raise RuntimeError
    @flyte.TaskEnvironment("env").task(triggers=flyte.Trigger("a", flyte.Cron("@daily")))
    def work(x: object = Odd()) -> None: ...
    """
    _, out, _ = triggers("list", "clockwork.py", text=text)
    assert "x = <Odd whose repr raises RuntimeError>" in out


def test_a_file_without_triggers(triggers: Triggers) -> None:
    code, out, err = triggers("list", "clockwork.py", text="import flyte\n")
    assert (code, out) == (0, "")
    assert "has no triggers: write triggers=flyte.Trigger(...)" in err


@pytest.mark.parametrize(("arguments", "message"), [((), "Commands"), (("lst",), "did you mean 'list'?"), (("x",), "are list, serve")])
def test_the_group(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["triggers", *arguments])
    shown = capsys.readouterr()
    assert message in shown.out + shown.err


def test_serve(triggers: Triggers, clock: MovedClock, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two nights, one of which begins an hour later by UTC: what the trigger says holds for its runs, and its name is in the history."""
    code, _, err = triggers("serve", "--until", "2026-10-26T12:00+00:00", "clockwork.py")
    assert code == 0, err
    assert told(tmp_path) == [
        "2026-10-24T23:00:00+00:00 2 trigger task infra first one",
        "2026-10-26T00:00:00+00:00 2 trigger task infra first one",
    ]
    said = [line for line in err.splitlines() if line.startswith("localflyte: ")]
    assert "localflyte: serving trigger nightly of env.told: cron 0 0 * * *, Europe/London time" in said
    assert "localflyte: trigger nightly of env.told is due 2026-10-25 00:00:00 BST" in said
    for reason in (
        "idle of env.rest: it is not active (auto_activate=False); --trigger idle serves it",
        "by-hand of env.rest: it has no auto",
    ):
        assert any(line.startswith(f"localflyte: not served: trigger {reason}") for line in said)
    assert (
        "localflyte: not served: trigger model of env.use: it waits for artifact m, and there is no registry of artifacts on this machine"
        in said
    )
    runs = list_runs(home)
    assert [(run.task, run.trigger, run.status) for run in runs] == [("env.told", "nightly", "succeeded")] * 2
    assert {load_run(home, run.name).due for run in runs} == {
        datetime.fromisoformat(line.split()[0]).timestamp() for line in told(tmp_path)
    }
    assert main(["show", runs[0].name]) == 0
    assert "  started by trigger nightly, due 2026-10-2" in capsys.readouterr().out


def test_an_inactive_trigger_is_served_if_it_is_named(triggers: Triggers, clock: MovedClock, home: Path) -> None:
    code, _, err = triggers("serve", "--trigger", "idle", "--once", "clockwork.py")
    assert code == 0
    assert err.splitlines()[0] == "localflyte: serving trigger idle of env.rest: every 90 minutes"
    assert [run.trigger for run in list_runs(home)] == ["idle"]


def test_now_runs_what_nothing_else_would(triggers: Triggers, home: Path) -> None:
    code, _, err = triggers("serve", "--trigger", "by-hand", "--now", "clockwork.py")
    assert code == 0
    assert err.splitlines()[0] == "localflyte: serving trigger by-hand of env.rest: now"
    assert [run.trigger for run in list_runs(home)] == ["by-hand"]


def test_a_run_that_a_task_starts_is_not_the_triggers(triggers: Triggers, home: Path) -> None:
    text = """
    import flyte
    env = flyte.TaskEnvironment("env")

    @env.task
    def inner() -> int:
        return 1

    @env.task(triggers=flyte.Trigger("outer", flyte.Cron("@daily")))
    async def outer() -> int:
        return (await flyte.run.aio(inner)).outputs()[0]
    """
    assert triggers("serve", "--now", "clockwork.py", text=text)[0] == 0
    assert sorted((run.task, run.trigger) for run in list_runs(home)) == [("env.inner", ""), ("env.outer", "outer")]


def test_a_run_that_fails_is_told_and_the_next_is_run(triggers: Triggers, clock: MovedClock, home: Path) -> None:
    code, _, err = triggers("serve", "--trigger", "broken", "--until", "2026-10-24T12:20+00:00", "clockwork.py")
    assert code == 1
    assert [run.status for run in list_runs(home)] == ["failed", "failed"]
    assert err.count("ValueError: no such table") >= 2
    assert "; it is due again 2026-10-24 12:20:00 UTC" in err


def test_what_a_cluster_would_refuse_is_not_served(triggers: Triggers, home: Path) -> None:
    """Unless what is wrong is only in triggers that are not to be served."""
    code, _, err = triggers("serve", "clockwork.py", text=REFUSED)
    assert code == 1
    assert "minute '61': it goes from 0 to 59" in err
    assert err.splitlines()[-1] == "localflyte: clockwork.py: a cluster would refuse what it declares"
    code, _, _ = triggers("serve", "--now", "--trigger", "good", "clockwork.py", text=REFUSED)
    assert code == 0
    assert [run.trigger for run in list_runs(home)] == ["good"]


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (("--trigger", "nihgtly"), PROGRAM, "clockwork.py has no trigger 'nihgtly'; did you mean 'nightly'?"),
        (("--trigger", "x"), "", "clockwork.py has no trigger 'x'; its triggers are none"),
        ((), "", "clockwork.py has no trigger that can be served"),
        (("--until", "teatime"), PROGRAM, "--until: 'teatime' is not a date or time"),
    ],
)
def test_not_understood(arguments: tuple[str, ...], text: str, message: str, triggers: Triggers) -> None:
    code, _, err = triggers("serve", *arguments, "clockwork.py", text=text)
    assert code == 2
    assert message in err


def test_what_is_no_trigger(triggers: Triggers) -> None:
    code, _, err = triggers("list", "clockwork.py", text=NO_TRIGGER)
    assert code == 2
    assert "task env.work: triggers are made with flyte.Trigger(...), got 'daily'" in err


def test_edits_are_served(triggers: Triggers, clock: MovedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A helper of the program is edited, then the program itself, at noon of one day each; a file that cannot be loaded waits."""
    edits: dict[str, tuple[str, str]] = {
        "25 12:00": ("clock_helpers.py", "WORD = 'second word'\n"),
        "26 12:00": ("clockwork.py", PROGRAM.replace('"one"', '"two"')),
        "27 12:00": ("clockwork.py", "import flyte\n1 / 0\n"),
        "28 12:00": ("clockwork.py", PROGRAM.replace('"one"', '"three"')),
        "29 12:00": ("clockwork.py", REFUSED),
        "29 18:00": ("clockwork.py", NO_TRIGGER),
    }

    def edit(time: datetime) -> None:
        if change := edits.pop(f"{time:%d %H:%M}", None):
            (tmp_path / change[0]).write_text(change[1])
            os.utime(tmp_path / change[0], (time.timestamp(),) * 2)  # by this clock: Python tells two of one second and one size not apart

    clock.on_wake = edit
    monkeypatch.setattr(service, "LOOK", timedelta(hours=1))
    code, _, err = triggers("serve", "--until", "2026-10-30T12:00+00:00", "clockwork.py")
    assert code == 0, err
    assert [line.partition("+")[0][8:13] + line.partition("infra")[2] for line in told(tmp_path)] == [
        "24T23 first one", "26T00 second word one", "27T00 second word two", "29T00 second word three",
    ]  # fmt: skip
    said = [line.removeprefix("localflyte: ") for line in err.splitlines()]
    assert "clockwork.py was edited; nothing is started until it can be used" in said
    assert "clockwork.py: a cluster would refuse what it declares; nothing is started until it can be used" in said
    assert "task env.work: triggers are made with flyte.Trigger(...), got 'daily'; nothing is started until it can be used" in said


ENDLESS = """
import time
import flyte
env = flyte.TaskEnvironment("env")

@env.task(triggers=flyte.Trigger("long", flyte.Cron("@daily")))
def endless() -> None:
    print("begun", flush=True)
    time.sleep(1000)
"""


def start_serving(folder: Path, *arguments: str, until: str) -> subprocess.Popen[str]:
    """Serve the endless program in a process of its own, and wait for it to say something."""
    (folder / "endless.py").write_text(ENDLESS)
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "LOCALFLYTE_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "localflyte", "triggers", "serve", *arguments, "endless.py"]
    process = subprocess.Popen(command, cwd=folder, env=environ, text=True, stderr=subprocess.PIPE)
    assert process.stderr is not None
    while until not in (line := process.stderr.readline()):
        assert line, "it ended before that"
    return process


def test_ctrl_c_while_nothing_is_due(tmp_path: Path) -> None:
    process = start_serving(tmp_path, until="serving trigger long")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (130, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_and_then_the_service(number: int, code: int, tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = start_serving(tmp_path, "--now", until="begun")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert [(run.trigger, run.status) for run in list_runs(home)] == [("long", "aborted")]
