"""Shell tasks with a real engine: bash in a container is given what it should be, and what it says and how it ends comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import boxes

import localflyte as flyte
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.io import Dir
from localflyte.io import File

pytestmark = [pytest.mark.container, pytest.mark.usefixtures("home", "engine")]

NASTY = """it's "a" $HOME `id` $(id) \\ tab\tline
break * ? [a] ; # & | > < ~ ! {inputs.number} {{.inputs.number}} \N{CHECK MARK} é"""
NAMES = ["it's $HOME `id` (1).txt", "-rf", "* [x]?.txt"]


@pytest.fixture(autouse=True)
def passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_PASS_ENV", "LOCALFLYTE_TEST_*")


def test_inputs_of_every_kind_come_as_they_are_and_outputs_go_back(tmp_path: Path) -> None:
    folder = tmp_path / "a $tree"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text(f"in {name}\n")
    pairs = {"--key": NASTY, "": "", NASTY: "x"}
    files = [File.from_local_sync(folder / name) for name in NAMES]
    words, log, joined, errors = flyte.run(boxes.tells, NASTY, pairs, files, Dir.from_local_sync(folder)).outputs()
    at = 5 + 2 * len(pairs)
    assert words[:at] == [NASTY, "-3", "0.5", "true", "", *(text for item in pairs.items() for text in item)]
    assert [Path(word).name for word in words[at:]] == [NAMES[0], *sorted(NAMES), ""]
    assert sorted(log.splitlines()) == sorted(f"in {name}" for name in [NAMES[0], *NAMES])
    assert sorted(joined.splitlines()) == sorted(f"in {name}" for name in NAMES)
    assert errors == "no error\n"


def test_a_text_is_one_word_whatever_it_holds() -> None:
    texts = ["", " ", "\n", "ends with a line break\n", "-n", "\\", "'", "$(exit 3)"]
    assert flyte.run(boxes.echoes, texts).outputs() == (texts,)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("exit 7", "7"),
        ("false | cat", "1"),
        ("no-such-program", "127"),
        ("kill -KILL $BASHPID", "137, as after SIGKILL"),
        ("if", "[12]"),
    ],
)
def test_how_a_script_ends_is_how_its_task_ends(how: str, code: str) -> None:
    with pytest.raises(RuntimeUserError, match=rf"ended with exit code {code}\b") as caught:
        flyte.run(boxes.ends_so, how)
    assert "heard\nwhy" in str(caught.value)


def test_a_script_that_ends_well_is_no_error() -> None:
    assert flyte.run(boxes.ends_so, "(exit 3) || true").outputs() == (None,)


def test_an_image_without_bash_is_refused() -> None:
    with pytest.raises(RuntimeSystemError, match="has no such program as the command begins with"):
        flyte.run(boxes.lacks_bash)
