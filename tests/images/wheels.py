"""A wheel that is made in a test: a package of one module, so that nothing has to be downloaded."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from zipfile import ZipFile

__all__ = ("make_project", "make_wheel")

BACKEND = """
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(f"{folder}/own-3-py3-none-any.whl", "w") as archive:
        archive.write("own.py")
        archive.writestr("own-3.dist-info/METADATA", "Metadata-Version: 2.1\\nName: own\\nVersion: 3\\n")
        archive.writestr("own-3.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        record = "".join(f"{name},,\\n" for name in (*archive.namelist(), "own-3.dist-info/RECORD"))
        archive.writestr("own-3.dist-info/RECORD", record)
    return "own-3-py3-none-any.whl"
"""
PROJECT = """
[project]
name = "own"
version = "3"
requires-python = ">=3.9"
dependencies = {dependencies}
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[tool.uv]
{uv}
"""


def make_project(folder: Path, *dependencies: str, uv: str = "", text: str = "VALUE = 1\n") -> Path:
    """Make a project that brings what builds it.

    :return: its pyproject.toml
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "own.py").write_text(text)
    (folder / "pyproject.toml").write_text(PROJECT.format(dependencies=list(dependencies), uv=uv))
    return folder / "pyproject.toml"


def make_wheel(folder: Path, name: str, version: str = "1.0", *, requires: tuple[str, ...] = (), text: str = "") -> Path:
    """:return: the file"""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": text or f"VERSION = {version!r}\n",
        f"{info}/METADATA": "\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {each}" for each in requires), ""]
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(content)},{len(content.encode())}" for path, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return wheel


def _digest(content: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
