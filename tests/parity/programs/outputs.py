"""Outputs: what a task returns, as another task and as the caller of flyte.run sees it."""

from dataclasses import dataclass
from typing import NamedTuple
from typing import Optional
from typing import Tuple

import flyte
from cases import case
from cases import caught
from cases import show

env = flyte.TaskEnvironment(name="outputs")


class Split(NamedTuple):
    train: int
    test: str


@dataclass
class Score:
    value: float


@env.task
async def one() -> int:
    return 7


@env.task
async def two() -> tuple[int, str]:
    return 7, "seven"


@env.task
async def old_two() -> Tuple[int, Optional[str]]:
    return 7, None


@env.task
async def named() -> Split:
    return Split(train=8, test="two")


@env.task
async def nested_tuple() -> tuple[tuple[int, str], int]:
    return (1, "a"), 2


@env.task
async def nothing() -> None:
    pass


@env.task
async def unannotated():
    pass


@env.task
async def many() -> list[Score]:
    return [Score(0.5), Score(1.0)]


@env.task
async def caller() -> list[str]:
    first = await two()
    second = await named()
    third = await nothing()
    return [type(first).__name__, str(first), type(second).__name__, str(tuple(second)), str(third)]


def outputs(task, *args):
    return flyte.run(task, *args).outputs()


@case
def single_is_a_tuple():
    result = outputs(one)
    return [isinstance(result, tuple), len(result), result[0], result.o0, result == (7,)]


@case
def single_by_name():
    return outputs(one).named_outputs


@case
def two_values():
    result = outputs(two)
    return [tuple(result), result.o0, result.o1, result.named_outputs, result == (7, "seven")]


@case
def unpacked():
    number, text = outputs(two)
    return [number, text]


@case
def tuple_of_typing():
    return tuple(outputs(old_two))


@case
def named_tuple_is_named_by_position():
    result = outputs(named)
    return [tuple(result), result.named_outputs]


@case
def tuple_within_tuple():
    return tuple(outputs(nested_tuple))


@case
def none_is_one_output():
    return [tuple(outputs(nothing)), tuple(outputs(unannotated))]


@case
def list_of_dataclasses():
    return outputs(many)[0]


@case
def unknown_name():
    return caught(lambda: outputs(one).o5)


@case
def seen_by_a_task():
    return outputs(caller)[0]


@case
def tuple_of_one_is_refused():
    def declare():
        @env.task
        async def single() -> tuple[int]:
            return (1,)

    return caught(declare)


@case
def tuple_of_any_length_is_refused():
    def declare():
        @env.task
        async def any_length() -> tuple[int, ...]:
            return (1, 2)

    return caught(declare)


@case
def args_are_refused():
    def declare():
        @env.task
        async def anything(*args: int) -> int:
            return 1

    return caught(declare)


@case
def unknown_annotation_is_refused():
    def declare():
        @env.task
        async def unknown(x: "NoSuchType") -> int:  # noqa: F821
            return 1

    return caught(declare)


if __name__ == "__main__":
    show()
