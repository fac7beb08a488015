"""Tool: a command-line tool that is called like a task, and the container task that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from localflyte.api.environment import TaskEnvironment
from localflyte.extras import ContainerTask
from localflyte.extras.shell.flags import flags_of
from localflyte.extras.shell.kinds import Glob
from localflyte.extras.shell.kinds import Input
from localflyte.extras.shell.kinds import check_outputs
from localflyte.extras.shell.kinds import input_of
from localflyte.extras.shell.kinds import wired_output
from localflyte.extras.shell.script import INPUTS
from localflyte.extras.shell.script import OUTPUTS
from localflyte.extras.shell.script import RECORD
from localflyte.extras.shell.script import Script
from localflyte.io import Dir
from localflyte.io import File
from localflyte.spec.image import Image
from localflyte.spec.resources import Resources

__all__ = ("Tool", "create")


class Tool:
    """What `create` makes: await it with its inputs, or put its `env` among the dependencies of another."""

    def __init__(
        self,
        task: ContainerTask,
        image: str | Image,
        inputs: Mapping[str, Input],
        outputs: Mapping[str, Any],
        defaults: Mapping[str, Any],
    ) -> None:
        self.name = task.name
        self.image = image
        self.local_logs = task.local_logs
        self.inputs = inputs
        self.outputs = outputs
        self.defaults = defaults
        self._task = task

    async def __call__(self, **given: Any) -> Any:
        """Run the script with these inputs.

        :raises TypeError: if an input is missing, or there is none of that name
        :raises ValueError: if a dict holds the character that stands between its items
        """
        return await self.unpacked(await self._task.aio(**self.packed(given)))

    def as_task(self) -> ContainerTask:
        """:return: the container task, whose inputs and outputs are those of the container"""
        return self._task

    @cached_property
    def env(self) -> TaskEnvironment:
        """The environment that holds this task alone."""
        return TaskEnvironment.from_task(self.name, self._task)

    def packed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """:return: the inputs as the container takes them
        :raises TypeError: if an input is missing, or there is none of that name
        :raises ValueError: if a dict holds the character that stands between its items
        """
        unknown = [name for name in given if name not in self.inputs]
        missing = [name for name, each in self.inputs.items() if name not in {**self.defaults, **given} and not each.optional]
        if unknown or missing:
            what = f"has no input {unknown[0]!r}" if unknown else f"is missing its inputs {', '.join(missing)}"
            raise TypeError(f"the call of {self.name} {what}; its inputs are {', '.join(self.inputs) or 'none'}")
        values = {**self.defaults, **given}
        return {name: _packed(name, each, values.get(name)) for name, each in self.inputs.items()}

    async def unpacked(self, given: Any) -> Any:
        """:return: the outputs of the container as the caller gets them: the folder of a `Glob` as a list of files"""
        values = given if isinstance(given, tuple) else (given,)
        shown = [await _matching(value, spec) for value, spec in zip(values, self.outputs.values(), strict=False)]
        return tuple(shown) if isinstance(given, tuple) else (shown[0] if shown else given)


def create(
    name: str,
    *,
    image: str | Image,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    script: str,
    flag_aliases: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
    shell: str = "/bin/bash",
    debug: bool = False,
    resources: Resources | None = None,
    **settings: Any,
) -> Tool:
    """Make a task of a script that runs in a container.

    :param image: holds the tool and bash, and no entrypoint
    :param inputs: by name: File, Dir, list[File], dict[str, str], int, float, str and bool, each also as ``T | None``
    :param outputs: by name: File, Dir, int, float, str, bool, or a `Glob`, `Stdout` or `Stderr`
    :param script: with ``{inputs.x}``, ``{flags.x}`` and ``{outputs.x}``, which need no quotes
    :param flag_aliases: the flags of inputs: a flag, ``(flag, mode)`` or a `FlagSpec`; ``-name`` by default
    :param defaults: what inputs are where a call leaves them out
    :param debug: whether it first says what it was given and what it runs
    :param settings: of the task: retries, timeout, cache, env_vars, secrets, local_logs
    :raises TypeError: if a type is none that a script can be given or give, or a default does not have it
    :raises KeyError: if the script, a flag or a default names what is not declared
    """
    if not isinstance(image, str | Image):
        raise TypeError(f"image of {name} must be the name of an image or a flyte.Image, got {type(image).__name__}")
    known = {each: input_of(each, annotation) for each, annotation in (inputs or {}).items()}
    outputs = dict(outputs or {})
    check_outputs(outputs)
    for each, value in (defaults or {}).items():
        _check_default(each, value, known)
    command = Script(name, script, known, outputs, flags_of(known, flag_aliases or {})).command(shell, debug=debug)
    task = ContainerTask(
        name,
        image,
        command,
        {each: one.wired for each, one in known.items()},
        None,
        {each: wired_output(spec) for each, spec in outputs.items()},
        INPUTS,
        OUTPUTS,
        resources=resources or Resources(cpu=1, memory="1Gi"),
        file_input_layout="NAMED_DIR",  # a folder for each file, where it keeps its name: tools look at its ending
        **{"cache": "auto", **settings},
    )
    return Tool(task, image, known, outputs, dict(defaults or {}))


def _check_default(name: str, value: Any, inputs: Mapping[str, Input]) -> None:
    if name not in inputs:
        raise KeyError(f"defaults names {name!r}, which is no input; inputs are {', '.join(inputs) or 'none'}")
    if value is None:
        raise ValueError(f"defaults[{name!r}] is None: declare the input as `T | None`, and leave it out of defaults")
    kind, annotation, _ = inputs[name]
    match kind:
        case "files":
            fits = isinstance(value, list) and all(isinstance(item, File) for item in value)
        case "dict":
            fits = isinstance(value, dict) and all(isinstance(text, str) for item in value.items() for text in item)
        case _:
            kinds = (int, float) if annotation is float else annotation
            fits = isinstance(value, kinds) and (annotation is bool or not isinstance(value, bool))
    if not fits:
        raise TypeError(f"defaults[{name!r}] is {value!r}, and the input is {getattr(annotation, '__name__', annotation)}")


def _packed(name: str, given: Input, value: Any) -> Any:
    if value is None and given.optional:
        return "" if given.wired is str else None
    if given.kind == "dict" and isinstance(value, Mapping):
        texts = [text for item in value.items() for text in item]
        if any(RECORD in text for text in texts):
            raise ValueError(f"a key or value of input {name!r} holds the character U+001E, which stands between them")
        return RECORD.join(texts)
    if given.optional and given.kind == "bool":
        return "true" if value else "false"
    return str(value) if given.optional and given.kind == "scalar" else value


async def _matching(value: Any, spec: Any) -> Any:
    if not isinstance(spec, Glob) or not isinstance(value, Dir):
        return value
    folder = Path(await value.download())
    return [await File.from_local(str(path)) for path in _files(folder, spec.pattern)]


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file())
