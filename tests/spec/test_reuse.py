"""ReusePolicy: the size and the lifetime of a pool of warm processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localflyte.spec.plan import ReuseTerms
from localflyte.spec.reuse import ReusePolicy


@pytest.mark.parametrize(
    ("policy", "terms"),
    [
        (ReusePolicy(), (2, 2, 1, 30.0, 30.0, "global")),
        (ReusePolicy(3), (3, 3, 1, 30.0, 30.0, "global")),
        (ReusePolicy((0, 5), 60, 10, 45, "run"), (0, 5, 10, 60.0, 45.0, "run")),
        (ReusePolicy(replicas=1, idle_ttl=timedelta(minutes=1)), (1, 1, 1, 60.0, 30.0, "global")),
    ],
)
def test_terms(policy: ReusePolicy, terms: tuple[Any, ...]) -> None:
    names = ("min_replicas", "max_replicas", "concurrency", "idle_ttl", "scaledown_ttl", "scope")
    assert policy.terms() == ReuseTerms(**dict(zip(names, terms, strict=True)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicas": None}, "replicas must be an int or a tuple of two ints"),
        ({"replicas": [1, 2]}, "replicas must be an int or a tuple of two ints"),
        ({"replicas": (1, 2, 3)}, "replicas must be an int or a tuple of two ints"),
        ({"replicas": ("1", 2)}, "replicas must be an int or a tuple of two ints"),
        ({"replicas": True}, "replicas must be an int or a tuple of two ints"),
        ({"replicas": (3, 1)}, "the least and the most"),
        ({"replicas": -1}, "the least and the most"),
        ({"replicas": 0}, "at least 1"),
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": "2"}, "concurrency"),
        ({"idle_ttl": 10}, "at least 30 seconds"),
        ({"idle_ttl": "x"}, "int .seconds. or a timedelta"),
        ({"scaledown_ttl": timedelta(seconds=1)}, "scaledown_ttl must be at least 30"),
        ({"scaledown_ttl": 31.5}, "scaledown_ttl must be an int"),
        ({"scope": "x"}, "scope"),
    ],
)
def test_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReusePolicy(**options)


def test_what_people_read() -> None:
    policy = ReusePolicy((1, 3), 40, scaledown_ttl=50)
    assert (policy.replicas, policy.min_replicas, policy.max_replicas) == ((1, 3), 1, 3)
    assert (policy.idle_ttl, policy.get_scaledown_ttl()) == (timedelta(seconds=40), timedelta(seconds=50))
