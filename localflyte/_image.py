"""flyte._image: a private module of flyte that programs import from all the same, for PythonWheels above all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localflyte._lazy import lazy_exports

__all__ = ("DIST_FOLDER", "Architecture", "Image", "PythonWheels")

if TYPE_CHECKING:
    from localflyte.spec.image import Architecture as Architecture
    from localflyte.spec.image import Image as Image
    from localflyte.spec.image_layers import DIST_FOLDER as DIST_FOLDER
    from localflyte.spec.image_layers import PythonWheels as PythonWheels
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "Architecture": "localflyte.spec.image",
            "DIST_FOLDER": "localflyte.spec.image_layers",
            "Image": "localflyte.spec.image",
            "PythonWheels": "localflyte.spec.image_layers",
        },
    )
