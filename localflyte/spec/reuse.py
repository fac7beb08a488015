"""ReusePolicy: keep the processes of an environment warm for the next task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from typing import cast

from localflyte.spec.plan import ReuseTerms

__all__ = ("ReusePolicy",)

MIN_TTL = 30  # seconds; Flyte's own floor, below which a pool would be restarted more often than used


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """Serve tasks from a pool of warm processes, so that what a module loads is loaded once.

    Whatever a task changes in its process stays for the next one: module globals, `os.environ`, the working directory.

    Up to ``max_replicas * concurrency`` tasks run at a time. On a cluster a parent occupies a replica while it waits for its
    children, so a single replica with a concurrency of 1 can starve them; here it gives its place back: one replica more is
    started for them, as long as they need it.

    :param replicas: how many processes, or the least and the most of them
    :param idle_ttl: end the whole pool after so long without a task; a number means seconds
    :param concurrency: how many tasks a process runs at a time; more than 1 only for async tasks
    :param scaledown_ttl: end a single process after so long without a task
    :param scope: ``"run"`` gives every run its own pool
    :raises ValueError: if a value has the wrong type or is out of range
    """

    replicas: int | tuple[int, int] = 2
    idle_ttl: int | timedelta = 30
    concurrency: int = 1
    scaledown_ttl: int | timedelta = 30
    scope: Literal["global", "run"] = "global"

    def __post_init__(self) -> None:
        if self.scope not in ("global", "run"):
            raise ValueError(f'scope must be "global" or "run", got {self.scope!r}')
        replicas: object = (self.replicas, self.replicas) if isinstance(self.replicas, int) else self.replicas
        if not isinstance(replicas, tuple) or len(replicas) != 2 or not all(map(_is_count, replicas)):
            raise ValueError(f"replicas must be an int or a tuple of two ints, got {self.replicas!r}")
        if not 0 <= replicas[0] <= replicas[1] or replicas[1] < 1:
            raise ValueError(f"replicas must be the least and the most of them, and at least 1 at most; got {self.replicas!r}")
        if not _is_count(self.concurrency) or self.concurrency < 1:
            raise ValueError(f"concurrency must be an int of at least 1, got {self.concurrency!r}")
        object.__setattr__(self, "replicas", replicas)
        object.__setattr__(self, "idle_ttl", _ttl("idle_ttl", self.idle_ttl))
        object.__setattr__(self, "scaledown_ttl", _ttl("scaledown_ttl", self.scaledown_ttl))

    @property
    def min_replicas(self) -> int:
        """The least number of processes."""
        return cast("tuple[int, int]", self.replicas)[0]

    @property
    def max_replicas(self) -> int:
        """The largest number of processes."""
        return cast("tuple[int, int]", self.replicas)[1]

    def get_scaledown_ttl(self) -> timedelta:
        """:return: how long a single process may idle"""
        return cast("timedelta", self.scaledown_ttl)

    def terms(self) -> ReuseTerms:
        """Read the declaration as seconds."""
        return ReuseTerms(
            min_replicas=self.min_replicas,
            max_replicas=self.max_replicas,
            concurrency=self.concurrency,
            idle_ttl=cast("timedelta", self.idle_ttl).total_seconds(),
            scaledown_ttl=self.get_scaledown_ttl().total_seconds(),
            scope=self.scope,
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _ttl(name: str, ttl: object) -> timedelta:
    if isinstance(ttl, int) and not isinstance(ttl, bool):
        ttl = timedelta(seconds=ttl)
    if not isinstance(ttl, timedelta):
        raise ValueError(f"{name} must be an int (seconds) or a timedelta, got {ttl!r}")
    if ttl.total_seconds() < MIN_TTL:
        raise ValueError(f"{name} must be at least {MIN_TTL} seconds, got {ttl}")
    return ttl
