"""Outlines that are kept: where, when, and that nothing but the source decides what they say."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from msgpack import packb

from localflyte.api import kept
from localflyte.api.kept import outline_of_file
from localflyte.api.kept import outline_of_source
from localflyte.api.outline import Outline
from localflyte.api.outlining import rows_of
from localflyte.spec.digest import sha256

SOURCE = b'''"""Doc."""
from __future__ import annotations
import os.path as p, sys
from . import a as b
from other import *
N: int = 1
n, (m, *k) = N, (2, 3)
for i in range(3): pass
with open(p) as file: q = 1
@deco(1)
class A(B, metaclass=C):
    """Doc."""
    x: "str" = "x"
    @property
    def m(self, a=N, *, b=lambda: os.path): return self.x
@env.task(retries=3)
async def f(x: list["Model"], y=1) -> None:
    import late
    def inner(): return [z for z in x if (w := z)], y, late
    return inner
try: import fast
except ImportError: fast = None
if N: g = f
'''


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "module.py").write_bytes(SOURCE)
    return tmp_path / "module.py"


def files(source: Path) -> list[str]:
    return sorted(os.listdir(source.parent / "__pycache__"))


def test_an_outline_is_known_for_good() -> None:
    """A change here changes what is kept and the version of every task: then FORM has to change, and SCHEMA too."""
    assert kept.FORM == 1
    assert sha256(packb(rows_of(SOURCE))) == "1897176ca3af842d829a5b1ee17b0dfb4f25d9280bcddbaeccdae784e6db9fa2"


def test_it_is_kept_beside_the_compiled_file(source: Path) -> None:
    outline_of_source(SOURCE, str(source))
    assert files(source) == ["module.localflyte-1"]


def test_what_is_kept_says_the_same(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = outline_of_source(SOURCE, str(source))
    monkeypatch.setattr("localflyte.api.outlining.rows_of", lambda _: pytest.fail("made again"))
    again = outline_of_source(SOURCE, str(source))
    assert [again.named("A"), again.named("f"), again.bindings("n"), again.bound(), again.stars, again.imports, again.digest] == [
        made.named("A"), made.named("f"), made.bindings("n"), made.bound(), made.stars, made.imports, made.digest,
    ]  # fmt: skip


def test_another_source_has_another(source: Path) -> None:
    outline_of_source(SOURCE, str(source))
    other = outline_of_source(SOURCE + b"more = 1\n", str(source))
    assert "more" in other.bound()
    assert "more" in outline_of_source(SOURCE + b"more = 1\n", str(source)).bound()
    assert "more" not in outline_of_source(SOURCE, str(source)).bound()


OLD = (1, 2, 3, 4)


def test_a_file_that_has_not_changed_is_not_even_read(source: Path) -> None:
    made = outline_of_source(SOURCE, str(source), OLD)
    found = outline_of_file(str(source), OLD)
    assert found is not None
    assert found.bound() == made.bound()
    assert outline_of_file(str(source), (1, 2, 3, 5)) is None
    assert outline_of_file(str(source.parent / "other.py"), OLD) is None


def test_a_file_that_changed_just_now_is_not_known_by_its_times(source: Path) -> None:
    now = time.time_ns()
    outline_of_source(SOURCE, str(source), (1, 2, 3, now))
    assert outline_of_file(str(source), (1, 2, 3, now)) is None
    outline_of_source(SOURCE, str(source), OLD)
    assert outline_of_file(str(source), OLD) is not None


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 200])
def test_what_is_damaged_is_made_again(source: Path, damage: bytes) -> None:
    outline_of_source(SOURCE, str(source), OLD)
    place = source.parent / "__pycache__" / "module.localflyte-1"
    whole = place.read_bytes()
    for broken in (damage, whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        place.write_bytes(broken)
        assert outline_of_file(str(source), OLD) is None
        assert outline_of_source(SOURCE, str(source), OLD).bound() == Outline(rows_of(SOURCE)).bound()
        assert place.read_bytes() == whole


@pytest.mark.parametrize("reason", ["no folder", "not wanted", "read-only", "no file"])
def test_where_none_can_be_kept_it_is_made_all_the_same(source: Path, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(source)
    match reason:
        case "no folder":
            (source.parent / "__pycache__").rmdir()
        case "not wanted":
            monkeypatch.setattr(sys, "dont_write_bytecode", True)
        case "read-only":
            monkeypatch.setattr(os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "read-only")))
        case _:
            file = ""
    assert isinstance(outline_of_source(SOURCE, file), Outline)
    if reason != "no folder":
        assert files(source) == []


def test_a_folder_of_ones_own_for_compiled_files_is_used(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere" / str(tmp_path).lstrip("/")).mkdir(parents=True)
    outline_of_source(SOURCE, str(source))
    assert files(source) == []
    assert [path.name for path in (tmp_path / "elsewhere").rglob("*.localflyte-1")] == ["module.localflyte-1"]


def test_source_that_is_no_python_is_told(source: Path) -> None:
    with pytest.raises(SyntaxError):
        outline_of_source(b"def", str(source))
    with pytest.raises((RecursionError, MemoryError, SyntaxError)):
        outline_of_source(b"(" * 5000 + b")" * 5000, str(source))
    assert files(source) == []
