"""Cache: whether the result of a task may be taken from an earlier call, and what makes it a different task."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from typing import Generic
from typing import Literal
from typing import ParamSpec
from typing import Protocol
from typing import TypeVar
from typing import cast
from typing import runtime_checkable

from localflyte.spec.digest import sha256

__all__ = ("Cache", "CacheBehavior", "CachePolicy", "CacheRequest", "VersionParameters", "cache_from_request")

P = ParamSpec("P")
R = TypeVar("R")

CacheBehavior = Literal["auto", "override", "disable"]

_BEHAVIORS = ("auto", "override", "disable")
_ALIASES = {
    **dict.fromkeys(("enable", "enabled", "on", "true", "yes"), "auto"),
    **dict.fromkeys(("off", "false", "no", "none"), "disable"),
}


@dataclass(frozen=True, slots=True)
class VersionParameters(Generic[P, R]):
    """What a policy may make a version of.

    :param func: the function of the task, if it has one
    :param image: its image
    :param code_bundle: the code it is shipped with, if it is shipped
    """

    func: Callable[P, R] | None
    image: Any = None
    code_bundle: Any = None


@runtime_checkable
class CachePolicy(Protocol):
    """A way to make the version of a task's code."""

    def get_version(self, salt: str, params: VersionParameters[Any, Any]) -> str:
        """:return: text that changes when results of the task may no longer be reused"""


@dataclass(frozen=True, slots=True)
class Cache:
    """Reuse the result of a call whose task, version and inputs are the same.

    :param behavior: ``"auto"`` makes the version from the code, ``"override"`` takes `version_override`, ``"disable"``
        always runs; ``"on"``, ``"off"`` and their like are understood
    :param version_override: the version, chosen by hand
    :param serialize: let only one of several identical calls run at a time, and the others take its result
    :param ignored_inputs: the inputs that make no difference
    :param salt: changes the version, so that everything is computed anew
    :param policies: what makes the version; ``None`` means the default, which hashes the code that the task runs
    :param max_age: reuse no result that is older; a number means seconds, 0 means that results do not age
    :raises ValueError: if the behavior is unknown, or if nothing is left to make a version from
    """

    behavior: CacheBehavior
    version_override: str | None = None
    serialize: bool = False
    ignored_inputs: tuple[str, ...] | str = ()
    salt: str = ""
    policies: Sequence[CachePolicy] | CachePolicy | None = None
    max_age: timedelta | int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "behavior", _behavior(self.behavior))
        ignored = (self.ignored_inputs,) if isinstance(self.ignored_inputs, str) else tuple(self.ignored_inputs)
        if not all(isinstance(name, str) for name in ignored):
            raise TypeError(f"Cache.ignored_inputs must be names of inputs, got {self.ignored_inputs!r}")
        object.__setattr__(self, "ignored_inputs", ignored)
        if not isinstance(self.version_override, str | None):
            raise TypeError(f"Cache.version_override must be text, got {self.version_override!r}; write {str(self.version_override)!r}")
        object.__setattr__(self, "policies", _policies(self.policies))
        object.__setattr__(self, "max_age", _age(self.max_age))
        if self.is_enabled() and self.version_override is None and self.policies == ():
            raise ValueError("Cache.policies is empty: give at least one policy, a version_override, or leave policies out")

    def is_enabled(self) -> bool:
        """:return: whether a result may be taken from the cache at all"""
        return self.behavior != "disable"

    def get_ignored_inputs(self) -> tuple[str, ...]:
        """:return: the names of the inputs that make no difference"""
        return cast("tuple[str, ...]", self.ignored_inputs)

    def get_version(self, params: VersionParameters[Any, Any] | None = None, *, default: CachePolicy | None = None) -> str:
        """Make the version of a task's code.

        :param default: the policy to use where the declaration names none
        :return: the version; empty when the cache is disabled
        :raises ValueError: if there is nothing to make it from, or a policy fails
        """
        if not self.is_enabled():
            return ""
        if self.version_override is not None:
            return self.version_override
        policies = cast("tuple[CachePolicy, ...] | None", self.policies)
        if policies is None:
            policies = () if default is None else (default,)
        if params is None or not policies:
            raise ValueError("a cache version is made by a policy from VersionParameters; give both, or a version_override")
        return sha256("".join(_ask(policy, self.salt, params) for policy in policies).encode())


CacheRequest = CacheBehavior | Cache


def cache_from_request(cache: CacheRequest) -> Cache:
    """Accept what a person may write for ``cache=``."""
    return cache if isinstance(cache, Cache) else Cache(cache)


def _behavior(behavior: object) -> str:
    if isinstance(behavior, str):
        if behavior in _BEHAVIORS:
            return behavior
        if behavior.lower() in _ALIASES:
            return _ALIASES[behavior.lower()]
    raise ValueError(f"Invalid cache behavior: {behavior!r}. Must be one of {', '.join(_BEHAVIORS)}, or one of {', '.join(_ALIASES)}.")


def _age(age: object) -> timedelta | None:
    if isinstance(age, int) and not isinstance(age, bool):
        age = timedelta(seconds=age)
    if not isinstance(age, timedelta | None):
        raise TypeError(f"Cache.max_age must be an int (seconds), a timedelta or None, got {age!r}")
    if age is not None and age < timedelta(0):
        raise ValueError(f"Cache.max_age must be 0 or more, got {age}; 0 means that results do not age")
    return age


def _policies(policies: object) -> tuple[CachePolicy, ...] | None:
    if policies is None:
        return None
    several = tuple(policies) if isinstance(policies, list | tuple) else (policies,)
    for policy in several:
        if not isinstance(policy, CachePolicy):
            raise TypeError(f"Cache.policies must have a method get_version(salt, params), which {policy!r} has not")
    return several


def _ask(policy: CachePolicy, salt: str, params: VersionParameters[Any, Any]) -> str:
    try:
        return policy.get_version(salt, params)
    except Exception as error:
        raise ValueError(f"Failed to generate version for cache policy {policy}: {error}") from error
