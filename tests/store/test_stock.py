"""What a store holds is counted; what several entries share is counted once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localflyte.store.stock import count_stock
from localflyte.store.sweep import sweep
from localflyte.store.uses import Uses
from tests.store.shelves import DAY
from tests.store.shelves import Shelves
from tests.store.shelves import digest_of


@pytest.fixture
def shelves(tmp_path: Path) -> Shelves:
    return Shelves(tmp_path / "home")


def test_entries_are_counted_by_task_and_shared_blobs_once(shelves: Shelves) -> None:
    shelves.add("one", b"a" * 1000, used=3 * DAY)
    shelves.add("two", b"a" * 1000, b"b" * 500, used=2 * DAY, code={"function m.f": "1"})
    shelves.add("three", used=1 * DAY, task="env.other")
    stock = count_stock(shelves.layout)
    shelves.close()
    assert (stock.entries, stock.blobs, stock.blob_bytes, stock.unnamed_blobs) == (3, 2, 1500, 0)
    assert stock.bytes == stock.index_bytes + 1500
    task, other = stock.tasks["env.task"], stock.tasks["env.other"]
    assert (task.entries, task.seconds, other.entries) == (2, 3.0, 1)
    assert task.bytes > 2500
    assert round(task.newest_use - task.oldest_use) == DAY


def test_a_pipe_among_the_uses_is_not_waited_for(shelves: Shelves) -> None:
    shelves.add("one")
    os.makedirs(shelves.layout.live, exist_ok=True)
    os.mkfifo(os.path.join(shelves.layout.live, "1-pipe"))
    stock = count_stock(shelves.layout)
    shelves.close()
    assert (stock.entries, stock.engines, stock.held) == (1, 0, 0)


def test_what_is_unnamed_damaged_and_in_use_is_counted(shelves: Shelves) -> None:
    shelves.add("one")
    shelves.add("two")
    shelves.put(b"unnamed")
    shelves.sql("UPDATE Cache SET value = x'00' WHERE key = ?", digest_of("two"))
    uses = Uses(shelves.layout.live)
    for name in ("one", "gone"):
        uses.note(digest_of(name))
    stock = count_stock(shelves.layout)
    uses.end()
    shelves.close()
    assert (stock.entries, stock.damaged, stock.unnamed_blobs, stock.unnamed_bytes) == (1, 1, 1, 7)
    assert (stock.engines, stock.held, stock.swept) == (1, 1, None)


def test_what_a_sweep_leaves_is_what_is_counted_then(shelves: Shelves) -> None:
    for number in range(5):
        shelves.add(str(number), bytes([number]) * 1000, used=number * DAY)
    left = sweep(shelves.layout, max_bytes=4000)
    stock = count_stock(shelves.layout)
    shelves.close()
    assert (stock.entries, stock.bytes) == (left.left_entries, left.left_bytes)
    assert 0 < stock.bytes <= 4000
    assert stock.swept is not None
