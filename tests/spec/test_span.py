"""A span of time is a number with a unit."""

from __future__ import annotations

import pytest

from localflyte.spec.span import parse_seconds


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("1.5h", 5400), ("2m", 120), ("30d", 2_592_000), (" 1W ", 604_800), ("0", 0)])
def test_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "3y", "-1s", "1h30m", "inf", "nan", "two days"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no span of time"):
        parse_seconds(text)
