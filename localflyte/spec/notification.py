"""Notification: whom to tell when a run has ended, and what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localflyte.spec.phase import ActionPhase

__all__ = ("Email", "NamedDelivery", "NamedRule", "Notification", "Slack", "Teams", "Webhook", "render")

#: What a run can end as, and so be told about.
PHASES = (ActionPhase.SUCCEEDED, ActionPhase.FAILED, ActionPhase.ABORTED, ActionPhase.TIMED_OUT)

_SUBJECT = "Run {{.Run.Name}} {{.Phase}}"
_BODY = "Run: {{.Run.Name}}\nProject/Domain: {{.Run.Project}}/{{.Run.Domain}}\nPhase: {{.Phase}}\nError: {{.Error}}\n"
_SHORT = "Run: {{.Run.Name}} finished with phase {{.Phase}}\n | {{.Run.Project}}/{{.Run.Domain}}\n"
_FACTS = {
    "run": "{{.Run.Name}}",
    "project": "{{.Run.Project}}",
    "domain": "{{.Run.Domain}}",
    "phase": "{{.Phase}}",
    "error": "{{.Error}}",
}


@dataclass(frozen=True, slots=True)
class NamedRule:
    """A rule that a cluster keeps, with its phases and receivers.

    :param name: its name there
    """

    name: str

    def __post_init__(self) -> None:
        _need(self, "name")


@dataclass(frozen=True, kw_only=True)
class Notification:
    """The part that all notifications share.

    :param on_phase: the end, or the ends, to tell about
    :raises ValueError: if a phase is none that a run can end in
    """

    on_phase: ActionPhase | tuple[ActionPhase, ...]

    def __post_init__(self) -> None:
        given: Any = self.on_phase
        phases = (given,) if isinstance(given, str) else tuple(given or ())
        if not phases:
            raise ValueError(f"{type(self).__name__}: at least one phase must be specified with on_phase=")
        for phase in phases:
            if phase not in PHASES:
                known = ", ".join(known.value for known in PHASES)
                raise ValueError(f"{type(self).__name__}: on_phase {phase!r} is not supported; a run ends as one of {known}")
        object.__setattr__(self, "on_phase", tuple(ActionPhase(phase) for phase in phases))

    def matches(self, phase: ActionPhase) -> bool:
        """:return: whether a run that ended so is to be told about"""
        return phase in self.on_phase


@dataclass(frozen=True, kw_only=True)
class NamedDelivery(Notification):
    """Tell through a channel that a cluster keeps.

    :param name: its name there
    """

    name: str

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(self, "name")


@dataclass(frozen=True, kw_only=True)
class Email(Notification):
    """Tell by mail.

    :param recipients: the addresses
    :param html_body: the same as `body`, as HTML
    """

    recipients: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = _SUBJECT
    body: str = _BODY
    html_body: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("recipients", "cc", "bcc"):
            addresses = getattr(self, name)
            if isinstance(addresses, str):
                raise ValueError(f"Email.{name} must be a tuple of addresses, got {addresses!r}; write ({addresses!r},)")
            object.__setattr__(self, name, tuple(addresses))
        if not self.recipients:
            raise ValueError("Email: at least one recipient must be specified with recipients=")


@dataclass(frozen=True, kw_only=True)
class Slack(Notification):
    """Tell a Slack channel.

    :param webhook_url: where to
    :param message: what, as text
    :param blocks: what, as Block Kit; then `message` is not used
    """

    webhook_url: str
    message: str | None = None
    blocks: tuple[dict[str, Any], ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(self, "webhook_url")
        if self.blocks is not None:
            object.__setattr__(self, "blocks", tuple(self.blocks))
        elif self.message is None:
            object.__setattr__(self, "message", _SHORT)


@dataclass(frozen=True, kw_only=True)
class Teams(Notification):
    """Tell a Teams channel.

    :param webhook_url: where to
    :param card: what, as an Adaptive Card; then `title` and `message` are not used
    """

    webhook_url: str
    title: str = _SUBJECT
    message: str | None = None
    card: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(self, "webhook_url")
        if self.message is None and self.card is None:
            object.__setattr__(self, "message", _BODY)


@dataclass(frozen=True, kw_only=True)
class Webhook(Notification):
    """Tell any program that listens to HTTP.

    :param url: where to
    :param body: what, as JSON
    """

    url: str
    method: str = "POST"
    headers: dict[str, str] | None = None
    body: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _need(self, "url")
        if self.body is None:
            object.__setattr__(self, "body", dict(_FACTS))


def render(template: Any, facts: Mapping[str, str]) -> Any:
    """Fill in what a template leaves open, in text and in all text within lists and dicts.

    :param facts: ``run``, ``task``, ``project``, ``domain``, ``phase`` and ``error``, as far as they are known
    """
    if isinstance(template, str):
        for spelling, fact in _SPELLINGS:
            if spelling in template:
                template = template.replace(spelling, facts.get(fact, ""))
        return template
    if isinstance(template, Mapping):
        return {key: render(value, facts) for key, value in template.items()}
    return [render(item, facts) for item in template] if isinstance(template, list | tuple) else template


# The SDK documents the first spelling; its own local mode understands only the second.
_SPELLINGS = (
    ("{{.Run.Name}}", "run"),
    ("{{.Run.Project}}", "project"),
    ("{{.Run.Domain}}", "domain"),
    ("{{.Phase}}", "phase"),
    ("{{.Error}}", "error"),
    ("{task.name}", "task"),
    ("{run.name}", "run"),
    ("{run.phase}", "phase"),
    ("{run.error}", "error"),
    ("{project}", "project"),
    ("{domain}", "domain"),
)


def _need(notification: object, name: str) -> None:
    if not getattr(notification, name):
        raise ValueError(f"{type(notification).__name__}: {name} must not be empty")
