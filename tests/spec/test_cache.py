"""Cache: the declaration, its aliases, and what versions are made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localflyte.spec.cache import Cache
from localflyte.spec.cache import CachePolicy
from localflyte.spec.cache import VersionParameters
from localflyte.spec.cache import cache_from_request
from localflyte.spec.digest import sha256


class Fixed:
    def __init__(self, version: str) -> None:
        self.version = version

    def get_version(self, salt: str, params: VersionParameters[Any, Any]) -> str:
        return self.version + salt


class Broken:
    def get_version(self, salt: str, params: VersionParameters[Any, Any]) -> str:
        raise OSError("no git here")


NOTHING: VersionParameters[..., Any] = VersionParameters(None)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *((word, "auto") for word in ("auto", "enable", "ENABLED", "On", "true", "yes")),
        *((word, "disable") for word in ("disable", "off", "False", "no", "None")),
        ("override", "override"),
    ],
)
def test_behavior(said: Any, meant: str) -> None:
    assert cache_from_request(said).behavior == meant


@pytest.mark.parametrize("said", ["bogus", "", True, None, 1, "AUTO "])
def test_behavior_refused(said: Any) -> None:
    with pytest.raises(ValueError, match="Invalid cache behavior"):
        Cache(said)


def test_a_cache_stays_itself() -> None:
    cache = Cache("auto", salt="x")
    assert cache_from_request(cache) is cache


@pytest.mark.parametrize(("given", "kept"), [((), ()), ("x", ("x",)), (("x", "y"), ("x", "y")), (["x"], ("x",))])
def test_ignored_inputs(given: Any, kept: tuple[str, ...]) -> None:
    cache = Cache("auto", ignored_inputs=given)
    assert cache.get_ignored_inputs() == cache.ignored_inputs == kept


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"ignored_inputs": (1,)}, TypeError, "names of inputs"),
        ({"version_override": 1}, TypeError, "write '1'"),
        ({"policies": "v1"}, TypeError, "get_version"),
        ({"policies": [Fixed("a"), 5]}, TypeError, "get_version"),
        ({"policies": []}, ValueError, "at least one policy"),
        ({"max_age": -1}, ValueError, "0 or more"),
        ({"max_age": True}, TypeError, "max_age"),
        ({"max_age": "1d"}, TypeError, "max_age"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Cache("auto", **options)


def test_no_policy_is_needed_with_a_version_or_without_a_cache() -> None:
    assert Cache("auto", "v", policies=[]).get_version() == "v"
    assert Cache("disable", policies=[]).get_version() == ""


def test_policies_are_a_tuple_or_the_default() -> None:
    policy = Fixed("a")
    assert Cache("auto").policies is None
    assert Cache("auto", policies=policy).policies == (policy,)
    assert Cache("auto", policies=[policy, policy]).policies == (policy, policy)


def test_version_of_policies() -> None:
    """Test that the version is the digest of what all policies say, with the salt."""
    cache = Cache("auto", salt="+", policies=[Fixed("a"), Fixed("b")])
    assert cache.get_version(NOTHING) == sha256(b"a+b+")


def test_version_of_the_default() -> None:
    assert Cache("auto").get_version(NOTHING, default=Fixed("d")) == sha256(b"d")
    with pytest.raises(ValueError, match="version_override"):
        Cache("auto").get_version(NOTHING)
    with pytest.raises(ValueError, match="version_override"):
        Cache("auto", policies=Fixed("a")).get_version()


def test_version_of_a_failing_policy() -> None:
    with pytest.raises(ValueError, match="no git here"):
        Cache("auto", policies=Broken()).get_version(NOTHING)


def test_max_age() -> None:
    assert Cache("auto", max_age=60).max_age == timedelta(minutes=1)
    assert Cache("auto").max_age is None


def test_policy_is_known_by_its_method() -> None:
    assert isinstance(Fixed("a"), CachePolicy)
    assert not isinstance("a", CachePolicy)


def test_positional_order() -> None:
    """Test that the order of the arguments is Flyte's."""
    cache = Cache("auto", "v", True, ("x",), "s")
    assert (cache.version_override, cache.serialize, cache.ignored_inputs, cache.salt) == ("v", True, ("x",), "s")
