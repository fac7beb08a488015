"""flyte.app.extras: apps of particular kinds, and what they are made with."""

from __future__ import annotations

from typing import Any

from localflyte.app import INSTEAD
from localflyte.app import AppEnvironment
from localflyte.cluster import ClusterRecord

__all__ = ("FastAPIAppEnvironment", "FastAPIPassthroughAuthMiddleware", "FlyteWebhookAppEnvironment")


class FastAPIAppEnvironment(AppEnvironment):
    """An app of FastAPI.

    :param app: the FastAPI object
    """

    def __init__(self, name: str, *, app: Any = None, **settings: Any) -> None:
        super().__init__(name, **settings)
        self.app = app


class FlyteWebhookAppEnvironment(FastAPIAppEnvironment):
    """An app that lets other programs start runs."""


class FastAPIPassthroughAuthMiddleware(ClusterRecord):
    """What hands a caller's credentials on."""

    instead = INSTEAD
