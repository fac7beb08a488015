"""RunRequest: a root invocation with everything that holds for the whole run; RunResult: how the run ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from localflyte.spec.invocation import Invocation
from localflyte.spec.outcome import Outcome

__all__ = ("RunRequest", "RunResult", "Surroundings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The caller's interpreter as its workers have to see it."""

    python: str
    cwd: str
    sys_path: tuple[str, ...]
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    """The caller's whole environment, for the engine alone: what of it a task gets is decided in `localflyte.launch.environ`."""
    umask: int
    alias: bool
    """Whether ``import flyte`` means localflyte there."""
    terminal: str = ""
    """The device of the terminal that a person reads and types on; empty if there is none."""
    times_changed: int = 0
    """How often files of the program were edited since it started; what imported them before is not used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    invocation: Invocation
    surroundings: Surroundings
    name: str = ""
    """Empty: one is made."""
    raw_data_path: str = ""
    overwrite_cache: bool = False
    disable_run_cache: bool = False
    cache_lookup_scope: str = "global"
    """``"project-domain"``: results that were computed for another project or domain are not looked up."""
    recover: str = ""
    """The folder of an earlier run: what its actions gave is taken from there, unless the code of their tasks has changed."""
    force_rerun_actions: tuple[str, ...] = ()
    """The actions that are carried again all the same."""
    explain: bool = False
    """Say of every call that could have been taken from the cache why it was not."""
    check_determinism: bool = False
    """Run every call that can be cached twice, and compare what comes out."""
    run_start_time: float = 0.0
    """Seconds since the epoch; 0 means now."""
    trigger: str = ""
    """The trigger that starts it, which was due at `run_start_time`; empty for a run that somebody starts."""
    max_action_concurrency: int = 0
    """Actions of this run that may execute at once; 0 means as many as fit."""
    interactive: bool = False
    images: Mapping[str, str] = field(default_factory=dict)
    """The references that ``flyte.init(images=...)`` or ``--image NAME=URI`` gave names to."""
    images_needed: tuple[Mapping[str, Any], ...] = ()
    """The images of the task's environment and of those that it depends on: the run is refused at its start where one cannot be had."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the run says for its actions (env_vars, queue, interruptible); nested calls resolve against it."""
    project: str = ""
    domain: str = ""
    notices: tuple[str, ...] = ()
    """What the person has to know of the options that were given; said at the start."""
    parting: tuple[str, ...] = ()
    """What the person has to know of the program; said at the end, however the run ends."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What runs are found by; kept with the run, and nothing is done because of them."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """What is noted on the run; kept with it like labels."""

    def said(self) -> dict[str, Any]:
        """:return: what of it would be told again for a run that is to do the same, by the names of ``flyte.with_runcontext``"""
        names = ("overwrite_cache", "disable_run_cache", "cache_lookup_scope", "max_action_concurrency")
        own = {name: value for name in names if (value := getattr(self, name)) != self.__dataclass_fields__[name].default}
        by_name = {"custom_context": self.invocation.custom_context, "labels": self.labels, "annotations": self.annotations}
        return {**self.options, **own, **{name: dict(value) for name, value in by_name.items() if value}}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    name: str
    folder: str
    outcome: Outcome
