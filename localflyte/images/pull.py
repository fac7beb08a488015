"""Pull: an image that exists somewhere, brought here under its own message and its own time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localflyte.errors import ImagePullBackOffError
from localflyte.images.engines import Engine
from localflyte.images.ways import Container
from localflyte.settings import Settings

__all__ = ("bring", "container_of", "qualified")

Say = Callable[[str], None]


async def bring(engine: Engine, name: str, settings: Settings, say: Say) -> dict[str, Any]:
    """Have an image here: looked for first, pulled where it is missing.

    :param name: a reference that was checked
    :return: what the engine says of it
    :raises ImagePullBackOffError: if it is not here and cannot be had
    """
    # Of a name without a registry podman may ask which one is meant; docker means its own.
    full = qualified(name) if engine.name == "podman" else name
    for each in dict.fromkeys((name, full)):
        if (found := await engine.inspect(each)) is not None:
            return found
    say(f"pulling the image {name} with {engine.name}; that is done once")
    done = await engine.run("pull", "--quiet", "--", full, timeout=settings.image_pull_seconds)
    found = await engine.inspect(full) if done.code == 0 else None
    if found is None:
        reason = f"it took longer than image_pull_seconds = {settings.image_pull_seconds:g}" if done.timed_out else done.complaint
        raise ImagePullBackOffError(
            "ImagePullBackOff",
            f"The image {name} is not on this machine, and {engine.name} could not pull it: {reason}\n"
            f"Try `{engine.name} pull {full}` yourself (is the name right, and is there a network, or a login?), "
            f"or load it from a file: `{engine.name} load -i FILE`.",
        )
    return found


def qualified(name: str) -> str:
    """:return: a reference with the registry that docker means by one without"""
    first, slash, _ = name.partition("/")
    if name.startswith("sha256:") or (slash and (first == "localhost" or set(first) & set(".:"))):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def container_of(engine: Engine, name: str, found: dict[str, Any], notice: str = "") -> Container:
    """:param found: what the engine says of the image"""
    config = found.get("Config") or {}
    pairs = (str(each).partition("=") for each in config.get("Env") or ())
    return Container(
        engine=engine,
        image=str(found.get("Id") or name),
        name=name,
        workdir=str(config.get("WorkingDir") or ""),
        user=str(config.get("User") or ""),
        env={key: value for key, _, value in pairs if key},
        notice=notice,
    )
