"""The door ``flyte.notify``: whom to tell when a run has ended."""

from __future__ import annotations

from localflyte.spec.notification import Email
from localflyte.spec.notification import NamedDelivery
from localflyte.spec.notification import NamedRule
from localflyte.spec.notification import Notification
from localflyte.spec.notification import Slack
from localflyte.spec.notification import Teams
from localflyte.spec.notification import Webhook

__all__ = ("Email", "NamedDelivery", "NamedRule", "Notification", "Slack", "Teams", "Webhook")
