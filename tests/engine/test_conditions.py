"""A task that waits for a person goes on when anybody has answered: on the terminal, by command, or by a webhook's callback."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request
from urllib.request import urlopen

import pytest
from programs import asking

import localflyte as flyte
from localflyte import errors
from localflyte.cli import main
from localflyte.runs.conditions import list_conditions
from localflyte.runs.conditions import parse_answer
from localflyte.runs.history import load_run

TESTS = Path(__file__).resolve().parents[1]
SECONDS = 30.0


class Asked:
    """A sink that answers what is asked, as somebody with the command line would."""

    def __init__(self, *commands: list[str]) -> None:
        self.commands = list(commands)
        self.codes: list[int] = []
        self.told: list[str] = []
        self.ended: list[str] = []

    def __call__(self, event: Any) -> None:
        if event.kind == "notice":
            self.told.append(event.data["text"])
        elif event.kind == "condition.waiting" and self.commands:
            threading.Thread(target=self._answer, args=(self.commands.pop(0),)).start()
        elif event.kind == "condition.ended":
            self.ended.append(event.data["status"])

    def _answer(self, command: list[str]) -> None:
        self.codes.append(main(["signal", "last", *command]))


def run(task: Any, sink: Any, *args: Any) -> Any:
    return flyte.with_runcontext(sinks=[sink]).run(task, *args).outputs()[0]


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("No", False), ("1", True), ("f", False)])
def test_the_command_line_answers(home: Path, text: str, value: bool) -> None:
    sink = Asked(["approval", text])
    assert run(asking.approve, sink, "Go on?") is value
    assert sink.codes == [0]
    assert sink.ended == ["answered"]
    assert re.fullmatch(r"asking.approve waits for an answer: Go on\? To answer: localflyte signal \w+ approval VALUE", sink.told[0])


def test_every_kind_of_answer_comes_as_it_is_declared(home: Path) -> None:
    sink = Asked(["bool", "y"], ["int", "-3"], ["float", "2"], ["str", "--text with spaces"])
    assert run(asking.all_kinds, sink) == ["True", "-3", "2.0", "'--text with spaces'"]


def test_several_are_waited_for_at_once(home: Path) -> None:
    sink = Asked(["number2", "2"], ["number0", "0"], ["number1", "1"])
    assert run(asking.at_once, sink) == [0, 1, 2]
    assert not list_conditions(load_run(home, list_of_runs(home)[0]).path)


def list_of_runs(home: Path) -> list[str]:
    return os.listdir(home / "runs")


def test_nobody_answers_in_time(home: Path) -> None:
    sink = Asked()
    assert "Nobody answered condition 'late' of task asking.impatient in time" in run(asking.impatient, sink)
    assert sink.ended == ["timed out"]


def test_an_action_has_one_condition_of_a_name(home: Path) -> None:
    with pytest.raises(errors.RuntimeUserError, match="has a condition 'same' already") as caught:
        flyte.run(asking.twice)
    assert caught.value.code == "ConditionAlreadyExistsError"


def test_a_task_that_is_tried_again_has_the_answer_it_was_given(home: Path) -> None:
    sink = Asked(["first", "yes"])
    run = flyte.with_runcontext(sinks=[sink]).run(asking.asks_again)
    assert tuple(run.outputs()) == (True, 2)
    assert sink.codes == [0]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"data_type": list}, TypeError),
        ({"data_type": dict}, TypeError),
        ({"data_type": bytes}, TypeError),
        ({"data_type": object}, TypeError),
        ({"timeout": timedelta(seconds=-1)}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"timeout": -1.5}, ValueError),
        ({"prompt_type": "html"}, ValueError),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        flyte.new_condition("wrong", **options)


def test_what_is_not_said_of_a_condition() -> None:
    condition = flyte.new_condition("plain")
    said = ("name", "prompt", "prompt_type", "data_type", "description", "timeout", "webhook")
    assert [getattr(condition, each) for each in said] == ["plain", "Approve?", "text", bool, "", None, None]


@pytest.mark.parametrize("timeout", [30, 1.5, timedelta(minutes=2)])
@pytest.mark.parametrize("data_type", [bool, int, float, str])
def test_what_is_said_of_a_condition_is_kept(data_type: type, timeout: Any) -> None:
    hook = flyte.ConditionWebhook("http://x", {"to": "{callback_uri}"})
    options: dict[str, Any] = {"prompt": "Go?", "prompt_type": "markdown", "data_type": data_type, "description": "d", "timeout": timeout}
    condition = asyncio.run(flyte.new_condition.aio("full", webhook=hook, **options))
    assert {name: getattr(condition, name) for name in options} == options
    assert (condition.webhook, hook.url, hook.payload, flyte.ConditionWebhook("u").payload) == (
        hook,
        "http://x",
        {"to": "{callback_uri}"},
        None,
    )


def test_outside_of_a_task_nobody_can_wait() -> None:
    condition = flyte.new_condition("outside")
    with pytest.raises(RuntimeError, match="inside a task"):
        condition.wait()


@pytest.mark.parametrize(("text", "kind"), [("maybe", "bool"), ("1.5", "int"), ("x", "float"), ("nan", "float"), ("inf", "float")])
def test_an_answer_of_another_kind_is_refused(text: str, kind: str) -> None:
    with pytest.raises(ValueError, match="is n"):
        parse_answer(text, kind)


class TestCommand:
    def test_what_is_wrong_is_one_line_and_the_wait_goes_on(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        class Tries(Asked):
            def _answer(self, command: list[str]) -> None:
                for attempt in (["approvel", "yes"], ["approval"], ["approval", "maybe"], [], command):
                    super()._answer(attempt)

        sink = Tries(["approval", "yes"])
        assert run(asking.approve, sink, "Go on?") is True
        assert sink.codes == [2, 2, 2, 0, 0]
        shown = capsys.readouterr()
        assert "did you mean 'approval'?" in shown.err
        assert "say what the answer is" in shown.err
        assert "'maybe' is neither yes nor no" in shown.err
        assert "approval  bool  asking.approve  Go on?" in shown.out

    def test_a_run_that_asks_nothing_says_so(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run(asking.impatient, Asked())
        assert main(["signal", "last", "late", "yes"]) == 2
        assert "waits for no answer" in capsys.readouterr().err


@contextmanager
def receiver() -> Iterator[tuple[str, list[Any]]]:
    """A server that keeps what is posted."""
    posted: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook", posted
        finally:
            server.shutdown()
            thread.join()


def post(url: str, body: bytes) -> int:
    try:
        with urlopen(Request(url, body), timeout=10) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


class TestWebhook:
    @pytest.mark.parametrize("body", [b"0.5", b'{"value": 0.5}', b'"0.5"'])
    def test_it_is_told_and_its_callback_answers(self, home: Path, body: bytes) -> None:
        with receiver() as (url, posted):
            codes: list[int] = []

            def answers(event: Any) -> None:
                if event.kind == "condition.waiting":
                    threading.Thread(target=callback).start()

            def callback() -> None:
                address = posted[0]["list"][0]
                bodies = (b"no json", b'"text"', b'{"other": 1}', b"x" * 100_000)
                codes.extend([*(post(address, wrong) for wrong in bodies), post(f"{address}x", b"1"), post(address, body)])

            assert run(asking.announced, answers, url) == 0.5
            assert codes == [400, 400, 400, 413, 404, 200]
        assert posted[0]["text"] == f"Answer at {posted[0]['list'][0]}"
        assert posted[0]["number"] == 1

    def test_one_that_cannot_be_called_is_said_and_others_can_answer(self, home: Path) -> None:
        sink = Asked(["announced", "1.5"])
        assert run(asking.announced, sink, "ftp://nowhere") == 1.5
        assert "could not be called" in sink.told[0]


def at_a_terminal(home: Path, task: str, answers: list[bytes]) -> str:
    """:return: what a person sees who runs a task and answers what it asks"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(LOCALFLYTE_HOME=str(home), PYTHONPATH=os.pathsep.join([str(TESTS), str(TESTS.parent)]), TERM="dumb")
        program = str(TESTS / "programs" / "asking.py")
        os.execv(sys.executable, [sys.executable, "-m", "localflyte", "run", program, task])
    shown, end, left = b"", time.monotonic() + SECONDS, list(answers)
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:  # nobody has it open any more
            break
        if left and shown.count(b" > ") > len(answers) - len(left):
            os.write(terminal, left.pop(0))
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return shown.decode()


def test_the_terminal_asks_until_it_has_an_answer(home: Path) -> None:
    text = at_a_terminal(home, "all_kinds", [b"maybe\n", b"yes\n", b"3\n", b"2.5\n", b"text\n"])
    assert "asking.all_kinds asks (bool): A bool?" in text
    assert "'maybe' is neither yes nor no" in text
    assert "['True', '3', '2.5', \"'text'\"]" in text


def test_a_prompt_in_markdown_is_shown_as_such(home: Path) -> None:
    text = at_a_terminal(home, "in_markdown", [b"yes\n"])
    assert "asking.in_markdown asks (ship):" in text
    assert re.search(r"Release.*Ship 1\.2 to:.* • north.* • south \(https://south\.example\).*For good\.", text, re.DOTALL)
    assert "**" not in text.partition("asks (ship)")[2]
