"""Venv: the Python packages of a recipe in an environment of this machine, made by uv, once for each content.

What is asked for is resolved once, and the lock is kept; the environment is called by its interpreter and its lock. So it comes out the
same tomorrow, and without a network where uv has the packages.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio

from localflyte.errors import ImageBuildError
from localflyte.images.engines import Finished
from localflyte.images.engines import run_program
from localflyte.images.recipe import Recipe
from localflyte.images.shelf import Shelf
from localflyte.images.shelf import python_of
from localflyte.images.uv import OFFLINE
from localflyte.images.uv import Uv
from localflyte.images.uv import masked
from localflyte.images.wants import Wants
from localflyte.images.wants import read_wants
from localflyte.images.ways import Venv
from localflyte.settings import Settings
from localflyte.spec.digest import sha256

__all__ = ("Venvs",)

SCHEMA = 1  # raise it where an environment would be made differently from the same lock
FOLDER = "envs"
LOCKS = "locks"
ANSWER_SECONDS = 60.0
OPTIONS_AT = 2  # after `pip install`
#: what tells two interpreters apart that cannot use the same packages
IDENTITY = (
    "import platform, sys, sysconfig; print(platform.python_version(), sysconfig.get_config_var('SOABI'), sysconfig.get_platform(), "
    "sep='|')"
)

Say = Callable[[str], None]


class Venvs:
    """The environments of one process.

    :param program: of uv
    """

    def __init__(self, program: str, settings: Settings) -> None:
        self._home = settings.home
        self._folder = settings.home / FOLDER
        self._bound = settings.image_build_seconds
        self._shelf = Shelf(self._folder, settings.max_environments)
        (self._folder / LOCKS).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._uv = Uv(program, settings.home, str(self._folder))

    async def venv(self, recipe: Recipe, notice: str, say: Say, *, fresh: bool = False) -> Venv:
        """Have the environment of a recipe here: found, or made.

        :param fresh: resolve again what is asked for
        :raises ImageBuildError: if it cannot be made; the message has what uv said
        """
        python, identity = await self._interpreter(recipe)
        wants = await read_wants(recipe, self._home)
        lock = await self._lock(recipe, wants, python, identity, say, fresh)
        parts = {
            "schema": SCHEMA,
            "python": identity,
            "lock": masked(lock),
            "sources": [masked(line) for line in wants.sources],
            "projects": wants.content,
            "indexes": wants.env_without_passwords,
            "links": os.environ.get("UV_LINK_MODE", ""),
        }
        key = sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogateescape"))[:32]
        folder = self._shelf.take(key)
        if folder is None:
            folder = await self._make(recipe, wants, lock, python, key, say)
            await anyio.to_thread.run_sync(self._shelf.sweep)
        return Venv(python=python_of(folder), key=key, env=_variables(recipe), workdir=_workdir(recipe), notice=notice)

    def close(self) -> None:
        """Use none of them any more."""
        self._shelf.close()

    async def _interpreter(self, recipe: Recipe) -> tuple[str, str]:
        """:return: a Python of the version that is asked for, and what tells it from others"""
        if recipe.python == sys.version_info[:2]:
            soabi = sysconfig.get_config_var("SOABI")
            return sys.executable, f"{platform.python_version()}|{soabi}|{sysconfig.get_platform()}"
        version = f"{recipe.python[0]}.{recipe.python[1]}"
        found = await self._uv.run("python", "find", "--no-project", version, timeout=ANSWER_SECONDS)
        path = found.stdout.strip()
        if found.code != 0 or not path:
            raise ImageBuildError(
                f"The image {recipe.called} asks for Python {version}, and there is none on this machine. "
                f"`uv python install {version}` puts one there; or run with it: tasks need the version of the program that starts them."
            )
        told = await run_program([path, "-I", "-c", IDENTITY], timeout=ANSWER_SECONDS)
        return path, told.stdout.strip()

    async def _lock(self, recipe: Recipe, wants: Wants, python: str, identity: str, say: Say, fresh: bool) -> str:
        """:return: what is to be installed, to the version and the digest"""
        path = self._folder / LOCKS / f"{sha256(f'{SCHEMA} {identity} {wants.key}'.encode())[:32]}.txt"
        if not fresh and path.exists():
            return path.read_text(encoding="utf-8")
        say(f"resolving the packages of the image {recipe.called}")
        arguments = ["pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--python", python, *wants.arguments]
        done = await self._try("resolved", recipe, [*arguments, "-"], wants, offline="last", input="\n".join(wants.lines) + "\n")
        await anyio.to_thread.run_sync(_write, path, done.stdout)
        return done.stdout

    async def _make(self, recipe: Recipe, wants: Wants, lock: str, python: str, key: str, say: Say) -> Path:
        say(f"making an environment for the image {recipe.called}")
        draft = self._shelf.draft(key)
        try:
            await self._environment(python, draft)
            into = ["pip", "install", "--quiet", "--python", python_of(draft), "--no-deps"]
            await self._try(
                "installed", recipe, [*into, *_sources(wants), "-r", "-"], wants, offline="first", input="\n".join((*wants.sources, lock))
            )
            for project in wants.projects:
                await self._try("installed", recipe, [*into, "--", project], wants, offline="first")
            return await anyio.to_thread.run_sync(self._shelf.put, key, draft)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(shutil.rmtree, draft, ignore_errors=True))

    async def _environment(self, python: str, folder: Path) -> None:
        done = await self._uv.run(
            "venv", "--quiet", "--relocatable", "--no-project", "--python", python, str(folder), timeout=ANSWER_SECONDS
        )
        if done.code != 0:
            raise ImageBuildError(f"uv could not make an environment with {python}:\n{done.stderr}")

    async def _try(
        self, what: str, recipe: Recipe, arguments: list[str], wants: Wants, *, offline: str, input: str | None = None
    ) -> Finished:
        """Run uv with the network and without.

        :param offline: which comes ``"first"``: what is kept is 10 times as fast, and an index may have newer versions than what is kept
        """
        ways = [[*arguments[:OPTIONS_AT], OFFLINE, *arguments[OPTIONS_AT:]], arguments]
        complaint = ""
        for way in ways if offline == "first" else reversed(ways):
            done = await self._uv.run(*way, timeout=self._bound, input=input, env=wants.env)
            if done.code == 0:
                return done
            # What it said with the network is what a person can do something about.
            complaint = done.stderr if way is arguments else complaint
        raise ImageBuildError(f"The packages of the image {recipe.called} could not be {what}. uv said:\n{complaint}")


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(draft, path)


def _sources(wants: Wants) -> list[str]:
    """:return: of the arguments those that say where packages are found"""
    pairs = zip(wants.arguments, wants.arguments[1:], strict=False)
    return [each for pair in pairs if pair[0] in ("--find-links", "-f") for each in pair]


def _variables(recipe: Recipe) -> dict[str, str]:
    env: dict[str, str] = {}
    for layer in recipe.layers:
        for name, value in layer.get("env_vars") or () if layer.kind == "env" else ():
            before = env.get(name, os.environ.get(name, ""))
            env[name] = value.replace(f"${{{name}}}", before).replace(f"${name}", before)
    return env


def _workdir(recipe: Recipe) -> str:
    """:return: the folder that tasks start in, if this machine has it"""
    said = [layer.get("workdir") for layer in recipe.layers if layer.kind == "workdir"]
    return said[-1] if said and os.path.isdir(said[-1]) else ""
