"""Containers: values with parts, through a task and back, and through a task that passes them to another."""

from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from datetime import timedelta
from enum import Enum
from typing import Dict
from typing import List
from typing import NamedTuple
from typing import Optional
from typing import Tuple
from typing import TypedDict

import flyte
from cases import case
from cases import show
from pydantic import BaseModel

env = flyte.TaskEnvironment(name="containers")


class Kind(Enum):
    OAK = "oak"
    ELM = "elm"


@dataclass
class Leaf:
    name: str
    size: float = 1.5


@dataclass
class Tree:
    kind: Kind
    leaves: list[Leaf]
    by_name: dict[str, Leaf] = field(default_factory=dict)
    note: Optional[str] = None
    age: timedelta = timedelta(days=365)


class Point(NamedTuple):
    x: int
    y: float = 0.5
    label: str = "origin"


class Movie(TypedDict):
    title: str
    year: int


class Address(BaseModel):
    street: str
    number: int = 1


class Person(BaseModel):
    name: str
    home: Address
    others: list[Address] = []
    kind: Kind = Kind.OAK
    born: Optional[datetime] = None


@env.task
async def lists(x: list[int]) -> list[int]:
    return [*x, len(x)]


@env.task
async def old_lists(x: List[List[str]]) -> List[List[str]]:
    return x


@env.task
async def dicts(x: dict[str, float]) -> dict[str, float]:
    return x


@env.task
async def deep(x: Dict[str, List[Dict[str, int]]]) -> Dict[str, List[Dict[str, int]]]:
    return x


@env.task
async def plain_dict(x: dict) -> dict:
    return x


@env.task
async def plain_list(x: list) -> list:
    return x


@env.task
async def int_keys(x: dict[int, str]) -> dict[int, str]:
    return x


@env.task
async def pairs(x: Tuple[int, str]) -> list[str]:
    return [type(x).__name__, str(x[0]), x[1]]


@env.task
async def list_of_pairs(x: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return x


@env.task
async def sets(x: set[int]) -> set[int]:
    return x | {0}


@env.task
async def trees(x: Tree) -> Tree:
    x.leaves.append(Leaf("added", 2.0))
    return x


@env.task
async def many_leaves(x: list[Leaf]) -> dict[str, Leaf]:
    return {leaf.name: leaf for leaf in x}


@env.task
async def points(x: Point) -> str:
    return f"{type(x).__name__} {x.x} {x.y} {x.label}"


@env.task
async def movies(x: Movie) -> Movie:
    return {"title": x["title"].upper(), "year": x["year"] + 1}


@env.task
async def people(x: Person) -> Person:
    x.others.append(Address(street="Side"))
    return x


@env.task
async def optional_lists(x: Optional[list[Optional[int]]] = None) -> Optional[list[Optional[int]]]:
    return x


@env.task
async def through(x: Tree) -> Tree:
    return await trees(x)


@env.task
async def spoil(x: list[int]) -> int:
    x.append(99)
    return len(x)


@env.task
async def keep(x: list[int]) -> list[int]:
    await spoil(x)
    return x


def one(task, value):
    return flyte.run(task, value).outputs()[0]


TREE = Tree(Kind.ELM, [Leaf("a")], {"b": Leaf("b", 0.5)}, "tall")


@case
def list_of_ints():
    return [one(lists, [3, 1, 2]), one(lists, [])]


@case
def list_of_lists():
    return one(old_lists, [["a", ""], [], ["ö"]])


@case
def dict_of_floats():
    return [one(dicts, {"a": 1.0, "": -2.5}), one(dicts, {})]


@case
def dict_nested():
    return one(deep, {"a": [{"b": 1}, {}], "c": []})


@case
def dict_bare():
    return one(plain_dict, {"a": 1, "b": [1, 2.5, None, True], "c": {"d": "e"}})


@case
def list_bare():
    return one(plain_list, [1, "a", None, [2.5]])


@case
def dict_int_keys():
    return one(int_keys, {1: "a", -2: "b"})


@case
def tuple_input():
    return one(pairs, (1, "a"))


@case
def tuple_in_list():
    return one(list_of_pairs, [(1, "a"), (2, "b")])


@case
def set_of_ints():
    return one(sets, {3, 1})


@case
def dataclass_nested():
    return one(trees, TREE)


@case
def dataclass_through_two_tasks():
    return one(through, TREE)


@case
def dataclass_is_copied():
    one(trees, TREE)
    return len(TREE.leaves)


@case
def dataclass_in_containers():
    return one(many_leaves, [Leaf("a"), Leaf("b", 3.0)])


@case
def dataclass_from_dict():
    return one(many_leaves, [{"name": "a", "size": 1.0}])


@case
def dataclass_with_enum_from_dict():
    return one(trees, {"kind": "ELM", "leaves": [{"name": "a", "size": 1.0}]})


@case
def named_tuple_input():
    return one(points, Point(1, 2.5))


@case
def typed_dict():
    return one(movies, {"title": "alien", "year": 1979})


@case
def model_nested():
    return one(people, Person(name="Ada", home=Address(street="Main", number=3), kind=Kind.ELM))


@case
def model_from_dict():
    return one(people, {"name": "Ada", "home": {"street": "Main"}})


@case
def optional_nested():
    return [one(optional_lists, [1, None, 3]), one(optional_lists, None)]


@case
def mutation_is_not_seen():
    return one(keep, [1, 2])


if __name__ == "__main__":
    show()
