"""How far a code version reaches: every way in which a task may come to run code of the project, changed in one place."""

# ruff: noqa: E501 - the programs below are data, and read best as they are

from __future__ import annotations

import sys
from typing import Any

import pytest
from projects import Project

from localflyte.api.resolve import plan_for

#: Modules before the change ("main" holds the task), which module changes, what by what, and the part that is named.
CHANGES: dict[str, tuple[dict[str, str], str, str, str, str]] = {
    "helper of another module": ({"main": "from other import helper\n@env.task\ndef task(x: int) -> int: return helper(x)", "other": "def helper(x): return x + 1"}, "other", "+ 1", "+ 2", "function other.helper"),
    "constant of another module": ({"main": "import settings\n@env.task\ndef task(x: int) -> int: return x * settings.RATE", "settings": "RATE = 1"}, "settings", "1", "2", "constant settings.RATE"),
    "constant imported by name": ({"main": "from settings import RATE\n@env.task\ndef task(x: int) -> int: return x * RATE", "settings": "RATE = 1"}, "settings", "1", "2", "constant settings.RATE"),
    "constant handed on": ({"main": "from a import RATE\n@env.task\ndef task(x: int) -> int: return x * RATE", "a": "from b import RATE", "b": "RATE = 1"}, "b", "1", "2", "constant b.RATE"),
    "attribute of a settings object": ({"main": "from settings import settings\n@env.task\ndef task(x: int) -> int: return settings.rate", "settings": "class S: pass\nsettings = S()\nsettings.rate = 1"}, "settings", "rate = 1", "rate = 2", "constant settings.settings"),
    "star import": ({"main": "from other import *\n@env.task\ndef task(x: int) -> int: return helper(x)", "other": "def helper(x): return x + 1"}, "other", "+ 1", "+ 2", "function other.helper"),
    "chain of stars": ({"main": "from a import *\n@env.task\ndef task(x: int) -> int: return RATE", "a": "from b import *", "b": "RATE = 1"}, "b", "1", "2", "constant main.RATE"),
    "import in the body": ({"main": "@env.task\ndef task(x: int) -> int:\n    from other import helper\n    return helper(x)", "other": "def helper(x): return x + 1"}, "other", "+ 1", "+ 2", "module other"),
    "behind an import in the body": ({"main": "@env.task\ndef task(x: int) -> int:\n    import other\n    return other.helper(x)", "other": "import deep\ndef helper(x): return deep.f(x)", "deep": "def f(x): return x + 1"}, "deep", "+ 1", "+ 2", "module deep"),
    "import by a written name": ({"main": "import importlib\n@env.task\ndef task(x: int) -> int:\n    return importlib.import_module('other').helper(x)", "other": "def helper(x): return x + 1"}, "other", "+ 1", "+ 2", "module other"),
    "import under a condition": ({"main": "try:\n    from missing_module import helper\nexcept ImportError:\n    from other import helper\n@env.task\ndef task(x: int) -> int: return helper(x)", "other": "def helper(x): return x + 1"}, "other", "+ 1", "+ 2", "function other.helper"),
    "submodule that nobody imported": ({"main": "import package\n@env.task\ndef task(x: int) -> int:\n    import package.sub\n    return package.sub.f(x)", "package/__init__": "", "package/sub": "def f(x): return x + 1"}, "package/sub", "+ 1", "+ 2", "module package.sub"),
    "relative import in the body": ({"main": "from package.work import f\n@env.task\ndef task(x: int) -> int: return f(x)", "package/__init__": "", "package/work": "def f(x):\n    from . import rates\n    return x * rates.RATE", "package/rates": "RATE = 1"}, "package/rates", "1", "2", "module package.rates"),
    "package without an __init__": ({"main": "from space.work import f\n@env.task\ndef task(x: int) -> int: return f(x)", "space/work": "def f(x): return x + 1"}, "space/work", "+ 1", "+ 2", "function space.work.f"),
    "modules that import one another": ({"main": "import a\n@env.task\ndef task(x: int) -> int: return a.even(x)", "a": "import b\ndef even(n): return n == 0 or b.odd(n - 1)", "b": "import a\ndef odd(n): return n != 0 and a.even(n - 1)"}, "b", "n != 0", "n > 0", "function b.odd"),
    "module handed around": ({"main": "import other\ndef call(m, x): return m.helper(x)\n@env.task\ndef task(x: int) -> int: return call(other, x)", "other": "import json\nK = json.loads('1')\ndef helper(x): return x + K"}, "other", "'1'", "'2'", "constant other.K"),
    "globals()": ({"main": "def helper(x): return x + 1\n@env.task\ndef task(x: int) -> int: return globals()['help' + 'er'](x)"}, "main", "+ 1", "+ 2", "module main"),
    "annotation as text": ({"main": "from dataclasses import dataclass\n@dataclass\nclass M:\n    x: int\n    def area(self): return self.x + 1\n@env.task\ndef task(m: 'M') -> int: return m.area()"}, "main", "+ 1", "+ 2", "method main.M.area"),
    "annotation of a field as text": ({"main": "from dataclasses import dataclass\n@dataclass\nclass N:\n    x: int\n    def area(self): return self.x + 1\n@dataclass\nclass M:\n    n: 'N'\n@env.task\ndef task(m: M) -> int: return m.n.area()"}, "main", "+ 1", "+ 2", "method main.N.area"),
    "type alias": ({"main": "class M:\n    def area(self): return 1\nMs = list[M]\n@env.task\ndef task(x: int) -> int:\n    ms: Ms = []\n    return len(ms)"}, "main", "return 1", "return 2", "method main.M.area"),
    "property": ({"main": "class M:\n    @property\n    def area(self): return 1\n    @area.setter\n    def area(self, v): self.v = v\n@env.task\ndef task(x: int) -> int: return M().area"}, "main", "self.v = v", "self.v = 2 * v", "method main.M.area"),
    "class method": ({"main": "class M:\n    @classmethod\n    def make(cls): return 1\n@env.task\ndef task(x: int) -> int: return M.make()"}, "main", "return 1", "return 2", "method main.M.make"),
    "cached property": ({"main": "from functools import cached_property\nclass M:\n    @cached_property\n    def area(self): return 1\n@env.task\ndef task(x: int) -> int: return M().area"}, "main", "return 1", "return 2", "method main.M.area"),
    "method behind a descriptor": ({"main": "class hidden:\n    def __init__(self, f): self.keep = [f]\n    def __get__(self, one, cls): return self.keep[0](one)\nclass M:\n    @hidden\n    def area(self): return 1\n@env.task\ndef task(x: int) -> int: return M().area"}, "main", "return 1", "return 2", "method main.M.area"),
    "decorator of a method": ({"main": "def twice(f):\n    def run(self): return 2 * f(self)\n    return run\nclass M:\n    @twice\n    def area(self): return 1\n@env.task\ndef task(x: int) -> int: return M().area()"}, "main", "2 * f", "3 * f", "function main.twice"),
    "default of a method": ({"main": "class M:\n    def area(self, by=1): return by\n@env.task\ndef task(x: int) -> int: return M().area()"}, "main", "by=1", "by=2", "method main.M.area"),
    "class decorator": ({"main": "def mark(cls):\n    cls.n = 1\n    return cls\n@mark\nclass M: pass\n@env.task\ndef task(x: int) -> int: return M.n"}, "main", "n = 1", "n = 2", "class main.M"),
    "attribute set on a class": ({"main": "class M:\n    n = 1\n@env.task\ndef task(x: int) -> int: return M.n\nM.n = 2"}, "main", "M.n = 2", "M.n = 3", "class main.M"),
    "method put into a class": ({"main": "class M:\n    def f(self): return 0\ndef other(self): return 1\nM.f = other\n@env.task\ndef task(x: int) -> int: return M().f()"}, "main", "return 1", "return 2", "function main.other"),
    "attribute of a function": ({"main": "def helper(x): return helper.n\nhelper.n = 1\n@env.task\ndef task(x: int) -> int: return helper(x)"}, "main", "n = 1", "n = 2", "function main.helper"),
    "metaclass": ({"main": "class Meta(type):\n    def __call__(cls): return 1\nclass M(metaclass=Meta): pass\n@env.task\ndef task(x: int) -> int: return M()"}, "main", "return 1", "return 2", "method main.Meta.__call__"),
    "base of another module": ({"main": "from other import Base\nclass M(Base): pass\n@env.task\ndef task(x: int) -> int: return M().area()", "other": "class Base:\n    def area(self): return 1"}, "other", "return 1", "return 2", "method other.Base.area"),
    "default made by a factory": ({"main": "from dataclasses import dataclass, field\ndef make(): return [1]\n@dataclass\nclass M:\n    x: list = field(default_factory=make)\n@env.task\ndef task(x: int) -> int: return M().x[0]"}, "main", "[1]", "[2]", "function main.make"),
    "field default from a constant": ({"main": "from dataclasses import dataclass\nN = 1\n@dataclass\nclass M:\n    x: int = N\n@env.task\ndef task(x: int) -> int: return M().x"}, "main", "N = 1", "N = 2", "constant main.N"),
    "NamedTuple": ({"main": "from typing import NamedTuple\nclass M(NamedTuple):\n    x: int = 1\n@env.task\ndef task(x: int) -> int: return M().x"}, "main", "x: int = 1", "x: int = 2", "class main.M"),
    "pydantic model": ({"main": "from pydantic import BaseModel, field_validator\nclass M(BaseModel):\n    x: int = 1\n    @field_validator('x')\n    def check(cls, v): return v + 1\n@env.task\ndef task(x: int) -> int: return M().x"}, "main", "v + 1", "v + 2", "method main.M.check"),
    "method of an enumeration": ({"main": "from enum import Enum\nclass C(Enum):\n    RED = 1\n    def n(self): return 1\nHERE = C.RED\n@env.task\ndef task(x: int) -> int: return HERE.n()"}, "main", "return 1", "return 2", "method main.C.n"),
    "closure that is a function": ({"main": "def make(f):\n    def inner(x): return f(x)\n    return inner\ndef one(x): return x + 1\nadd = make(one)\n@env.task\ndef task(x: int) -> int: return add(x)"}, "main", "+ 1", "+ 2", "function main.one"),
    "which closure a name means": ({"main": "def make(n):\n    def inner(x): return x + n\n    return inner\nadd, other = make(1), make(2)\n@env.task\ndef task(x: int) -> int: return add(x) + 0 * other(x)"}, "main", "make(1), make(2)", "make(2), make(1)", "closure n of main.make.<locals>.inner"),
    "partial of a partial": ({"main": "from functools import partial\ndef f(x, y, z): return x\nadd = partial(partial(f, y=1), z=2)\n@env.task\ndef task(x: int) -> int: return add(x)"}, "main", "y=1", "y=3", "constant main.add"),
    "callable object": ({"main": "class Step:\n    def __call__(self, x): return x + 1\nstep = Step()\n@env.task\ndef task(x: int) -> int: return step(x)"}, "main", "+ 1", "+ 2", "method main.Step.__call__"),
    "decorator that is a class": ({"main": "import functools\nclass twice:\n    def __init__(self, f): functools.update_wrapper(self, f)\n    def __call__(self, x): return 2 * self.__wrapped__(x)\n@twice\ndef helper(x): return x\n@env.task\ndef task(x: int) -> int: return helper(x)"}, "main", "2 * self", "3 * self", "method main.twice.__call__"),
    "bound method of a table": ({"main": "TABLE = {1: 2}\nlook = TABLE.get\n@env.task\ndef task(x: int) -> int: return look(x)"}, "main", "1: 2", "1: 3", "constant main.look"),
    "what a factory of a package was given": ({"main": "import click\nadd = click.option('--a', default=1)\n@env.task\ndef task(x: int) -> int: return add(x)"}, "main", "default=1", "default=2", "function main.task"),
    "wrapped by a package": ({"main": "import click\n@click.pass_context\ndef helper(x): return x + 1\n@env.task\ndef task(x: int) -> int: return helper(x)"}, "main", "+ 1", "+ 2", "function main.helper"),
    "registered by a decorator": ({"main": "KNOWN = {}\ndef known(f):\n    KNOWN[f.__name__] = f\n    return f\n@known\ndef helper(x): return x + 1\n@env.task\ndef task(x: int) -> int: return KNOWN['helper'](x)"}, "main", "+ 1", "+ 2", "function main.helper"),
    "nested lambda": ({"main": "fs = [lambda x: (lambda y: y + 1)(x)]\n@env.task\ndef task(x: int) -> int: return fs[0](x)"}, "main", "+ 1", "+ 2", "function main.<lambda>"),
    "comprehension": ({"main": "N = 1\n@env.task\ndef task(x: int) -> int: return sum(N for _ in range(x) if N)"}, "main", "N = 1", "N = 2", "constant main.N"),
    "child of a child": ({"main": "def f(x): return x + 1\n@env.task\ndef grandchild(x: int) -> int: return f(x)\n@env.task\ndef child(x: int) -> int: return grandchild(x)\n@env.task\ndef task(x: int) -> int: return child(x)"}, "main", "+ 1", "+ 2", "function main.f"),
    "child in a map": ({"main": "import localflyte as flyte\n@env.task\ndef child(x: int) -> int: return x + 1\n@env.task\ndef task(x: int) -> int: return sum(flyte.map(child, [x]))"}, "main", "+ 1", "+ 2", "function main.child"),
    "version of a child": ({"main": "from localflyte.spec.cache import Cache\n@env.task(cache=Cache('override', 'v1'))\ndef child(x: int) -> int: return x\n@env.task\ndef task(x: int) -> int: return child(x)"}, "main", "'v1'", "'v2'", "task env.child"),
    "image of a child": ({"main": "from localflyte.spec.image import Image\nother = TaskEnvironment('other', image='python:3.10')\n@other.task\ndef child(x: int) -> int: return x\n@env.task\ndef task(x: int) -> int: return child(x)"}, "main", "3.10", "3.9", "task other.child"),
    "decorator of someone else called task": ({"main": "class Queue:\n    def task(self, n): return lambda f: (lambda x: f(x) * n)\nqueue = Queue()\n@queue.task(1)\ndef helper(x): return x\n@env.task\ndef task(x: int) -> int: return helper(x)"}, "main", "task(1)", "task(2)", "closure n of main.Queue.task.<locals>.<lambda>.<locals>.<lambda>"),
    "global behind a local of its name": ({"main": "N = 1\ndef helper(x):\n    N = 0\n    def inner():\n        global N\n        return N\n    return inner()\n@env.task\ndef task(x: int) -> int: return helper(x)"}, "main", "N = 1", "N = 2", "constant main.N"),
    "positional-only default": ({"main": "def f(x, y=1, /): return x + y\n@env.task\ndef task(x: int) -> int: return f(x)"}, "main", "y=1", "y=2", "default y of main.f"),
    "subclass that nobody names": ({"main": "class Base: pass\nclass Step(Base):\n    def go(self): return 1\n@env.task\ndef task(x: int) -> int: return sum(each().go() for each in Base.__subclasses__())"}, "main", "return 1", "return 2", "method main.Step.go"),
    "subclass asked for by a class method": ({"main": "import steps\nfrom base import Base\n@env.task\ndef task(x: int) -> int: return Base.every()", "base": "class Base:\n    @classmethod\n    def every(cls): return sum(each().go() for each in cls.__subclasses__())", "steps": "from base import Base\nclass Step(Base):\n    def go(self): return 1"}, "steps", "return 1", "return 2", "method steps.Step.go"),
    "subclasses that a class keeps": ({"main": "class Base:\n    known = []\n    def __init_subclass__(cls): Base.known.append(cls)\nclass Step(Base):\n    def go(self): return 1\n@env.task\ndef task(x: int) -> int: return Base.known[0]().go()"}, "main", "return 1", "return 2", "method main.Step.go"),
    "object that a class keeps": ({"main": "import settings\nclass M:\n    held = settings.make()\n@env.task\ndef task(x: int) -> int: return M.held.n", "settings": "import json\nclass S: pass\ndef make():\n    one = S()\n    one.n = json.loads('1')\n    return one"}, "settings", "'1'", "'2'", "class main.M"),
    "function that a function keeps": ({"main": "def other(): return 1\ndef helper(x): return helper.f()\nhelper.f = other\n@env.task\ndef task(x: int) -> int: return helper(x)"}, "main", "return 1", "return 2", "function main.other"),
    "function put in place of another's": ({"main": "import colorsys\ncolorsys.rgb_to_hls = lambda x: x + 1\n@env.task\ndef task(x: int) -> int: return colorsys.rgb_to_hls(x)"}, "main", "x + 1", "x + 2", "function main.<lambda>"),
    "default of a context variable": ({"main": "from contextvars import ContextVar\nHERE = ContextVar('HERE', default=1)\n@env.task\ndef task(x: int) -> int: return HERE.get()"}, "main", "default=1", "default=2", "function main.task"),
    "sys.modules": ({"main": "import other\nimport sys\n@env.task\ndef task(x: int) -> int: return sys.modules['oth' + 'er'].helper(x)", "other": "def helper(x): return x + 1"}, "other", "+ 1", "+ 2", "module other"),
    "relative import by a written name": ({"main": "from package.work import f\n@env.task\ndef task(x: int) -> int: return f(x)", "package/__init__": "", "package/work": "import importlib\ndef f(x): return x * importlib.import_module('.rates', __package__).RATE", "package/rates": "RATE = 1"}, "package/rates", "1", "2", "module package.rates"),
    "module loaded by hand": ({"main": "import importlib.util\nimport other\nspec = importlib.util.spec_from_file_location('by_hand', other.__file__)\nm = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(m)\n@env.task\ndef task(x: int) -> int: return m.f(x)", "other": "def f(x): return x + 1"}, "other", "+ 1", "+ 2", "function by_hand.f"),
    "computed default of a method": ({"main": "import other\nclass M:\n    def f(self, n=other.read()): return n\n@env.task\ndef task(x: int) -> int: return M().f()", "other": "import json\ndef read(): return READ()\nREAD = lambda: json.loads('1')"}, "other", "'1'", "'2'", "class main.M"),
    "computed member of an enumeration": ({"main": "from enum import Enum\nimport other\nclass M(Enum):\n    A = other.read()\n@env.task\ndef task(x: int) -> int: return M.A.value", "other": "import json\ndef read(): return json.loads('1')"}, "other", "'1'", "'2'", "class main.M"),
    "computed default of a pydantic field": ({"main": "from pydantic import BaseModel\nimport other\nclass M(BaseModel):\n    x: int = other.read()\n@env.task\ndef task(x: int) -> int: return M().x", "other": "import json\ndef read(): return json.loads('1')"}, "other", "'1'", "'2'", "class main.M"),
    "which of two classes of a name": ({"main": "FAST = True\nif FAST:\n    class M:\n        def go(self): return 1\nelse:\n    class M:\n        def go(self): return 2\n@env.task\ndef task(x: int) -> int: return M().go()"}, "main", "= True", "= False", "function main.M.go"),
    "path": ({"main": "import json\nfrom pathlib import Path\nP = Path(json.loads('\"/a\"'))\n@env.task\ndef task(x: int) -> str: return str(P)"}, "main", "/a", "/b", "constant main.P"),
    "frozen table": ({"main": "from types import MappingProxyType\nT = MappingProxyType({'a': 1})\n@env.task\ndef task(x: int) -> int: return T['a']"}, "main", "'a': 1", "'a': 2", "constant main.T"),
    "keyword-only default": ({"main": "def f(x, *, y=1): return x + y\n@env.task\ndef task(x: int) -> int: return f(x)"}, "main", "y=1", "y=2", "default y of main.f"),
}  # fmt: skip


@pytest.mark.parametrize(("modules", "where", "old", "new", "part"), CHANGES.values(), ids=CHANGES)
def test_it_counts_and_is_named(project: Project, modules: dict[str, str], where: str, old: str, new: str, part: str) -> None:
    assert modules[where].count(old) == 1, "the change must be one"
    first, second = project(modules), project({**modules, where: modules[where].replace(old, new)})
    assert (first.problem, second.problem) == ("", "")
    assert first.version != second.version
    assert part in {name for name in {*first.parts, *second.parts} if first.parts.get(name) != second.parts.get(name)}


#: Modules before, and what is replaced in main by what: a change that makes no difference.
SAME: dict[str, tuple[dict[str, str], str, str]] = {
    "comment": ({"main": "def f(x): return x\n@env.task\ndef task(x: int) -> int: return f(x)"}, "return f(x)", "return f(x)  # why"),
    "another function": ({"main": "import other\n@env.task\ndef task(x: int) -> int: return other.f(x)", "other": "def f(x): return x"}, "import other", "import other\ndef g(): return 1"),
    "settings through another name": ({"main": "t = env.task\n@t(retries=1)\ndef task(x: int) -> int: return x"}, "retries=1", "retries=2"),
    "settings of a child": ({"main": "@env.task(retries=1)\ndef child(x: int) -> int: return x\n@env.task\ndef task(x: int) -> int: return child(x)"}, "retries=1", "retries=2"),
    "settings of the environment": ({"main": "other = TaskEnvironment('other', cache='auto', description='a')\n@other.task\ndef child(x: int) -> int: return x\n@env.task\ndef task(x: int) -> int: return child(x) + len(other.name)"}, "'a'", "'b'"),
    "docstring of a class": ({"main": "class M:\n    '''A.'''\n    def f(self):\n        '''B.'''\n@env.task\ndef task(x: int) -> int: return M().f()"}, "'''A.'''", "'''C.'''"),
    "quotes": ({"main": "@env.task\ndef task(x: int) -> str: return 'a' 'b'"}, "'a' 'b'", '"ab"'),
    "parentheses": ({"main": "@env.task\ndef task(x: int) -> int: return 2 * x + 1"}, "2 * x + 1", "(\n    (2 * x)\n    + 1\n)"),
    "a name that is another's local": ({"main": "x = 1\n@env.task\ndef task(x: int) -> int: return [x for x in range(x)][0]"}, "x = 1", "x = 2"),
    "what the standard library holds": ({"main": "import os, sys\nfrom sys import stderr\n@env.task\ndef task(x: int) -> int:\n    print(os.environ, sys.argv, file=stderr)\n    return x"}, "import os, sys", "import sys, os\nos.environ['OTHER'] = 'x'\nsys.argv.append('y')"),
    "an import that is not used": ({"main": "import other\n@env.task\ndef task(x: int) -> int: return x", "other": ""}, "import other", ""),
    "a logger": ({"main": "import logging\nlog = logging.getLogger('a')\n@env.task\ndef task(x: int) -> int:\n    log.info('x')\n    return x"}, "'a'", "'b'"),
    "moved within the file": ({"main": "def f(x): return x\nclass M: pass\n@env.task\ndef task(x: int) -> int: return f(x) if M else 0"}, "def f(x): return x\nclass M: pass", "\n\n\nclass M: pass\n\n\ndef f(x): return x"),
}  # fmt: skip


@pytest.mark.parametrize(("modules", "old", "new"), SAME.values(), ids=SAME)
def test_it_does_not_count(project: Project, modules: dict[str, str], old: str, new: str) -> None:
    assert modules["main"].count(old) == 1
    first, second = project(modules), project({**modules, "main": modules["main"].replace(old, new)})
    assert (first.problem, dict(first.parts)) == ("", dict(second.parts))
    assert first.version == second.version


@pytest.mark.parametrize("call", ["importlib.import_module('oth' + 'er')", "__import__(name)", "importlib.import_module('.rates', name)"])
def test_an_import_by_a_name_that_is_made_when_it_runs_has_no_version(project: Project, call: str) -> None:
    terms = project({"main": f"import importlib\nname = 'other'\n@env.task\ndef task(x: int) -> int: return {call}.helper(x)"})
    assert "main.task imports a module whose name is not written there" in terms.problem


def test_an_import_in_the_body_counts_the_same_before_and_after_it_happened(project: Project) -> None:
    modules = {"main": "@env.task\ndef task(x: int) -> int:\n    from other import f\n    return f(x)", "other": "def f(x): return x"}
    first = project(modules)
    __import__("other")
    from localflyte.api.version import forget_code

    forget_code()
    assert project.again() == first


def test_a_project_deeper_than_the_stack_has_a_version(project: Project) -> None:
    functions = "\n".join(f"def f{n}(x): return f{n + 1}(x)" for n in range(3 * sys.getrecursionlimit()))
    last = f"def f{3 * sys.getrecursionlimit()}(x): return x + 1"
    main = f"{functions}\n{last}\n@env.task\ndef task(x: int) -> int: return f0(x)"
    first, second = project({"main": main}), project({"main": main.replace("x + 1", "x + 2")})
    assert first.problem == "" != first.version != second.version


def test_functions_in_a_set_have_one_order(project: Project) -> None:
    """Their order in the set follows their addresses."""
    main = "def make(n):\n    def inner(): return n\n    return inner\n"
    main += "FS = {make(1), make(2), print, len}\nGS = {a for a in FS}\n@env.task\ndef task(x: int) -> int: return len(GS)"
    assert {project({"main": main}).problem for _ in range(5)} == {""}


@pytest.mark.parametrize("place", [".venv/lib/python3.11/site-packages", "src"])
def test_a_folder_of_installed_packages_is_one_wherever_it_lies(project: Project, place: str) -> None:
    """A package inside the project's own environment counts by its version; one that only points into a folder, by its source."""
    main = "from brought import f\n@env.task\ndef task(x: int) -> int: return f(x)"
    installed = "site-packages" in place
    found = []
    for text in ("def f(x): return x + 1", "def f(x): return x + 2"):
        extra = {f"{place}/brought/__init__": text}
        meta = {f"{place}/brought-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n"} if installed else {}
        found.append(project({"main": main, **extra}, files=meta, path=place))
    assert (found[0].problem, found[0].version == found[1].version) == ("", installed)
    assert ("package brought" in found[0].parts) is installed


def test_the_version_of_a_distribution_counts(project: Project) -> None:
    main = "import brought\n@env.task\ndef task(x: int) -> int: return brought.f(x)"
    place, found = "lib/site-packages", []
    for version in ("1.0", "1.1"):
        meta = {f"{place}/brought-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: brought\nVersion: {version}\n"}
        found.append(project({"main": main, f"{place}/brought": "def f(x): return x"}, files=meta, path=place))
    assert [each.parts["package brought"] for each in found] == ["1.0", "1.1"]
    assert found[0].version != found[1].version


def test_a_distribution_that_only_has_the_name_does_not_stand_for_the_module(project: Project) -> None:
    place = "lib/site-packages"
    main = "import brought\n@env.task\ndef task(x: int) -> int: return brought.f(x)"
    meta = {
        f"{place}/brought-9.dist-info/METADATA": "Metadata-Version: 2.1\nName: brought\nVersion: 9\n",
        f"{place}/brought-9.dist-info/top_level.txt": "else\n",
        f"{place}/real-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: real\nVersion: 1.0\n",
        f"{place}/real-1.0.dist-info/top_level.txt": "brought\n",
    }
    terms = project({"main": main, f"{place}/brought": "def f(x): return x"}, files=meta, path=place)
    assert {name: value for name, value in terms.parts.items() if name.startswith("package")} == {"package real": "1.0"}


def test_an_installed_package_without_a_version_counts_by_its_files(project: Project) -> None:
    place, found = "lib/site-packages", []
    main = "import brought\n@env.task\ndef task(x: int) -> int: return brought.f(x)"
    for text in ("def f(x): return x", "def f(x): return -x"):
        modules = {"main": main, f"{place}/brought/__init__": "from .deep import f", f"{place}/brought/deep": text}
        found.append(project(modules, path=place))
    assert found[0].version != found[1].version != ""


class TestWithoutSource:
    def terms(self, project: Project, text: str) -> Any:
        return project({"main": f"exec('''{text}''')\n@env.task\ndef task(x: int) -> int: return helper(x)"})

    @pytest.mark.parametrize(
        ("text", "old", "new"),
        [
            ("def helper(x): return x + 1", "+ 1", "+ 2"),
            ("def deep(x): return x + 1\ndef helper(x): return deep(x)", "+ 1", "+ 2"),
            ("class M:\n    def f(self): return 1\ndef helper(x): return M().f()", "return 1", "return 2"),
            ("def deep(): return 1\nclass M:\n    def f(self): return deep()\ndef helper(x): return M().f()", "return 1", "return 2"),
            ("N = 1\ndef helper(x): return N", "N = 1", "N = 2"),
        ],
    )
    def test_what_was_made_by_exec_counts_all_the_same(self, project: Project, text: str, old: str, new: str) -> None:
        first, second = self.terms(project, text), self.terms(project, text.replace(old, new))
        assert (first.problem, second.problem) == ("", "")
        assert first.version != second.version

    def test_a_compiled_module_alone_counts(self, project: Project) -> None:
        import py_compile

        versions = set()
        for number in (1, 2):
            folder = project.write({"main": "import brought\n@env.task\ndef task(x: int) -> int: return brought.f(x)"})
            (folder / "source.py").write_text(f"def f(x): return x + {number}\n")
            py_compile.compile(str(folder / "source.py"), str(folder / "brought.pyc"), dfile="gone.py", doraise=True)
            terms = project.load(folder)
            assert terms.problem == ""
            versions.add(terms.version)
        assert len(versions) == 2


class TestChangedAfterImport:
    """The text on the disk is not what runs any more: a version of it would be given to results of the old code."""

    MODULES = {"main": "import other\n@env.task\ndef task(x: int) -> int: return other.f(x)", "other": "def f(x): return x + 1"}

    def test_it_is_not_cached_and_said(self, project: Project) -> None:
        folder = project.write(self.MODULES)
        project.imported(folder)
        (folder / "other.py").write_text("def f(x): return x + 2")
        terms = project.again()
        assert terms.version == ""
        assert f"f in {folder}/other.py was changed after it was imported" in terms.problem

    @pytest.mark.parametrize(
        "text", ["# why\n\ndef f(x):\n    return (x + 1)", "def f(x): return x + 1\ndef g(x): return 2"], ids=["moved", "added"]
    )
    def test_what_is_still_the_same_code_is_cached(self, project: Project, text: str) -> None:
        folder = project.write(self.MODULES)
        project.imported(folder)
        (folder / "other.py").write_text(text)
        assert project.again() == project(self.MODULES)

    def test_a_method_is_looked_at_too(self, project: Project) -> None:
        modules = {**self.MODULES, "other": "class M:\n    def g(self): return 1\ndef f(x): return M().g()"}
        folder = project.write(modules)
        project.imported(folder)
        (folder / "other.py").write_text(modules["other"].replace("return 1", "return 2"))
        assert "M.g in" in project.again().problem

    def test_a_module_that_is_used_as_a_whole_is_looked_at_too(self, project: Project) -> None:
        modules = {**self.MODULES, "main": "import other\n@env.task\ndef task(x: int) -> int:\n    import other\n    return other.f(x)"}
        folder = project.write(modules)
        project.imported(folder)
        (folder / "other.py").write_text("def f(x): return x + 2")
        assert "f in" in project.again().problem


def test_a_change_is_noticed_by_the_next_run(project: Project) -> None:
    """A session may have run the task already, and known its version."""
    modules = {"main": "import other\n@env.task\ndef task(x: int) -> int: return other.f(x)", "other": "def f(x): return x + 1"}
    folder = project.write(modules)
    first = project.load(folder)
    task = sys.modules["main"].task
    task.forget_code()
    assert plan_for(task).cache is first
    (folder / "other.py").write_text("def f(x): return x + 22")
    task.forget_code()
    assert "was changed after it was imported" in plan_for(task).cache.problem


def test_in_a_notebook_what_a_task_uses_may_be_made_anew() -> None:
    space: dict[str, Any] = {"__name__": "__main__"}
    versions = []
    exec("from localflyte.api.environment import TaskEnvironment\nenv = TaskEnvironment('env', cache='auto')", space)
    exec("def helper(x): return x + 1\nRATE = 1\n@env.task\ndef task(x: int) -> int: return helper(x) * RATE", space)
    for cell in ("", "def helper(x): return x + 2", "RATE = 2"):
        exec(cell, space)
        space["task"].forget_code()
        terms = plan_for(space["task"]).cache
        assert terms.problem == ""
        versions.append(terms.version)
    assert len(set(versions)) == 3


def test_what_a_program_sets_in_its_own_process_is_no_other_constant(project: Project) -> None:
    """A task's process imports the module anew: a result it made with 1 must not be found when the source says 2."""
    main = "import settings\n@env.task\ndef task(x: int) -> int: return x * settings.RATE"
    folder = project.write({"main": main, "settings": "RATE = 1"})
    project.imported(folder)
    sys.modules["settings"].RATE = 2  # type: ignore[attr-defined]
    assert project.again().version != project({"main": main, "settings": "RATE = 2"}).version


def test_outlines_are_kept_beside_compiled_files_and_made_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    modules = {"main": "import other\n@env.task\ndef task(x: int) -> int: return other.f(x)", "other": "def f(x): return x + 1"}
    folder = project.write(modules)
    first = project.load(folder)
    kept = list((folder / "__pycache__").glob("other.localflyte-*"))
    assert len(kept) == 1
    for damage in (b"", kept[0].read_bytes()[:-1], kept[0].read_bytes()[:-1] + b"x", b"x" * 200):
        kept[0].write_bytes(damage)
        assert project.load(folder) == first
    (folder / "other.py").write_text("def f(x): return x + 2")
    assert project.load(folder).version != first.version


KNOWN = {
    "main": '''
import enum
import functools
import re
from collections import OrderedDict
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import NamedTuple
from typing import Optional

import other

RATE, WORD, TABLE = 1.5, re.compile("a+"), OrderedDict(a={1, 2, "b"}, b=(None, b"x", 1 << 70))
Maybe = Optional[list["Point"]]


class Color(enum.Enum):
    RED = enum.auto()
    GREEN = "g"


class Pair(NamedTuple):
    left: int = 1
    right: str = "r"


@dataclass(frozen=True)
class Point:
    """Doc."""

    x: float = RATE
    colors: list[Color] = field(default_factory=list)

    @property
    def area(self) -> float:
        return self.x * other.LIMIT

    @classmethod
    def make(cls, *values: Any, **more: int) -> "Point":
        return cls(*values, **more)


def made(n):
    def inner(x, *, by=Color.RED):
        return x + n
    return inner


add = functools.partial(made(2), 3)
steps = [lambda x: x, add, len]


@env.task
def task(x: int, maybe: Maybe = None) -> int:
    """Doc."""
    import json
    match x:
        case 1 | 2: return f"{x!r:>{RATE}} {WORD}"
        case _: return sum(step(x) for step in steps) + Point.make(x).area + Pair().left + len(TABLE)
''',
    "other": "LIMIT = 3\n",
}


def test_a_version_is_known_for_good(project: Project) -> None:
    """The same in every process and Python. A change here makes every cache on earth miss once: then SCHEMA has to change too."""
    terms = project(KNOWN)
    assert terms.problem == ""
    assert {name: digest[:8] for name, digest in terms.parts.items()} == PARTS


PARTS = {
    "class main.Color": "2590d9f6",
    "class main.Pair": "24379150",
    "class main.Point": "20b4d22a",
    "closure n of main.made.<locals>.inner": "f032af1d",
    "constant main.Maybe": "fcbc5d57",
    "constant main.RATE": "7deee549",
    "constant main.TABLE": "0d6245c2",
    "constant main.WORD": "b10fcaff",
    "constant main.steps": "34cf4cbb",
    "constant other.LIMIT": "668d823f",
    "default by of main.made.<locals>.inner": "1ec420b6",
    "default maybe of main.task": "9e3aa23a",
    "function main.<lambda>": "96a067b9",
    "function main.made.<locals>.inner": "8e7865a3",
    "function main.task": "b657c45e",
    "method main.Point.area": "2ad760bc",
    "method main.Point.make": "acde72a9",
}
