"""Tidings: tells whom a run named when it has ended: a webhook, a channel, a mailbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from localflyte.spec.event import Event
from localflyte.spec.notification import Email
from localflyte.spec.notification import Notification
from localflyte.spec.notification import Slack
from localflyte.spec.notification import Teams
from localflyte.spec.notification import Webhook
from localflyte.spec.notification import render
from localflyte.spec.phase import ActionPhase

__all__ = ("TidingsSink",)

SECONDS = 10.0  # that a receiver may take
MAIL = ("localhost", 25)


class TidingsSink:
    """A sink. What cannot be sent is said, and fails nothing.

    :param notifications: whom to tell; those that a cluster keeps under a name are passed over
    :param facts: what is known of the run before it starts: project and domain
    :param say: tells the person; on standard error by default, since the run is over
    """

    def __init__(self, notifications: Iterable[Any], facts: dict[str, str], say: Callable[[str], None] | None = None) -> None:
        self._notifications = tuple(notifications)
        self._facts = facts
        self._say = say or _complain

    def __call__(self, event: Event) -> None:
        if event.kind == "run.started":
            self._facts["task"] = str(event.data.get("task", ""))
        elif event.kind == "run.finished":
            phase = ActionPhase(str(event.data.get("status")))
            error = event.data.get("error") or {}
            facts = {**self._facts, "run": event.run, "phase": phase.value, "error": str(error.get("message", ""))}
            for each in self._notifications:
                if isinstance(each, Notification) and each.matches(phase):
                    self._tell(each, facts)

    def _tell(self, notification: Notification, facts: dict[str, str]) -> None:
        try:
            match notification:
                case Webhook():
                    body, headers = render(notification.body, facts), render(notification.headers, facts)
                    _send(render(notification.url, facts), notification.method, body, headers)
                case Slack():
                    body = {"blocks": list(notification.blocks)} if notification.blocks else {"text": notification.message}
                    _send(notification.webhook_url, "POST", render(body, facts))
                case Teams():
                    card = notification.card or {"title": notification.title, "text": notification.message}
                    _send(notification.webhook_url, "POST", render(card, facts))
                case Email():
                    _mail(notification, facts)
        except (OSError, ValueError) as error:  # urllib's errors are OSErrors
            self._say(f"a {type(notification).__name__} notification could not be sent: {error}")


def _complain(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(f"localflyte: {text}\n")


def _send(url: str, method: str, body: Any, headers: dict[str, str] | None = None) -> None:
    from urllib.request import Request
    from urllib.request import urlopen

    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url!r} is no address of http or https")
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)  # noqa: S310 - checked above
    with urlopen(request, timeout=SECONDS):  # noqa: S310
        return


def _mail(notification: Email, facts: dict[str, str]) -> None:
    from email.message import EmailMessage
    from smtplib import SMTP

    message = EmailMessage()
    message["Subject"] = " ".join(render(notification.subject, facts).split())
    message["From"] = "flyte@localhost"
    message["To"] = ", ".join(notification.recipients)
    if notification.cc:
        message["Cc"] = ", ".join(notification.cc)
    message.set_content(render(notification.body, facts))
    if notification.html_body:
        message.add_alternative(render(notification.html_body, facts), subtype="html")
    with SMTP(*MAIL, timeout=SECONDS) as server:
        server.send_message(message, to_addrs=[*notification.recipients, *notification.cc, *notification.bcc])
