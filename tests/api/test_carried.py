"""Code that comes with an input counts: a function that is passed is its code, and not its name."""

# ruff: noqa: E501 - the programs below are data, and read best as they are

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import Project

import localflyte
from localflyte.api import carried
from localflyte.api.pickles import UnknownPickleError
from localflyte.api.pickles import content_of
from localflyte.api.resolve import invocation_for
from localflyte.api.version import forget_code
from localflyte.spec.invocation import Invocation
from localflyte.store.content import Contents
from localflyte.store.keys import make_key
from localflyte.types.opaque import dumps

MAIN = "import other\nfrom typing import Any, Callable\n@env.task\ndef task(x: Any, y: int = 1) -> int: return 1\n"

#: What is passed, as an expression in the program; the module it comes from; what is replaced in that by what.
PASSED: dict[str, tuple[str, str, str, str]] = {
    "function": ("other.f", "def f(x): return x + 1", "+ 1", "+ 2"),
    "function in a list": ("[1, (other.f,)]", "def f(x): return x + 1", "+ 1", "+ 2"),
    "what a function uses": ("other.f", "def g(x): return x + 1\ndef f(x): return g(x)", "+ 1", "+ 2"),
    "partial": ("__import__('functools').partial(other.f, 1)", "def f(x): return x + 1", "+ 1", "+ 2"),
    "object": ("other.M()", "class M:\n    def f(self): return 1", "return 1", "return 2"),
    "object of a class below": ("other.N()", "class M:\n    def f(self): return 1\nclass N(M): pass", "return 1", "return 2"),
    "many objects": ("[other.M() for _ in range(3)]", "class M:\n    def f(self): return 1", "return 1", "return 2"),
    "bound method": ("other.M().f", "class M:\n    def f(self): return 1", "return 1", "return 2"),
    "class": ("other.M", "class M:\n    def f(self): return 1", "return 1", "return 2"),
    "lambda that uses a module": ("lambda x: other.f(x)", "def f(x): return x + 1", "+ 1", "+ 2"),
    "task": ("other.child", "from localflyte.api.environment import TaskEnvironment\nenv = TaskEnvironment('e')\n@env.task\ndef child(x: int) -> int: return x + 1", "+ 1", "+ 2"),
}  # fmt: skip


def call(project: Project, passed: str, other: str) -> tuple[Invocation, str]:
    folder = project.write({"main": MAIN + f"def passed(): return {passed}\n", "other": other})
    project.imported(folder)
    main: Any = sys.modules["main"]
    invocation = invocation_for(main.task, (main.passed(),), {})
    return invocation, make_key(invocation, Contents()).digest


@pytest.mark.parametrize(("passed", "other", "old", "new"), PASSED.values(), ids=PASSED)
def test_its_code_counts(project: Project, passed: str, other: str, old: str, new: str) -> None:
    first, second = call(project, passed, other), call(project, passed, other.replace(old, new))
    assert (first[0].plan.cache.problem, second[0].plan.cache.problem) == ("", "")
    assert first[1] != second[1]
    assert first[0].plan.cache.version == second[0].plan.cache.version


@pytest.mark.parametrize(("passed", "other", "old", "new"), [each for name, each in PASSED.items() if name != "lambda that uses a module"])
def test_how_its_code_is_written_does_not_count(project: Project, passed: str, other: str, old: str, new: str) -> None:
    assert call(project, passed, other)[1] == call(project, passed, f"# why\n{other}\n\n")[1]


@pytest.mark.parametrize("passed", ["'other'", "['other', 'f']", "{'other': 'f'}", "b'\\x80\\x05 other f'", "print", "1 << 90"])
def test_plain_data_stays_as_it_is(project: Project, passed: str) -> None:
    """Also where it looks like the name of a function."""
    assert call(project, passed, "def f(x): return 1")[1] == call(project, passed, "def f(x): return 2")[1]


def test_a_hash_method_of_ones_own_is_all_that_counts(project: Project) -> None:
    main = "import other\nfrom typing import Annotated, Any\nfrom localflyte.io import HashFunction\n"
    main += "@env.task\ndef task(x: Annotated[Any, HashFunction.from_fn(lambda value: 'always')]) -> int: return 1\n"
    digests = set()
    for number in (1, 2):
        project.imported(project.write({"main": main, "other": f"class M:\n    def f(self): return {number}"}))
        invocation = invocation_for(sys.modules["main"].task, (sys.modules["other"].M(),), {})
        digests.add(make_key(invocation, Contents()).parts["input:x"])
    assert len(digests) == 1


def test_code_of_an_input_that_is_ignored_does_not_count(project: Project) -> None:
    main = "import other\nfrom typing import Any\nfrom localflyte.spec.cache import Cache\n"
    main += "@env.task(cache=Cache('auto', ignored_inputs='x'))\ndef task(x: Any) -> int: return 1\n"
    digests = set()
    for number in (1, 2):
        project.imported(project.write({"main": main, "other": f"def f(x): return {number}"}))
        invocation = invocation_for(sys.modules["main"].task, (sys.modules["other"].f,), {})
        digests.add(make_key(invocation, Contents()).digest)
    assert len(digests) == 1


def test_code_without_certain_content_means_no_cache(project: Project) -> None:
    other = "import socket\nclient = socket.socket()\nclient.close()\ndef f(x): return client.fileno()"
    invocation, _ = call(project, "other.f", other)
    assert "global variable 'client' of other.f is a socket.socket" in invocation.plan.cache.problem


def test_a_call_without_a_cache_looks_at_no_code(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[..., Any] = lambda *_: pytest.fail("looked at")  # noqa: E731
    project.imported(project.write({"main": MAIN.replace("@env.task", "@env.task(cache='disable')"), "other": "def f(x): return x"}))
    monkeypatch.setattr("localflyte.api.version.code_parts", found)
    assert invocation_for(sys.modules["main"].task, (sys.modules["other"].f,), {}).plan.cache.problem == ""
    forget_code()


class Thing:
    """Something that is carried as a pickle."""

    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


def content(value: Any) -> str:
    return content_of(dumps(value))


#: Pairs of values that are equal, made in other ways.
shared = [1, 2]
EQUAL: dict[str, tuple[Any, Any]] = {
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "order of attributes": (Thing(a=1, b=2), Thing(b=2, a=1)),
    "shared or repeated": ([shared, shared], [[1, 2], [1, 2]]),
    "size of a number": ((1 << 70) - (1 << 70), 0),
    "a longer text": (Thing(a="x" * 300, b="x" * 300), Thing(b="".join(["x"] * 300), a="x" * 300)),
}
OTHER: list[Any] = [
    0, False, None, 0.0, -0.0, "", b"", (), [], {}, set(), frozenset(), [0], (0,), {0}, frozenset({0}), [[]], {0: 0}, [0, 0], 1 << 70,
    Thing(), Thing(a=1), Thing(a=True), Thing(a=1.0), Thing(b=1), Thing(a=[1]), Thing(a=(1,)), len, Thing, 1j, range(3), range(4),
    "\u00e9", "e\u0301", bytearray(b"x"), b"x", [1, [2]], [[1], 2],
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), EQUAL.values(), ids=EQUAL)
def test_pickles_of_equal_values_have_one_content(one: Any, other: Any) -> None:
    assert content(one) == content(other)


def test_pickles_of_other_values_have_other_contents() -> None:
    assert len({content(value) for value in OTHER}) == len(OTHER)


def test_a_value_inside_itself_has_a_content() -> None:
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [1, [1]]
    other[1].append(other[1])
    around: list[Any] = [1, [1]]
    around[1].append(around)
    assert len({content(one), content(other), content(around), content([1, 2])}) == 4


def test_hash_seeds_change_no_content_of_a_pickle(tmp_path: Path) -> None:
    code = "from localflyte.api.pickles import content_of\nfrom localflyte.types.opaque import dumps\nimport collections\n"
    code += "words = {'alpha', 'beta', 'gamma', 'delta'}\n"
    code += "print(content_of(dumps(collections.UserDict({'a': words, 'b': {frozenset(words), 1}}))))"
    environment = {"PYTHONPATH": str(Path(localflyte.__file__).parent.parent)}
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={**environment, "PYTHONHASHSEED": str(seed)}, capture_output=True, check=True, timeout=60
        ).stdout
        for seed in range(5)
    }
    assert len(said) == 1


def test_a_pickle_that_is_not_understood_is_told() -> None:
    for pickle in (b"\x80\x05", b"\x80\x05.", b"\x80\x05K\x01\x93.", b"\x80\x05Pid\n.", b"no"):
        with pytest.raises(UnknownPickleError):
            content_of(pickle)


def test_a_large_pickle_counts_with_its_code(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carried, "LARGE", 0)
    passed, other, old, new = PASSED["many objects"]
    assert call(project, passed, other)[1] != call(project, passed, other.replace(old, new))[1]
    assert call(project, passed, other)[1] == call(project, passed, other)[1]


def test_a_pickle_in_a_file_counts_with_its_code(project: Project) -> None:
    passed, other = "other.M(b'x' * 300_000)", "class M(bytearray):\n    def f(self): return 1"
    assert call(project, passed, other)[0].inputs["x"].refs[0].format == "pickle"
    assert call(project, passed, other)[1] == call(project, passed, other)[1]
    assert call(project, passed, other)[1] != call(project, passed, other.replace("return 1", "return 2"))[1]
    assert call(project, passed, other)[1] != call(project, passed.replace("b'x'", "b'y'"), other)[1]
