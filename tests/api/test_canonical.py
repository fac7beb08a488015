"""The canonical form of source: what changes it, what does not, and which names come from outside."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import msgpack
import pytest

from localflyte.api.canonical import canonical
from localflyte.api.names import Names


def tree(source: str) -> ast.AST:
    return ast.parse(textwrap.dedent(source)).body[0]


def form(source: str) -> str:
    return canonical(tree(source))


BASE = "def f(x):\n    return x + 1"


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    # a comment\n    return x+1",
        'def f(x):\n    """What it does."""\n    return x + 1',
        "def f( x ):\n\n    return (x + 1)",
    ],
    ids=["comment", "docstring", "layout"],
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
        ("def f():\n x = 1\n def g():\n  global x\n  return x\n return g", {("x",)}),
        ("def f(x: 'Model', y: list['Other']) -> 'Result': ...", {("Model",), ("Other",), ("Result",), ("list",)}),
        ("class A:\n x: 'Model'", {("Model",), ("x",)}),
        ("def f(x: Literal['a', 'b']): ...", {("Literal",)}),
        ("def f():\n x: 'Model' = 1", {("Model",)}),
        ("def f():\n for i, (j, k) in n: pass\n return i, j, k", {("n",)}),
        ("def f():\n def g():\n  nonlocal y\n  y = 1\n y = 0\n return g", set()),
        ("def f():\n while (x := g()): pass\n return x", {("g",)}),
        ("def f():\n del x", set()),
        ("def f():\n class A:\n  def m(self): return A, q\n return A", {("q",)}),
    ],
)  # fmt: skip
def test_names_from_outside(source: str, names: set[tuple[str, ...]]) -> None:
    assert Names(tree(source)).used() == names


def test_imports_are_found_wherever_they_stand() -> None:
    source = "def f():\n import a.b as c, d\n if c:\n  from .e import g\n from h import *"
    assert set(Names(tree(source)).imports()) == {("a.b", "", 0), ("d", "", 0), ("e", "g", 1), ("h", "*", 0)}


def test_imports_by_a_written_name_are_found() -> None:
    source = "def f(x):\n importlib.import_module('a.b')\n __import__('c')\n importlib.import_module(x)\n importlib.import_module('.d')"
    assert set(Names(tree(source)).imports()) == {("a.b", "", 0), ("c", "", 0), ("d", "", 1)}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("x = 'caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{MELTING FACE}'", "<str 'caf\\xe9 \\U0001fae0'>"),
        (f"x = {16**4000:#x}", f"<int {16**4000:#x}>"),
        ("x = 1e400", "<float inf>"),
        ("x = -0.0", "(UnaryOp op=(USub) operand=<float 0.0>)"),
        ("x = b'a' b'b'", "<bytes b'ab'>"),
    ],
    ids=["letters", "long int", "infinity", "negative zero", "bytes"],
)
def test_constants_are_written_the_same_by_every_interpreter(source: str, text: str) -> None:
    """Which letters repr() escapes, and how long a number it writes, depends on the interpreter."""
    assert text in canonical(tree(source))


OTHERS = [version for version in ("3.11", "3.12", "3.13", "3.14") if version != f"{sys.version_info[0]}.{sys.version_info[1]}"]

#: What the grammar of 3.11 has to offer, in one module.
EVERYTHING = '''
from __future__ import annotations
import os.path as p, sys
from . import a as b
T: int = 1
@deco(1, x=2)
class A(B, metaclass=C):
    """Doc."""
    x: "str" = f"{a!r:>{w}} {b=} {{}}" "tail"
    async def m(self, a, /, b=1, *c, d=2, **e) -> None:
        """Doc."""
        async with x as y, z: await q
        async for i in j: yield i
        return [k async for k in l if k]
def f(*, a, b=...):
    global g
    try: pass
    except* (E, F) as e: raise G from e
    else: del a[1:2, ::3], b.c
    finally: assert x, "m"
    with (open(a) as b, c): pass
    while True:
        if (n := 1) < 2 <= 3 and not 4 or 5: break
        else: continue
    match x:
        case {"k": [1, *_], **r} | K(a=1) if q: return lambda z=1: z if z else -z
        case None | -1 | "s" | b"t" | 1.5 | 2j: nonlocal_ = {**a, 1: 2, "c": {3}, 4: {i: j for i in k}}
    x += y @ z; x = *a, b; print(*c, **d)
    return (yield from x)
'''


@pytest.mark.parametrize("version", OTHERS)
def test_another_python_writes_the_same(version: str) -> None:
    """The forms of everything that the grammar has, made by this interpreter and by others that are on the machine."""
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", "1"], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip(f"there is no Python {version} on this machine")
    code = "import ast, sys; from localflyte.api.canonical import canonical; from localflyte.api.names import Names\n"
    code += "tree = ast.parse(sys.stdin.read()); print(canonical(tree)); print(sorted(Names(tree).used()))"
    root = Path(__file__).resolve().parents[2]
    packages = str(Path(msgpack.__file__).parent.parent)
    said = {
        subprocess.run(
            [python, "-c", code], input=EVERYTHING, capture_output=True, text=True, check=True, timeout=60,
            env={"PYTHONPATH": f"{root}:{packages}", "MSGPACK_PUREPYTHON": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        ).stdout
        for python in (sys.executable, found)
    }  # fmt: skip
    assert len(said) == 1
