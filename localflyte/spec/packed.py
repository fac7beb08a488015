"""Packed: one typed value as it crosses a process border, and Ref, the file or folder it points to."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ("Packed", "Ref")


class Ref(NamedTuple):
    """A file or folder that a value mentions; the value itself carries only its place in `Packed.refs`."""

    kind: str
    """``"file"`` or ``"dir"``."""
    path: str
    """Where the content is now: an absolute local path, or a URL that is carried as it is."""
    hash: str = ""
    """The caller's own content key (``File(hash=...)``); empty means: the content decides."""
    name: str = ""
    """The name a person gave it, kept when the content moves to another folder."""
    format: str = ""


class Packed(NamedTuple):
    """The msgpack bytes of one value. A tuple, so that it packs to a msgpack array by itself."""

    data: bytes
    refs: tuple[Ref, ...] = ()
    canonical: bytes = b""
    """What to hash instead of `data` where order is no part of the value (dict, set); empty means: hash `data`."""

    @classmethod
    def from_wire(cls, row: list[object]) -> Packed:
        """Read a value back from an unpacked msgpack array.

        :raises ValueError: if the row is not of that shape
        """
        data, refs, canonical = row
        if not isinstance(data, bytes) or not isinstance(canonical, bytes) or not isinstance(refs, (list, tuple)):
            raise ValueError("not a packed value")
        return cls(data, tuple(_ref(ref) for ref in refs), canonical)

    @property
    def inline_bytes(self) -> int:
        """How many bytes count against ``max_inline_io_bytes``: content behind references does not."""
        return len(self.data) + sum(len(ref.path) + len(ref.hash) + len(ref.name) + 8 for ref in self.refs)


def _ref(row: object) -> Ref:
    if not isinstance(row, (list, tuple)) or len(row) != 5 or not all(isinstance(part, str) for part in row):
        raise ValueError("not a reference")
    return Ref(*row)
