"""flyte.types._type_engine: a private module of flyte that programs import from all the same, for PydanticTransformer above all."""

from __future__ import annotations

from typing import Any

from localflyte.types.literals import LocalType
from localflyte.types.protobuf import OwnTransformer
from localflyte.types.protobuf import TypeEngine
from localflyte.types.protobuf import TypeTransformer
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import describe

__all__ = ("PydanticTransformer", "TypeEngine", "TypeTransformer", "TypeTransformerFailedError")


class PydanticTransformer(OwnTransformer):
    """Converts pydantic models, as localflyte itself does."""

    def __init__(self) -> None:
        from pydantic import BaseModel

        super().__init__("Pydantic Transformer", BaseModel, enable_type_assertions=False)

    def get_literal_type(self, t: Any) -> LocalType:
        """:return: what stands for the model class on the way
        :raises TypeTransformerFailedError: if it is no model class
        """
        if not (isinstance(t, type) and issubclass(t, self.python_type)):
            raise TypeTransformerFailedError(f"expected a pydantic model, got {getattr(t, '__name__', None) or describe(t)}")
        return LocalType(t)
