"""A field that Flyte carries in no dataclass is found, wherever in what a task takes or gives it stands; tried against flyte 2.12.1."""

# ruff: noqa: E501 - the programs below are data, and read best as they are

from __future__ import annotations

from collections.abc import Iterable

import pytest
from portability.conftest import Look

TOP = """
import datetime, decimal, enum, pathlib, uuid
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypedDict
import numpy as np
import pandas as pd
from localflyte.io import DataFrame, Dir, File
from pydantic import BaseModel
class Own: pass
class Told:
    def _serialize(self): return {}
    @classmethod
    def _deserialize(cls, value): return cls()
class Model(BaseModel):
    x: int
class Color(enum.Enum):
    RED = "red"
class Row(NamedTuple):
    a: int
class Keys(TypedDict):
    own: Own
class Plain(TypedDict):
    a: int
"""
TASK = "@env.task\ndef task(x: {}) -> None: return None"
REFUSED = {
    "np.ndarray": "ndarray", "pd.DataFrame": "DataFrame", "Own": "Own", "list[Own]": "Own", "Own | None": "Own", "dict[str, list[pd.DataFrame]]": "DataFrame",
    "complex": "complex", "object": "object", "Model": "Model", "Keys": "Own",
}  # fmt: skip
CARRIED = (
    "int", "float", "str", "bytes", "bool", "Any", "decimal.Decimal", "uuid.UUID", "pathlib.Path", "datetime.datetime", "datetime.timedelta", "set[int]",
    "dict[int, str]", "tuple[int, str]", "Row", "Plain", "Color", "DataFrame", "File", "Dir", "Told", "Annotated[Own, 'somehow']", "np.float64",
)  # fmt: skip


def fields(look: Look, declared: Iterable[str], taken: str = "C") -> list[str]:
    """:return: what is said of the fields ``x0``, ``x1`` and so on of a dataclass ``C``, in a task that takes one, or what holds it"""
    body = "".join(f"    x{number}: {each}\n" for number, each in enumerate(declared))
    program = f"{TOP}@dataclass\nclass C:\n{body}@dataclass\nclass Outer:\n    c: list[C]\n    me: 'Outer | None' = None\n"
    return [str(each) for each in look(program + TASK.format(f"{taken} | None = None"), kind="field")]


def test_what_a_cluster_refuses_is_found(look: Look) -> None:
    found = fields(look, REFUSED)
    assert len(found) == len(REFUSED)
    for number, (text, kind) in enumerate(zip(found, REFUSED.values(), strict=True)):
        assert f"takes the dataclass C: its field 'x{number}' is a {kind}, which Flyte carries by itself and in no dataclass" in text
        assert ("flyte.io.DataFrame" in text) is (kind == "DataFrame")


@pytest.mark.parametrize("taken", ["dict[str, C]", "Outer"])
def test_it_is_found_wherever_the_dataclass_is(look: Look, taken: str) -> None:
    assert len(fields(look, ["int", "Own"], taken)) == 1


def test_what_it_carries_is_not(look: Look) -> None:
    assert fields(look, CARRIED) == []


def test_what_stands_in_no_dataclass_is_not(look: Look) -> None:
    taken = ["Own", "pd.DataFrame", "list[np.ndarray]", "dict[str, pd.DataFrame]", "Model", "Keys"]
    assert fields(look, ["int"], "tuple[" + ", ".join(taken) + "]") == []


def test_what_a_task_gives_is_looked_at_and_the_line_is_that_of_the_class(look: Look) -> None:
    program = f"{TOP}@dataclass\nclass C:\n    x: Own\n@env.task\ndef task(x: int = 1) -> C: return C(Own())"
    (text,) = look(program, kind="field")
    assert "gives the dataclass C" in str(text)
    assert text.where.rpartition(":")[0].endswith("main.py")
    assert text.where.rpartition(":")[2].isdigit()


def test_a_class_without_a_file_is_named_by_its_module(look: Look) -> None:
    program = f"{TOP}from dataclasses import make_dataclass\nC = make_dataclass('C', [('x', Own)])\n" + TASK.format("C | None = None")
    (text,) = look(program, kind="field")
    assert text.where == text.where.strip()
