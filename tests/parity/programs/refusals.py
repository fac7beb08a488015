"""Refusals: values that are not what the parameter, or the task, declares."""

from dataclasses import dataclass
from enum import Enum
from typing import List
from typing import Literal
from typing import Optional
from typing import Union

import flyte
from cases import case
from cases import caught
from cases import show

env = flyte.TaskEnvironment(name="refusals")


class Color(Enum):
    RED = "red"


@dataclass
class Leaf:
    name: str
    size: float


@env.task
async def ints(x: int) -> None: ...


@env.task
async def floats(x: float) -> None: ...


@env.task
async def texts(x: str) -> None: ...


@env.task
async def bools(x: bool) -> None: ...


@env.task
async def lists(x: List[int]) -> None: ...


@env.task
async def dicts(x: dict[str, int]) -> None: ...


@env.task
async def words(x: Literal["fast", "slow"]) -> None: ...


@env.task
async def colors(x: Color) -> None: ...


@env.task
async def maybe(x: Optional[int]) -> None: ...


@env.task
async def either(x: Union[float, str]) -> None: ...


@env.task
async def leaves(x: Leaf) -> None: ...


@env.task
async def says_int() -> int:
    return "no int"


@env.task
async def says_none() -> None:
    return None


@env.task
async def says_nothing():
    return 5


@env.task
async def returns_nothing() -> int:
    return None


@env.task
async def returns_three() -> tuple[int, int]:
    return 1, 2, 3


@env.task
async def wrong_inside() -> str:
    try:
        await ints("a")
    except TypeError as error:
        return f"caught {type(error).__name__}"
    return "nothing was raised"


@env.task
async def wrong_uncaught() -> None:
    await ints("a")


@case
def int_from_str():
    return caught(flyte.run, ints, "1")


@case
def int_from_float():
    return caught(flyte.run, ints, 1.0)


@case
def int_from_bool():
    return caught(flyte.run, ints, True)


@case
def int_from_none():
    return caught(flyte.run, ints, None)


@case
def int_too_large():
    return caught(flyte.run, ints, 2**63)


@case
def float_from_int():
    return caught(flyte.run, floats, 1)


@case
def float_from_str():
    return caught(flyte.run, floats, "1.5")


@case
def str_from_int():
    return caught(flyte.run, texts, 5)


@case
def bool_from_int():
    return caught(flyte.run, bools, 1)


@case
def list_from_tuple():
    return caught(flyte.run, lists, (1, 2))


@case
def list_of_strs():
    return caught(flyte.run, lists, ["a"])


@case
def dict_with_int_key():
    return caught(flyte.run, dicts, {1: 1})


@case
def literal_of_another_word():
    return caught(flyte.run, words, "medium")


@case
def enum_by_value():
    return caught(flyte.run, colors, "red")


@case
def optional_of_str():
    return caught(flyte.run, maybe, "1")


@case
def union_of_neither():
    return caught(flyte.run, either, [1])


@case
def union_float_from_int():
    return caught(flyte.run, either, 1)


@case
def dataclass_with_missing_field():
    return caught(flyte.run, leaves, {"name": "a"})


@case
def dataclass_with_wrong_field():
    return caught(flyte.run, leaves, {"name": "a", "size": "large"})


@case
def output_of_another_type():
    return caught(flyte.run, says_int)


@case
def output_none_for_int():
    return caught(flyte.run, returns_nothing)


@case
def output_without_annotation():
    return caught(flyte.run, says_nothing)


@case
def output_none_declared():
    return flyte.run(says_none).outputs()[0]


@case
def output_too_many():
    return caught(flyte.run, returns_three)


@case
def nested_refusal_is_native():
    return flyte.run(wrong_inside).outputs()[0]


@case
def nested_refusal_uncaught():
    return caught(flyte.run, wrong_uncaught)


if __name__ == "__main__":
    show()
