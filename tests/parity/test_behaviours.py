"""The record of behaviours: what it names is there, and what is left out or differs has a reason.

Each file of the folder is an area of flyte-sdk's own tests, each table one of its test files, by its path below `tests`. A key is a
behaviour in our own words, and its value is where it is tested here (a node id without parameters), or why it is not: `left out: ...`,
`differs: ...`. The key `*` stands for all that a file has.
"""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
RECORDS = sorted((HERE / "behaviours").glob("*.toml"))
REASONS = ("left out: ", "differs: ")
SHORTEST_REASON = 10  # characters


@cache
def names_in(file: str) -> frozenset[str]:
    """The tests of one file as a node id names them, read and not imported."""
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    bodies = [("", tree.body), *((f"{node.name}::", node.body) for node in tree.body if isinstance(node, ast.ClassDef))]
    functions = ((prefix, node) for prefix, body in bodies for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(prefix + node.name for prefix, node in functions if node.name.startswith("test_"))


def wrong(value: object) -> str:
    """What is wrong with one entry; empty if nothing is."""
    if not isinstance(value, str):
        return "not a text"
    for prefix in REASONS:
        if value.startswith(prefix):
            return "" if len(value.removeprefix(prefix).strip()) >= SHORTEST_REASON else "no reason"
    file, _, name = value.partition("::")
    if not (PROJECT / file).is_file():
        return "no such file"
    return "" if name in names_in(file) else "no such test"


class TestTheRecord:
    def test_there_is_something_to_read(self) -> None:
        assert RECORDS
        assert all(tomllib.loads(path.read_text(encoding="utf-8")) for path in RECORDS)

    @pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
    def test_every_behaviour_has_its_test_or_a_reason(self, path: Path) -> None:
        """A test that is renamed or deleted takes its line in the record along."""
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        assert not [f"{table}: no behaviours" for table, behaviours in tables.items() if not behaviours]
        entries = [(table, said, value) for table, behaviours in tables.items() for said, value in behaviours.items()]
        assert not [f"{table}: {said!r} = {value!r}: {wrong(value)}" for table, said, value in entries if wrong(value)]

    def test_a_file_of_the_sdk_is_in_one_record_only(self) -> None:
        named = [table for path in RECORDS for table in tomllib.loads(path.read_text(encoding="utf-8"))]
        assert not {table for table in named if named.count(table) > 1}


class TestTheChecker:
    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("tests/parity/test_behaviours.py::TestTheRecord::test_there_is_something_to_read", ""),
            ("left out: needs a cluster", ""),
            ("differs: ", "no reason"),
            ("because", "no such file"),
            ("tests/parity/test_nowhere.py::test_a", "no such file"),
            ("tests/parity/test_behaviours.py::test_there_is_something_to_read", "no such test"),
            ("tests/parity/test_behaviours.py::TestTheRecord::test_nothing", "no such test"),
            ("tests/parity/test_behaviours.py", "no such test"),
            ("tests/parity/test_behaviours.py::TestTheChecker::test_a[x]", "no such test"),
            (3, "not a text"),
        ],
    )
    def test_an_entry_is_a_test_that_is_there_or_a_reason(self, value: object, said: str) -> None:
        assert wrong(value) == said
