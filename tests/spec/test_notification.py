"""Notifications: for which ends of a run they are, and what is filled into their texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localflyte import notify
from localflyte.spec.notification import render
from localflyte.spec.phase import ActionPhase

FAILED = ActionPhase.FAILED


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: notify.Email(on_phase=FAILED, recipients=()), "at least one recipient"),
        (lambda: notify.Email(on_phase=FAILED, recipients="a@b"), "tuple of addresses"),  # type: ignore[arg-type]
        (lambda: notify.Email(on_phase=(), recipients=("a@b",)), "at least one phase"),
        (lambda: notify.Email(on_phase=ActionPhase.RUNNING, recipients=("a@b",)), "not supported"),
        (lambda: notify.Slack(on_phase=(FAILED, "x"), webhook_url="u"), "not supported"),  # type: ignore[arg-type]
        (lambda: notify.Slack(on_phase=FAILED, webhook_url=""), "webhook_url must not be empty"),
        (lambda: notify.Teams(on_phase=FAILED, webhook_url=""), "webhook_url must not be empty"),
        (lambda: notify.Webhook(on_phase=FAILED, url=""), "url must not be empty"),
        (lambda: notify.NamedDelivery(on_phase=FAILED, name=""), "name must not be empty"),
        (lambda: notify.NamedRule(""), "name must not be empty"),
    ],
)
def test_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("given", "kept"), [(FAILED, (FAILED,)), ("failed", (FAILED,)), ([FAILED, "aborted"], (FAILED, ActionPhase.ABORTED))]
)
def test_phases(given: Any, kept: tuple[ActionPhase, ...]) -> None:
    notification = notify.NamedDelivery(on_phase=given, name="n")
    assert notification.on_phase == kept
    assert notification.matches(FAILED)
    assert not notification.matches(ActionPhase.SUCCEEDED)


def test_defaults() -> None:
    """Test that what is not said is said as Flyte says it."""
    email = notify.Email(on_phase=FAILED, recipients=["a@b"], cc=["c@d"])  # type: ignore[arg-type]
    assert (email.recipients, email.cc, email.subject) == (("a@b",), ("c@d",), "Run {{.Run.Name}} {{.Phase}}")
    assert "{{.Error}}" in (notify.Teams(on_phase=FAILED, webhook_url="u").message or "")
    assert "{{.Phase}}" in (notify.Slack(on_phase=FAILED, webhook_url="u").message or "")
    assert notify.Slack(on_phase=FAILED, webhook_url="u", blocks=[{"a": 1}]).message is None  # type: ignore[arg-type]
    assert notify.Teams(on_phase=FAILED, webhook_url="u", card={}).message is None
    webhook = notify.Webhook(on_phase=FAILED, url="u")
    assert (webhook.method, set(webhook.body or ())) == ("POST", {"run", "project", "domain", "phase", "error"})


@pytest.mark.parametrize("phase", ActionPhase)
def test_a_run_is_told_about_when_it_has_ended(phase: ActionPhase) -> None:
    if phase.value in ("succeeded", "failed", "aborted", "timed_out"):
        assert notify.NamedDelivery(on_phase=phase, name="n").on_phase == (phase,)
    else:
        with pytest.raises(ValueError, match="not supported"):
            notify.NamedDelivery(on_phase=phase, name="n")


def test_what_is_said_is_kept() -> None:
    addresses: Any = ["a@b", "c@d"]
    email = notify.Email(on_phase=FAILED, recipients=addresses, cc=addresses, bcc=addresses, subject="s", body="b", html_body="<b>")
    assert email.recipients == email.cc == email.bcc == ("a@b", "c@d")
    assert (email.subject, email.body, email.html_body) == ("s", "b", "<b>")
    blocks: Any = [{"type": "section"}]
    slack = notify.Slack(on_phase=FAILED, webhook_url="u", message="m", blocks=blocks)
    assert (slack.message, slack.blocks) == ("m", ({"type": "section"},))
    teams = notify.Teams(on_phase=FAILED, webhook_url="u", title="t", message="m")
    assert (teams.title, teams.message) == ("t", "m")
    webhook = notify.Webhook(on_phase=FAILED, url="u", method="PATCH", headers={"h": "1"}, body={"a": {"b": "{{.Phase}}"}})
    assert (webhook.method, webhook.headers, webhook.body) == ("PATCH", {"h": "1"}, {"a": {"b": "{{.Phase}}"}})


def test_what_is_not_said_is_empty() -> None:
    email = notify.Email(on_phase=FAILED, recipients=("a@b",))
    assert (email.cc, email.bcc, email.html_body) == ((), (), None)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT"])
def test_a_webhook_takes_every_method(method: Any) -> None:
    assert notify.Webhook(on_phase=FAILED, url="u", method=method).method == method


@pytest.mark.parametrize(
    ("thing", "field"),
    [
        (notify.Email(on_phase=FAILED, recipients=("a@b",)), "recipients"),
        (notify.NamedDelivery(on_phase=FAILED, name="n"), "name"),
        (notify.NamedRule("n"), "name"),
    ],
)
def test_it_is_a_value(thing: Any, field: str) -> None:
    with pytest.raises(AttributeError):
        setattr(thing, field, "other")


@pytest.mark.parametrize("text", ["", "plain", "{unknown.var}", "{{.Nothing}}", "{"])
def test_what_is_no_placeholder_stays(text: str) -> None:
    assert render(text, {"run": "r1"}) == text


def test_render() -> None:
    """Test that the documented spelling and the one of the SDK's local mode are both filled in, however deep."""
    template = {"text": "{{.Run.Name}} {run.name}: {{.Error}}", "list": ["{task.name}", 5, None, ("{{.Phase}}",)], "n": {"d": "{domain}"}}
    facts = {"run": "r1", "task": "env.t", "phase": "failed", "error": "bad"}
    assert render(template, facts) == {"text": "r1 r1: bad", "list": ["env.t", 5, None, ["failed"]], "n": {"d": ""}}
