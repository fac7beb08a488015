"""Keys: what makes two calls the same, component by component, so that a miss can say which one differed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import msgpack

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.plan import CacheTerms
from localflyte.store.content import Contents

__all__ = ("SCHEMA", "SHOWN_BYTES", "Key", "digest_parts", "digest_value", "make_key")

SCHEMA = 2  # of keys and records; another number is another world, left alone
SHOWN_BYTES = 64  # of an input that are kept beside its digest, so that a person can be told what it was


@dataclass(frozen=True, slots=True)
class Key:
    digest: str
    task: str
    parts: Mapping[str, str]
    """Component to digest or text: task, interface, version, and ``input:<name>`` for each input that counts."""
    terms: CacheTerms = field(default_factory=CacheTerms)
    shown: Mapping[str, bytes] = field(default_factory=dict, compare=False)
    """The msgpack of small inputs, by name."""
    contents: tuple[tuple[Ref, str], ...] = field(default=(), compare=False)
    """The files and folders among the inputs, with the digests they had when the key was made."""
    outputs: int | None = field(default=None, compare=False)
    """How many there are, where that is known."""


def digest_value(value: Packed, contents: Contents) -> tuple[str, list[tuple[Ref, str]]]:
    """:return: the digest of a value, and those of the files and folders it points to
    :raises OSError: if one of these cannot be read
    """
    refs = [(ref, contents.digest(ref)) for ref in value.refs]
    body = msgpack.packb([value.canonical or value.data, [[ref.kind, digest, ref.format] for ref, digest in refs]])
    return hashlib.sha256(body).hexdigest(), refs


def digest_parts(parts: Mapping[str, str]) -> str:
    """:return: the key that has these components"""
    return hashlib.sha256(msgpack.packb([SCHEMA, sorted(parts.items())])).hexdigest()


def make_key(invocation: Invocation, contents: Contents) -> Key:
    """:raises OSError: if a file or folder among the inputs cannot be read"""
    plan = invocation.plan
    parts = {"task": plan.task.name, "interface": plan.interface, "version": plan.cache.version}
    shown: dict[str, bytes] = {}
    seen: list[tuple[Ref, str]] = []
    for name, value in invocation.inputs.items():
        if name in plan.cache.ignored_inputs:
            continue
        parts[f"input:{name}"], refs = digest_value(value, contents)
        if len(value.data) <= SHOWN_BYTES and not refs:
            shown[name] = value.data
        seen += refs
    return Key(digest_parts(parts), plan.task.name, parts, plan.cache, shown, tuple(seen), len(plan.outputs) or None)
