"""flyte.logger and flyte.system_logger."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

import localflyte as flyte
from localflyte import logs
from localflyte.api.records import stamp_records


@pytest.fixture(autouse=True)
def as_they_were() -> Iterator[None]:
    levels = logs.system_logger.level, logs.logger.level
    yield
    logs.configure(level=levels[0], user_level=levels[1], log_format="console")


def test_user_logger_shows_info(capsys: pytest.CaptureFixture[str]) -> None:
    flyte.logger.info("at %d", 3)
    assert capsys.readouterr().err == "INFO at 3\n"


def test_system_logger_starts_at_warning(capsys: pytest.CaptureFixture[str]) -> None:
    flyte.system_logger.info("quiet")
    flyte.system_logger.warning("heard")
    assert capsys.readouterr().err == "[flyte] WARNING heard\n"


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format="json")
    flyte.logger.error("bad")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["message"], line["logger"], line["filename"]) == ("ERROR", "bad", "flyte.user", "test_logs.py")
    assert line.keys() == {"timestamp", "level", "logger", "message", "filename", "lineno", "funcName"}
    flyte.system_logger.error("ours")
    assert json.loads(capsys.readouterr().err)["is_flyte_internal"] is True


def test_names_are_flytes() -> None:
    assert (flyte.logger.name, flyte.system_logger.name, logs.user_logger) == ("flyte.user", "flyte", flyte.logger)


def test_nothing_goes_to_the_root_logger() -> None:
    assert not flyte.logger.propagate
    assert not flyte.system_logger.propagate


def test_root_logger_is_left_alone_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    logs.configure(level=logging.INFO)
    assert root.handlers == before
    try:
        logs.configure(reset_root_logger=True)
        logging.getLogger("some.package").warning("mine now")
        assert "WARNING mine now" in capsys.readouterr().err
        assert logs.environment()["FLYTE_RESET_ROOT_LOGGER"] == "1"
    finally:
        root.handlers[:] = before


def test_handlers_that_a_program_adds_keep_their_form() -> None:
    handler = logging.NullHandler()
    handler.setFormatter(form := logging.Formatter("mine %(message)s"))
    flyte.logger.addHandler(handler)
    try:
        logs.configure(log_format="json")
        assert handler.formatter is form
    finally:
        flyte.logger.removeHandler(handler)


def test_whose_records_are_flytes_own() -> None:
    make = logging.getLogRecordFactory()
    names = ["flyte", "flyte.remote", "flyte.user", "flyte.user.part", "flyteplugins", None]
    assert [make(name, 0, "", 0, "", (), None).is_flyte_internal for name in names] == [True, True, False, False, False, False]


def test_once_is_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_said", set())
    logs.say_once("only once")
    logs.say_once("only once")
    assert capsys.readouterr().err.count("only once") == 1


@pytest.mark.parametrize(
    ("variable", "value", "name", "level"),
    [
        ("LOG_LEVEL", "DEBUG", "system_logger", 10),
        ("LOG_LEVEL", "debug", "system_logger", 10),
        ("LOG_LEVEL", "nonsense", "system_logger", logging.WARNING),
        ("LOG_FORMAT", "nonsense", "system_logger", logging.WARNING),
        ("USER_LOG_LEVEL", "10", "logger", 10),
        ("USER_LOG_LEVEL", "nonsense", "logger", logging.INFO),
        ("LOG_LEVEL", "CRITICAL", "logger", logging.INFO),
    ],
)
def test_level_from_the_environment(variable: str, value: str, name: str, level: int) -> None:
    """Test that nonsense is the default, and that the level of flyte's own logger is not the user's."""
    code = f"import localflyte as flyte; print(flyte.{name}.level)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={variable: value, "PYTHONPATH": "."}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(level)


def test_record_says_which_action_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    from localflyte.api import context

    context.enter({"run": "r1", "action": "a7"})
    try:
        flyte.logger.info("inside")
    finally:
        context.activate(None)
    assert capsys.readouterr().err == "[r1][a7] INFO inside\n"


@pytest.fixture
def own_handler() -> Iterator[list[str]]:
    """A logger of the program's own, whose format names what Flyte puts on records."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    own = logging.getLogger("a.program")
    handler = Kept()
    handler.setFormatter(logging.Formatter("%(run_name)s %(action_name)s %(message)s"))
    own.addHandler(handler)
    yield lines
    own.removeHandler(handler)


def test_records_of_other_loggers_say_it_too(own_handler: list[str]) -> None:
    from localflyte.api import context

    logging.getLogger("a.program").warning("outside")
    context.enter({"run": "r1", "action": "a7"})
    try:
        logging.getLogger("a.program").warning("inside")
    finally:
        context.activate(None)
    assert own_handler == ["None None outside", "r1 a7 inside"]


def test_a_programs_own_way_to_make_records_stays(own_handler: list[str]) -> None:
    before = logging.getLogRecordFactory()

    class Marked(logging.LogRecord):
        def getMessage(self) -> str:
            return f"marked {super().getMessage()}"

    logging.setLogRecordFactory(Marked)
    try:
        stamp_records()
        stamp_records()
        logging.getLogger("a.program").warning("line")
    finally:
        logging.setLogRecordFactory(before)
    assert own_handler == ["None None marked line"]
