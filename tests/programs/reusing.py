"""Programs that count on their cache, as Flyte's examples of it do. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import Annotated

import localflyte as flyte
from localflyte.io import Dir
from localflyte.io import File
from localflyte.io import HashFunction

env = flyte.TaskEnvironment(name="reusing")
by_hand = flyte.Cache(behavior="override", version_override="1")


def draw() -> str:
    """Make something that no second execution makes again."""
    return os.urandom(8).hex()


# -- a key that is given, whatever the content ----------------------------------------------------------------------


@env.task(cache=by_hand)
async def read_file(file: File) -> str:
    async with file.open("rb") as stream:
        return f"{len(await stream.read())} {draw()}"


@env.task(cache=by_hand)
async def list_folder(folder: Dir) -> str:
    return f"{len(await folder.list_files())} {draw()}"


@env.task
async def two_of_one_key(same_key: bool) -> list[bool]:
    """Hand on two files, and two folders that are gone by then, of different contents.

    :return: whether the second was taken for the first, for files and for folders
    """
    files, folders = [], []
    for number in (1, 2):
        key = "key" if same_key else f"key {number}"
        with tempfile.TemporaryDirectory() as place:
            for name in range(number):
                with open(os.path.join(place, f"{name}.txt"), "w", encoding="utf-8") as file:
                    file.write("x" * number)
            files.append(await File.from_local(os.path.join(place, "0.txt"), hash_method=key))
            folders.append(await Dir.from_local(place, dir_cache_key=key))
    read = [await read_file(file) for file in files]
    listed = [await list_folder(folder) for folder in folders]
    return [read[0] == read[1], listed[0] == listed[1]]


# -- a result that is worth keeping only when it is whole -------------------------------------------------------------


@env.task(cache="auto")
async def part(number: int) -> int:
    if number < 0:
        raise ValueError(f"{number} is not to be had today")
    return number * number


@env.task(cache="auto")
async def whole(numbers: list[int], lenient: bool = False) -> list[int | None]:
    done = await asyncio.gather(*[part(number) for number in numbers], return_exceptions=True)
    if not lenient and any(isinstance(each, BaseException) for each in done):
        raise ValueError("not whole")
    return [None if isinstance(each, BaseException) else each for each in done]


@env.task
async def strict_then_lenient(numbers: list[int]) -> list[int | None]:
    try:
        return await whole(numbers)
    except Exception:
        return await whole.override(cache="disable")(numbers, lenient=True)


# -- equal calls at once ----------------------------------------------------------------------------------------------


@env.task(cache=by_hand)
async def each_for_itself(folder: str, crowd: int) -> str:
    """Wait until everybody is there; what is taken from the cache never comes."""
    open(os.path.join(folder, draw()), "w").close()
    while len(os.listdir(folder)) < crowd:
        await asyncio.sleep(0.005)
    return draw()


@env.task
async def at_once(folder: str, crowd: int) -> int:
    """:return: how many different results there are"""
    return len(set(await asyncio.gather(*[each_for_itself(folder, crowd) for _ in range(crowd)])))


# -- inputs that make no difference, and callers that are cached themselves -------------------------------------------


@env.task(cache=flyte.Cache(behavior="override", version_override="1", ignored_inputs="label"))
async def labelled(label: str, number: int = 3) -> int:
    return number * number


@env.task(cache="auto")
async def summed(numbers: list[int]) -> str:
    return f"{sum(numbers)} {draw()}"


@env.task(cache=by_hand)
async def sums(word: str = "a") -> list[str]:
    numbers = [await labelled("first", 1), await labelled("second", 2), await labelled("third", number=1)]
    return [await summed(numbers), await summed(numbers)]


# -- frames and their like: a key that the declared type computes -----------------------------------------------------


class Table:
    """A value that is carried as a pickle, with something in it that says nothing."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows
        self.made_by = draw()


def key_of(table: Table) -> str:
    return ",".join(map(str, table.rows))


Keyed = Annotated[Table, HashFunction.from_fn(key_of)]


@env.task
async def make(rows: list[int]) -> Keyed:
    return Table(rows)


@env.task(cache=by_hand)
async def total(table: Keyed) -> str:
    return f"{sum(table.rows)} {draw()}"


@env.task(cache=by_hand)
async def total_of_all(tables: list[Keyed]) -> str:
    return f"{sum(sum(table.rows) for table in tables)} {draw()}"


@env.task(cache=by_hand)
async def bare_total(table: Table) -> str:
    return f"{sum(table.rows)} {draw()}"
