"""A script in a container: what it is given, what it gives, and that no value is ever text of it. Here bash runs it without a container."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import Optional

import pytest

import localflyte as flyte
from localflyte.extras.shell import FlagSpec
from localflyte.extras.shell import Glob
from localflyte.extras.shell import Stderr
from localflyte.extras.shell import Stdout
from localflyte.extras.shell import Tool
from localflyte.extras.shell import create
from localflyte.extras.shell.kinds import input_of
from localflyte.extras.shell.script import INPUTS
from localflyte.extras.shell.script import OUTPUTS
from localflyte.io import Dir
from localflyte.io import File

NASTY = """it's "a" $HOME `id` \\ tab\tline
break * ; #"""


def tool(script: str = "true", **settings: Any) -> Tool:
    return create("tool", image="debian:12", script=script, **settings)


class Room:
    """The two folders of a container."""

    def __init__(self, folder: Path) -> None:
        self.inputs, self.outputs = folder / "in put", folder / "out"
        self.inputs.mkdir()
        self.outputs.mkdir()

    def put(self, name: str, *files: str) -> None:
        (self.inputs / name).mkdir()
        for each in files:
            (self.inputs / name / each).write_text(each)

    def run(self, made: Tool, **given: Any) -> subprocess.CompletedProcess[str]:
        """Run what the container would, with its arguments filled in as the container task does."""
        packed = made.packed(given)
        argv = []
        for word in made.as_task().command:
            if word.startswith("{{.inputs."):
                value = packed[word.removeprefix("{{.inputs.").removesuffix("}}")]
                word = str(value).lower() if isinstance(value, bool) else str(value)
            argv.append(word.replace(INPUTS, str(self.inputs).replace(" ", "\\ ")).replace(OUTPUTS, str(self.outputs)))
        return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    def said(self, name: str = "_stdout") -> str:
        return (self.outputs / name).read_text()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def words(room: Room, made: Tool, **given: Any) -> list[str]:
    """What a script that prints each of its words in brackets has said."""
    assert room.run(made, **given).returncode == 0
    return room.said().removeprefix("[").removesuffix("]").split("][")


def saying(what: str, **settings: Any) -> Tool:
    return tool(f"printf '[%s]' {what}", **settings)


# -- what it is given -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [(str, NASTY, NASTY), (int, -3, "-3"), (float, 0.5, "0.5"), (bool, True, "true"), (bool, False, "false")],
)
def test_a_value_comes_as_one_word_whatever_it_holds(room: Room, annotation: type, value: Any, text: str) -> None:
    assert words(room, saying("{inputs.x}", inputs={"x": annotation}), x=value) == [text]
    assert words(room, saying("{inputs.x}", inputs={"x": annotation | None}), x=value) == [text]


def test_no_value_is_text_of_the_script() -> None:
    command = saying("{inputs.x}", inputs={"x": str}, defaults={"x": NASTY}).as_task().command
    assert command[-1] == "{{.inputs.x}}"
    assert not any(NASTY in word for word in command)


def test_more_than_nine_values_keep_their_places(room: Room) -> None:
    names = [f"x{number}" for number in range(12)]
    made = saying(" ".join(f"{{inputs.{name}}}" for name in names), inputs=dict.fromkeys(names, int))
    assert words(room, made, **{name: number for number, name in enumerate(names)}) == [str(number) for number in range(12)]


def test_a_value_is_one_argument_however_often_it_is_named(room: Room) -> None:
    made = saying("{inputs.x} {flags.x} {inputs.x} {flags.x}", inputs={"x": str})
    assert made.as_task().command.count("{{.inputs.x}}") == 1
    assert words(room, made, x="a b") == ["a b", "-x", "a b", "a b", "-x", "a b"]


def test_files_and_folders_come_as_paths(room: Room) -> None:
    room.put("one", "my file.bam")
    room.put("many", "b.txt", "a.txt")
    room.put("none")
    room.put("tree", "leaf")
    inputs = files(one=File, many=list[File], none=list[File], tree=Dir)
    made = saying('{inputs.one} {inputs.many} {inputs.none} "$(cat {inputs.tree}/leaf)"', inputs=inputs)
    given = dict.fromkeys(("one", "many", "none", "tree"))
    assert [Path(word).name for word in words(room, made, **given)] == ["my file.bam", "a.txt", "b.txt", "leaf"]
    assert made.as_task().command[4:] == []


def files(**inputs: Any) -> dict[str, Any]:
    return inputs


@pytest.mark.parametrize("value", [{}, {"a": "1"}, {"--name": NASTY, "empty": ""}])
def test_a_dict_comes_as_its_keys_and_values(room: Room, value: dict[str, str]) -> None:
    made = saying("{inputs.d}", inputs={"d": dict[str, str]})
    expected = [text for item in value.items() for text in item]
    assert words(room, made, d=value) == (expected or [""])  # printf says its text once for no words at all


def test_a_dict_cannot_hold_what_stands_between_its_items() -> None:
    with pytest.raises(ValueError, match=r"input 'd' holds the character U\+001E"):
        tool(inputs={"d": dict[str, str]}).packed({"d": {"a": "\x1e"}})


# -- flags ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "alias", "value", "expected"),
    [
        (bool, None, True, ["-x"]),
        (bool, "--yes", False, [""]),
        (bool | None, None, None, [""]),
        (str, "--name", "a b", ["--name", "a b"]),
        (int, FlagSpec("--n", separator="="), 3, ["--n=3"]),
        (str | None, None, None, [""]),
        (Optional[int], None, 0, ["-x", "0"]),
        (dict[str, str], None, {"-k": "v w"}, ["-k", "v w"]),
        (dict[str, str], ("-D", "equals"), {"k": "v w", "m": ""}, ["-Dk=v w", "-Dm="]),
        (dict[str, str] | None, ("-D", "equals"), None, [""]),
    ],
)
def test_a_flag_is_the_words_that_its_input_makes(room: Room, annotation: Any, alias: Any, value: Any, expected: list[str]) -> None:
    made = saying("{flags.x}", inputs={"x": annotation}, flag_aliases={"x": alias} if alias else None)
    assert words(room, made, x=value) == expected


@pytest.mark.parametrize(
    ("alias", "expected"),
    [
        (None, ["-x", "a 1", "b"]),
        (("-I", "repeat"), ["-I", "a 1", "-I", "b"]),
        (("-I", "comma"), ["-I", "a 1,b"]),
    ],
)
def test_a_flag_of_files(room: Room, alias: Any, expected: list[str]) -> None:
    room.put("x", "a 1", "b")
    made = saying("{flags.x}", inputs={"x": list[File]}, flag_aliases={"x": alias} if alias else {})
    said = words(room, made, x=[])
    assert [word.replace(f"{room.inputs}/x/", "") for word in said] == expected


@pytest.mark.parametrize("alias", [None, ("-I", "repeat"), ("-I", "comma")])
@pytest.mark.parametrize("annotation", [File | None, list[File]])
def test_no_files_are_no_flag(room: Room, annotation: Any, alias: Any) -> None:
    made = saying("{flags.x}", inputs={"x": annotation}, flag_aliases={"x": alias} if alias else {})
    assert words(room, made, x=None) == [""]


def test_a_flag_of_a_folder(room: Room) -> None:
    room.put("x", "leaf")
    assert len(words(room, saying("{flags.x}", inputs={"x": Dir | None}), x=None)) == 2
    assert words(room, saying("{flags.y}", inputs={"y": Dir | None}), y=None) == [""]
    made = saying("{flags.y}", inputs={"y": Dir}, flag_aliases={"y": FlagSpec("--y", separator="=")})
    assert words(room, made, y=None)[0].startswith("--y=")


@pytest.mark.parametrize("alias", [7, ("-x",), ("-x", "sideways"), (1, "join")])
def test_what_is_no_flag_is_refused(alias: Any) -> None:
    with pytest.raises(TypeError, match=r"flag_aliases\['x'\] must be a flag"):
        tool(inputs={"x": int}, flag_aliases={"x": alias})


# -- what it gives --------------------------------------------------------------------------------------------------


def test_outputs_have_their_places_and_streams_go_where_they_are_declared(room: Room) -> None:
    made = tool(
        "echo 3 > {outputs.n}; echo x > {outputs.bed}/one.bed; touch {outputs.tree}/leaf; echo heard; echo wrong >&2",
        outputs={"n": int, "bed": Glob("*.bed"), "tree": Dir, "out": Stdout(str), "err": Stderr()},
    )
    done = room.run(made)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [room.said(name) for name in ("n", "out", "err", "_returncode", "bed/one.bed")] == ["3\n", "heard\n", "wrong\n", "0\n", "x\n"]
    assert made.as_task().output_types == {"n": int, "bed": Dir, "tree": Dir, "out": str, "err": File}


def test_a_script_that_fails_says_what_it_said(room: Room) -> None:
    done = room.run(tool("echo before; echo why >&2; false | cat"))
    assert (done.returncode, done.stderr) == (1, "before\nwhy\n")
    assert room.said("_returncode") == "1\n"


def test_debugging_shows_the_script_and_what_it_said(room: Room) -> None:
    room.put("f", "a.txt")
    done = room.run(tool("echo {inputs.x}", inputs={"x": str, "f": File}, debug=True), x="seen", f=None)
    assert all(part in done.stderr for part in ("total", "in_x=", "seen\n"))
    assert "seen\n" in room.said()


@pytest.mark.parametrize("spec", ["File", list, dict[str, str], bytes, 3])
def test_what_no_script_gives_is_refused(spec: Any) -> None:
    with pytest.raises(TypeError, match="output 'y' must be File, Dir"):
        tool(outputs={"y": spec})


@pytest.mark.parametrize("kind", [Stdout, Stderr])
def test_what_no_stream_gives_is_refused(kind: type) -> None:
    with pytest.raises(TypeError, match=kind.__name__):
        kind(type=Dir)


def test_the_files_of_a_glob_come_as_a_list(tmp_path: Path) -> None:
    for name in ("b.bed", "a.bed", "c.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "d.bed").mkdir()
    made = tool(outputs={"bed": Glob("*.bed"), "n": int})

    async def unpacked(given: Any) -> Any:
        return await made.unpacked(given)

    bed, number = asyncio.run(unpacked((Dir(path=str(tmp_path)), 3)))
    assert ([file.name for file in bed], number) == (["a.bed", "b.bed"], 3)
    none = tool(outputs={"bed": Glob("*.none")})
    assert asyncio.run(none.unpacked(Dir(path=str(tmp_path)))) == []
    assert asyncio.run(tool(outputs={"n": int}).unpacked(3)) == 3
    assert asyncio.run(tool().unpacked(None)) is None


# -- the declaration ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "kind", "wired"),
    [
        (int | None, "scalar", str),
        (bool | None, "bool", str),
        (bool, "bool", bool),
        (float, "scalar", float),
        (dict[str, str], "dict", str),
        (Optional[File], "file", File | None),
        (list[File] | None, "files", list[File] | None),
        (Dir, "dir", Dir),
    ],
)
def test_inputs_as_a_script_sees_them(annotation: Any, kind: str, wired: Any) -> None:
    found = input_of("x", annotation)
    assert (found.kind, found.wired) == (kind, wired)


@pytest.mark.parametrize("annotation", [list[str], dict[str, int], list, bytes, int | str, int | str | None, None])
def test_what_no_script_can_be_given_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="input 'x' is"):
        tool(inputs={"x": annotation})


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("{inputs.nope}", KeyError, "its inputs are x"),
        ("{flags.nope}", KeyError, "its inputs are x"),
        ("{outputs.nope}", KeyError, "its outputs are out"),
        ("{outputs.out}", KeyError, "has no place of its own"),
        ("{input.x}", ValueError, r"it can name \{inputs.x\}"),
    ],
)
def test_a_script_names_only_what_is_declared(script: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tool(script, inputs={"x": int}, outputs={"out": Stdout()})


def test_braces_of_the_shell_stay(room: Room) -> None:
    assert words(room, saying('"${HOME:+set}" {a,b} "$(awk \'BEGIN {print 1}\')"')) == ["set", "a", "b", "1"]


WRONG: list[tuple[Any, Any]] = [
    (int, True),
    (int, "1"),
    (float, True),
    (str, 1),
    (bool, 1),
    (File, "/a"),
    (Dir, "/a"),
    (list[File], ["/a"]),
    (list[File], File(path="/a")),
    (dict[str, str], {"a": 1}),
    (dict[str, str], []),
]


@pytest.mark.parametrize(("annotation", "value"), WRONG)
def test_a_default_has_the_type_of_its_input(annotation: Any, value: Any) -> None:
    with pytest.raises(TypeError, match=r"defaults\['x'\] is"):
        tool(inputs={"x": annotation}, defaults={"x": value})


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"defaults": {"y": 1}}, KeyError), ({"flag_aliases": {"y": "-y"}}, KeyError), ({"defaults": {"x": None}}, ValueError)],
)
def test_what_names_no_input_is_refused(settings: Mapping[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        tool(inputs={"x": int}, **settings)


def test_defaults_and_what_is_left_out() -> None:
    inputs = files(a=int, b=int | None, c=bool | None, d=File | None, e=dict[str, str] | None, f=float)
    made = tool(inputs=inputs, defaults={"a": 1, "c": False, "f": 2})
    assert made.packed({}) == {"a": 1, "b": "", "c": "false", "d": None, "e": "", "f": 2}
    assert made.packed({"a": 5, "b": 3, "c": None}) == {"a": 5, "b": "3", "c": "", "d": None, "e": "", "f": 2}


@pytest.mark.parametrize(("given", "message"), [({}, "is missing its inputs x, y"), ({"x": 1, "y": 2, "z": 3}, "has no input 'z'")])
def test_a_call_that_does_not_fit_is_refused(given: dict[str, int], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        tool(inputs={"x": int, "y": int}).packed(given)


def test_an_image_is_a_name_or_an_image() -> None:
    image = flyte.Image.from_base("debian:12")
    made = create("tool", image=image, script="true")
    assert made.image is made.as_task().image is image
    assert create("tool", image="debian:12", script="true").image == "debian:12"
    with pytest.raises(TypeError, match="image of tool must be"):
        create("tool", image=3, script="true")


def test_it_has_an_environment_of_its_own() -> None:
    made = tool()
    assert (type(made.env), made.env.name, list(made.env.tasks)) == (flyte.TaskEnvironment, "tool", ["tool"])
    assert made.env is made.env
    assert made.env.image == flyte.Image.from_base("debian:12")


@pytest.mark.parametrize("shown", [True, False])
def test_what_it_says_is_shown_unless_that_is_not_wanted(shown: bool) -> None:
    made = tool(local_logs=False) if not shown else tool()
    assert (made.local_logs, made.as_task().local_logs) == (shown, shown)


def test_inputs_that_differ_in_their_case_are_two(room: Room) -> None:
    made = saying("{flags.c} {flags.C} {inputs.my_x} {inputs.My_X}", inputs={"c": bool, "C": bool, "my_x": str, "My_X": str})
    assert words(room, made, c=True, C=False, my_x="a", My_X="b") == ["-c", "a", "b"]
    assert words(room, made, c=False, C=True, my_x="a", My_X="b") == ["-C", "a", "b"]


def test_settings_are_those_of_a_task() -> None:
    task = tool(retries=2, timeout=30, env_vars={"A": "b"}, shell="/bin/bash5").as_task()
    assert (task.retries.count, task.env_vars, task.command[0]) == (2, {"A": "b"}, "/bin/bash5")
    assert (task.resources.cpu, task.resources.memory) == (1, "1Gi")
