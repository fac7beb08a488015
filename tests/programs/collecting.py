"""A program that asks what the garbage collector has to look at."""

import gc
from dataclasses import dataclass

import localflyte as flyte

env = flyte.TaskEnvironment(name="collecting")


@dataclass
class Reading:
    name: str
    value: float


@env.task
async def looks(readings: list[Reading]) -> tuple[bool, bool, int]:
    """Whether there is a collector, whether it looks at the inputs, and how many there are."""
    return gc.isenabled(), any(each is readings[0] for each in gc.get_objects()), len(readings)
