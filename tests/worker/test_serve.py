"""What a child does around the one task that it runs."""

from __future__ import annotations

import pytest
from programs import collecting
from programs.collecting import Reading

import localflyte as flyte


@pytest.mark.parametrize(("count", "looked_at"), [(10, True), (20_000, False)])
def test_large_inputs_are_none_of_the_collectors_business(count: int, looked_at: bool) -> None:
    """They stay as long as the process does; to go through them would cost more than to make them."""
    readings = [Reading(f"the reading of number {number} in a series of many", number / 7) for number in range(count)]
    assert flyte.run(collecting.looks, readings).outputs() == (True, looked_at, count)
