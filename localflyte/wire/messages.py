"""Messages: every kind of frame that crosses the wall between the engine and a worker, and who sends it.

engine -> fork server            fork server -> engine
  setup   {...}                    hello   {python, pid, anonymous: bytes of a bare interpreter}
  load    {module, file}           loaded  module, problem
  fork    count                    child   pid              (+ 3 descriptors: link, stdout, stderr)
  kill    pid, signal              exit    pid, status, [user, system seconds]

engine -> child                  child -> engine
  request {...}                    plan    number, {...}
  result  call, ok, outputs|error, extra
                                   call    call, plan, inputs, group, custom_context
                                   run     call, plan, inputs, custom_context, options
                                   cancel  call
                                   tell    kind, {...}
                                   reply   ok, outputs|error, [peak memory in bytes, CPU seconds]

A child whose first request is {replica: n} is kept, and serves many, n of them at once. The engine gives each a number:

engine -> replica                replica -> engine
  request {..., rid}               of      rid, then any message above of the child that serves the request
  cancel_request rid               retire  (no more requests, please: it ends when those it has are answered)
  result  as above: calls have numbers of their own, which are the link's
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from localflyte.errors import ProtocolError
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed
from localflyte.spec.plan import CacheTerms
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.plan import RetryTerms
from localflyte.spec.plan import ReuseTerms
from localflyte.spec.plan import SecretTerms
from localflyte.spec.plan import TaskRef
from localflyte.spec.plan import TimeoutTerms
from localflyte.wire.shapes import check_shape

__all__ = (
    "error_from_wire",
    "inputs_from_wire",
    "outputs_from_wire",
    "plan_from_wire",
    "plan_to_wire",
    "task_to_wire",
)

_TERMS = {"task": TaskRef, "cache": CacheTerms, "retries": RetryTerms, "timeout": TimeoutTerms, "resources": ResourceTerms}
_ERROR_KINDS = tuple(bool if name == "recoverable" else str for name in ErrorInfo._fields)


def plan_to_wire(plan: Plan) -> dict[str, Any]:
    """:return: the plan as a plain mapping that msgpack takes"""
    row: dict[str, Any] = {field.name: getattr(plan, field.name) for field in fields(plan)}
    for name in _TERMS:
        row[name] = _plain(row[name])
    row["secrets"] = [_plain(secret) for secret in plan.secrets]
    row["reuse"] = None if plan.reuse is None else _plain(plan.reuse)
    return row


def task_to_wire(task: TaskRef) -> dict[str, Any]:
    """:return: the reference as a plain mapping, as every request carries it"""
    return {"name": task.name, "module": task.module, "file": task.file, "pickle": task.pickle}


def plan_from_wire(row: Any) -> Plan:
    """:raises ProtocolError: if the mapping is no plan"""
    try:
        row = dict(row)
        for name, kind in _TERMS.items():
            row[name] = kind(**row[name])
        row["cache"] = _with_tuple(row["cache"])
        row["secrets"] = tuple(SecretTerms(**secret) for secret in row["secrets"])
        row["reuse"] = None if row["reuse"] is None else ReuseTerms(**row["reuse"])
        row["links"] = tuple(row["links"])
        row["outputs"] = tuple(row["outputs"])
        plan = Plan(**row)
        for terms in (plan.task, plan.cache, plan.retries, plan.timeout, plan.resources, *plan.secrets, plan.reuse):
            if terms is not None:
                check_shape(terms)
        check_shape(plan, *_TERMS, "secrets", "reuse")
        return plan
    except (TypeError, KeyError, ValueError) as error:
        raise ProtocolError(f"not a plan: {error}") from error


def inputs_from_wire(rows: Any) -> dict[str, Packed]:
    """:raises ProtocolError: if the mapping does not hold packed values by name"""
    try:
        return {str(name): Packed.from_wire(row) for name, row in rows.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise ProtocolError(f"not inputs: {error}") from error


def outputs_from_wire(rows: Any) -> tuple[Packed, ...]:
    """:raises ProtocolError: if the array does not hold packed values"""
    try:
        return tuple([Packed.from_wire(row) for row in rows])
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"not outputs: {error}") from error


def error_from_wire(row: Any) -> ErrorInfo:
    """:raises ProtocolError: if the array is not an error"""
    if not isinstance(row, list) or len(row) != len(_ERROR_KINDS) or not all(map(isinstance, row, _ERROR_KINDS)):
        raise ProtocolError("not an error")
    return ErrorInfo(*row)


def _plain(terms: Any) -> dict[str, Any]:
    return {field.name: getattr(terms, field.name) for field in fields(terms)}


def _with_tuple(cache: CacheTerms) -> CacheTerms:
    row: Mapping[str, Any] = _plain(cache)
    return CacheTerms(**{**row, "ignored_inputs": tuple(cache.ignored_inputs)})
