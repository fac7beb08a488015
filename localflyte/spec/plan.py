"""Plan: everything that was declared for a call and decided by precedence; nothing in it is optional.

One Plan serves every call of the same task with the same overrides, so it crosses the wire once and calls name it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

__all__ = (
    "CacheTerms",
    "Plan",
    "ResourceTerms",
    "RetryTerms",
    "ReuseTerms",
    "SecretTerms",
    "TaskRef",
    "TimeoutTerms",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRef:
    """How a worker finds the task: by importing a module, or from a cloudpickle where no import can reach it."""

    name: str
    """The full name, ``<environment>.<function>``."""
    module: str = ""
    """The module a worker imports; empty when `pickle` has to bring the task."""
    file: str = ""
    """The source file, for modules that are loaded by path (a script that ran as ``__main__``)."""
    pickle: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheTerms:
    behavior: str = "disable"
    """``"auto"``, ``"override"`` or ``"disable"``; aliases are already resolved."""
    version: str = ""
    """The code version; for ``auto`` the policies' answer, else the override."""
    serialize: bool = False
    ignored_inputs: tuple[str, ...] = ()
    max_age: float | None = None
    """Seconds after which a result is not reused any more; ``None`` means that results do not age."""
    problem: str = ""
    """Why no version could be made; then nothing is read and nothing is written."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """What the version was made of (name to digest), so that a miss can be explained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryTerms:
    count: int = 0
    """Retries after the first attempt."""
    base: float = 0.0
    """Seconds before the first retry; 0 means at once."""
    factor: float = 1.0
    cap: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutTerms:
    """Seconds; ``None`` means unlimited."""

    max_runtime: float | None = None
    max_queued_time: float | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceTerms:
    """Cores as floats, sizes in bytes; ``None`` means nothing was declared."""

    cpu: float | None = None
    cpu_limit: float | None = None
    memory: int | None = None
    memory_limit: int | None = None
    gpu: int = 0
    gpu_device: str = ""
    disk: int | None = None
    shm: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretTerms:
    key: str
    group: str = ""
    mount: str = ""
    env_var: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseTerms:
    min_replicas: int
    max_replicas: int
    concurrency: int
    idle_ttl: float
    scaledown_ttl: float
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    task: TaskRef
    environment: str
    """The name of the task's environment."""
    short_name: str
    interface: str
    """Names and types of inputs and outputs as one canonical line; part of the cache key."""
    cache: CacheTerms = CacheTerms()
    retries: RetryTerms = RetryTerms()
    timeout: TimeoutTerms = TimeoutTerms()
    resources: ResourceTerms = ResourceTerms()
    env_vars: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretTerms, ...] = ()
    queue: str = ""
    image: Mapping[str, Any] | None = None
    """A plain description of the image; ``None`` means the interpreter that runs localflyte."""
    container_image: Mapping[str, Any] | None = None
    """The image of the container that the task is, for one that is no Python; ``None`` for one that is."""
    pod_template: Mapping[str, Any] | None = None
    working_dir: str = ""
    """The folder that the task starts in; empty means that of the caller."""
    grace_seconds: float | None = None
    """Seconds between asking the task to end and killing it; ``None`` means what the settings say."""
    reuse: ReuseTerms | None = None
    interruptible: bool = False
    entrypoint: bool = False
    report: bool = False
    max_inline_io_bytes: int = 10 * 1024 * 1024
    links: tuple[Mapping[str, Any], ...] = ()
    outputs: tuple[str, ...] = ()
    """The names of the outputs, in order."""
    body: str = ""
    """A digest of the task's own code, as this interpreter compiled it: what says that an action of an earlier run was the same."""
    declared_at: str = ""
    """Where its environment is made, ``file:line``: the place to change when it declares too little."""
