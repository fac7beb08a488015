"""Code that comes with an input counts: a function that is passed is its code, and not its name."""

# ruff: noqa: E501 - the programs below are data, and read best as they are

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from projects import Project

from localflyte.api.resolve import invocation_for
from localflyte.api.version import forget_code
from localflyte.spec.invocation import Invocation
from localflyte.store.content import Contents
from localflyte.store.keys import make_key

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
    assert "task env.task is not cached: global variable 'client' of other.f is a socket.socket" in invocation.plan.cache.problem


def test_a_call_without_a_cache_looks_at_no_code(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[..., Any] = lambda *_: pytest.fail("looked at")  # noqa: E731
    project.imported(project.write({"main": MAIN.replace("@env.task", "@env.task(cache='disable')"), "other": "def f(x): return x"}))
    monkeypatch.setattr("localflyte.api.version.code_parts", found)
    assert invocation_for(sys.modules["main"].task, (sys.modules["other"].f,), {}).plan.cache.problem == ""
    forget_code()
