"""Tasks whose values are converted by the program itself, lie in structures, or are many."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Any

import localflyte as flyte
from localflyte.io import Dir
from localflyte.io import File
from localflyte.types import TypeEngine
from localflyte.types import TypeTransformer

env = flyte.TaskEnvironment(name="values")


class Celsius:
    def __init__(self, degrees: float) -> None:
        self.degrees = degrees


class CelsiusTransformer(TypeTransformer[Celsius]):
    """Says where it was asked, so that a test can see it."""

    def __init__(self) -> None:
        super().__init__("Celsius", Celsius)

    async def to_literal(self, python_val: Celsius, python_type: Any, expected: Any) -> Any:
        return {"degrees": python_val.degrees, "written by": os.getpid()}

    async def to_python_value(self, lv: Any, expected_python_type: Any) -> Celsius:
        made = Celsius(lv["degrees"])
        made.written_by = lv["written by"]  # type: ignore[attr-defined]
        return made


TypeEngine.register(CelsiusTransformer())


@env.task
async def warmer(values: list[Celsius], by: Annotated[Celsius, CelsiusTransformer()]) -> list[Celsius]:
    return [Celsius(value.degrees + by.degrees) for value in values]


@dataclass
class Point:
    x: int
    y: float


@env.task
async def mirrored(points: list[Point]) -> dict[str, list[Point]]:
    return {"all": [Point(-point.x, point.y) for point in points]}


@dataclass
class Kept:
    one: File
    more: dict[str, list[File]]
    folder: Dir


@env.task
async def made_in_a_folder_that_is_gone() -> Kept:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "inner").mkdir()
        for path in ("a", "b", "inner/c"):
            (folder / path).write_text(path)
        files = [await File.from_local(folder / path) for path in ("a", "b")]
        return Kept(files[0], {"more": files}, await Dir.from_local(folder))


@env.task
async def read(kept: Kept) -> list[str]:
    texts = []
    for file in [kept.one, *kept.more["more"], *kept.folder.walk_sync()]:
        async with file.open("r") as stream:
            texts.append(await stream.read())
    return texts


@env.task
async def kept_and_read() -> list[str]:
    return await read(await made_in_a_folder_that_is_gone())


@env.task
async def nothing(incoming: None = None) -> None:
    return incoming


@env.task
async def contexts() -> list[dict[str, str]]:
    before = flyte.get_custom_context()
    with flyte.custom_context(project="p", entity="e"):
        return [before, flyte.get_custom_context()]


class Bulk(bytearray):
    """As an array is: much memory of its own, and no form of ours."""


@env.task(cache="auto")
async def bulk(size: int, marks: str) -> Bulk:
    with open(marks, "a") as target:
        target.write("made\n")
    return Bulk(b"x" * size)


@env.task(cache="auto")
async def measured(value: Bulk, marks: str) -> int:
    with open(marks, "a") as target:
        target.write("measured\n")
    return len(value)


@env.task
async def passes_bulk_on(size: int, marks: str) -> int:
    return await measured(await bulk(size, marks), marks)
