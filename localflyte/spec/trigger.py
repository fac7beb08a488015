"""Trigger: when a task is to be run by itself: on a cluster, or by ``localflyte triggers serve``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from typing import Final

from localflyte.spec.documentation import truncate_description

__all__ = ("Cron", "FixedRate", "OnArtifact", "Trigger", "TriggerTime", "TriggeredArtifact", "TriggeredPartition")


class _Placeholder:
    """Stands in the inputs of a trigger for what is known only when it fires."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"flyte.{self._name}"

    def __reduce__(self) -> str:
        return self._name  # there is only one of each: callers compare with `is`


TriggerTime: Final = _Placeholder("TriggerTime")
TriggeredArtifact: Final = _Placeholder("TriggeredArtifact")


@dataclass(frozen=True, slots=True)
class TriggeredPartition:
    """Stands in the inputs of a trigger for one partition of the artifact that fired it.

    :param key: the name of the partition
    """

    key: str

    def __post_init__(self) -> None:
        if not self.key:
            raise ValueError("TriggeredPartition requires a non-empty partition key")


@dataclass(frozen=True, slots=True, init=False)
class OnArtifact:
    """Fire when a new version of an artifact appears.

    :param name: the artifact
    :param version: fire for this version only
    :param partitions: fire only for versions in these partitions; also as keywords, ``region="us"``
    """

    name: str
    version: str | None
    partitions: Mapping[str, str] | None

    def __init__(self, name: str, version: str | None = None, partitions: Mapping[str, str] | None = None, **keywords: str) -> None:
        if not name:
            raise ValueError("OnArtifact requires a non-empty artifact name")
        chosen = {**(partitions or {}), **keywords}
        for key, value in chosen.items():
            if not isinstance(value, str):
                raise TypeError(f"OnArtifact partition {key!r} must be text, got {value!r}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "version", version)
        object.__setattr__(self, "partitions", chosen or None)

    def __str__(self) -> str:
        version = f"@{self.version}" if self.version else ""
        partitions = ", ".join(f"{key}={value}" for key, value in (self.partitions or {}).items())
        return f"Artifact Trigger: on new version of {self.name}{version}{f' [{partitions}]' if partitions else ''}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Fire at times of the clock.

    :param expression: minute, hour, day of month, month and day of week, ``"0 9 * * 1"``
    :param timezone: whose clock, ``"Europe/London"``
    """

    expression: str
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        expression: object = self.expression
        if not isinstance(expression, str) or not (expression.startswith("@") or len(expression.split()) == 5):
            raise ValueError(f'Cron({expression!r}) must have five fields, minute hour day month weekday, like "0 9 * * 1"')
        timezone: object = self.timezone
        if not isinstance(timezone, str) or len(timezone.split()) != 1:
            raise ValueError(f'Cron.timezone must be the name of a time zone, like "Europe/London", got {self.timezone!r}')

    @property
    def timezone_expression(self) -> str:
        """The expression with its time zone, as schedulers write it."""
        return f"CRON_TZ={self.timezone} {self.expression}"

    def __str__(self) -> str:
        return f"Cron Trigger: {self.timezone_expression}"


@dataclass(frozen=True, slots=True)
class FixedRate:
    """Fire again and again after so many minutes.

    :param interval_minutes: the minutes between
    :param start_time: the first time
    """

    interval_minutes: int
    start_time: datetime | None = None

    def __post_init__(self) -> None:
        minutes: object = self.interval_minutes
        if isinstance(minutes, bool) or not isinstance(minutes, int) or minutes < 1:
            raise ValueError(f"FixedRate.interval_minutes must be a whole number of at least 1, got {minutes!r}")

    def __str__(self) -> str:
        return f"FixedRate Trigger: every {self.interval_minutes} minutes"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A schedule or an event, and how to run the task then.

    :param name: its name
    :param automation: when it fires; ``None`` means when a person says so
    :param description: at most 255 characters are kept
    :param auto_activate: whether deploying it makes it fire
    :param inputs: the inputs of the task; ``flyte.TriggerTime`` and ``flyte.TriggeredArtifact`` stand for what fired it
    :param max_action_concurrency: how many actions of a run may run at a time; 0 leaves it to the platform
    :raises ValueError: if the parts do not fit together
    """

    name: str
    automation: Cron | FixedRate | OnArtifact | None = None
    description: str = ""
    auto_activate: bool = True
    inputs: dict[str, Any] | None = None
    env_vars: dict[str, str] | None = None
    interruptible: bool | None = None
    overwrite_cache: bool = False
    queue: str | None = None
    max_action_concurrency: int | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    notifications: Any = None
    custom_context: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("Trigger name cannot be empty")
        self._check_inputs()
        limit = self.max_action_concurrency
        if limit is not None and (limit < 0 or limit == 1):
            raise ValueError(
                f"Trigger {self.name!r}: max_action_concurrency must be 0 (the platform's default) or at least 2, got {limit}:"
                " with 1, a parent that waits for its children would never end"
            )
        object.__setattr__(self, "description", truncate_description(self.description or ""))

    def _check_inputs(self) -> None:
        inputs = self.inputs or {}
        bound = [name for name, value in inputs.items() if value is TriggeredArtifact]
        on_artifact = isinstance(self.automation, OnArtifact)
        if len(bound) > 1:
            raise ValueError(f"Trigger {self.name!r} binds TriggeredArtifact to {', '.join(sorted(bound))}; only one input can receive it")
        bound += [name for name, value in inputs.items() if isinstance(value, TriggeredPartition)]
        if bound and not on_artifact:
            raise ValueError(f"Trigger {self.name!r} binds the triggering artifact to {bound[0]}, but its automation is not OnArtifact")
        if not isinstance(self.automation, Cron | FixedRate) and any(value is TriggerTime for value in inputs.values()):
            raise ValueError(f"Trigger {self.name!r} uses TriggerTime, which only Cron and FixedRate have")

    @classmethod
    def minutely(cls, trigger_time_input_key: str | None = None, *, name: str = "minutely", **options: Any) -> Trigger:
        """Fire every minute; the options are those of `Trigger`.

        :param trigger_time_input_key: the input that receives the time
        """
        return cls._every("* * * * *", "every minute", trigger_time_input_key, name, options)

    @classmethod
    def hourly(cls, trigger_time_input_key: str | None = None, *, name: str = "hourly", **options: Any) -> Trigger:
        """Fire at the start of every hour."""
        return cls._every("0 * * * *", "every hour", trigger_time_input_key, name, options)

    @classmethod
    def daily(cls, trigger_time_input_key: str | None = None, *, name: str = "daily", **options: Any) -> Trigger:
        """Fire every midnight."""
        return cls._every("0 0 * * *", "daily at midnight", trigger_time_input_key, name, options)

    @classmethod
    def weekly(cls, trigger_time_input_key: str | None = None, *, name: str = "weekly", **options: Any) -> Trigger:
        """Fire when Sunday begins."""
        return cls._every("0 0 * * 0", "weekly on Sundays at midnight", trigger_time_input_key, name, options)

    @classmethod
    def monthly(cls, trigger_time_input_key: str | None = None, *, name: str = "monthly", **options: Any) -> Trigger:
        """Fire when the first day of a month begins."""
        return cls._every("0 0 1 * *", "monthly on the 1st at midnight", trigger_time_input_key, name, options)

    @classmethod
    def _every(cls, expression: str, when: str, key: str | None, name: str, options: dict[str, Any]) -> Trigger:
        inputs = ({key: TriggerTime} if key is not None else {}) | (options.pop("inputs", None) or {})
        options.setdefault("description", f"A trigger that runs {when}")
        return cls(name, Cron(expression), inputs=inputs, **options)
