"""A pipeline whose first run fails in the middle."""

from __future__ import annotations

import asyncio
import os

import localflyte as flyte
from localflyte.io import File

env = flyte.TaskEnvironment(name="recovering")


def mark(path: str, what: str) -> None:
    """Note that something really ran."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(what)


@env.task
def shown(loud: bool, times: int | None, word: str) -> str:
    return " ".join([word.upper() if loud else word] * (times or 1))


@env.task
def labelled(label: str, name: str = "nobody") -> str:
    """Its inputs are called as options of the command line are."""
    return f"{label} of {name}"


@env.task
def surroundings(names: list[str]) -> list[str]:
    return [*(os.environ.get(name, "") for name in names), flyte.get_custom_context().get("who", "")]


@env.task
def first(path: str, x: int) -> int:
    mark(path, "f")
    return x + 1


@env.task
async def writes(path: str, x: int) -> File:
    mark(path, "w")
    file = File.new_remote()
    async with file.open("wb") as stream:
        await stream.write(b"%d" % x)
    return file


@env.task
def large(path: str) -> str:
    mark(path, "l")
    return "x" * (2 << 20)


@env.task
def breaks(path: str, x: int) -> int:
    mark(path, "b")
    if not os.path.exists(f"{path}.mended"):
        raise ValueError("not mended yet")
    return 10 * x


@env.task
async def nested(path: str, x: int) -> int:
    mark(path, "n")
    return await first.aio(path, x) + await breaks.aio(path, x)


@env.task
async def main(path: str, x: int = 1) -> list[int]:
    mark(path, "m")
    numbers = await asyncio.gather(*(first.aio(path, n) for n in range(3)))
    file = await writes(path, x)
    async with file.open("rb") as stream:
        numbers.append(int(await stream.read()))
    return [*numbers, len(await large.aio(path)), await nested(path, x)]


@env.task
def trains(path: str, until: int) -> list[int]:
    """Save each step; break at the third, until the path is mended."""
    checkpoint = flyte.ctx().checkpoint
    before = checkpoint.load_sync()
    steps = [int(word) for word in before.read_text().split()] if before is not None else []
    while len(steps) < until:
        if len(steps) >= 2 and not os.path.exists(f"{path}.mended"):
            raise ValueError("not mended yet")
        mark(path, "t")
        steps.append(len(steps))
        checkpoint.save_sync(" ".join(map(str, steps)).encode())
    return steps


@env.task
async def trains_below(path: str, until: int) -> list[int]:
    return await trains.aio(path, until)


@env.task(cache=flyte.Cache("auto", ignored_inputs="when"))
def stamped(path: str, when: float) -> int:
    mark(path, "s")
    return 1


@env.task
def counts(path: str, names: set[str], ages: dict[str, int], file: File) -> int:
    mark(path, "c")
    return len(names) + sum(ages.values())


@env.task
async def unordered(path: str) -> int:
    """Calls with inputs that count as equal: once the path is mended in another order, of another file of the same key, at another time."""
    mended = os.path.exists(f"{path}.mended")
    names = [f"name {number}" for number in range(50)]
    ages = {"a": 1, "b": 2}
    if mended:
        names.reverse()
        ages = {"b": 2, "a": 1}
    file = await File.from_local(path, hash_method="of mine", remote_destination=f"{path}.{mended}")
    return await counts.aio(path, set(names), ages, file) + await stamped.aio(path, float(mended)) + await breaks.aio(path, 1)


@env.task
async def in_groups(path: str) -> int:
    """Equal calls, inside of two groups and outside of any, in another order once the path is mended."""
    order = ["one", "two", ""]
    if os.path.exists(f"{path}.mended"):
        order.reverse()
    for name in order:
        if name:
            with flyte.group(name):
                await first.aio(path, 1)
        else:
            await first.aio(path, 1)
    return await breaks.aio(path, 1)


@env.task
def asks(value: str) -> bool:
    return knows(value)


knowing = flyte.TaskEnvironment(name="knowing", secrets=flyte.Secret("RECALL_SECRET"))


@knowing.task
def knows(value: str) -> bool:
    return os.environ["RECALL_SECRET"] == value


@env.task
async def starts_another(path: str) -> int:
    await first.aio(path, 1)  # of the same name as the call that the other run makes
    run = await flyte.run.aio(nested, path, 1)
    return int(run.outputs()[0]) + 30
