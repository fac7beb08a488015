"""Scalars: values without parts, through a task and back."""

from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from enum import Enum
from typing import Any
from typing import Literal
from typing import Optional
from typing import Union

import flyte
from cases import case
from cases import show

env = flyte.TaskEnvironment(name="scalars")


class Color(Enum):
    RED = "red"
    BLUE = "dark blue"


class Size(str, Enum):
    SMALL = "s"
    LARGE = "l"


@env.task
async def ints(x: int) -> int:
    return x + 1


@env.task
async def floats(x: float) -> float:
    return x


@env.task
async def texts(x: str) -> str:
    return x[::-1]


@env.task
async def bools(x: bool) -> bool:
    return not x


@env.task
async def raw(x: bytes) -> bytes:
    return x + b"\x00\xff"


@env.task
async def moments(x: datetime) -> datetime:
    return x


@env.task
async def days(x: date) -> date:
    return x


@env.task
async def spans(x: timedelta) -> timedelta:
    return x


@env.task
async def colors(x: Color) -> Color:
    return x


@env.task
async def sizes(x: Size) -> Size:
    return x


@env.task
async def words(x: Literal["fast", "slow"]) -> str:
    return f"{type(x).__name__} {x}"


@env.task
async def maybe(x: Optional[int] = None) -> Optional[int]:
    return x


@env.task
async def either(x: Union[int, str, list[int]]) -> str:
    return f"{type(x).__name__} {x}"


@env.task
async def pipes(x: int | str | None) -> int | str | None:
    return x


@env.task
async def anything(x: Any) -> Any:
    return x


@env.task
async def untyped(x):
    return None


def one(task, value):
    return flyte.run(task, value).outputs()[0]


@case
def int_small():
    return one(ints, 41)


@case
def int_negative():
    return one(ints, -(2**53) - 1)


@case
def int_largest():
    return one(ints, 2**63 - 2)


@case
def float_plain():
    return [one(floats, 0.1), one(floats, -0.0), one(floats, 1e308), one(floats, 5e-324)]


@case
def float_special():
    return [one(floats, float("inf")), one(floats, float("nan"))]


@case
def text_unicode():
    return [one(texts, "grüße \U0001f600 \x00 end"), one(texts, "")]


@case
def bool_both():
    return [one(bools, True), one(bools, False)]


@case
def bytes_any():
    return one(raw, b"\x00\x01binary")


@case
def datetime_naive_is_utc():
    return one(moments, datetime(2024, 2, 29, 13, 14, 15, 161718))


@case
def datetime_aware_becomes_utc():
    return one(moments, datetime(2024, 2, 29, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))))


@case
def date_plain():
    return one(days, date(1999, 12, 31))


@case
def timedelta_exact():
    return [one(spans, timedelta(days=3, microseconds=1)), one(spans, timedelta(seconds=-5))]


@case
def enum_member():
    return [one(colors, Color.BLUE), one(sizes, Size.LARGE)]


@case
def enum_by_name():
    return one(colors, "RED")


@case
def literal_word():
    return one(words, "slow")


@case
def optional_value_and_none():
    return [one(maybe, 3), one(maybe, None), flyte.run(maybe).outputs()[0]]


@case
def union_picks_by_type():
    return [one(either, 5), one(either, "5"), one(either, [5])]


@case
def union_with_none():
    return [one(pipes, 5), one(pipes, "5"), one(pipes, None)]


@case
def any_value():
    return [one(anything, {"a": (1, 2)}), one(anything, {1, 2}), one(anything, 3.5)]


@case
def untyped_parameter():
    return one(untyped, {"a": 1})


if __name__ == "__main__":
    show()
