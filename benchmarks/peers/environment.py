"""An environment that uv made of an image, found again by a new process: from the declared image to an interpreter that is up."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from time import perf_counter

import anyio

from localflyte.images.images import Images
from localflyte.images.ways import Venv
from localflyte.settings import Settings
from localflyte.spec.image import Image

__all__ = ("main",)


async def _ready(home: Path) -> float:
    """:return: seconds; the first time they are those of making it"""
    terms = Image.from_debian_base(name="bench").with_pip_packages("tomli").terms()
    images = Images(Settings(home=home, image_policy="venv"))
    start = perf_counter()
    way = await images.ready(terms, lambda line: None)
    assert isinstance(way, Venv)
    await anyio.run_process([way.python, "-c", "import tomli"])
    seconds = perf_counter() - start
    images.close()
    return seconds


def main() -> None:
    """Find it as often as the command line says, each time as a process that knows nothing of it."""
    home = Path(os.environ["HOME"]) / "environments"
    asyncio.run(_ready(home))
    print([asyncio.run(_ready(home)) for _ in range(int(sys.argv[2]))])


if __name__ == "__main__":
    main()
