"""State that only the program's own process has set is found, and what an import makes anew each time is not taken for it."""

# ruff: noqa: E501 - the programs below are data, and read best as they are

from __future__ import annotations

import sys

import pytest

from localflyte.portability import state
from localflyte.portability import witness
from localflyte.portability.code import Texts
from localflyte.portability.scope import scope_of

TASK = "@env.task\ndef task(x: int = 1) -> int: return "
#: The program, another module, what the program does after the import, and what is found.
CHANGED = {
    "a variable": ("RATE = 1\n" + TASK + "RATE", "", "import main; main.RATE = 2", ["main.RATE"]),
    "of another module": ("import other\n" + TASK + "other.RATE", "RATE = 1", "import other; other.RATE = 2", ["other.RATE"]),
    "behind a helper": ("from other import helper\n" + TASK + "helper()", "RATE = 1\ndef helper(): return RATE", "import other; other.RATE = 2", ["other.RATE"]),
    "a table that was filled": ("KNOWN = {}\n" + TASK + "len(KNOWN)", "", "import main; main.KNOWN['a'] = 1", ["main.KNOWN"]),
    "an attribute of a class": ("class C:\n    n = 1\n" + TASK + "C.n", "", "import main; main.C.n = 2", ["class main.C"]),
    "a function in place of another": ("def helper(): return 1\n" + TASK + "helper()", "", "import main; main.helper = main.env.options", ["main.helper"]),
    "an object without content": ("import threading\nHELD = None\n" + TASK + "int(HELD is None)", "", "import main; main.HELD = (i for i in ())", ["main.HELD"]),
    "what the program has made": (TASK + "LATER", "", "import main; main.LATER = 2", ["main.LATER"]),
    "not what is another at each import": ("import time\nRATE = 1\nNOW = time.time_ns()\n" + TASK + "NOW + RATE", "", "import main; main.RATE = 2", ["main.RATE"]),
    "not what nobody reads": ("RATE = 1\n" + TASK + "x", "", "import main; main.RATE = 2", []),
    "not what a name means elsewhere": ("import other\n" + TASK + "other.f()", "def f(): return 1", "import other; other.g = 1", []),
    "nothing": ("import time, os, logging, threading\nLOG = logging.getLogger('x')\nLOCK = threading.Lock()\nNOW = time.time_ns()\nPID = os.getpid()\nRATE = {1: [2]}\n" + TASK + "NOW + PID + len(RATE) + len(str((LOG, LOCK)))", "", "", []),
}  # fmt: skip


@pytest.mark.parametrize(("main", "other", "after", "names"), CHANGED.values(), ids=CHANGED)
def test_what_the_program_has_changed_is_found(look, main: str, other: str, after: str, names: list[str]) -> None:
    found = look(main, after=after, kind="state", other=other)
    assert [each.subject for each in found] == names


def test_it_says_where_it_is_read_and_what_to_do(look) -> None:
    (found,) = look("RATE = 1\n" + TASK + "RATE", after="import main; main.RATE = 2")
    assert found.where.endswith("main.py:5")
    assert "task env.task reads the variable main.RATE, which this process has changed after its module was imported" in str(found)
    assert "as an input" in found.way_out


def test_what_no_code_names_has_the_place_of_the_task(look) -> None:
    look(TASK + "x")
    assert state._read_at(scope_of(sys.modules["main"].task, Texts()), "nobody").endswith("main.py:3")


def test_a_program_that_cannot_be_imported_again_is_left_to_the_run(look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_TWICE", raising=False)
    after = "import main, os; main.RATE = 2; os.environ['NOT_TWICE'] = '1'"
    main = "import os\nassert 'NOT_TWICE' not in os.environ\nRATE = 1\n" + TASK + "RATE"
    try:
        assert look(main, after=after, kind="state") == []
    finally:
        monkeypatch.setenv("NOT_TWICE", "")


def test_where_the_second_witness_fails_nothing_is_said(look, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([lambda *args, **kwargs: witness.ask(*args, **kwargs), lambda *args, **kwargs: None])
    monkeypatch.setattr(state, "ask", lambda *args, **kwargs: next(answers)(*args, **kwargs))
    assert look("RATE = 1\n" + TASK + "RATE", after="import main; main.RATE = 2", kind="state") == []


def test_a_task_that_the_program_itself_makes_is_passed_over(look) -> None:
    after = "import main; main.task = main.env.task(main.make())"
    assert look("RATE = 1\ndef make():\n    def inner(x: int = 1) -> int: return RATE\n    return inner\n" + TASK + "1", after=after) == []


def test_a_task_that_no_import_makes_has_nothing_to_be_compared_with() -> None:
    assert state._differing({"a.b": "1"}, {}, set(), "env.task") == []


def test_what_a_program_prints_is_no_answer(look, capfd: pytest.CaptureFixture[str]) -> None:
    look("print('hello')\nRATE = 1\n" + TASK + "RATE", kind="state")
    assert capfd.readouterr().out == "hello\n"


def test_the_name_flyte_means_in_the_witness_what_it_means_here(look, monkeypatch: pytest.MonkeyPatch) -> None:
    from localflyte.bridges import flyte

    flyte.install()
    try:
        (found,) = look("import flyte\nRATE = 1\n" + TASK + "RATE + len(flyte.__name__)", after="import main; main.RATE = 2", kind="state")
    finally:
        flyte.uninstall()
    assert found.subject == "main.RATE"
    assert "flyte" not in sys.modules or sys.modules["flyte"].__name__ != "localflyte"
