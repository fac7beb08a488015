"""flyte.types: the names of flyte's type system, as far as they mean something without protobuf. Nothing is loaded before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localflyte._lazy import lazy_exports

__all__ = (
    "FlytePickle",
    "Renderable",
    "TypeEngine",
    "TypeTransformer",
    "TypeTransformerFailedError",
    "guess_interface",
    "literal_string_repr",
)

if TYPE_CHECKING:
    from localflyte.types.literals import literal_string_repr as literal_string_repr
    from localflyte.types.protobuf import FlytePickle as FlytePickle
    from localflyte.types.protobuf import Renderable as Renderable
    from localflyte.types.protobuf import TypeEngine as TypeEngine
    from localflyte.types.protobuf import TypeTransformer as TypeTransformer
    from localflyte.types.protobuf import guess_interface as guess_interface
    from localflyte.types.refusal import TypeTransformerFailedError as TypeTransformerFailedError

__getattr__, __dir__ = lazy_exports(
    __name__,
    {**dict.fromkeys(__all__, "protobuf"), "TypeTransformerFailedError": "refusal", "literal_string_repr": "literals"},
)
