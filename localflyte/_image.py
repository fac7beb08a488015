"""flyte._image: a private module of flyte that programs import from all the same, for PythonWheels above all."""

from __future__ import annotations

from localflyte.spec.image import Architecture
from localflyte.spec.image import Image
from localflyte.spec.image_layers import DIST_FOLDER
from localflyte.spec.image_layers import PythonWheels

__all__ = ("DIST_FOLDER", "Architecture", "Image", "PythonWheels")
