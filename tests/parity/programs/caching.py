"""Caching: which calls run and which are hits, counted by the files that a body leaves."""

import flyte
from cases import case
from cases import caught
from cases import count
from cases import mark
from cases import scratch
from cases import show

env = flyte.TaskEnvironment(name="caching")
cached_env = flyte.TaskEnvironment(name="cached_env", cache="auto")


@env.task(cache="auto")
async def auto(folder: str, x: int = 1) -> int:
    mark(folder)
    return x * 2


@env.task(cache=flyte.Cache(behavior="auto", version_override="v1"))
async def versioned(folder: str, x: int) -> int:
    mark(folder)
    return x


@env.task(cache=flyte.Cache(behavior="auto", version_override="v1", ignored_inputs=("note",)))
async def ignoring(folder: str, note: str) -> str:
    mark(folder)
    return note


@env.task
async def uncached(folder: str) -> int:
    return mark(folder)


@env.task(cache="auto")
async def fails(folder: str) -> int:
    mark(folder)
    raise ValueError("no")


@env.task(cache="auto")
async def no_output(folder: str) -> None:
    mark(folder)


@env.task(cache="auto")
def sync_task(folder: str) -> int:
    return mark(folder)


@env.task(cache="auto")
async def structured(folder: str, x: dict[str, list[int]]) -> int:
    return mark(folder)


@cached_env.task
async def by_environment(folder: str) -> int:
    return mark(folder)


@cached_env.task(cache="disable")
async def against_environment(folder: str) -> int:
    return mark(folder)


@env.task
async def parent(folder: str) -> list[int]:
    return [await auto(folder, 5), await auto(folder, 5), await auto(folder, 6)]


@env.task
async def with_context(folder: str) -> int:
    with flyte.custom_context(who="a"):
        await auto(folder)
    with flyte.custom_context(who="b"):
        await auto(folder)
    return 0


@env.task
async def with_groups(folder: str) -> int:
    with flyte.group("first"):
        await auto(folder)
    with flyte.group("second"):
        await auto(folder)
    return 0


def times(task, *calls):
    folder = scratch()
    for args in calls:
        flyte.run(task, folder, *args)
    return count(folder)


@case
def second_is_a_hit():
    folder = scratch()
    return [[flyte.run(auto, folder, 4).outputs()[0] for _ in range(3)], count(folder)]


@case
def another_input_is_none():
    return times(auto, (1,), (2,), (1,))


@case
def a_default_is_an_input():
    return times(auto, (), (1,))


@case
def by_version():
    return times(versioned, (1,), (1,), (2,))


@case
def ignored_input():
    folder = scratch()
    return [[flyte.run(ignoring, folder, note).outputs()[0] for note in ("a", "b")], count(folder)]


@case
def not_by_default():
    return times(uncached, (), ())


@case
def no_failure():
    folder = scratch()
    return [caught(flyte.run, fails, folder), caught(flyte.run, fails, folder), count(folder)]


@case
def no_output_is_cached():
    return times(no_output, (), ())


@case
def of_a_sync_task():
    return times(sync_task, (), ())


@case
def order_of_keys_does_not_matter():
    return times(structured, ({"a": [1], "b": []},), ({"b": [], "a": [1]},))


@case
def of_the_environment():
    return [times(by_environment, (), ()), times(against_environment, (), ())]


@case
def overridden():
    folder = scratch()
    for _ in range(2):
        flyte.run(auto.override(cache="disable"), folder)
        flyte.run(uncached.override(cache="auto"), folder)
    return count(folder)


@case
def short_name_is_no_part_of_the_key():
    folder = scratch()
    flyte.run(auto, folder)
    flyte.run(auto.override(short_name="other"), folder)
    return count(folder)


@case
def nested_calls():
    folder = scratch()
    return [flyte.run(parent, folder).outputs()[0], count(folder)]


@case
def context_is_no_part_of_the_key():
    return times(with_context, ())


@case
def group_is_no_part_of_the_key():
    return times(with_groups, ())


@case
def disabled_for_a_run():
    folder = scratch()
    for _ in range(2):
        flyte.with_runcontext(mode="local", disable_run_cache=True).run(auto, folder)
    flyte.run(auto, folder)
    return count(folder)


@case
def override_behaviour():
    folder = scratch()
    refresh = versioned.override(cache=flyte.Cache(behavior="override", version_override="v1"))
    for _ in range(2):
        flyte.run(refresh, folder, 1)
    return count(folder)


@case
def overwritten_for_a_run():
    folder = scratch()
    for _ in range(2):
        flyte.with_runcontext(mode="local", overwrite_cache=True).run(auto, folder)
    return count(folder)


@case
def unknown_behaviour():
    return caught(flyte.Cache, behavior="sometimes")


@case
def aliases():
    return [flyte.Cache(behavior=word).behavior for word in ("enable", "ON", "true", "off", "no")]


@case
def no_policies():
    return caught(flyte.Cache, behavior="auto", policies=[])


if __name__ == "__main__":
    show()
