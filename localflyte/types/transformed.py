"""Transformed: types that a program converts by itself, with a TypeTransformer that it registered or wrote beside the type.

What the transformer makes of a value is carried as it is: plain data as data, and anything else, a protobuf message too, as a small
pickle. So localflyte needs no protobuf; a transformer that writes Flyte's literals brings ``flyteidl2`` along.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from typing import get_origin

from localflyte.types.annotations import said_beside
from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.free import decode_free
from localflyte.types.free import encode_free
from localflyte.types.free import order_free
from localflyte.types.refusal import TypeTransformerFailedError

__all__ = ("TRANSFORMERS", "build", "find", "load_plugins", "settle", "transformed", "transformer_in")

TRANSFORMERS: dict[Any, Any] = {}
"""The transformer of each type that has one."""

_GROUP = "flyte.plugins.types"  # where installed packages name what registers their transformers
_loaded = False


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a type that has a transformer.

    :return: the codec, or ``None`` if the annotation has none
    """
    transformer = find(annotation) if TRANSFORMERS else None
    return None if transformer is None else transformed(transformer, annotation)


def find(annotation: Any) -> Any:
    """:return: the transformer of a type, of what it is a form of, or of the nearest class it derives from; or ``None``"""
    origin = get_origin(annotation)
    for kind in (annotation, origin, *getattr(origin or annotation, "__mro__", ())):
        try:
            if kind in TRANSFORMERS:
                return TRANSFORMERS[kind]
        except TypeError:  # an annotation that cannot be hashed
            continue
    return None


def transformer_in(annotation: Any) -> Any:
    """:return: the transformer among what an annotation says of its type, or ``None``"""
    return said_beside(annotation, _is_transformer)


def transformed(transformer: Any, annotation: Any) -> Codec:
    """Make the codec of a type by its transformer."""
    expected: list[Any] = []

    def encode(value: Any) -> Any:
        try:
            if transformer.type_assertions_enabled:
                transformer.assert_type(annotation, value)
            if not expected:
                expected.append(transformer.get_literal_type(annotation))
            literal = settle(lambda: transformer.to_literal(value, annotation, expected[0]))
        except TypeTransformerFailedError:
            raise
        except (TypeError, AssertionError) as error:
            raise TypeTransformerFailedError(f"{transformer.name}: {error}") from error
        return encode_free(literal)

    def decode(wire: Any) -> Any:
        return settle(lambda: transformer.to_python_value(decode_free(wire), annotation))

    kind = get_origin(annotation) or annotation
    return Codec(
        getattr(annotation, "__name__", str(annotation)),
        encode,
        decode,
        line=f"transformed:{transformer.name}",
        kinds=(kind,) if isinstance(kind, type) else (),
        order=order_free,
        scoped=True,
        nullable=True,
    )


def load_plugins(kind: type) -> None:
    """Let installed packages register their transformers, once, when a class is met that might have one."""
    global _loaded  # noqa: PLW0603 - once a process
    if _loaded or (getattr(kind, "__module__", "") or "").partition(".")[0] in sys.stdlib_module_names:
        return
    _loaded = True
    from importlib.metadata import entry_points

    for point in entry_points(group=_GROUP):
        try:
            point.load()()
        except Exception as error:  # noqa: BLE001 - whatever a plugin does, programs that do not need it go on
            from warnings import warn

            warn(
                f"the type transformers of {point.name} ({point.value}) cannot be loaded, so values of its types are pickled: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )


def settle(start: Callable[[], Any]) -> Any:
    """Call what may be an async function, and give its result here and now.

    Most conversions only say that they are async; one that really waits is begun anew on an event loop of its own.
    """
    made = start()
    if not hasattr(made, "send"):
        return made
    try:
        made.send(None)
    except StopIteration as done:
        return done.value
    except RuntimeError as error:
        if "no running event loop" not in str(error):
            raise
    made.close()
    return _on_a_loop(start)


def _on_a_loop(start: Callable[[], Any]) -> Any:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    async def run() -> Any:
        return await start()

    with ThreadPoolExecutor(1) as pool:  # this thread may run a loop already
        return pool.submit(copy_context().run, asyncio.run, run()).result()


def _is_transformer(value: Any) -> bool:
    return (
        not isinstance(value, type) and callable(getattr(value, "to_literal", None)) and callable(getattr(value, "to_python_value", None))
    )
