"""Keys: what makes two calls the same, component by component, so that a miss can say which one differed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import msgpack

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Ref
from localflyte.store.content import Contents

__all__ = ("SCHEMA", "Key", "make_key")

SCHEMA = 1  # of keys and records; another number is another world, left alone


@dataclass(frozen=True, slots=True)
class Key:
    digest: str
    parts: Mapping[str, str]
    """Component to digest or text: task, interface, version, and ``input:<name>`` for each input that counts."""
    serialize: bool
    contents: tuple[tuple[Ref, str], ...] = field(default=(), compare=False)
    """The files and folders among the inputs, with the digests they had when the key was made."""


def make_key(invocation: Invocation, contents: Contents) -> Key:
    """:raises OSError: if a file or folder among the inputs cannot be read"""
    plan = invocation.plan
    parts = {"task": plan.task.name, "interface": plan.interface, "version": plan.cache.version}
    seen: list[tuple[Ref, str]] = []
    for name, value in invocation.inputs.items():
        if name in plan.cache.ignored_inputs:
            continue
        refs = [(ref, contents.digest(ref)) for ref in value.refs]
        body = msgpack.packb([value.canonical or value.data, [[ref.kind, digest] for ref, digest in refs]])
        parts[f"input:{name}"] = hashlib.sha256(body).hexdigest()
        seen += refs
    body = msgpack.packb([SCHEMA, sorted(parts.items())])
    return Key(hashlib.sha256(body).hexdigest(), parts, plan.cache.serialize, tuple(seen))
