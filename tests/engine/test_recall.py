"""An earlier run is run again, whole or where it ended."""

from __future__ import annotations

import inspect
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from programs import recovering

import localflyte as flyte
from localflyte import errors
from localflyte.api.resolve import plan_for
from localflyte.cli import main
from localflyte.engine import pipeline
from localflyte.runs.history import load_run
from localflyte.runs.recall import FILE
from localflyte.runs.recall import request_of
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "marks").write_text("")
    return str(tmp_path / "marks")


def break_down(path: str, name: str = "broken", **inputs: Any) -> Counter[str]:
    """:return: what ran in a run that fails"""
    with pytest.raises(errors.RuntimeUserError, match="not mended"):
        flyte.with_runcontext(name=name).run(recovering.main, path, **inputs)
    return ran(path)


def ran(path: str) -> Counter[str]:
    """:return: what ran since this was asked last"""
    marks = Counter(Path(path).read_text())
    Path(path).write_text("")
    return marks


def mend(path: str) -> None:
    Path(f"{path}.mended").write_text("")


RESULT = [1, 2, 3, 1, 2 << 20, 12]


def test_a_rerun_carries_everything_with_the_inputs_that_were(home: Path, path: str) -> None:
    assert break_down(path) == Counter(m=1, f=4, w=1, l=1, n=1, b=1)
    mend(path)
    run = flyte.rerun("broken")
    assert run.name != "broken"
    assert run.outputs()[0] == RESULT
    assert ran(path) == Counter(m=1, f=4, w=1, l=1, n=1, b=1)


def test_recovering_carries_only_what_has_not_succeeded(home: Path, path: str) -> None:
    break_down(path)
    mend(path)
    assert flyte.rerun("broken", recover=True).outputs()[0] == RESULT
    assert ran(path) == Counter(m=1, l=1, n=1, b=1)  # what is large was not kept


def test_what_was_recovered_can_be_recovered_again(home: Path, path: str) -> None:
    break_down(path)
    with pytest.raises(errors.RuntimeUserError, match="not mended"):
        flyte.with_runcontext(name="again").rerun("broken", recover=True)
    ran(path)
    mend(path)
    assert flyte.rerun("again", recover=True).outputs()[0] == RESULT
    assert ran(path) == Counter(m=1, l=1, n=1, b=1)


def test_labels_and_annotations_are_kept_with_a_run_and_with_what_runs_it_again(home: Path, path: str) -> None:
    """What a rerun says itself is added, key by key, as a cluster does it."""
    with pytest.raises(errors.RuntimeUserError, match="not mended"):
        flyte.with_runcontext(name="broken", labels={"team": "ml", "stage": "one"}, annotations={"why": "a test"}).run(
            recovering.main, path
        )
    mend(path)
    again = flyte.with_runcontext(labels={"stage": "two"}).rerun("broken")
    first, second = (load_run(home, name) for name in ("broken", again.name))
    assert (first.labels, first.annotations) == ({"team": "ml", "stage": "one"}, {"why": "a test"})
    assert (second.labels, second.annotations) == ({"team": "ml", "stage": "two"}, {"why": "a test"})


def test_other_inputs_are_other_actions(home: Path, path: str) -> None:
    break_down(path)
    mend(path)
    assert flyte.rerun("broken", recover=True, x=2).outputs()[0] == [1, 2, 3, 2, 2 << 20, 23]
    assert ran(path) == Counter(m=1, w=1, l=1, n=1, f=1, b=1)


@pytest.mark.parametrize(("name", "once"), [("unordered", "cs"), ("in_groups", "f")])
def test_equal_calls_are_found_in_whatever_order_they_are_made(home: Path, path: str, name: str, once: str) -> None:
    """Dicts and sets in another order are equal, a file counts by the key it was given, an ignored input not at all, and groups apart."""
    with pytest.raises(errors.RuntimeUserError, match="not mended"):
        flyte.with_runcontext(name="broken", disable_run_cache=True).run(getattr(recovering, name), path)
    assert set(ran(path)) == {*once, "b"}
    mend(path)
    flyte.with_runcontext(disable_run_cache=True).rerun("broken", recover=True)
    assert ran(path) == Counter(b=1)


def test_what_was_changed_is_carried_again(home: Path, path: str) -> None:
    break_down(path)
    mend(path)
    kept = home / "runs" / "broken" / FILE
    body = plan_for(recovering.first).body
    assert len(body) == 16
    kept.write_bytes(kept.read_bytes().replace(body.encode(), b"0" * len(body)))
    assert flyte.rerun("broken", recover=True).outputs()[0] == RESULT
    assert ran(path)["f"] == 4


def test_an_action_can_be_forced(home: Path, path: str) -> None:
    break_down(path)
    mend(path)
    events: list[Any] = []
    flyte.with_runcontext(sinks=[events.append]).rerun("broken", recover=True)
    recovered = [event for event in events if event.kind == "action.hit"]
    assert {event.data["why"] for event in recovered} == {"recovered from run broken"}
    ran(path)
    flyte.rerun("broken", recover=True, force_rerun_actions=[recovered[0].action])
    assert sum(ran(path).values()) == 5


def test_a_file_that_is_gone_is_made_again(home: Path, path: str) -> None:
    break_down(path)
    mend(path)
    shutil.rmtree(home / "runs" / "broken" / "data")
    assert flyte.rerun("broken", recover=True).outputs()[0] == RESULT
    assert ran(path)["w"] == 1


def test_a_file_that_ends_in_the_middle_ends_there(home: Path, path: str) -> None:
    break_down(path)
    mend(path)
    kept = home / "runs" / "broken" / FILE
    os.truncate(kept, kept.stat().st_size - 7)
    assert flyte.rerun("broken", recover=True).outputs()[0] == RESULT


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"run_name": "none"}, errors.RunNotFoundError, "no run named 'none'"),
        ({"run_name": "broken", "y": 1}, ValueError, "no input 'y'; its inputs are path, x"),
        ({"run_name": "broken", "x": "text"}, TypeError, "x"),
        ({"run_name": "broken", "action_name": "a1"}, ValueError, "from a0"),
        ({"run_name": "broken", "force_rerun_actions": ["a1"]}, ValueError, "needs recover=True"),
    ],
)
def test_what_makes_no_sense_is_refused(home: Path, path: str, arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    break_down(path)
    with pytest.raises(error, match=words):
        flyte.rerun(**arguments)


def run_training(path: str, name: str, task: Any) -> None:
    with pytest.raises(errors.RuntimeUserError, match="not mended"):
        flyte.with_runcontext(name=name).run(task, path, 4)


@pytest.mark.parametrize("task", [recovering.trains, recovering.trains_below])
def test_a_task_goes_on_from_the_checkpoint_it_left(home: Path, path: str, task: Any) -> None:
    """Also where runs that came between have saved nothing of their own."""
    run_training(path, "one", task)
    assert ran(path) == Counter(t=2)
    for name, before in (("two", "one"), ("three", "two")):
        with pytest.raises(errors.RuntimeUserError, match="not mended"):
            flyte.with_runcontext(name=name).rerun(before, recover=True)
        assert ran(path) == Counter()
    shutil.rmtree(home / "runs" / "one")
    mend(path)
    events: list[Any] = []
    run = flyte.with_runcontext(name="four", sinks=[events.append]).rerun("three", recover=True)
    assert run.outputs()[0] == [0, 1, 2, 3]
    assert ran(path) == Counter(t=2)
    assert "recovering.trains is given the checkpoint that it left in run three" in [event.data.get("text") for event in events]


def test_no_checkpoint_is_handed_over_where_it_would_be_of_something_else(home: Path, path: str) -> None:
    run_training(path, "one", recovering.trains)
    mend(path)
    ran(path)
    assert flyte.rerun("one").outputs()[0] == [0, 1, 2, 3]
    assert flyte.rerun("one", recover=True, until=3).outputs()[0] == [0, 1, 2]
    assert flyte.rerun("one", recover=True, force_rerun_actions=["a0"]).outputs()[0] == [0, 1, 2, 3]
    assert ran(path) == Counter(t=11)


def test_a_checkpoint_that_cannot_be_had_is_told(home: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_training(path, "one", recovering.trains)
    mend(path)
    ran(path)

    def fails(*_: Any) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pipeline, "hand_over", fails)
    events: list[Any] = []
    flyte.with_runcontext(sinks=[events.append]).rerun("one", recover=True)
    assert ran(path) == Counter(t=4)
    assert any("cannot be had ([Errno 28] No space left" in event.data.get("text", "") for event in events)


def test_a_run_of_which_nothing_was_kept_says_so(home: Path, path: str) -> None:
    break_down(path)
    (home / "runs" / "broken" / FILE).unlink()
    with pytest.raises(errors.RunNotFoundError, match="nothing is kept"):
        flyte.rerun("broken")


def test_the_command_line_recovers(home: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    break_down(path)
    assert main(["rerun", "--recover", "last"]) == 1
    ran(path)
    mend(path)
    assert main(["rerun", "--recover", "--allow-missing-outputs", "--action-name", "a0", "broken"]) == 0
    assert ran(path) == Counter(m=1, l=1, n=1, b=1)
    assert main(["rerun", "--name", "third", "-e", "K=V", "--label", "team=ml", "broken", "--x", "3"]) == 0
    assert ran(path)["f"] == 4
    assert (home / "runs" / "third").is_dir()
    assert "[1, 2, 3, 3, 2097152, 34]" in capsys.readouterr().out


def test_options_may_follow_the_run(home: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As `flyte rerun RUN --recover` is written; what is said before and behind counts together."""
    break_down(path)
    mend(path)
    assert main(["rerun", "--label", "a=1", "broken", "--x", "3", "--recover", "--name", "second", "--label", "b=2", "-e", "K=V"]) == 0
    assert ran(path) == Counter(m=1, f=1, w=1, l=1, n=1, b=1)
    assert load_run(str(home), "second").labels == {"a": "1", "b": "2"}
    assert main(["rerun", "second", "--recover", "--force", "a0", "--json"]) == 0
    assert '"recovered from run second"' in capsys.readouterr().out


def test_what_the_task_calls_an_input_is_one_behind_the_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flyte.with_runcontext(name="labelled").run(recovering.labelled, "red")
    assert main(["rerun", "labelled", "--label", "-5", "--name", "me"]) == 0
    assert "'-5 of me'" in capsys.readouterr().out
    assert main(["rerun", "--name", "blue", "labelled", "--label=x", "--plain"]) == 0
    assert "'x of nobody'" in capsys.readouterr().out


def test_the_command_line_names_images_as_for_a_run(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are this process's: a run keeps none of them."""
    (tmp_path / "named_image.py").write_text(
        "import flyte\n"
        "env = flyte.TaskEnvironment('named_image', image=flyte.Image.from_ref_name('mine'))\n"
        "@env.task\n"
        "def work() -> int:\n    return 7\n"
    )
    assert main(["run", "--image", "mine=team/x:1", "--name", "named", str(tmp_path / "named_image.py"), "work"]) == 0
    assert main(["rerun", "named"]) == 1
    assert "names no image" in capsys.readouterr().out
    assert main(["rerun", "--image", "mine=team/x:1", "named"]) == 0


def test_the_command_line_replaces_only_the_inputs_it_is_given(home: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    flyte.with_runcontext(name="shown").run(recovering.shown, loud=True, times=3, word="a")
    assert main(["rerun", "shown", "--word", "b"]) == 0
    assert "'B B B'" in capsys.readouterr().out
    assert main(["rerun", "shown", "--no-loud", "--times", "null"]) == 0
    assert "'a'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--force", "a1", "broken"], "--force needs --recover"),
        (["--force-rerun-action", "a1", "broken"], "--force needs --recover"),
        (["--action-name", "a1", "broken"], "here a run is run again from a0"),
        (["broken", "--recover", "-e", "K"], "--env takes KEY=VALUE, not 'K'. See `localflyte rerun --help`"),
        (["broken", "--nope", "1"], "there is no input '--nope'"),
        (["none"], "none"),
    ],
)
def test_what_the_command_line_does_not_understand(
    home: Path, path: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    break_down(path)
    assert main(["rerun", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_the_help_of_a_rerun_lists_the_inputs(home: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    break_down(path)
    assert main(["rerun", "broken", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "localflyte rerun broken" in text
    assert "--x int" in text
    assert ran(path) == Counter()


def told(run: Any) -> list[str]:
    return list(run.outputs()[0])


def test_a_rerun_is_told_what_the_run_was_told(home: Path) -> None:
    """Variables, each by itself, and the context hold again where nothing else is said; so does what concerns the cache."""
    names = ["KEEP", "FOO", "BAR"]
    first = flyte.with_runcontext(
        name="told", env_vars={"KEEP": "1", "FOO": "old"}, custom_context={"who": "me"}, overwrite_cache=True, max_action_concurrency=4
    )
    assert told(first.run(recovering.surroundings, names)) == ["1", "old", "", "me"]
    assert told(flyte.rerun("told")) == ["1", "old", "", "me"]
    again = flyte.with_runcontext(name="again", env_vars={"FOO": "new", "BAR": "2"}).rerun("told")
    assert told(again) == ["1", "new", "2", "me"]
    assert told(flyte.with_runcontext(custom_context={"who": "you"}).rerun("again", names=["FOO"])) == ["new", "you"]
    assert request_of(str(home / "runs" / "again")).said == {
        "env_vars": {"KEEP": "1", "FOO": "new", "BAR": "2"},
        "custom_context": {"who": "me"},
        "overwrite_cache": True,
        "max_action_concurrency": 4,
    }


def test_both_ways_to_rerun_take_the_same(home: Path, path: str) -> None:
    """And what only a rerun can be told is no option of a run."""
    ways = (inspect.signature(flyte.rerun), inspect.signature(flyte.with_runcontext().rerun))
    names = [[name for name in way.parameters if name != "self"] for way in ways]
    assert names[0] == names[1] == ["run_name", "action_name", "recover", "force_rerun_actions", "allow_missing_source_outputs", "inputs"]
    break_down(path)
    mend(path)
    assert flyte.rerun("broken", "a0", True, allow_missing_source_outputs=True).outputs()[0] == RESULT
    assert ran(path) == Counter(m=1, l=1, n=1, b=1)


def test_the_command_line_tells_again_what_the_run_was_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flyte.with_runcontext(name="told", env_vars={"KEEP": "1", "FOO": "old"}).run(recovering.surroundings, ["KEEP", "FOO"])
    assert main(["rerun", "told"]) == 0
    assert "['1', 'old', '']" in capsys.readouterr().out
    assert main(["rerun", "--env", "FOO=new", "told"]) == 0
    assert "['1', 'new', '']" in capsys.readouterr().out


def test_what_an_older_version_kept_can_be_run_again(home: Path) -> None:
    """It has kept nothing of how a run was to be run."""
    flyte.with_runcontext(name="told", env_vars={"FOO": "old"}).run(recovering.surroundings, ["FOO"])
    kept = home / "runs" / "told" / FILE
    (first, *rest) = FrameReader().feed(kept.read_bytes())
    kept.write_bytes(b"".join(pack_frame(tuple(message)) for message in (first[:4], *rest)))
    assert told(flyte.rerun("told")) == ["", ""]


@pytest.mark.parametrize("said", [{"of a later version": True}, {"env_vars": ["FOO"]}, {"labels": {"a": 1}}, {1: 2}, "text", 5])
def test_what_was_told_and_makes_no_sense_is_said(home: Path, said: Any) -> None:
    flyte.with_runcontext(name="told").run(recovering.surroundings, ["FOO"])
    kept = home / "runs" / "told" / FILE
    (first, *rest) = FrameReader().feed(kept.read_bytes())
    kept.write_bytes(b"".join(pack_frame(tuple(message)) for message in ((*first[:4], said), *rest)))
    with pytest.raises(errors.RunNotFoundError, match="What is kept of run told"):
        flyte.rerun("told")


@pytest.mark.parametrize("secret", ["do-not-keep-this", "don't-keep\\this", "-----BEGIN-----\nkeep\tnot\n"])
def test_a_variable_that_holds_a_secret_is_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """However it would be written as text."""
    monkeypatch.setenv("RECALL_SECRET", secret)
    flyte.with_runcontext(name="secret", env_vars={"ALSO": f'{{"password": "{secret}"}}'}).run(recovering.asks, "something else")
    assert not (home / "runs" / "secret" / FILE).exists()


def test_an_input_that_holds_a_secret_is_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALL_SECRET", "do-not-keep-this")
    flyte.with_runcontext(name="secret").run(recovering.asks, "do-not-keep-this")
    assert not (home / "runs" / "secret" / FILE).exists()
    with pytest.raises(errors.RunNotFoundError, match="nothing is kept"):
        flyte.rerun("secret")


def test_what_a_run_keeps_is_bounded(home: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.runs.recall.MOST_IN_ALL", 1)
    told: list[str] = []
    with pytest.raises(errors.RuntimeUserError, match="not mended"):
        flyte.with_runcontext(name="broken", sinks=[lambda event: told.append(event.data.get("text", ""))]).run(recovering.main, path)
    assert sum("cannot be recovered later" in text for text in told) == 1
    ran(path)
    mend(path)
    assert flyte.rerun("broken", recover=True).outputs()[0] == RESULT
    assert ran(path)["f"] >= 3


def test_a_file_in_which_nothing_is_says_so(home: Path, path: str) -> None:
    break_down(path)
    (home / "runs" / "broken" / FILE).write_bytes(b"")
    with pytest.raises(errors.RunNotFoundError, match="it is empty"):
        flyte.rerun("broken")


def test_a_runner_that_recovered_one_run_recovers_no_other(home: Path, path: str) -> None:
    break_down(path)
    mend(path)
    runner = flyte.with_runcontext()
    runner.rerun("broken", recover=True)
    ran(path)
    runner.run(recovering.main, path)
    assert ran(path) == Counter(m=1, f=4, w=1, l=1, n=1, b=1)


def test_a_run_that_a_task_starts_recovers_nothing(home: Path, path: str) -> None:
    with pytest.raises(errors.RuntimeUserError, match="not mended"):
        flyte.with_runcontext(name="outer").run(recovering.starts_another, path)
    mend(path)
    ran(path)
    assert flyte.rerun("outer", recover=True).outputs()[0] == 42
    assert ran(path) == Counter(f=1, b=1, n=1)
