"""Whom a run named is told when it has ended, in the words it chose; what cannot be sent is said and fails nothing."""

from __future__ import annotations

import json
import smtplib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest
from programs import misbehaving

import localflyte as flyte
from localflyte import errors
from localflyte import notify
from localflyte.models import ActionPhase
from localflyte.observe.tidings import TidingsSink
from localflyte.spec.event import Event

ANY = (ActionPhase.SUCCEEDED, ActionPhase.FAILED, ActionPhase.ABORTED, ActionPhase.TIMED_OUT)
FACTS = {"project": "p", "domain": "d"}


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, str, dict[str, str], Any]] = []
        self.url = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            made.got.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
            self.send_response(500 if self.path == "/broken" else 204)
            self.end_headers()

        do_POST = do_PUT = do_GET = _take

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def end(*notifications: Any, status: str = "failed") -> list[str]:
    """End a run. :return: what was said"""
    said: list[str] = []
    sink = TidingsSink(notifications, dict(FACTS), said.append)
    sink(Event("run.started", "r1", "", 0.0, {"task": "env.work"}))
    sink(Event("run.finished", "r1", "", 1.0, {"status": status, "error": {"code": "ValueError", "message": "it broke"}}))
    return said


def test_a_webhook_gets_the_facts(receiver: Receiver) -> None:
    hook = notify.Webhook(on_phase=ActionPhase.FAILED, url=f"{receiver.url}/{{run.name}}", method="PUT", headers={"X-Phase": "{{.Phase}}"})
    assert end(hook) == []
    ((method, path, headers, body),) = receiver.got
    assert (method, path, headers["X-Phase"]) == ("PUT", "/r1", "failed")
    assert body == {"run": "r1", "project": "p", "domain": "d", "phase": "failed", "error": "it broke"}


def test_channels_get_text_or_what_was_built(receiver: Receiver) -> None:
    blocks = ({"type": "section", "text": {"type": "plain_text", "text": "{{.Run.Name}} {task.name}"}},)
    end(
        notify.Slack(on_phase=ANY, webhook_url=receiver.url, message="{{.Run.Name}}: {{.Error}}"),
        notify.Slack(on_phase=ANY, webhook_url=receiver.url, blocks=blocks),
        notify.Teams(on_phase=ANY, webhook_url=receiver.url, title="T {{.Phase}}", message="{{.Run.Project}}/{{.Run.Domain}}"),
        notify.Teams(on_phase=ANY, webhook_url=receiver.url, card={"text": "{run.phase}"}),
    )
    assert [body for *_, body in receiver.got] == [
        {"text": "r1: it broke"},
        {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": "r1 env.work"}}]},
        {"title": "T failed", "text": "p/d"},
        {"text": "failed"},
    ]


def test_only_the_ends_that_were_named_are_told(receiver: Receiver) -> None:
    hook = notify.Webhook(on_phase=(ActionPhase.SUCCEEDED, ActionPhase.TIMED_OUT), url=receiver.url)
    for status in ("failed", "aborted", "succeeded", "timed_out"):
        end(hook, notify.NamedRule("kept elsewhere"), notify.NamedDelivery(on_phase=ANY, name="elsewhere"), status=status)
    assert [body["phase"] for *_, body in receiver.got] == ["succeeded", "timed_out"]


@pytest.mark.parametrize("url", ["{url}/broken", "http://127.0.0.1:1/", "ftp://nowhere", "http://[broken"])
def test_what_cannot_be_sent_is_said_and_the_others_are_told(receiver: Receiver, url: str) -> None:
    broken = notify.Slack(on_phase=ANY, webhook_url=url.replace("{url}", receiver.url))
    (said,) = end(broken, notify.Webhook(on_phase=ANY, url=receiver.url))
    assert said.startswith("a Slack notification could not be sent: ")
    assert receiver.got[-1][1] == "/"


def test_mail_goes_to_everybody_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    class Server:
        def __init__(self, *address: Any, **_: Any) -> None:
            assert address == ("localhost", 25)

        def __enter__(self) -> Server:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def send_message(self, message: Any, to_addrs: list[str]) -> None:
            sent.append((message, to_addrs))

    monkeypatch.setattr("smtplib.SMTP", Server)
    texts = {"subject": "{{.Run.Name}}\n{{.Phase}}", "html_body": "<b>{{.Phase}}</b>"}
    assert end(notify.Email(on_phase=ANY, recipients=("a@x",), cc=("b@x",), bcc=("c@x",), **texts)) == []
    ((message, addresses),) = sent
    assert addresses == ["a@x", "b@x", "c@x"]
    assert (message["Subject"], message["To"], message["Cc"], message["Bcc"]) == ("r1 failed", "a@x", "b@x", None)
    assert "Error: it broke" in message.get_body(("plain",)).get_content()
    assert message.get_body(("html",)).get_content().strip() == "<b>failed</b>"


@pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), smtplib.SMTPException("no")])
def test_mail_that_cannot_be_sent_is_said(monkeypatch: pytest.MonkeyPatch, receiver: Receiver, error: Exception) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("smtplib.SMTP", fail)
    (said,) = end(notify.Email(on_phase=ANY, recipients=("a@x",)), notify.Webhook(on_phase=ANY, url=receiver.url))
    assert said.endswith(f"Email notification could not be sent: {error}")
    assert len(receiver.got) == 1


def test_a_run_tells_before_it_is_over(home: Path, receiver: Receiver) -> None:
    hook = notify.Webhook(on_phase=ANY, url=receiver.url)
    with pytest.raises(errors.RuntimeUserError):
        flyte.with_runcontext(name="told", project="mine", domain="dev", notifications=hook).run(misbehaving.raises, "value")
    assert [(body["run"], body["phase"], body["project"]) for *_, body in receiver.got] == [("told", "failed", "mine")]


def test_a_run_that_succeeds_tells_all_that_asked_and_one_that_nobody_asked_tells_nobody(home: Path, receiver: Receiver) -> None:
    hooks = (notify.Webhook(on_phase=ANY, url=receiver.url), notify.Slack(on_phase=ActionPhase.SUCCEEDED, webhook_url=receiver.url))
    assert flyte.with_runcontext(name="well", notifications=hooks).run(misbehaving.fine, 1).outputs() == (2,)
    assert flyte.run(misbehaving.fine, 1).phase == "succeeded"
    assert [body.get("phase") for *_, body in receiver.got] == ["succeeded", None]
