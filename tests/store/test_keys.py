"""A key changes with everything that counts, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.plan import CacheTerms
from localflyte.spec.plan import Plan
from localflyte.spec.plan import TaskRef
from localflyte.store.content import Contents
from localflyte.store.keys import make_key

PLAN = Plan(
    task=TaskRef(name="env.task"),
    environment="env",
    short_name="task",
    interface="(x: int, y: int) -> int",
    cache=CacheTerms(behavior="auto", version="1"),
)


def key(plan: Plan = PLAN, **inputs: Packed | bytes) -> Any:
    packed = {name: value if isinstance(value, Packed) else Packed(value) for name, value in inputs.items()}
    return make_key(Invocation(plan=plan, inputs=packed), Contents())


def test_the_same_call_has_the_same_key() -> None:
    assert key(x=b"\x01", y=b"\x02") == key(y=b"\x02", x=b"\x01")


def test_a_key_is_known_for_good() -> None:
    """A change here makes every cache on earth miss once: then SCHEMA has to change too."""
    assert key(x=b"\x01").digest == "f5c8998e3a6a3662bb08dad29a0193a9e1044b7c40d029ed38f575342ecf44f0"


@pytest.mark.parametrize(
    "changed",
    [
        replace(PLAN, task=TaskRef(name="env.other")),
        replace(PLAN, interface="(x: float, y: int) -> int"),
        replace(PLAN, cache=CacheTerms(behavior="auto", version="2")),
    ],
)
def test_task_interface_and_version_count(changed: Plan) -> None:
    assert key(changed, x=b"\x01").digest != key(x=b"\x01").digest


@pytest.mark.parametrize(
    "inputs", [{}, {"x": b"\x02"}, {"y": b"\x01"}, {"x": b"\x01", "y": b"\x01"}, {"x": Packed(b"\x01", (Ref("file", "s3://a/b"),))}]
)
def test_names_and_values_of_inputs_count(inputs: dict[str, Any]) -> None:
    assert key(**inputs).digest != key(x=b"\x01").digest


def test_ignored_inputs_do_not_count() -> None:
    plan = replace(PLAN, cache=CacheTerms(behavior="auto", version="1", ignored_inputs=("y",)))
    assert key(plan, x=b"\x01", y=b"\x02").digest == key(plan, x=b"\x01", y=b"\x03").digest


def test_ignored_files_are_not_even_read() -> None:
    plan = replace(PLAN, cache=CacheTerms(behavior="auto", version="1", ignored_inputs=("y",)))
    assert key(plan, y=Packed(b"", (Ref("file", "/not/there"),))).contents == ()


def test_the_canonical_form_counts_in_place_of_the_data() -> None:
    assert key(x=Packed(b"\x01", (), b"sorted")).digest == key(x=Packed(b"\x02", (), b"sorted")).digest


def test_a_file_counts_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    for name, text in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).write_text(text)
    digests = {name: key(x=Packed(b"\x01", (Ref("file", str(tmp_path / name), "", name),))).digest for name in "abc"}
    assert digests["a"] == digests["b"] != digests["c"]


def test_two_files_count_in_their_order(tmp_path: Path) -> None:
    refs = []
    for name in "ab":
        (tmp_path / name).write_text(name)
        refs.append(Ref("file", str(tmp_path / name)))
    assert key(x=Packed(b"\x01", tuple(refs))).digest != key(x=Packed(b"\x01", tuple(reversed(refs)))).digest


def test_a_miss_can_be_explained_part_by_part() -> None:
    one, two = key(x=b"\x01", y=b"\x02").parts, key(x=b"\x01", y=b"\x03").parts
    assert {name for name in one if one[name] != two[name]} == {"input:y"}
    assert set(one) == {"task", "interface", "version", "input:x", "input:y"}


def test_an_input_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        key(x=Packed(b"", (Ref("file", "/not/there"),)))


def test_a_table_counts_by_its_content_and_its_format(tmp_path: Path) -> None:
    """Frames that a task gives lie in new files, whose names are made up, in every run."""
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(b"PAR1 the same table")
    keys = {
        key(x=Packed(b"\x01", (Ref("file", str(tmp_path / name), "", name, form),))).digest
        for name, form in (("one", "parquet"), ("two", "parquet"), ("two", "csv"))
    }
    assert len(keys) == 2


def test_a_hash_of_ones_own_stands_for_the_content_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")

    def digest(name: str, given: str) -> str:
        return str(key(x=Packed(b"\x01", (Ref("file", str(tmp_path / name), given),))).digest)

    assert digest("a", "k") == digest("b", "k") != digest("a", "l")
    assert digest("a", "") not in (digest("b", ""), digest("a", "k"))
