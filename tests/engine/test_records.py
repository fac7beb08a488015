"""What a task logs with flyte.logger reaches the handlers of the program that runs it, as records that say whose they are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import logging_tasks

import localflyte as flyte
from localflyte import logs
from localflyte.engine.records import MOST_EXTRA
from localflyte.engine.records import MOST_RECORDS
from localflyte.engine.records import MOST_TEXT
from localflyte.engine.records import Records
from localflyte.engine.thread import close_engine
from localflyte.observe.mask import Mask
from localflyte.worker.notes import MOST_NOTES


@pytest.fixture(autouse=True)
def as_they_were(home: Path) -> Iterator[None]:
    levels = logs.system_logger.level, logs.logger.level
    yield
    logs.configure(level=levels[0], user_level=levels[1], log_format="console")
    logs._said_format = ""


def texts(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_records_say_what_was_logged_and_who_did(caplog: pytest.LogCaptureFixture) -> None:
    run = flyte.run(logging_tasks.everything)
    assert texts(caplog) == ["attempt 0", "of a part", "it went wrong", "attempt 1", "of a part", "it went wrong"]
    assert [record.attempt for record in caplog.records] == [0, 0, 0, 1, 1, 1]
    assert {(record.run_name, record.action_name, record.task_name) for record in caplog.records} == {
        (run.name, "a0", "logging.everything")
    }
    first, part, failed = caplog.records[:3]
    assert (first.name, first.levelname, first.funcName, first.is_flyte_internal) == ("flyte.user", "INFO", "everything", False)
    assert (Path(first.pathname).name, first.lineno > 1) == ("logging_tasks.py", True)
    assert (part.name, part.colour, part.number, part.message_id) == ("flyte.user.part", "red", str(2**70), None)
    assert "KeyError: 'lost'" in failed.exc_text


def test_the_terminal_shows_it_once_with_its_place(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    to_terminal = logging.StreamHandler()
    logging.getLogger().addHandler(to_terminal)
    try:
        run = flyte.run(logging_tasks.says, "hello")
    finally:
        logging.getLogger().removeHandler(to_terminal)
    assert capfd.readouterr().err == f"[{run.name}][a0] INFO hello\n"
    assert texts(caplog) == ["hello"]


def test_handlers_of_the_logger_itself_get_it_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            got.append(record.getMessage())

    handler = Kept(logging.WARNING)
    flyte.logger.addHandler(handler)
    monkeypatch.setattr(flyte.logger, "propagate", True)
    try:
        flyte.run(logging_tasks.everything)
    finally:
        flyte.logger.removeHandler(handler)
    assert got == ["of a part", "it went wrong"] * 2
    assert len(texts(caplog)) == 6


def test_a_warm_replica_tells_of_each_of_its_tasks(caplog: pytest.LogCaptureFixture) -> None:
    for text in ("one", "two"):
        flyte.run(logging_tasks.says_warm, text)
    assert texts(caplog) == ["one", "two"]
    assert len({record.run_name for record in caplog.records}) == 2


def test_inline_tasks_tell_each_handler_once(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALFLYTE_ISOLATION", "inline")
    flyte.run(logging_tasks.says, "here")
    close_engine()
    assert texts(caplog) == ["here"]
    assert caplog.records[0].action_name == "a0"
    assert capfd.readouterr().err.count("here") == 1


def test_a_file_that_tasks_write_themselves_is_not_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tasks.log"
    own, other = logging.FileHandler(path), logging.FileHandler(tmp_path / "own.log")
    for handler in (own, other):
        flyte.logger.addHandler(handler)
    try:
        task = logging_tasks.says.override(env_vars={"LOGGING_TASKS_FILE": str(path)})
        flyte.run(task, "to a file")
    finally:
        for handler in (own, other):
            flyte.logger.removeHandler(handler)
            handler.close()
    assert path.read_text() == "to a file\n"
    assert (tmp_path / "own.log").read_text() == "to a file\n"


def test_threads_and_signal_handlers_are_heard_and_forks_are_not(caplog: pytest.LogCaptureFixture) -> None:
    flyte.run(logging_tasks.from_everywhere)
    assert texts(caplog) == ["from a thread", "from a handler"]
    assert caplog.records[0].threadName != caplog.records[1].threadName


def test_a_flood_is_bounded_and_said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    run = flyte.run(logging_tasks.floods, MOST_NOTES + 50)
    heard = [record for record in caplog.records if record.name == "flyte.user"]
    shown = capfd.readouterr().err
    lines = [line for line in shown.splitlines() if line.startswith("[")]
    assert len(lines) == MOST_NOTES + 50
    assert f"{MOST_NOTES + 50 - len(heard):,} log records of logging.floods (a0) are in its log only" in shown
    assert f"localflyte logs {run.name}" in shown


def test_a_record_that_cannot_be_told_ends_nothing(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    flyte.run(logging_tasks.logs_what_has_no_text)
    assert texts(caplog) == ["and then"]
    assert "Logging error" in capfd.readouterr().err


def test_secrets_are_masked(
    canary: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOGGED_KEY", canary)
    flyte.run(logging_tasks.tells_a_secret.override(secrets="LOGGED_KEY"))
    assert texts(caplog) == ["the key is ***"]
    assert caplog.records[0].key == "***"


def test_tasks_log_from_the_level_on_that_the_program_logs_from() -> None:
    assert flyte.run(logging_tasks.levels).outputs() == (20, 30, "", False)
    logs.configure(level=logging.INFO, user_level=logging.DEBUG, log_format="json")
    assert flyte.run(logging_tasks.levels).outputs() == (10, 20, "json", False)


def test_a_run_is_told_how_its_tasks_log() -> None:
    runner = flyte.with_runcontext(log_level=10, user_log_level=logging.ERROR, log_format="json", reset_root_logger=True)
    assert runner.run(logging_tasks.levels).outputs() == (40, 10, "json", True)
    told = flyte.with_runcontext(user_log_level=10, reset_root_logger=False, env_vars={"USER_LOG_LEVEL": "35"})
    assert told.run(logging_tasks.levels).outputs() == (35, 30, "", False)


# -- what a task may say --------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"logger": "flyte.user", "level": 20, "text": "x", "at": 1.0}


class Told:
    """Records, and what they have told."""

    def __init__(self, mask: Mask | None = None) -> None:
        self.events: list[dict[str, Any]] = []
        self.notices: list[str] = []
        beginning = (mask or Mask()).beginning
        self.records = Records("r1", lambda kind, action, **data: self.events.append(data), self.notices.append, beginning)

    def __call__(self, **data: Any) -> list[dict[str, Any]]:
        self.records.take("env.task", "a0", 0, data)
        return self.events


@pytest.mark.parametrize(
    "wrong",
    [
        {"logger": "root"},
        {"logger": "flyte.username"},
        {"logger": 7},
        {"level": "high"},
        {"at": "now"},
        {"at": float("nan")},
        {"at": 1e300},
    ],
)
def test_what_is_no_record_is_passed_over(wrong: dict[str, Any]) -> None:
    assert Told()(**{**GOOD, **wrong}) == []


def test_what_makes_no_sense_in_a_record_is_left_out() -> None:
    (event,) = Told()(**GOOD, line="no", files=7, heard=["flyte.user", 3], extra={"good": 1, "bad": [], 5: 6}, thread=b"x")
    assert (event["line"], event["files"], event["heard"], event["extra"], event["thread"]) == (0, [], ["flyte.user", ""], {"good": 1}, "")
    assert Told()(**GOOD, extra=[])[0]["extra"] == {}


def test_a_long_text_is_cut_and_no_secret_is_cut_in_two() -> None:
    mask = Mask()
    mask.add("hush-hush-hush")
    text = "x" * (MOST_TEXT - 5) + "hush-hush-hush"
    (event,) = Told(mask)(**{**GOOD, "text": text, "extra": {"long": "y" * (MOST_EXTRA - 5) + "hush-hush-hush"}})
    assert event["text"] == "x" * (MOST_TEXT - 5)
    assert event["extra"] == {"long": "y" * (MOST_EXTRA - 5)}


def test_a_run_tells_of_so_many_records_only() -> None:
    told = Told()
    told.records._told = MOST_RECORDS - 1
    for _ in range(3):
        told(**GOOD)
    assert len(told.events) == 1
    assert set(told.notices) == {
        f"log records of this run beyond {MOST_RECORDS:,} are in the logs of its tasks only. `localflyte logs r1` shows them"
    }
