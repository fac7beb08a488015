"""What is over the bound of values that travel inside a call says which, how much, and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from localflyte.spec.inline import breach
from localflyte.types.codec import codec_for
from localflyte.types.opaque import dumps
from localflyte.types.opaque import loads
from localflyte.types.packing import pack

LIMIT = 1 << 20
HINT = "Hand over a copy, x.copy()"


def told(kind: Any, value: Any) -> str:
    error = breach("env.task", "inputs", [("small", pack(codec_for(int), 1)), ("x", pack(codec_for(kind), value))], LIMIT)
    assert error is not None
    assert error.code == "InlineIOMaxBytesBreached"
    return error.message


def test_what_fits_is_no_breach() -> None:
    assert breach("env.task", "inputs", [("x", pack(codec_for(str), "x"))], LIMIT) is None


@pytest.mark.parametrize(("kind", "value"), [(str, "x" * 2 * LIMIT), (list[bytes], [b"\xc9\x00\x10\x00\x00\x02" * LIMIT])])
def test_the_largest_is_named_with_the_ways_out(kind: Any, value: Any) -> None:
    message = told(kind, value)
    assert "the largest input is 'x' with " in message
    assert message.endswith("on the task or its override.")


@pytest.mark.parametrize("wrap", [lambda array: array, lambda array: [array], lambda array: {"a": array}])
def test_an_array_that_was_received_says_why_it_counts_whole(wrap: Any) -> None:
    """It goes by reference when it is made, and not when it is handed on: as on a cluster, and to everybody's surprise."""
    received = loads(dumps(np.zeros(LIMIT // 4)))
    kind = {list: list[np.ndarray], dict: dict[str, np.ndarray]}.get(type(wrap(received)), np.ndarray)
    assert f"A pickle in it of {len(dumps(received)):,} bytes counts whole" in told(kind, wrap(received))
    assert HINT in told(kind, wrap(received))
