"""The disk takes and gives bytes in rows; every other shape of row is refused, and no path in one is followed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from diskcache import Disk

from localflyte.store.disk import MODE_RAW
from localflyte.store.disk import BytesDisk
from localflyte.store.disk import ForeignRowError


@pytest.fixture
def disk(tmp_path: Path) -> BytesDisk:
    return BytesDisk(str(tmp_path))


def test_bytes_go_in_and_come_out(disk: BytesDisk) -> None:
    size, mode, filename, value = disk.store(b"data", read=False)
    assert (size, filename) == (0, None)
    assert disk.fetch(mode, filename, value, read=False) == b"data"


@pytest.mark.parametrize("value", ["text", 1, None, ["x"], bytearray(b"x"), memoryview(b"x"), io.BytesIO(b"x")])
def test_a_value_that_is_not_bytes_is_refused(disk: BytesDisk, value: Any) -> None:
    with pytest.raises(ForeignRowError, match="must be bytes"):
        disk.store(value, read=False)


def test_a_value_to_be_read_from_a_file_is_refused(disk: BytesDisk) -> None:
    with pytest.raises(ForeignRowError):
        disk.store(b"data", read=True)


@pytest.mark.parametrize("key", [b"bytes", 1, 1.0, ("a",), None])
def test_a_key_that_is_not_text_is_refused(disk: BytesDisk, key: Any) -> None:
    with pytest.raises(ForeignRowError, match="must be text"):
        disk.put(key)
    with pytest.raises(ForeignRowError):
        disk.get(key, True)


def test_a_pickled_key_is_refused(disk: BytesDisk) -> None:
    with pytest.raises(ForeignRowError):
        disk.get("key", False)


@pytest.mark.parametrize(
    ("mode", "filename", "value", "read"),
    [
        (0, None, b"x", False),
        (2, "file", None, False),
        (3, "file", None, False),
        (4, None, b"\x80\x04N.", False),
        (4, "file", None, False),
        (MODE_RAW, "file", b"x", False),
        (MODE_RAW, None, "text", False),
        (MODE_RAW, None, None, False),
        (MODE_RAW, None, b"x", True),
        (None, None, b"x", False),
        ("1", None, b"x", False),
    ],
)
def test_a_row_of_any_other_shape_is_refused(disk: BytesDisk, mode: Any, filename: Any, value: Any, read: bool) -> None:
    with pytest.raises(ForeignRowError):
        disk.fetch(mode, filename, value, read)


def test_no_file_is_ever_named_or_removed(disk: BytesDisk, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    disk.remove("victim")
    disk.remove(str(victim))
    assert victim.exists()
    with pytest.raises(ForeignRowError):
        disk.filename("key", b"value")


def test_every_way_in_and_out_of_diskcaches_disk_is_ours() -> None:
    public = {name for name, member in vars(Disk).items() if callable(member) and not name.startswith("_")}
    assert public - {"hash"} <= set(vars(BytesDisk))
