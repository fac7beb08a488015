"""ContainerTask: a command in a container as a task, with named inputs and outputs as files."""

from __future__ import annotations

import asyncio
import os
import pathlib
import shutil
import signal
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from inspect import Parameter
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import NoReturn
from typing import get_args

from localflyte.api.context import current
from localflyte.api.native import NativeInterface
from localflyte.api.task import TaskTemplate
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.extras.command import check_words
from localflyte.extras.command import render
from localflyte.extras.inputs import Inputs
from localflyte.extras.inputs import Mount
from localflyte.extras.inputs import open_folder
from localflyte.extras.outputs import claim
from localflyte.extras.outputs import holds_references
from localflyte.extras.outputs import read_outputs
from localflyte.extras.process import Process
from localflyte.io.location import is_remote
from localflyte.io.location import new_location
from localflyte.spec.digest import sha256
from localflyte.spec.image import Image
from localflyte.spec.image import image_from_request

__all__ = ("ContainerTask",)

Layout = Literal["DIRECT", "NAMED_DIR"]
LAST_LINES = 20


class ContainerTask(TaskTemplate[..., Any, Any]):
    """A command in a container.

    :param image: an image, or the name of one; what its entrypoint is stays
    :param command: its words; ``{{.inputs.x}}`` stands for the value of an input. Without words, what the image says.
    :param inputs: the type of each input by name. A ``File`` or ``Dir`` is seen at ``<input_data_dir>/<name>``.
    :param arguments: more words of the command
    :param outputs: the type of each output by name; it is read from ``<output_data_dir>/<name>``
    :param metadata_format: the form of ``<input_data_dir>/inputs.json`` (``.yaml``), which tells of all inputs; ``"PROTO"`` makes none
    :param local_logs: whether what it prints goes to the log of the task
    :param file_input_layout: ``"NAMED_DIR"`` keeps the name of a file: ``<input_data_dir>/<input>/<name>``
    :param settings: those of every task
    :raises ValueError: if the command names what is no input, or a folder cannot be one of a container
    """

    MetadataFormat = Literal["JSON", "YAML", "PROTO"]
    is_container: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        image: str | Image,
        command: list[str],
        inputs: Mapping[str, Any] | None = None,
        arguments: list[str] | None = None,
        outputs: Mapping[str, Any] | None = None,
        input_data_dir: str | pathlib.Path = "/var/inputs",
        output_data_dir: str | pathlib.Path = "/var/outputs",
        metadata_format: MetadataFormat = "JSON",
        local_logs: bool = True,
        file_input_layout: Layout = "DIRECT",
        **settings: Any,
    ) -> None:
        inputs, outputs = dict(inputs or {}), dict(outputs or {})
        for each in (*inputs, *outputs):
            _check_name(each, name)
        _check_choice("metadata_format", metadata_format, get_args(self.MetadataFormat), name)
        _check_choice("file_input_layout", file_input_layout, get_args(Layout), name)
        self.command = check_words(command, "command", inputs, name)
        self.arguments = check_words(arguments, "arguments", inputs, name)
        self.input_types = inputs
        self.output_types = outputs
        self.input_data_dir = _folder(input_data_dir, "input_data_dir", name)
        self.output_data_dir = _folder(output_data_dir, "output_data_dir", name)
        self.metadata_format = metadata_format
        self.local_logs = local_logs
        self.file_input_layout = file_input_layout
        defaults = {each: None if type(None) in get_args(kind) else Parameter.empty for each, kind in inputs.items()}
        interface: Any = NativeInterface({each: (kind, defaults[each]) for each, kind in inputs.items()}, outputs)
        image = image_from_request(image)
        super().__init__(name=name, image=image, interface=interface, task_type="raw-container", **settings)

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: there is no function to call.

        :raises NotImplementedError: always
        """
        raise NotImplementedError(f"task {self.name} is a container and no function: call it inside a task, or with flyte.run(...)")

    def container_args(self, serialize_context: Any) -> list[str]:
        """:return: the command as it was declared"""
        return [*self.command, *self.arguments]

    def version_parts(self) -> dict[str, str]:
        """:return: a digest of the command and of what is around it, for the key of the cache"""
        parts = (*self.command, "", *self.arguments, "", self.input_data_dir, self.output_data_dir, self.metadata_format)
        return {"command": sha256("\0".join((*parts, self.file_input_layout)).encode("utf-8", "surrogatepass"))}

    async def execute(self, *args: Any, **values: Any) -> Any:
        """Run the container, and read what it leaves; in the process of the call."""
        context = current()
        terms = context.container if context is not None else None
        if context is None or terms is None:
            raise RuntimeSystemError("BadContext", f"task {self.name} is executed by localflyte alone; call it instead")
        folder = os.path.join(context.run_base_dir, "containers", terms["name"])
        raw = context.raw_data_path.path
        outputs = os.path.join(folder, "outputs") if not raw or is_remote(raw) else new_location("outputs")
        process = Process(terms, self.name, lambda said: self.last_words(said, outputs))
        try:
            with _asked_to_end(process):
                return await asyncio.to_thread(self._run, process, values, folder, outputs, terms["secrets"])
        except asyncio.CancelledError:
            process.end()
            raise
        finally:
            shutil.rmtree(os.path.join(folder, "inputs"), ignore_errors=True)
            with suppress(OSError):
                os.rmdir(folder)  # unless the outputs are in it

    def last_words(self, said: str, outputs: str) -> str:
        """:param said: the last that the container printed
        :param outputs: the folder of its outputs
        :return: what to say of that in an error
        """
        lines = said.rstrip().splitlines()[-LAST_LINES:]
        return "\n".join(("The last that it printed:", *lines)) if lines else "It printed nothing."

    def _run(self, process: Process, values: Mapping[str, Any], folder: str, outputs: str, secrets: str) -> tuple[Any, ...] | None:
        is_kept = False
        try:
            mounts = self._stage(values, folder, outputs)
            if secrets:
                mounts.append(_secrets(secrets, self.name))
            words = render([*self.command, *self.arguments], values, self.input_data_dir)
            try:
                process.run(mounts, words, show=self.local_logs)
            finally:
                claim(outputs)
            read = read_outputs(self.output_types, outputs, self.output_data_dir)
            is_kept = holds_references(self.output_types)
        finally:
            if not is_kept:
                shutil.rmtree(os.path.dirname(outputs), ignore_errors=True)
        return read or None

    def _stage(self, values: Mapping[str, Any], folder: str, outputs: str) -> list[Mount]:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        open_folder(outputs)
        mounts = [Mount(outputs, self.output_data_dir, readonly=False)]
        place = outputs
        if self.input_data_dir != self.output_data_dir:
            place = os.path.join(folder, "inputs")
            open_folder(place)
            mounts.append(Mount(place, self.input_data_dir, readonly=False))
        inputs = Inputs(place, self.input_data_dir, named=self.file_input_layout == "NAMED_DIR")
        inputs.put(values, self.metadata_format)
        return [*mounts, *inputs.mounts]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, command={self.command!r})"


@contextmanager
def _asked_to_end(process: Process) -> Iterator[None]:
    """Outlive the signal that asks this process to end: the command of the container has it too, and passes it on.

    Where tasks run in threads there is no such signal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: process.leave())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _secrets(target: str, task: str) -> Mount:
    folder = os.environ.get("FLYTE_SECRETS_DEFAULT_DIR", "")
    if not folder:
        message = (
            f"Task {task}: secrets cannot be files where tasks run in threads (isolation = inline). Take them as variables: as_env_var=..."
        )
        raise RuntimeUserError("SecretMountError", message, "user")
    return Mount(folder, target, readonly=True)


def _folder(path: Any, what: str, task: str) -> str:
    text = os.path.normpath(os.fspath(path)) if path else ""
    if not text.startswith("/") or text.strip("/") == "":
        raise ValueError(
            f"task {task}: {what}= must be an absolute path of the container that is not its root, got {os.fspath(path or '')!r}"
        )
    return f"/{text.lstrip('/')}"


def _check_name(name: Any, task: str) -> None:
    if not isinstance(name, str) or name in {"", ".", ".."} or "/" in name or not name.isprintable():
        raise ValueError(f"task {task}: an input or output is a file of its name, and {name!r} is no name of a file")


def _check_choice(what: str, value: Any, choices: tuple[str, ...], task: str) -> None:
    if value not in choices:
        raise ValueError(f"task {task}: {what}= is one of {', '.join(choices)}, got {value!r}")
