"""The canonical form of source: what changes it, what does not, and which names come from outside."""

from __future__ import annotations

import ast
import textwrap

import pytest

from localflyte.api.canonical import canonical
from localflyte.api.canonical import imports_in
from localflyte.api.canonical import names_used
from localflyte.api.canonical import without_task_decorators


def tree(source: str) -> ast.AST:
    return ast.parse(textwrap.dedent(source)).body[0]


def form(source: str) -> str:
    return canonical(without_task_decorators(tree(source)))


BASE = "def f(x):\n    return x + 1"


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    # a comment\n    return x+1",
        'def f(x):\n    """What it does."""\n    return x + 1',
        "def f( x ):\n\n    return (x + 1)",
        "@env.task\ndef f(x):\n    return x + 1",
        "@env.task(retries=3, cache='auto')\ndef f(x):\n    return x + 1",
    ],
    ids=["comment", "docstring", "layout", "task", "task settings"],
)
def test_how_it_is_written_changes_nothing(source: str) -> None:
    assert form(source) == form(BASE)


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    return x + 2",
        "def f(x):\n    return x + True",
        "def f(x):\n    return x + 1.0",
        "def f(x=1):\n    return x + 1",
        "def g(x):\n    return x + 1",
        "async def f(x):\n    return x + 1",
        "@other\ndef f(x):\n    return x + 1",
        "def f(x):\n    return x - 1",
        "def f(x):\n    x + 1\n    return x + 1",
    ],
    ids=["constant", "bool", "float", "default", "name", "async", "decorator", "operator", "statement"],
)
def test_what_it_does_changes_it(source: str) -> None:
    assert form(source) != form(BASE)


def test_the_form_is_the_same_in_every_python() -> None:
    """Written down, so that a Python that changes it is noticed."""
    assert form(BASE) == (
        "(FunctionDef name='f' args=(arguments args=[(arg arg='x')]) "
        "body=[(Return value=(BinOp left=(Name id='x') op=(Add) right=<int 1>))])"
    )


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(x): return x + y", {("y",)}),
        ("def f(x): return helpers.math.add(x)", {("helpers", "math", "add")}),
        ("def f(x): return make().done", {("make",)}),
        ("def f():\n x = 1\n return x", set()),
        ("def f():\n global x\n x = 1", {("x",)}),
        ("def f(x=y): pass", {("y",)}),
        ("def f(x: T) -> R: pass", {("T",), ("R",)}),
        ("def f(*, x=y, **z): return z", {("y",)}),
        ("def f(xs): return [x for x in xs if x > low]", {("low",)}),
        ("def f(): return [x for x in x]", {("x",)}),
        ("def f():\n [x for x in y]\n return x", {("x",), ("y",)}),
        ("def f(y):\n [x := z for z in y]\n return x", set()),
        ("def f(y): return {k: v for k, v in y.items() for w in k}", set()),
        ("def f():\n def g(a): return a + b + c\n c = 1\n return g", {("b",)}),
        ("f = lambda x: x + y", {("f",), ("y",)}),
        ("def f():\n try: pass\n except E as e: print(e)", {("E",), ("print",)}),
        ("def f():\n with o() as h: return h", {("o",)}),
        ("def f():\n for i in n: pass\n return i", {("n",)}),
        ("def f():\n import os.path\n return os.path", set()),
        ("def f():\n from a import b as c\n return c", set()),
        ("def f(v):\n match v:\n  case [a, *b]: return a, b\n  case {'k': c, **d}: return c, d\n  case K() as e: return e", {("K",)}),
        ("@deco(arg)\nclass A(Base, metaclass=Meta):\n x: int = y\n def m(self): return self.x + z", {
            ("deco",), ("arg",), ("Base",), ("Meta",), ("int",), ("y",), ("z",), ("x",),
        }),
        ("def f():\n class A:\n  def m(self): return A, q\n return A", {("q",)}),
    ],
)  # fmt: skip
def test_names_from_outside(source: str, names: set[tuple[str, ...]]) -> None:
    assert set(names_used(tree(source))) == names


def test_imports_are_found_wherever_they_stand() -> None:
    source = "def f():\n import a.b as c, d\n if c:\n  from .e import g\n from h import *"
    assert set(imports_in(tree(source))) == {("a.b", "", 0), ("d", "", 0), ("e", "g", 1), ("h", "*", 0)}
