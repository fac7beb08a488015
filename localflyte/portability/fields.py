"""Fields: what a dataclass holds that is carried here, and that Flyte carries in no dataclass: it refuses every value there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import fields
from dataclasses import is_dataclass
from datetime import date
from typing import Annotated
from typing import Any
from typing import get_args
from typing import get_origin

from localflyte.portability.finding import Finding
from localflyte.portability.finding import place
from localflyte.portability.scope import Scope
from localflyte.types.annotations import class_hints
from localflyte.types.annotations import strip
from localflyte.types.codec import codec_for
from localflyte.types.records import is_named_tuple
from localflyte.types.records import is_typed_dict

__all__ = ("find_fields",)

#: Of these Flyte carries what derives from them, too, though perhaps not as the class that it was.
_KNOWN = (bool, bytes, date, float, int, str)


def find_fields(scope: Scope) -> Iterator[Finding]:
    """Find the fields in what a task takes and gives."""
    border = scope.task.border
    known: set[Any] = set()
    for direction, values in (("takes", border.inputs), ("gives", border.outputs)):
        for value in values.values():
            for kind, name, refused in _refused(value.annotation, known):
                yield Finding(
                    "field",
                    f"{kind.__name__}.{name}",
                    _place(kind),
                    f"task {scope.task.name} {direction} the dataclass {kind.__name__}",
                    f"its field {name!r} is a {refused.__qualname__}, which Flyte carries by itself and in no dataclass, so that it "
                    "refuses every value",
                    _way_out(refused),
                )


def _refused(annotation: Any, known: set[Any], owner: Any = None, name: str = "") -> Iterator[tuple[type, str, type]]:
    """Yield dataclass, field and type, wherever below the annotation; ``owner`` is the dataclass that it stands in."""
    if owner is not None and get_origin(annotation) is Annotated:
        return  # it may say how it is carried
    annotation = strip(annotation)
    for inner in get_args(annotation):
        yield from _refused(inner, known, owner, name)
    if not isinstance(annotation, type) or get_origin(annotation) is not None:
        return
    if is_dataclass(annotation) or is_typed_dict(annotation) or is_named_tuple(annotation):
        if annotation in known:
            return
        known.add(annotation)
        is_ours = is_dataclass(annotation)
        hints = class_hints(annotation, what="class")
        for field in [each.name for each in fields(annotation)] if is_ours else list(hints):
            yield from _refused(hints.get(field), known, annotation if is_ours else owner, field if is_ours else name)
    elif owner is not None and annotation is not Any and _is_refused(annotation):
        yield owner, name, annotation


def _is_refused(kind: type) -> bool:
    if issubclass(kind, _KNOWN) or hasattr(kind, "_serialize"):  # the latter is how a class tells what stands for it in a dataclass
        return False
    line = codec_for(kind).line
    return kind is complex or hasattr(kind, "model_fields") or line.startswith(("any:", "frame:"))


def _way_out(kind: type) -> str:
    if codec_for(kind).line.startswith("frame:"):
        return "Declare the field as flyte.io.DataFrame, made by DataFrame.from_df, or the table as an input or output of its own"
    return "Declare it as an input or output of its own, or the field as flyte.io.File"


def _place(kind: type) -> str:
    try:
        return place(inspect.getsourcefile(kind) or kind.__module__, inspect.getsourcelines(kind)[1])
    except (OSError, TypeError):
        return kind.__module__
