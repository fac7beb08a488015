"""Inputs: a folder that a container sees its inputs in, each under its name.

Files and folders of this machine are mounted, so that nothing is copied, and for reading alone: they are the caller's, or the store's.
The folder around them can be written to, as a tool that puts an index beside its input does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from localflyte.extras.command import as_text
from localflyte.io.dir import Dir
from localflyte.io.file import File
from localflyte.io.location import is_remote
from localflyte.io.location import stable_path
from localflyte.io.transfer import copy

__all__ = ("Inputs", "Mount", "open_folder")

MOST_MOUNTS = 200  # a command line has an end; what is beyond is copied
PLAIN = (bool, int, float, str, list, dict)


class Mount(NamedTuple):
    source: str
    target: str
    readonly: bool


class Inputs:
    """:param folder: to be filled
    :param inside: where the container sees it
    :param named: whether a file keeps its name, in a folder of the input's name
    """

    def __init__(self, folder: str, inside: str, *, named: bool) -> None:
        self.mounts: list[Mount] = []
        self._folder = folder
        self._inside = inside
        self._named = named

    def put(self, values: Mapping[str, Any], metadata: str) -> None:
        """Put inputs there.

        :param metadata: the form of the file that tells of all of them, ``"JSON"`` or ``"YAML"``; there is none in another
        :raises FileNotFoundError: if a file or folder is not there any more
        """
        told = {name: self._put(name, value) for name, value in values.items()}
        if metadata in {"JSON", "YAML"} and told:
            name = f"inputs.{metadata.lower()}"
            if name not in values:  # JSON is YAML too
                _write(os.path.join(self._folder, name), json.dumps(told, ensure_ascii=False))

    def _put(self, name: str, value: Any) -> Any:
        """:return: what the file of all inputs says of it"""
        if isinstance(value, File | Dir):
            return self._put_one(name, value)
        if isinstance(value, list) and value and all(isinstance(item, File | Dir) for item in value):
            return self._put_several(name, value)
        if isinstance(value, PLAIN):
            _write(os.path.join(self._folder, name), json.dumps(value, default=str) if isinstance(value, list | dict) else as_text(value))
            return json.loads(json.dumps(value, default=str))
        return None if value is None else str(value)

    def _put_one(self, name: str, value: File[Any] | Dir[Any]) -> str:
        if self._named and isinstance(value, File):
            open_folder(os.path.join(self._folder, name))
            name = f"{name}/{_file_name(value, '0')}"
        return self._place(value, name)

    def _put_several(self, name: str, values: list[File[Any] | Dir[Any]]) -> list[str]:
        open_folder(os.path.join(self._folder, name))
        taken: set[str] = set()
        places = []
        for number, value in enumerate(values):
            own = wanted = _file_name(value, str(number)) if self._named else str(number)
            again = 0
            while own in taken:
                again += 1
                own = f"{again}_{wanted}"
            taken.add(own)
            places.append(self._place(value, f"{name}/{own}"))
        return places

    def _place(self, value: File[Any] | Dir[Any], name: str) -> str:
        place, seen = os.path.join(self._folder, name), f"{self._inside}/{name}"
        is_folder = isinstance(value, Dir)
        if isinstance(value, Dir) and value.is_empty:
            open_folder(place)
        elif is_remote(value.path) or len(self.mounts) >= MOST_MOUNTS:
            copy(value.path, place, recursive=is_folder)
        else:
            source = stable_path(value.path)
            if not (os.path.isdir if is_folder else os.path.isfile)(source):
                raise FileNotFoundError(f"the input {name!r} is {source}, and there is no such {'folder' if is_folder else 'file'}")
            open_folder(place) if is_folder else _write(place, "")  # else the engine would make it, as root
            self.mounts.append(Mount(source, seen, readonly=True))
        return seen


def open_folder(path: str) -> None:
    """Make a folder that the user of an image, whoever that is, can write to; what is above it keeps others out."""
    os.makedirs(path, exist_ok=True)
    os.chmod(path, 0o777)  # noqa: S103 - see above


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        file.write(text)
    os.chmod(path, 0o666)  # noqa: S103 - as above


def _file_name(value: File[Any] | Dir[Any], otherwise: str) -> str:
    name = os.path.basename(value.name or "") or os.path.basename(value.path.rstrip("/"))
    return otherwise if name in {"", ".", ".."} else name
