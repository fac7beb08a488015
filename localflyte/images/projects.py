"""Projects: what a script or a project of uv asks for, as the requirements that any installer takes."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from localflyte.errors import ImageBuildError
from localflyte.images.dockerfile import extra_arguments
from localflyte.images.engines import Finished
from localflyte.images.uv import INSTALL_UV
from localflyte.images.uv import Uv
from localflyte.images.uv import find_uv
from localflyte.images.uv import index_variables
from localflyte.spec.image_layers import Layer

__all__ = ("project_requirements", "script_header", "script_requirements")

EXPORT_SECONDS = 600.0
#: what extra_args may say to `uv sync`, and means nothing, or is said already, where the packages are only listed
OF_SYNC = frozenset(("--no-install-project", "--no-emit-project", "--active", "--inexact", "--exact", "--frozen"))
_BLOCK = re.compile(r"(?m)^# /// script\s*$\n(?P<content>(?:^#(?: .*)?$\n?)+?)^# ///\s*$")


def script_header(path: str) -> dict[str, Any]:
    """Read the PEP 723 block of a script.

    :raises ImageBuildError: if it has none, or that is not TOML
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ImageBuildError(f"the script {path} cannot be read: {error}") from None
    block = _BLOCK.search(text)
    if block is None:
        raise ImageBuildError(f"{path} has no block that begins with `# /// script` and says its dependencies (PEP 723)")
    lines = [line[2:] if line.startswith("# ") else line[1:] for line in block["content"].splitlines()]
    try:
        return tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        raise ImageBuildError(f"the block `# /// script` of {path} is not valid TOML: {error}") from None


def script_requirements(path: str, *, local_files: bool) -> list[str]:
    """:param local_files: whether what lies on this machine can be installed
    :return: the dependencies of a script, a line each
    :raises ImageBuildError: if one of them cannot be had
    """
    wanted = [str(each) for each in script_header(path).get("dependencies") or ()]
    local = [each for each in wanted if "file://" in each]
    if local and not local_files:
        raise ImageBuildError(f"{path} depends on {local[0]}, which is not in the image; LOCALFLYTE_IMAGE_POLICY=venv can install it")
    return wanted


async def project_requirements(layer: Layer, home: Path) -> str:
    """Have uv say what a project needs, the project itself left out. Its lock file decides, if there is one; the project is not written to.

    :return: the lines of a requirements file
    :raises ImageBuildError: if there is no uv, or it refuses
    """
    pyproject, lock = layer.get("pyproject"), layer.get("uvlock")
    program = find_uv()
    if program is None:
        raise ImageBuildError(f"with_uv_project({pyproject}) needs uv to read the project: {INSTALL_UV}")
    options = [*(["--frozen"] if lock else []), *(["--prerelease", "allow"] if layer.get("pre") else [])]
    options += [each for each in extra_arguments(layer) if each not in OF_SYNC]

    async def export(folder: str) -> Finished:
        said = ("--quiet", "--no-header", "--no-emit-project", "--format", "requirements-txt", *options)
        return await Uv(program, home, folder).run("export", *said, timeout=EXPORT_SECONDS, env=index_variables([layer]))

    if lock == os.path.join(os.path.dirname(pyproject), "uv.lock"):
        done = await export(os.path.dirname(pyproject))  # nothing is written where the lock is frozen
    else:
        with tempfile.TemporaryDirectory(prefix=".project-", dir=home) as folder:
            shutil.copyfile(pyproject, os.path.join(folder, "pyproject.toml"))
            if lock:
                shutil.copyfile(lock, os.path.join(folder, "uv.lock"))
            done = await export(folder)
    if done.code != 0:
        raise ImageBuildError(f"uv cannot say what {pyproject} needs:\n{done.stderr}")
    return "\n".join([*_sources(pyproject), done.stdout])


def _sources(pyproject: str) -> list[str]:
    """:return: where the project takes packages from, as lines of a requirements file: uv leaves them out of what it exports"""
    tool = tomllib.loads(Path(pyproject).read_text(encoding="utf-8")).get("tool", {}).get("uv", {})
    lines = ["--no-index"] if tool.get("no-index") else []
    if tool.get("index-url"):
        lines.append(f"--index-url {tool['index-url']}")
    indexes = tool.get("index") or ()
    lines += [f"--{'index-url' if index.get('default') else 'extra-index-url'} {index['url']}" for index in indexes]
    lines += [f"--extra-index-url {url}" for url in tool.get("extra-index-url") or ()]
    return [*lines, *(f"--find-links {place}" for place in tool.get("find-links") or ())]
