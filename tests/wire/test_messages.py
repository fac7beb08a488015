"""Plans, values and errors read back as what they were; anything else is a protocol error, never another exception."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from localflyte.errors import ProtocolError
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.plan import CacheTerms
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.plan import ReuseTerms
from localflyte.spec.plan import SecretTerms
from localflyte.spec.plan import TaskRef
from localflyte.wire.messages import error_from_wire
from localflyte.wire.messages import inputs_from_wire
from localflyte.wire.messages import outputs_from_wire
from localflyte.wire.messages import plan_from_wire
from localflyte.wire.messages import plan_to_wire

FULL = Plan(
    task=TaskRef(name="env.f", module="m", file="/m.py", pickle=b"p"),
    environment="env",
    short_name="f",
    interface="x:int->o0:int",
    cache=CacheTerms(behavior="auto", version="v", ignored_inputs=("a", "b"), parts={"f": "1"}),
    resources=ResourceTerms(cpu=0.5, memory=1 << 28, gpu=1, gpu_device="T4"),
    env_vars={"A": "1"},
    secrets=(SecretTerms(key="k", env_var="K"),),
    queue="q",
    image={"base": "python:3.11"},
    reuse=ReuseTerms(min_replicas=1, max_replicas=2, concurrency=1, idle_ttl=30.0, scaledown_ttl=30.0, scope="run"),
    links=({"name": "l"},),
    outputs=("o0",),
)


def wired(value: Any) -> Any:
    return msgpack.unpackb(msgpack.packb(value))


BARE = Plan(task=TaskRef(name="e.g"), environment="e", short_name="g", interface="")
ROW = plan_to_wire(FULL)


@pytest.mark.parametrize("plan", [FULL, BARE], ids=["full", "bare"])
def test_a_plan_reads_back_as_it_was(plan: Plan) -> None:
    assert plan_from_wire(wired(plan_to_wire(plan))) == plan


@pytest.mark.parametrize("row", [None, 1, [], {}, {"task": 1}, {**ROW, "task": {"nonsense": 1}}, {**ROW, "more": 1}])
def test_what_is_no_plan_is_a_protocol_error(row: Any) -> None:
    with pytest.raises(ProtocolError):
        plan_from_wire(row)


def test_values_read_back_as_they_were() -> None:
    values = {"x": Packed(b"\x01"), "f": Packed(b"\x00", (Ref("file", "/p", "h", "n", "csv"),), b"canonical")}
    assert inputs_from_wire(wired(values)) == values
    assert outputs_from_wire(wired(list(values.values()))) == tuple(values.values())


@pytest.mark.parametrize("row", [None, 7, [1], ["x", [], b""], [b"", [["file"]], b""], [b"", [], None], [b"", [[1, 2, 3, 4, 5]], b""]])
def test_what_is_no_value_is_a_protocol_error(row: Any) -> None:
    with pytest.raises(ProtocolError):
        outputs_from_wire([row])
    with pytest.raises(ProtocolError):
        inputs_from_wire({"x": row})


def test_an_error_reads_back_as_it_was() -> None:
    error = ErrorInfo("user", "ValueError", "no", "worker", "Traceback", False, "OOMError")
    assert error_from_wire(wired(error)) == error


@pytest.mark.parametrize("row", [None, [], ["user"], [1, 2, 3, 4, 5, 6, 7], "user"])
def test_what_is_no_error_is_a_protocol_error(row: Any) -> None:
    with pytest.raises(ProtocolError):
        error_from_wire(row)
