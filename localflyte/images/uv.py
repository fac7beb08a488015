"""Uv: the program that resolves and installs Python packages, found, and kept from saying passwords."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path

from localflyte.images.engines import Finished
from localflyte.images.engines import run_program
from localflyte.spec.image_layers import Layer

__all__ = ("INSTALL_UV", "Uv", "find_uv", "has_password", "index_variables", "masked")

INSTALL_UV = "pip install 'localflyte[images]'"

#: what stands before the host of a URL, also where a password has a slash that was not escaped; a port, and the version of
#: ``git+https://host/name@version``, are something else
_USERINFO = re.compile(r"//(?:[^/@\s]+|[^/@\s:]*:(?!\d*/)[^@\s]*)@")
OFFLINE = "--offline"
KEPT_LINES = 20


def masked(text: str) -> str:
    """:return: the text without users and passwords in its URLs"""
    return _USERINFO.sub("//***@", text)


def has_password(text: str) -> bool:
    """Whether a URL in a text has a user or a password."""
    return _USERINFO.search(text) is not None


def find_uv() -> str | None:
    """:return: the path of the program: that of the package, else one on the PATH"""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")


def index_variables(layers: Iterable[Layer]) -> dict[str, str]:
    """:return: the variables that name the indexes of layers. As arguments, everybody on this machine could read a password in them"""
    several = list(layers)
    firsts = list(dict.fromkeys(layer.get("index_url") for layer in several))
    extras = [url for layer in several for url in layer.get("extra_index_urls") or ()]
    if len(firsts) == 1 and firsts[0]:
        default = {"UV_DEFAULT_INDEX": firsts[0]}
    else:
        # Some of them install from the usual index: to resolve them together is to look into all.
        default, extras = {}, [*filter(None, firsts), *extras]
    if not extras:
        return default
    # pip takes the best version of all indexes; uv would take the first index that has the package
    return {**default, "UV_INDEX": " ".join(dict.fromkeys(extras)), "UV_INDEX_STRATEGY": "unsafe-best-match"}


class Uv:
    """:param program: its path
    :param home: the folder of localflyte: packages are kept on the same file system, so that environments share them by links
    :param cwd: where it is run; a project file there would have a say
    """

    def __init__(self, program: str, home: Path, cwd: str) -> None:
        self.program = program
        self._cwd = cwd
        self._env = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1", **_cache(home)}

    async def run(
        self,
        *args: str,
        timeout: float,  # noqa: ASYNC109 - see Engine.run
        input: str | None = None,
        env: dict[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
    ) -> Finished:
        """Run it to its end; passwords are masked in what it said."""
        done = await run_program(
            [self.program, *args],
            timeout=timeout,
            input=None if input is None else input.encode(),
            env={**self._env, **(env or {})},
            cwd=self._cwd,
            on_line=on_line,
        )
        lines = masked(done.stderr).strip().splitlines()
        return Finished(code=done.code, stdout=done.stdout, stderr="\n".join(lines[-KEPT_LINES:]), timed_out=done.timed_out)


def _cache(home: Path) -> dict[str, str]:
    """:return: the variable that moves its cache, if it lies where nothing can be linked from"""
    if "UV_CACHE_DIR" in os.environ:
        return {}
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return {} if _device(usual) == _device(home) else {"UV_CACHE_DIR": str(home / "uv")}


def _device(path: Path) -> int:
    while not path.exists():
        path = path.parent
    return path.stat().st_dev
