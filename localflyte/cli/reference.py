"""Reference: a path that a person typed, as a File, Dir or DataFrame."""

from __future__ import annotations

import os
import typing
from typing import Any

from localflyte.cli.annotations import bare_annotation
from localflyte.cli.near import near

__all__ = ("frame_from", "is_frame", "reference_from", "reference_kind")

_KINDS = ("File", "Dir", "DataFrame")
_FRAMES = {("pandas", "DataFrame"), ("pyarrow", "Table"), ("polars", "DataFrame"), ("polars", "LazyFrame")}


def reference_kind(annotation: Any) -> str:
    """:return: ``"File"``, ``"Dir"`` or ``"DataFrame"`` if the annotation is that class of ours, else an empty text"""
    annotation = bare_annotation(annotation)
    cls = typing.get_origin(annotation) or annotation
    # By name: the modules that define them are not loaded for a task that has no such input.
    for base in getattr(cls, "__mro__", ()):
        if base.__module__.startswith("localflyte.") and base.__name__ in _KINDS:
            return str(base.__name__)
    return ""


def reference_from(text: str, annotation: Any) -> Any:
    """Make the reference to a path or URL.

    :param text: a path, which is made absolute and must exist, or a URL, which is taken as it is
    :param annotation: the File, Dir or DataFrame class to make
    :raises ValueError: if nothing is there, or a folder where a file is expected, or the other way round
    """
    annotation = bare_annotation(annotation)
    kind = reference_kind(annotation)
    path = text.removeprefix("file://")
    if "://" not in path:
        path = os.path.abspath(os.path.expanduser(path))
        _check(path, text, kind)
    cls = typing.get_origin(annotation) or annotation
    if kind == "DataFrame":
        return cls.from_existing_remote(path, format="csv" if path.endswith(".csv") else "parquet")
    return cls(path=path)


def is_frame(annotation: Any) -> bool:
    """:return: whether the annotation is a frame of pandas, pyarrow or polars"""
    return isinstance(annotation, type) and (annotation.__module__.partition(".")[0], annotation.__name__) in _FRAMES


def frame_from(text: str, annotation: type[Any]) -> Any:
    """Read the table in a CSV or Parquet file.

    :param text: its path or URL
    :param annotation: the class of the frame to make
    :raises ValueError: if there is no such file
    """
    from localflyte.io import DataFrame

    return reference_from(text, DataFrame).open(annotation).all_sync()


def _check(path: str, text: str, kind: str) -> None:
    if not os.path.exists(path):
        raise ValueError(f"there is no {'folder' if kind == 'Dir' else 'file'} {text!r}{_nearest(path)}")
    if kind == "File" and os.path.isdir(path):
        raise ValueError(f"{text!r} is a folder; this input takes a file")
    if kind == "Dir" and not os.path.isdir(path):
        raise ValueError(f"{text!r} is a file; this input takes a folder")


def _nearest(path: str) -> str:
    folder, name = os.path.split(path)
    try:
        close = near(name, os.listdir(folder))
    except OSError:
        return f" (nor a folder {folder!r})"
    return f"; did you mean {close!r}?" if close else f" (looked in {folder})"
