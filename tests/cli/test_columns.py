"""Rows line up, and the one column that may be cut is."""

from __future__ import annotations

import pytest

from localflyte.cli.columns import columns

HEAD = ("NAME", "TEXT", "SIZE")
ROWS = [("a", "some words that are long", "1"), ("bcdef", "x", "1000")]


def test_columns_are_as_wide_as_what_is_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert list(columns(HEAD, ROWS, right=("SIZE",), elastic="TEXT")) == [
        "NAME   TEXT                      SIZE",
        "a      some words that are long     1",
        "bcdef  x                         1000",
    ]


@pytest.mark.parametrize(("width", "found"), [("33", 33), ("10", 29)])
def test_one_column_is_cut_where_there_is_no_room_but_not_to_nothing(monkeypatch: pytest.MonkeyPatch, width: str, found: int) -> None:
    monkeypatch.setenv("COLUMNS", width)
    lines = list(columns(HEAD, ROWS, right=("SIZE",), elastic="TEXT"))
    assert {len(line) for line in lines} == {found}
    assert lines[1].rstrip("1 ").endswith("…")


def test_a_table_without_rows_is_its_head() -> None:
    assert list(columns(HEAD, [])) == ["NAME  TEXT  SIZE"]
