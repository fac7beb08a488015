"""A variable that is set where the run starts, that a task reads, and that nobody gives it, is found."""

# ruff: noqa: E501 - the programs below are data, and read best as they are

from __future__ import annotations

import pytest

from localflyte.portability import checks

TASK = "@env.task\ndef task(x: int = 1) -> str: return "
READS = {
    "by subscript": ("import os\n" + TASK + "os.environ['MINE']", True),
    "by get": ("import os\n" + TASK + "os.environ.get('MINE', '')", True),
    "beside what cannot be followed": ("import importlib, os\n" + TASK + "importlib.import_module('ot' + 'her') and os.environ['MINE']", True),
    "by getenv": ("from os import getenv\n" + TASK + "getenv('MINE')", True),
    "by another name": ("from os import environ as e\n" + TASK + "e['MINE']", True),
    "by a constant": ("import os\nNAME = 'MINE'\n" + TASK + "os.environ[NAME]", True),
    "by a variable of its own": ("import os\n@env.task\ndef task(x: int = 1) -> str:\n    name = 'MINE'\n    return os.environ[name]", True),
    "imported in the body": ("@env.task\ndef task(x: int = 1) -> str:\n    import os\n    return os.environ['MINE']", True),
    "imported by name in the body": ("@env.task\ndef task(x: int = 1) -> str:\n    from os import environ\n    return environ['MINE']", True),
    "in a method": ("import os\nclass C:\n    def f(self): return os.environ['MINE']\n" + TASK + "C().f()", True),
    "in a lambda": ("import os\nf = lambda: os.environ['MINE']\n" + TASK + "f()", True),
    "in a called task": ("import os\n@env.task\ndef child() -> str: return os.environ['MINE']\n" + TASK + "child()", True),
    "while the module is imported": ("import os\nVALUE = os.environ['MINE']\n" + TASK + "str(x)", True),
    "kept in a variable that it reads": ("import os\nVALUE = os.environ.get('MINE')\n" + TASK + "VALUE", True),
    "kept with a type": ("import os\nVALUE: str = os.environ.get('MINE', '')\n" + TASK + "VALUE", True),
    "kept in a variable that it does not read": ("import os\nVALUE = os.environ.get('MINE')\n" + TASK + "str(x)", False),
    "asked for and not kept": ("import os\nif os.environ.get('MINE'): pass\n" + TASK + "str(x)", False),
    "only in the program": ("import os\nif __name__ == '__main__': print(os.environ['MINE'])\n" + TASK + "str(x)", False),
    "declared": ("import os\nother = TaskEnvironment('other', env_vars={'MINE': '1'})\n@other.task\ndef task(x: int = 1) -> str: return os.environ['MINE']", False),
    "a secret": ("import os\nother = TaskEnvironment('other', secrets='MINE')\n@other.task\ndef task(x: int = 1) -> str: return os.environ['MINE']", False),
    "not set here": ("import os\n" + TASK + "os.environ['NOBODYS']", False),
    "of every machine": ("import os\n" + TASK + "os.environ['HOME'] + os.environ['PATH']", False),
    "set by the code itself": ("import os\n@env.task\ndef task(x: int = 1) -> str:\n    os.environ['MINE'] = 'x'\n    return os.environ['MINE']", False),
    "with a default of its own": ("import os\n@env.task\ndef task(x: int = 1) -> str:\n    os.environ.setdefault('MINE', 'x')\n    return os.environ['MINE']", False),
    "of another table": ("environ = {'MINE': '1'}\n" + TASK + "environ['MINE'] + environ.get('MINE')", False),
    "of a local of that name": ("import os\n@env.task\ndef task(x: int = 1) -> str:\n    environ = {'MINE': 'x'}\n    return environ['MINE']", False),
    "by a name that is made": ("import os\n@env.task\ndef task(x: int = 1) -> str: return os.environ['MI' + 'NE']", False),
}  # fmt: skip


@pytest.mark.parametrize(("main", "is_found"), READS.values(), ids=READS)
def test_what_no_pod_has_is_found(look, monkeypatch: pytest.MonkeyPatch, main: str, is_found: bool) -> None:
    monkeypatch.setenv("MINE", "1")
    assert [each.subject for each in look(main, kind="variable")] == ["MINE"] * is_found


def test_what_pass_env_lets_through_is_let_through_here_alone(look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "1")
    monkeypatch.setenv("LOCALFLYTE_PASS_ENV", "MINE")
    (found,) = look("import os\n" + TASK + "os.environ['MINE']", kind="variable")
    assert found.where.endswith("main.py:5")
    assert 'env_vars={"MINE": ...}' in found.way_out


def test_a_task_whose_settings_are_wrong_is_left_to_the_run(look, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ValueError("a setting that means nothing")

    monkeypatch.setenv("MINE", "1")
    monkeypatch.setattr(checks, "plan_for", refuse)
    assert look("import os\n" + TASK + "os.environ['MINE']", kind="variable") == []
