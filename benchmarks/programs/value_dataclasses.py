"""10 MB of nested dataclasses in and out of a call."""

import sys
from dataclasses import dataclass
from time import perf_counter

import flyte

env = flyte.TaskEnvironment(name="value-dataclasses")
COUNT = 40_000  # orders, of some 250 bytes each


@dataclass
class Place:
    street: str
    city: str
    north: float
    east: float


@dataclass
class Person:
    name: str
    age: int
    home: Place


@dataclass
class Line:
    article: str
    count: int
    price: float


@dataclass
class Order:
    number: int
    buyer: Person
    lines: list[Line]
    notes: dict[str, str]
    paid: bool


@dataclass
class Book:
    title: str
    orders: list[Order]


@env.task(max_inline_io_bytes=64 * 1024 * 1024)
async def echo(book: Book) -> Book:
    return book


def make(turn: int) -> Book:
    """Make a book that no other turn has."""
    return Book(f"book {turn}", [order(number, turn) for number in range(COUNT)])


def order(number: int, turn: int) -> Order:
    """Make an order."""
    home = Place(f"{number} Long Street in the Old Town", f"City of {number % 97} Hills", number / 7, turn / 3)
    lines = [Line(f"article {number}/{place} in a box", place, number / 11) for place in range(3)]
    return Order(
        number, Person(f"Somebody Number {number}", number % 90, home), lines, {"delivery": f"before day {number % 31}"}, number % 2 == 0
    )


@env.task
async def main(calls: int) -> list[float]:
    await echo(Book("none", []))
    seconds = []
    for turn in range(calls):
        book = make(turn)
        start = perf_counter()
        result = await echo(book)
        seconds.append(perf_counter() - start)
        assert result == book
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
