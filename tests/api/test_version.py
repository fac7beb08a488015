"""The code version: what changes it, what does not, and what has none. Every program is written, imported and changed for real."""

# ruff: noqa: E501, ISC004 - the programs below are data, and read best as they are

from __future__ import annotations

import importlib
import itertools
import subprocess
import sys
import textwrap
from collections.abc import Callable
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localflyte.api import sources
from localflyte.api.environment import TaskEnvironment
from localflyte.api.resolve import plan_for
from localflyte.api.version import AutoPolicy
from localflyte.api.version import FunctionBodyPolicy
from localflyte.api.version import cache_terms
from localflyte.api.version import code_parts
from localflyte.spec.cache import Cache
from localflyte.spec.cache import VersionParameters
from localflyte.spec.image import Image
from localflyte.spec.plan import CacheTerms

HEAD = "from localflyte.api.environment import TaskEnvironment\nenv = TaskEnvironment('env', cache='auto')\n"

Program = Callable[..., CacheTerms]

_numbers = itertools.count()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Write the modules of a program, import its ``main`` afresh, and give the cache terms of its ``task``."""
    written: set[str] = set()

    def load(main: str, **modules: str) -> CacheTerms:
        for name in written:
            sys.modules.pop(name, None)
        # Every version lies in a folder of its own, so that no bytecode of the version before is taken for it.
        folder = tmp_path / str(next(_numbers))
        folder.mkdir()
        for name, text in {"main": HEAD + textwrap.dedent(main), **modules}.items():
            path = folder / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            written.update({name.replace("__", "."), name.partition("__")[0]})
        monkeypatch.syspath_prepend(str(folder))
        sources._owners.clear()
        return plan_for(importlib.import_module("main").task).cache

    yield load
    for name in written:
        sys.modules.pop(name, None)
    sources._owners.clear()


BASE = """
@env.task
def task(x: int) -> int:
    return x + 1
"""


def test_the_same_program_has_the_same_version(program: Program) -> None:
    first, second = program(BASE), program(BASE)
    assert (first.problem, first) == ("", second)


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("return", "# why\n    return"),
        BASE.replace("    return", '    """What."""\n    return'),
        BASE.replace("@env.task", "@env.task(retries=3, short_name='other')"),
        "unrelated = 5\n" + BASE,
        BASE + "\ndef unrelated(): ...\n",
    ],
    ids=["comment", "docstring", "settings", "global", "function"],
)
def test_what_the_task_does_not_run_does_not_count(program: Program, other: str) -> None:
    assert program(other).version == program(BASE).version


#: A program, what is replaced in it, by what, and the part that must be named as changed.
CHANGES: dict[str, tuple[str, str, str, str]] = {
    "body": (BASE, "x + 1", "x + 2", "function main.task"),
    "helper": ("def helper(x): return x\n@env.task\ndef task(x: int) -> int: return helper(x)", "return x\n", "return -x\n", "function main.helper"),
    "helper of a helper": (
        "def deep(x): return x\ndef helper(x): return deep(x)\n@env.task\ndef task(x: int) -> int: return helper(x)",
        "return x\n", "return -x\n", "function main.deep",
    ),
    "recursion": (
        "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)\n@env.task\ndef task(x: int) -> bool: return even(x)",
        "n != 0", "n > 0", "function main.odd",
    ),
    "constant": ("RATE = 1\n@env.task\ndef task(x: int) -> int: return x * RATE", "RATE = 1", "RATE = 2", "constant main.RATE"),
    "nested constant": (
        "TABLE = {'a': [1, (2, {3})]}\n@env.task\ndef task(x: int) -> int: return len(TABLE)", "{3}", "{4}", "constant main.TABLE",
    ),
    "computed constant": (
        "import json\nTABLE = json.loads('[1]')\n@env.task\ndef task(x: int) -> int: return len(TABLE)", "[1]", "[2]", "constant main.TABLE",
    ),
    "object": (
        "class Box:\n    def __init__(self, size): self.size = size\nBOX = Box(1)\n@env.task\ndef task(x: int) -> int: return BOX.size",
        "Box(1)", "Box(2)", "constant main.BOX",
    ),
    "method": (
        "class Box:\n    def size(self): return 1\n@env.task\ndef task(x: int) -> int: return Box().size()", "return 1", "return 2", "method main.Box.size",
    ),
    "base class": (
        "class Base:\n    def size(self): return 1\nclass Box(Base): pass\n@env.task\ndef task(x: int) -> int: return Box().size()",
        "return 1", "return 2", "method main.Base.size",
    ),
    "helper of a method": (
        "def helper(): return 1\nclass Box:\n    def size(self): return helper()\n@env.task\ndef task(x: int) -> int: return Box().size()",
        "return 1", "return 2", "function main.helper",
    ),
    "default of a helper": (
        "def helper(x, y=1): return x + y\n@env.task\ndef task(x: int) -> int: return helper(x)", "y=1", "y=2", "default y of main.helper",
    ),
    "closure": (
        "def make(n):\n    def inner(x): return x + n\n    return inner\nadd = make(1)\n@env.task\ndef task(x: int) -> int: return add(x)",
        "make(1)", "make(2)", "closure n of main.make.<locals>.inner",
    ),
    "partial": (
        "import functools\ndef helper(x, y): return x + y\nadd = functools.partial(helper, y=1)\n@env.task\ndef task(x: int) -> int: return add(x)",
        "y=1", "y=2", "constant main.add",
    ),
    "lambda": ("add = lambda x: x + 1\n@env.task\ndef task(x: int) -> int: return add(x)", "x + 1\n", "x + 2\n", "function main.<lambda>"),
    "own decorator": (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def run(*a): return 2 * f(*a)\n    return run\n"
        "@twice\ndef helper(x): return x\n@env.task\ndef task(x: int) -> int: return helper(x)",
        "2 * f", "3 * f", "function main.twice",
    ),
    "wrapped by an own decorator": (
        "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def run(*a): return 2 * f(*a)\n    return run\n"
        "@twice\ndef helper(x): return x\n@env.task\ndef task(x: int) -> int: return helper(x)",
        "return x\n", "return -x\n", "function main.helper",
    ),
    "cached helper": (
        "import functools\n@functools.lru_cache\ndef helper(x): return x\n@env.task\ndef task(x: int) -> int: return helper(x)",
        "return x\n", "return -x\n", "function main.helper",
    ),
    "dispatched helper": (
        "import functools\n@functools.singledispatch\ndef helper(x): return 0\n@helper.register\ndef _for_int(x: int): return 1\n"
        "@env.task\ndef task(x: int) -> int: return helper(x)",
        "return 1", "return 2", "function main._for_int",
    ),
    "traced helper": (
        "from localflyte.api.trace import trace\n@trace\ndef helper(x: int) -> int: return x\n@env.task\ndef task(x: int) -> int: return helper(x)",
        "return x\n", "return -x\n", "function main.helper",
    ),
    "called task": (
        "@env.task\ndef child(x: int) -> int: return x\n@env.task\ndef task(x: int) -> int: return child(x)",
        "return x\n", "return -x\n", "function main.child",
    ),
    "function in a list": (
        "def helper(x): return x\nSTEPS = [helper]\n@env.task\ndef task(x: int) -> int: return STEPS[0](x)", "return x\n", "return -x\n", "function main.helper",
    ),
    "which function a name means": (
        "def a(x): return x\ndef b(x): return -x\nstep, other = a, b\n@env.task\ndef task(x: int) -> int: return step(x) + 0 * other(x)",
        "step, other = a, b", "step, other = b, a", "function main.task",
    ),
    "enumeration": (
        "from enum import Enum\nclass Color(Enum):\n    RED = 1\n@env.task\ndef task(x: int) -> int: return Color.RED.value", "RED = 1", "RED = 2", "class main.Color",
    ),
    "dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int = 1\n@env.task\ndef task(x: int) -> int: return Point().x",
        "x: int = 1", "x: int = 2", "class main.Point",
    ),
    "functional namedtuple": (
        "from collections import namedtuple\nPoint = namedtuple('Point', 'a b', defaults=[1, 2])\n@env.task\ndef task(x: int) -> int: return Point().a",
        "[1, 2]", "[2, 2]", "class main.Point",
    ),
    "pattern": ("import re\nWORD = re.compile('a')\n@env.task\ndef task(x: int) -> int: return len(WORD.findall('a'))", "'a')\n@", "'b')\n@", "constant main.WORD"),
    "nested function": ("@env.task\ndef task(x: int) -> int:\n    def inner(): return 1\n    return inner()", "return 1", "return 2", "function main.task"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "old", "new", "part"), CHANGES.values(), ids=CHANGES)
def test_what_the_task_runs_counts_and_is_named(program: Program, before: str, old: str, new: str, part: str) -> None:
    assert before.count(old) == 1
    first, second = program(before), program(before.replace(old, new))
    assert (first.problem, second.problem) == ("", "")
    assert first.version != second.version
    assert part in {name for name in {*first.parts, *second.parts} if first.parts.get(name) != second.parts.get(name)}


#: The program, and a module of the project that changes; the first is written once and never touched.
IMPORTS: dict[str, str] = {
    "from import": "from helpers import compute\n@env.task\ndef task(x: int) -> int: return compute(x)",
    "import": "import helpers\n@env.task\ndef task(x: int) -> int: return helpers.compute(x)",
    "import as": "import helpers as h\n@env.task\ndef task(x: int) -> int: return h.compute(x)",
    "from import in the function": "@env.task\ndef task(x: int) -> int:\n    from helpers import compute\n    return compute(x)",
    "import in the function": "@env.task\ndef task(x: int) -> int:\n    import helpers\n    return helpers.compute(x)",
    "module as a value": "import helpers\n@env.task\ndef task(x: int) -> int: return getattr(helpers, 'comp' + 'ute')(x)",
}


@pytest.mark.parametrize("main", IMPORTS.values(), ids=IMPORTS)
def test_a_module_of_the_project_counts(program: Program, main: str) -> None:
    first = program(main, helpers="def compute(x): return x")
    same = program(main, helpers="def compute(x):\n    # why\n    return x")
    other = program(main, helpers="def compute(x): return -x")
    assert (first.problem, first.version) == ("", same.version)
    assert first.version != other.version


def test_only_what_is_used_of_a_module_counts(program: Program) -> None:
    main = IMPORTS["import"]
    first = program(main, helpers="def compute(x): return x\ndef other(): return 1")
    assert first.version == program(main, helpers="def compute(x): return x\ndef other(): return 2").version


def test_a_module_that_a_module_uses_counts(program: Program) -> None:
    main = IMPORTS["from import"]
    helpers = "from constants import RATE\ndef compute(x): return x * RATE"
    assert program(main, helpers=helpers, constants="RATE = 1").version != program(main, helpers=helpers, constants="RATE = 2").version


def test_a_relative_import_is_followed(program: Program) -> None:
    main = "from package.work import compute\n@env.task\ndef task(x: int) -> int: return compute(x)"
    work = "def compute(x):\n    from .constants import RATE\n    return x * RATE"
    first = program(main, package____init__="", package__work=work, package__constants="RATE = 1")
    second = program(main, package____init__="", package__work=work, package__constants="RATE = 2")
    assert (first.problem, second.problem) == ("", "")
    assert first.version != second.version


def test_installed_packages_count_by_version(program: Program) -> None:
    from importlib.metadata import version

    terms = program("import click\n@env.task\ndef task(x: int) -> str: return click.style('a')")
    assert terms.parts["package click"] == version("click")


def test_the_standard_library_and_flyte_do_not_count(program: Program) -> None:
    terms = program(
        "import json, logging\nlog = logging.getLogger()\n@env.task\ndef task(x: int) -> str:\n    log.info(env.name)\n    return json.dumps(x)"
    )
    assert (terms.problem, list(terms.parts)) == ("", ["function main.task"])


@pytest.mark.parametrize("name", ["__name__", "__file__"])
def test_where_a_module_lies_does_not_count(program: Program, name: str) -> None:
    main = f"@env.task\ndef task(x: int) -> str: return {name}"
    assert program(main).version == program(main).version


def test_a_local_that_is_named_like_a_global_does_not_count(program: Program) -> None:
    """Scripts keep their run in a global named ``run`` or ``result``; it is none of the task's."""
    main = "@env.task\ndef task(x: int) -> int:\n    run = x\n    return run\n"
    assert program(main + "import threading\nrun = threading._DummyThread").version == program(main).version


def test_a_value_without_certain_content_has_no_version(program: Program) -> None:
    terms = program("import socket\nclient = socket.socket()\nclient.close()\n@env.task\ndef task(x: int) -> int: return client.fileno()")
    assert (terms.behavior, terms.version) == ("auto", "")
    assert "global variable 'client' of main.task is a socket.socket" in terms.problem
    assert "version_override" in terms.problem


def test_a_lock_does_not_count(program: Program) -> None:
    terms = program("import threading\nlock = threading.Lock()\n@env.task\ndef task(x: int) -> int:\n    with lock: return x")
    assert terms.problem == ""


def test_a_set_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Hash seeds differ between processes; versions do not. The script's own name is its module's name in a worker."""
    import localflyte

    script = HEAD + "WORDS = {'a', 'b', 'c', 'd', 'e'}\ndef helper(x): return x in {'p', 'q', 'r'} and x in WORDS\n"
    script += "@env.task\ndef task(x: str) -> bool: return helper(x)\n"
    (tmp_path / "program.py").write_text(
        script + "if __name__ == '__main__':\n    import sys; sys.modules['program'] = sys.modules['__main__']\n"
    )
    show = "import program; from localflyte.api.resolve import plan_for; print(plan_for(program.task).cache.version)\n"
    (tmp_path / "shown.py").write_text((tmp_path / "program.py").read_text() + "    " + show)
    root = str(Path(localflyte.__file__).parent.parent)
    versions = set()
    for seed, code in itertools.product("12", (["-c", show], ["program.py"])):
        environment = {"PYTHONPATH": f"{root}:{tmp_path}", "PYTHONHASHSEED": seed}
        if code == ["program.py"]:
            (tmp_path / "program.py").write_text(
                script
                + "if __name__ == '__main__':\n    from localflyte.api.resolve import plan_for\n    print(plan_for(task).cache.version)\n"
            )
        done = subprocess.run(
            [sys.executable, *code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True, timeout=60
        )
        versions.add(done.stdout.strip())
    assert len(versions) == 1
    assert "" not in versions


class TestTerms:
    """What a declaration of ``cache=`` becomes."""

    def terms(self, request: Any, function: Any = None) -> CacheTerms:
        return cache_terms(request, function or subject, image="auto")

    def test_disabled_has_no_version(self) -> None:
        assert self.terms("disable") == CacheTerms() == self.terms("off") == self.terms(Cache("disable"))

    def test_an_override_is_taken_as_it_is(self) -> None:
        terms = self.terms(Cache("override", "v7", serialize=True, ignored_inputs="x"))
        assert (terms.behavior, terms.version, terms.serialize, terms.ignored_inputs) == ("override", "v7", True, ("x",))
        assert terms.parts == {"version_override": "v7"}

    def test_salt_changes_the_version(self) -> None:
        assert self.terms("auto").version != self.terms(Cache("auto", salt="a")).version != self.terms(Cache("auto", salt="b")).version
        assert "salt" in self.terms(Cache("auto", salt="a")).parts

    def test_a_policy_of_ones_own_is_asked(self) -> None:
        class Fixed:
            def get_version(self, salt: str, params: VersionParameters[Any, Any]) -> str:
                return f"{salt}-{params.func.__name__}-{params.image}"  # type: ignore[union-attr]

        first = self.terms(Cache("auto", policies=Fixed()))
        assert first.version == self.terms(Cache("auto", policies=[Fixed()])).version != self.terms("auto").version
        assert [name for name in first.parts if "Fixed()" in name] == list(first.parts)

    def test_policies_are_combined_and_each_is_named(self) -> None:
        class Fixed:
            def __init__(self, text: str) -> None:
                self.text = text

            def get_version(self, salt: str, params: VersionParameters[Any, Any]) -> str:
                return self.text

            def __repr__(self) -> str:
                return f"Fixed({self.text!r})" if self.text.isdigit() else "Fixed()"

        both = self.terms(Cache("auto", policies=[AutoPolicy(), Fixed("1"), Fixed("a"), Fixed("b"), FunctionBodyPolicy()]))
        code = dict(self.terms("auto").parts)
        assert set(both.parts) == {*code, "policy Fixed('1')", "policy Fixed()", "policy Fixed() #2", "policy FunctionBodyPolicy()"}
        other = self.terms(Cache("auto", policies=[AutoPolicy(), Fixed("1"), Fixed("a"), Fixed("c"), FunctionBodyPolicy()]))
        assert {name for name in both.parts if both.parts[name] != other.parts[name]} == {"policy Fixed() #2"}
        assert both.version != other.version

    def test_a_policy_that_gives_no_text_is_told(self) -> None:
        class Numbered:
            def get_version(self, salt: str, params: VersionParameters[Any, Any]) -> Any:
                return 1

        terms = self.terms(Cache("auto", policies=Numbered()))
        assert (terms.version, "it gave int, and a version is text" in terms.problem) == ("", True)

    @pytest.mark.parametrize("image", ["auto", None, Image.from_debian_base(), Image.from_debian_base(registry="r", name="n")])
    def test_the_default_image_does_not_count(self, image: Any) -> None:
        terms = cache_terms("auto", subject, image=image)
        assert terms == self.terms("auto")

    def test_an_image_that_is_set_counts_and_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "Dockerfile").write_text("FROM a")
        images = [
            "a:1",
            "a:2",
            Image.from_debian_base(name="n").with_pip_packages("x"),
            Image.from_dockerfile(tmp_path / "Dockerfile", "r", "n"),
        ]
        found = [cache_terms("auto", subject, image=image) for image in images]
        (tmp_path / "Dockerfile").write_text("FROM b")
        found.append(cache_terms("auto", subject, image=images[-1]))
        assert len({terms.version for terms in found} | {self.terms("auto").version}) == 6
        assert len({terms.parts["image"] for terms in found}) == 5

    def test_a_version_by_hand_needs_no_image(self, tmp_path: Path) -> None:
        image = Image.from_dockerfile(tmp_path / "Dockerfile", "r", "n")
        assert cache_terms(Cache("override", "1"), subject, image=image).version == "1"

    @pytest.mark.parametrize(("age", "seconds"), [(None, None), (0, None), (90, 90.0), (timedelta(hours=1), 3600.0)])
    def test_the_age_of_results_is_in_seconds_and_no_part_of_the_version(self, age: Any, seconds: float | None) -> None:
        terms = self.terms(Cache("auto", max_age=age))
        assert (terms.max_age, terms.version) == (seconds, self.terms("auto").version)

    def test_a_policy_that_fails_is_told(self) -> None:
        class Failing:
            def get_version(self, salt: str, params: VersionParameters[Any, Any]) -> str:
                raise OSError("no git here")

        terms = self.terms(Cache("auto", policies=Failing()))
        assert (terms.version, "no git here" in terms.problem) == ("", True)

    def test_the_body_policy_sees_the_body_alone(self) -> None:
        params: VersionParameters[Any, Any] = VersionParameters(subject)
        body = FunctionBodyPolicy()
        assert body.get_version("", params) == body.get_version("", VersionParameters(subject))
        assert body.get_version("", params) != body.get_version("salt", params) != AutoPolicy().get_version("salt", params)
        assert body.get_version("", VersionParameters(None)) == AutoPolicy().get_version("", VersionParameters(None)) == ""

    def test_equal_bodies_have_one_version_wherever_they_stand(self) -> None:
        def task(a: str) -> str:
            return "Hello"

        first = task

        def deeper() -> Any:
            def task(a: str) -> str:
                return "Hello"

            return task

        versions = {FunctionBodyPolicy().get_version("", VersionParameters(each)) for each in (first, deeper())}
        assert len(versions) == 1
        assert versions != {FunctionBodyPolicy().get_version("", VersionParameters(deeper))}

    def test_a_task_without_a_function_has_the_empty_version_of_flyte(self) -> None:
        assert cache_terms("auto", None, image="auto").problem == ""

    def test_code_is_taken_apart_once(self) -> None:
        assert code_parts(subject) is code_parts(subject)

    def test_code_without_source_is_told_by_its_bytecode(self) -> None:
        versions = []
        for text in ("def f(x): return x + 1", "def f(x): return x + 2"):
            space: dict[str, Any] = {"__name__": __name__}
            exec(compile(text, "<made>", "exec"), space)
            versions.append(self.terms("auto", space["f"]))
        assert (versions[0].problem, versions[0].version != versions[1].version) == ("", True)


def subject(x: int) -> int:
    return helper(x)


def helper(x: int) -> int:
    return x


def test_the_environment_of_a_task_does_not_count() -> None:
    first = TaskEnvironment("one", cache="auto", env_vars={"A": "1"}).task(subject)
    second = TaskEnvironment("two", cache="auto").task(subject)
    assert plan_for(first).cache.version == plan_for(second).cache.version
