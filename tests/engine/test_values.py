"""Values that cross the borders of a real run: converted by the program, many at once, files that outlive their folder, and settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from programs import surroundings
from programs import values

import localflyte as flyte


def test_a_transformer_of_the_program_converts_in_every_process() -> None:
    (result,) = flyte.run(values.warmer, [values.Celsius(20.0)], values.Celsius(1.5)).outputs()
    assert [value.degrees for value in result] == [21.5]
    assert result[0].written_by != os.getpid()


def test_none_goes_in_and_comes_out() -> None:
    assert flyte.run(values.nothing).outputs() == flyte.run(values.nothing, None).outputs() == (None,)


def test_a_task_that_was_given_no_context_has_an_empty_one() -> None:
    assert flyte.run(values.contexts).outputs() == ([{}, {"entity": "e", "project": "p"}],)


def test_many_dataclasses_arrive() -> None:
    points = [values.Point(place, place / 2) for place in range(20_000)]
    (result,) = flyte.run(values.mirrored, points).outputs()
    assert result == {"all": [values.Point(-point.x, point.y) for point in points]}


def test_files_in_structures_outlive_the_folder_that_they_were_made_in() -> None:
    assert flyte.run(values.kept_and_read).outputs() == (["a", "a", "b", "a", "b", "inner/c"],)


def test_a_large_pickle_counts_as_a_reference_and_is_cached(tmp_path: Path) -> None:
    """As an array does that Flyte uploads: more than may be inline goes from task to task, and comes from the cache the next time."""
    marks, size = str(tmp_path / "marks"), 11 << 20
    for _ in range(2):
        assert flyte.run(values.passes_bulk_on, size, marks).outputs() == (size,)
        assert Path(marks).read_text() == "made\nmeasured\n"
    assert flyte.run(values.measured, values.Bulk(b"y" * size), marks).outputs() == (size,)
    assert flyte.run(values.bulk, size, marks).outputs() == (values.Bulk(b"x" * size),)


@pytest.mark.parametrize(("options", "told"), [({}, False), ({"interactive_mode": False}, False), ({"interactive_mode": True}, True)])
def test_a_task_is_told_whether_somebody_sits_before_it(options: dict[str, Any], told: bool) -> None:
    assert flyte.with_runcontext(**options).run(surroundings.is_interactive).outputs() == (told,)
