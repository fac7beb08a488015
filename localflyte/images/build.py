"""Build: a recipe made into an image by the engine, once for each content; what was built is found again by its label."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from localflyte.errors import ImageBuildError
from localflyte.errors import InvalidPackageError
from localflyte.images.context import context_folder
from localflyte.images.context import fill_context
from localflyte.images.dockerfile import dockerfile_text
from localflyte.images.engines import Engine
from localflyte.images.engines import Finished
from localflyte.images.pull import bring
from localflyte.images.pull import container_of
from localflyte.images.recipe import Recipe
from localflyte.images.uv import masked
from localflyte.images.ways import Container
from localflyte.settings import Settings
from localflyte.spec.digest import sha256

__all__ = ("LABEL", "Build", "local_name")

LABEL = "localflyte.image"
BASE_LABEL = "localflyte.base"
KEPT_LINES = 20  # of what a step said that failed
PATIENCE = 30.0  # seconds that a question to the engine may take

#: "Step 2/7 : RUN ..." of docker's classic builder, "STEP 2/7: RUN ..." of podman's, "#6 [2/7] RUN ..." of BuildKit
_STEP = re.compile(r"(?:Step|STEP) (\d+)/(\d+) ?: (.*)|#\d+ \[ *(\d+)/(\d+)\] (.*)")
_NOISE = re.compile(r" *---> |Removing intermediate container|DEPRECATED: The legacy builder")
_NO_PACKAGE = re.compile(r"E: (?:Unable to locate package|Package '?)\s*([^\s']+)")

Say = Callable[[str], None]


class Build:
    """One build of one recipe.

    :param digest: of the recipe
    :param fresh: build it again, whatever was kept of it
    """

    def __init__(self, engine: Engine, settings: Settings, say: Say, *, fresh: bool = False) -> None:
        self._engine = engine
        self._settings = settings
        self._say = say
        self._fresh = fresh
        self._step = ""
        self._lines: list[str] = []

    async def image(self, recipe: Recipe, digest: str) -> Container:
        """Have the image here: found, or built.

        :raises ImageBuildError: if it cannot be built; the message has the step and what it said
        """
        recipe.check_files()
        if recipe.dockerfile:
            return await self._from_dockerfile(recipe, digest)
        base = base_of(recipe, self._settings)
        found = await bring(self._engine, base, self._settings, self._say)
        user = str((found.get("Config") or {}).get("User") or "")
        # podman might look for a short name elsewhere; BuildKit takes no id.
        text = dockerfile_text(recipe, str(found["Id"]) if self._engine.name == "podman" else base, user)
        key = sha256(f"{digest}\n{text}".encode("utf-8", "surrogateescape"))
        known = None if self._fresh else await self._find(key, str(found.get("Id")))
        if known is None:
            with context_folder(self._settings.home) as folder:
                await self._fill(folder, recipe)
                (folder / "Dockerfile").write_text(text, encoding="utf-8")
                labels = {LABEL: key, BASE_LABEL: str(found.get("Id"))}
                known = await self._build(recipe, folder, folder / "Dockerfile", labels)
        return container_of(self._engine, local_name(recipe, key), known)

    async def _fill(self, folder: Path, recipe: Recipe) -> None:
        try:
            await fill_context(folder, recipe, self._settings.home)
        except (OSError, UnicodeDecodeError) as error:
            raise ImageBuildError(f"a file of the image {recipe.called} cannot be read: {error}") from None

    async def _from_dockerfile(self, recipe: Recipe, digest: str) -> Container:
        # What lies beside a Dockerfile belongs to it, and only the builder knows which of it counts. It keeps what it built.
        path = Path(recipe.dockerfile)
        known = await self._build(recipe, path.parent, path, {LABEL: digest})
        return container_of(self._engine, local_name(recipe, digest), known)

    async def _find(self, key: str, base: str) -> dict[str, Any] | None:
        listed = await self._engine.run("image", "ls", "--quiet", "--no-trunc", "--filter", f"label={LABEL}={key}", timeout=PATIENCE)
        for each in dict.fromkeys(listed.stdout.split()):
            found = await self._engine.inspect(each)
            labels = ((found or {}).get("Config") or {}).get("Labels") or {}
            # podman labels the image of each step: that of a build which failed at a later one has all but the name.
            if found is not None and found.get("RepoTags") and labels.get(LABEL) == key and labels.get(BASE_LABEL) == base:
                return found
        return None

    async def _build(self, recipe: Recipe, folder: Path, dockerfile: Path, labels: dict[str, str]) -> dict[str, Any]:
        name = local_name(recipe, labels[LABEL])
        arguments = ["build", "--force-rm", "--file", str(dockerfile), "--tag", name]
        for label, value in labels.items():
            arguments += ["--label", f"{label}={value}"]
        if self._settings.build_network != "default":
            arguments += ["--network", self._settings.build_network]
        if self._engine.name == "podman":
            arguments.append("--pull=never")
        if self._fresh:
            arguments.append("--no-cache")
        self._say(f"building the image {recipe.called} with {self._engine.name}")
        began = anyio.current_time()
        done = await self._engine.run(
            *arguments,
            "--",
            str(folder),
            timeout=self._settings.image_build_seconds,
            on_line=self._hear,
            env={"BUILDKIT_PROGRESS": "plain"},
        )
        found = await self._engine.inspect(name) if done.code == 0 else None
        if found is None:
            raise self._failure(recipe, done)
        self._say(f"built the image {recipe.called} in {anyio.current_time() - began:.1f} s")
        return found

    def _hear(self, line: str) -> None:
        step = _STEP.match(line)
        if step is None:
            if not _NOISE.match(line):
                self._lines = [*self._lines[-KEPT_LINES:], masked(line)]
            return
        number, total, what = [group for group in step.groups() if group is not None]
        self._step, self._lines = f"step {number} of {total}, {masked(_readable(what))}", []
        if not what.startswith("LABEL "):  # ours
            self._say(f"image: {_shortened(self._step)}")

    def _failure(self, recipe: Recipe, done: Finished) -> ImageBuildError | InvalidPackageError:
        said = "\n".join(self._lines[-KEPT_LINES:]) or masked(done.complaint)
        if (package := _NO_PACKAGE.search(said)) is not None:
            return InvalidPackageError(package[1], said)
        if done.timed_out:
            why = f"it took longer than image_build_seconds = {self._settings.image_build_seconds:g}"
        else:
            why = f"{self._engine.name} ended with {done.code}"
        at = f" at {self._step}" if self._step else ""
        hint = ""
        if "resolution" in said or "onnect" in said:
            hint = "\nIf the build has no network, LOCALFLYTE_BUILD_NETWORK=host gives it that of this machine."
        return ImageBuildError(f"The image {recipe.called} could not be built{at}: {why}. It said:\n{said}{hint}")


def base_of(recipe: Recipe, settings: Settings) -> str:
    """:return: the reference of what a recipe starts from here"""
    if not recipe.is_flyte_base:
        return recipe.base
    return settings.base_image.replace("{python}", f"{recipe.python[0]}.{recipe.python[1]}")


def local_name(recipe: Recipe, digest: str) -> str:
    """:return: what an image that is built is called on this machine"""
    return f"localflyte/{(recipe.name or 'image').rpartition('/')[2]}:{digest[:32]}"


def _readable(step: str) -> str:
    """:return: a step as a person would write it, where it runs a list of arguments"""
    word, _, rest = step.partition(" ")
    try:
        arguments = json.loads(rest) if word == "RUN" else None
    except ValueError:
        arguments = None
    return f"RUN {shlex.join(map(str, arguments))}" if isinstance(arguments, list) else step


def _shortened(text: str, most: int = 160) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
