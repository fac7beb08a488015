r"""Script: what a container runs for a script with ``{inputs.x}``, ``{flags.x}`` and ``{outputs.x}`` in it.

Values never become text of the script. They are arguments of the shell, which the container task fills in, and the script has variables
instead; so a value may hold quotes, blanks, dollars and line breaks. Each variable is set at the head of the script, from an argument or
from the folder where the files of an input lie:

    in_x="${1}"                                  a value
    in_b="${2}"                                  a bool, as true or false
    read -ra in_d <<< ...                        a dict: its keys and values in turn
    in_f=(/var/inputs/f/*)                       files
    flag_x=(-x "${in_x}")                        the words that {flags.x} stands for, none where there is no value
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from localflyte.extras.shell.flags import FlagSpec
from localflyte.extras.shell.kinds import Glob
from localflyte.extras.shell.kinds import Input
from localflyte.extras.shell.kinds import Stderr
from localflyte.extras.shell.kinds import Stdout
from localflyte.extras.shell.kinds import wired_output
from localflyte.io import Dir

__all__ = ("INPUTS", "OUTPUTS", "RECORD", "Script")

INPUTS, OUTPUTS = "/var/inputs", "/var/outputs"
RECORD = "\x1e"  # stands between the keys and values of a dict

_PLACE = re.compile(r"\{([a-zA-Z_]\w*)\.([a-zA-Z_]\w*)\}")


class Script:
    """A script with what it can name."""

    def __init__(
        self, name: str, text: str, inputs: Mapping[str, Input], outputs: Mapping[str, Any], flags: Mapping[str, FlagSpec]
    ) -> None:
        self._name = name
        self._inputs = inputs
        self._outputs = outputs
        self._flags = flags
        self._head: dict[str, str] = {}  # a line for each variable
        self._arguments: list[str] = []
        self._body = _PLACE.sub(self._put, text)

    def command(self, shell: str, *, debug: bool = False) -> list[str]:
        """Make the command of the container.

        :param shell: the program that runs it: bash 4 or newer
        :param debug: whether it first says what it was given and what it runs
        """
        body = "\n".join([*self._head.values(), self._body])
        out, err = (self._stream(kind) for kind in (Stdout, Stderr))
        folders = [f"{OUTPUTS}/{name}" for name, spec in self._outputs.items() if _is_folder(spec)]
        lines = [
            *([f"mkdir -p {shlex.join(folders)}"] if folders else []),
            *([f"ls -la {INPUTS} >&2", f"cat >&2 <<'_BODY_'\n{body}\n_BODY_"] if debug else []),
            "set -o pipefail",
            f"(\n{body}\n) > {out} 2> {err}",
            "_code=$?",
            f"echo $_code > {OUTPUTS}/_returncode",
            # What went into files would else be seen by nobody.
            f"if {'true' if debug else '[ $_code -ne 0 ]'}; then cat {out} {err} >&2; fi",
            "exit $_code",
        ]
        return [shell, "-c", "\n".join(lines), self._name, *self._arguments]

    def _stream(self, kind: type) -> str:
        name = next((name for name, spec in self._outputs.items() if isinstance(spec, kind)), f"_{kind.__name__.lower()}")
        return f"{OUTPUTS}/{name}"

    # -- what stands in the script ------------------------------------------------------------------------------

    def _put(self, match: re.Match[str]) -> str:
        """:return: what stands in the script instead of a place"""
        where, name = match.groups()
        known: Mapping[str, Any] = {"inputs": self._inputs, "flags": self._inputs, "outputs": self._outputs}.get(where, {})
        if where not in ("inputs", "flags", "outputs"):
            raise ValueError(f"the script of {self._name} names {match.group()}; it can name {{inputs.x}}, {{flags.x}} and {{outputs.x}}")
        if name not in known:
            what = "outputs" if where == "outputs" else "inputs"
            raise KeyError(f"the script of {self._name} names {match.group()}; its {what} are {', '.join(known) or 'none'}")
        if where == "outputs":
            return self._output(name)
        if where == "inputs":
            return f"{INPUTS}/{name}" if self._inputs[name].kind == "dir" else self._input(name)
        self._set_flag(name)
        return _words(f"flag_{name}")

    def _output(self, name: str) -> str:
        if isinstance(self._outputs[name], Stdout | Stderr):
            raise KeyError(f"the script of {self._name} names {{outputs.{name}}}, which is what it prints: it has no place of its own")
        return f"{OUTPUTS}/{name}"

    def _input(self, name: str) -> str:
        """Set the variable of an input, and give what stands for it."""
        variable, kind = f"in_{name}", self._inputs[name].kind
        if variable not in self._head:
            if kind in ("file", "files"):
                self._head[variable] = f"shopt -s nullglob; {variable}=({INPUTS}/{name}/*); shopt -u nullglob"
            else:
                self._arguments.append(f"{{{{.inputs.{name}}}}}")
                argument = f'"${{{len(self._arguments)}}}"'
                self._head[variable] = _read(variable, argument) if kind == "dict" else f"{variable}={argument}"
        return _words(variable) if kind in ("file", "files", "dict") else f'"${{{variable}}}"'

    def _set_flag(self, name: str) -> None:
        """Set the variable of the words that a flag is."""
        variable = f"flag_{name}"
        if variable not in self._head:
            if self._inputs[name].kind != "dir":
                self._input(name)
            self._head[variable] = f"{variable}=(); {_flag(name, self._inputs[name], self._flags[name])}"


def _flag(name: str, given: Input, spec: FlagSpec) -> str:
    """:return: what fills ``flag_name``"""
    variable, target, flag = f"in_{name}", f"flag_{name}", shlex.quote(spec.flag)
    match given.kind:
        case "bool":
            return f'if [ "${{{variable}}}" = true ]; then {target}=({flag}); fi'
        case "scalar":
            value = f'"${{{variable}}}"'
            return f"if [ -n {value} ]; then {target}=({_joined(spec, value)}); fi"
        case "dir":
            folder = f"{INPUTS}/{name}"
            said = f"{target}=({_joined(spec, shlex.quote(folder))})"
            return f'if [ -n "$(ls -A {folder} 2>/dev/null)" ]; then {said}; fi' if given.optional else said
        case "dict":
            pair = f'"${{{variable}[_i]}}=${{{variable}[_i+1]}}"'
            equals = f"for ((_i=0; _i<${{#{variable}[@]}}; _i+=2)); do {target}+=({flag}{pair}); done"
            return equals if spec.dict_mode == "equals" else f"{target}=({_words(variable)})"
    if spec.list_mode == "repeat":
        return f'for _f in {_words(variable)}; do {target}+=({flag} "$_f"); done'
    files = _words(variable) if spec.list_mode == "join" else f'"$(IFS=,; echo "${{{variable}[*]}}")"'
    return f"if [ ${{#{variable}[@]}} -gt 0 ]; then {target}=({flag} {files}); fi"


def _joined(spec: FlagSpec, value: str) -> str:
    """:return: a flag and its value, as two words where a blank separates them"""
    return f"{shlex.quote(spec.flag)} {value}" if spec.separator.isspace() else f"{shlex.quote(spec.flag + spec.separator)}{value}"


def _read(variable: str, argument: str) -> str:
    """:return: what reads the keys and values of a dict from an argument; they may hold line breaks"""
    fields = f"IFS=$'\\x1e' read -r -d '' -a {variable} < <(printf '%s\\x1e\\0' {argument})"
    return f"{variable}=(); if [ -n {argument} ]; then {fields}; fi"


def _words(array: str) -> str:
    """:return: each item of an array as a word of its own; none where it is empty, also in a shell before 4.4 that was told ``set -u``"""
    return f'${{{array}[@]+"${{{array}[@]}}"}}'


def _is_folder(spec: Any) -> bool:
    wired = wired_output(spec)
    return isinstance(spec, Glob) or (isinstance(wired, type) and issubclass(wired, Dir))
