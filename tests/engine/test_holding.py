"""What a plan declares, as the limits that its attempts are held to."""

from __future__ import annotations

from typing import Any

import pytest

from localflyte.engine.holding import limits_for
from localflyte.launch.watch import Limits
from localflyte.settings import Settings
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.plan import TaskRef

CORES = 4.0


def limits(settings: dict[str, Any], **resources: Any) -> Limits:
    plan = Plan(task=TaskRef(name="e.t"), environment="e", short_name="t", interface="", resources=ResourceTerms(**resources))
    return limits_for(plan, Settings(**settings), CORES, ("", "/data"))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, Limits()),
        ({"memory": 5}, Limits(memory=5)),
        ({"memory": 5, "memory_limit": 9}, Limits(memory=9)),
        ({"cpu": 0.5}, Limits(cpu=0.5)),
        ({"cpu": 1.5}, Limits(cpu=1.5)),
        ({"cpu": 2.0}, Limits()),  # affinity holds whole cores
        ({"cpu": 1.0, "cpu_limit": 2.0}, Limits(cpu=2.0)),
        ({"cpu": 1.0, "cpu_limit": 4.0}, Limits()),  # all there is
        ({"cpu": 64.5}, Limits()),
        ({"disk": 7}, Limits(disk=7, folders=("/data",))),
        ({"gpu": 1, "shm": 3}, Limits()),
    ],
)
def test_limits(resources: dict[str, Any], expected: Limits) -> None:
    assert limits({}, **resources) == expected


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"memory": 5, "cpu": 0.5}, Limits()),
        ({"memory": 5, "memory_limit": 9, "cpu": 0.5, "cpu_limit": 2.0}, Limits(memory=9, cpu=2.0)),
    ],
)
def test_requests_can_be_for_the_books_only(resources: dict[str, Any], expected: Limits) -> None:
    assert limits({"memory_requests": "account", "cpu_requests": "account"}, **resources) == expected


def test_no_limits_are_false() -> None:
    assert not Limits()
    assert Limits(disk=0)
