"""Link: a protocol that people subclass or just fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from localflyte.spec.link import Link


@dataclass
class Dashboard(Link):
    name: str = "dashboard"

    def get_link(self, run_name: str, *args: Any, **kwargs: Any) -> str:
        return f"https://example.org/{run_name}"


class Loose:
    name = "loose"
    icon_uri = ""

    def get_link(self, **kwargs: Any) -> str:
        return "x"


def test_link() -> None:
    assert Dashboard().get_link("r1") == "https://example.org/r1"
    assert Dashboard().icon_uri == ""
    assert isinstance(Loose(), Link)
    assert not isinstance("x", Link)


def test_link_that_says_nothing() -> None:
    with pytest.raises(NotImplementedError):
        Link.get_link(Dashboard(), "r", "p", "d", {}, "", "a0", "pod")  # type: ignore[safe-super, unused-ignore]
