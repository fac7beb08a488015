"""A traced call that has succeeded is not made again by the next attempt: that is given what came out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from programs import replaying

import localflyte as flyte
from localflyte.engine.traces import MOST_BYTES
from localflyte.engine.traces import Traces


@pytest.mark.parametrize("how", ["raise", "kill"])
def test_every_kind_of_traced_call_is_given_again(home: Path, tmp_path: Path, how: str) -> None:
    path, seen = tmp_path / "marks", tmp_path / "seen"
    outputs = flyte.run(replaying.all_kinds, str(path), str(seen), how).outputs()[0]
    first, second = map(ast.literal_eval, seen.read_text().splitlines())
    assert first == second == outputs
    assert sorted(path.read_text()) == sorted("d" + "lll" + "ccc" + "aaa")


def test_what_gives_nothing_or_raised_is_made_again(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "marks"
    with pytest.raises(flyte.errors.RuntimeUserError, match="only once"):
        flyte.run(replaying.nothing_and_errors.override(retries=flyte.RetryStrategy(count=0)), str(path))
    assert path.read_text() == "nr"
    assert flyte.run(replaying.nothing_and_errors, str(path)).outputs()[0] == 7
    assert path.read_text() == "nr" + "nr" + "nr"


def test_equal_actions_keep_their_own(home: Path, tmp_path: Path) -> None:
    values = flyte.run(replaying.two_alike, str(tmp_path / "marks")).outputs()[0]
    assert len(set(values)) == 2
    assert (tmp_path / "marks").read_text() == "dd"


def note(data: bytes, action: str = "t", error: object = None) -> dict[str, object]:
    return {"action": action, "outputs": [[data, [], b""]], "error": error}


def test_what_is_kept_is_bounded_and_goes_with_its_action() -> None:
    traces = Traces()
    traces.keep("a0", note(b"x", "first"))
    traces.keep("a0", note(b"x" * MOST_BYTES, "large"))
    traces.keep("a0", note(b"x", "failed", {"code": "ValueError"}))
    traces.keep("a0", {"action": "malformed", "outputs": 7})
    assert list(traces.of("a0")) == ["first"]
    assert traces.of("a1") == {}
    traces.forget("a0")
    assert traces.of("a0") == {}
