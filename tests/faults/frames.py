"""Frames: what a worker may send, made wrong in every way that comes to mind. The same seed makes the same ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from msgpack import packb

from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.plan import Plan
from localflyte.spec.plan import TaskRef
from localflyte.wire.frames import pack_frame
from localflyte.wire.messages import plan_to_wire

__all__ = ("CORPUS", "VALUE", "corpus", "good", "mutated", "streams")

#: streams that something once broke on, in hexadecimal, a line each
CORPUS = Path(__file__).parent / "golden" / "frames.txt"
VALUE = Packed(packb(7))
PLAN = plan_to_wire(
    Plan(task=TaskRef(name="env.task", module="programs.misbehaving"), environment="env", short_name="task", interface="()")
)
ERROR = ErrorInfo("user", "ValueError", "no", "user", "Traceback ...", True)

#: values that stand where another one is expected
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64 - 1, -(2**63), 0.0, -0.5, math.inf, -math.inf, math.nan,
    "", "x", "\0", "../../x", "é" * 50, "auto", "disable", "override",
    b"", b"\xff\xfe", [], {}, [[]], {"": None}, {1: 2}, ["reply", True, []], [[[[[[[[]]]]]]]], "x" * 5000, b"x" * 5000, list(range(300)),
]  # fmt: skip


def good(random: Random) -> list[Any]:
    """:return: a message as a worker sends it"""
    number, plan = random.randint(1, 4), 1
    inputs = {"x": VALUE, "file": Packed(packb("f"), (Ref("file", "/etc/hostname"),))}
    return random.choice(
        [
            ["plan", plan, PLAN],
            ["call", number, plan, inputs, "group", {"key": "value"}],
            ["run", number, plan, inputs, "", {}, {"name": "", "project": "p", "options": {"env_vars": {}}}],
            ["cancel", number],
            ["tell", "trace", {"name": "t", "action": "x1", "parent": "a0", "started": 1.0, "seconds": 0.1, "inputs": {}, "outputs": []}],
            ["tell", "report", {"path": "/tmp/report.html"}],
            ["tell", "notice", {"text": "something"}],
            ["reply", True, [VALUE], [1024, 0.1]],
            ["reply", False, ERROR, [1024, 0.1]],
        ]
    )


def mutated(random: Random) -> bytes:
    """:return: a frame with something wrong in its message or in its bytes"""
    message = good(random)
    for _ in range(random.randint(0, 2)):
        message = _swapped(random, message)
    try:
        frame = bytearray(pack_frame(tuple(message)))
    except (ValueError, TypeError, OverflowError):
        frame = bytearray(pack_frame(("reply", True, [])))
    for _ in range(random.choice([0, 0, 0, 1, 3])):
        _scratch(random, frame)
    return bytes(frame)


def streams(seed: int) -> Iterator[bytes]:
    """Yield what one worker after another sends before it hangs up."""
    random = Random(seed)
    while True:
        frames = [pack_frame(tuple(good(random))) if random.random() < 0.5 else mutated(random) for _ in range(random.randint(1, 5))]
        if random.random() < 0.7:  # most calls name the plan that came first, so it had better come
            frames.insert(0, _plan(random))
        yield b"".join(frames)[: -random.randint(1, 8) if random.random() < 0.1 else None]


def corpus() -> list[bytes]:
    return [bytes.fromhex(line) for line in CORPUS.read_text().split("\n") if line and not line.startswith("#")]


def _plan(random: Random) -> bytes:
    row = PLAN
    for _ in range(random.randint(0, 2)):
        key = random.choice(list(row))
        row = {**row, key: _swapped(random, row[key])}
    try:
        return pack_frame(("plan", 1, row))
    except (ValueError, TypeError, OverflowError):
        return pack_frame(("plan", 1, PLAN))


def _swapped(random: Random, value: Any) -> Any:
    """:return: the same with one part of it replaced, left out or put in twice"""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        change = random.random()
        if change < 0.1:
            return [*value[:place], *value[place + 1 :]]
        if change < 0.15:
            return [*value[:place], value[place], *value[place:]]
        return [*value[:place], _swapped(random, value[place]), *value[place + 1 :]]
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice(list(value))
        change = random.random()
        if change < 0.1:
            return {other: part for other, part in value.items() if other != key}
        if change < 0.15:
            return {**value, random.choice(["x", 1, b"k", ""]): 1}
        return {**value, key: _swapped(random, value[key])}
    return random.choice(ODD)


def _scratch(random: Random, frame: bytearray) -> None:
    place = random.randrange(len(frame))
    match random.randint(0, 3):
        case 0:
            frame[place] ^= 1 << random.randrange(8)
        case 1:
            del frame[place : place + random.randint(1, 4)]
        case 2:
            frame[place:place] = random.randbytes(random.randint(1, 4))
        case 3:
            frame[place] = random.choice([0x00, 0x7F, 0x80, 0xC1, 0xDC, 0xDD, 0xDE, 0xDF, 0xFF])
    if not frame:
        frame += b"\x00"
