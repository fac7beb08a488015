"""Inputs: the values of a task's parameters, read from what follows its name on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import click
from click.core import ParameterSource

from localflyte.cli.annotations import bare_annotation
from localflyte.cli.annotations import readable
from localflyte.cli.annotations import union_members
from localflyte.cli.near import near
from localflyte.cli.params import option_for
from localflyte.types.interface import REQUIRED

__all__ = ("Input", "input_command", "read_inputs")


class Input(Protocol):
    """What the command line needs to know of one parameter of a task."""

    @property
    def name(self) -> str: ...

    @property
    def annotation(self) -> Any: ...

    @property
    def default(self) -> Any: ...


def input_command(inputs: Mapping[str, Input], *, usage: str, about: str = "") -> click.Command:
    """Make the command whose options are the inputs of a task.

    :param inputs: the parameters of the task, in order
    :param usage: what was typed so far, shown in the help and in messages
    :param about: what the task is, in one line
    """
    options = [
        option_for(name, parameter.annotation, default=parameter.default, required=parameter.default is REQUIRED, taken=inputs)
        for name, parameter in inputs.items()
    ]
    return click.Command(
        usage,
        params=list(options),
        help=about or None,
        options_metavar=" ".join(_usage(parameter) for parameter in inputs.values()),
        context_settings={
            # Dashes are accepted for underscores: the parser sees both names spelled alike.
            "token_normalize_func": lambda token: token.replace("-", "_"),
            "allow_extra_args": True,
        },
    )


def _usage(parameter: Input) -> str:
    text = f"--{parameter.name}"
    if bare_annotation(parameter.annotation) is not bool:
        text = f"{text} {readable(parameter.annotation)}"
    return text if _is_needed(parameter) else f"[{text}]"


def _is_needed(parameter: Input) -> bool:
    annotation = bare_annotation(parameter.annotation)
    return parameter.default is REQUIRED and annotation is not bool and type(None) not in union_members(annotation)


def read_inputs(
    inputs: Mapping[str, Input],
    args: Sequence[str],
    *,
    usage: str,
    about: str = "",
    run_options: Sequence[str] = (),
    partly: bool = False,
    replacing: bool = False,
) -> dict[str, Any]:
    """Convert the arguments of a task; what was not given and has a default is left to the task.

    :param inputs: the parameters of the task, in order
    :param args: what follows the name of the task on the command line
    :param usage: what was typed so far
    :param about: what the task is, in one line
    :param run_options: the options that belong before the file, for the hint
    :param partly: whether inputs without a default may be missing; they are left out then
    :param replacing: whether what is given replaces values that are there; whatever was not given is left out then
    :raises click.UsageError: if an argument is unknown, missing, or does not fit its type
    :raises click.exceptions.Exit: after the help was printed
    """
    command = input_command(inputs, usage=usage, about=about)
    try:
        context = command.make_context(usage, list(args))
        given = _given(inputs, context)
        return given if replacing else _filled(inputs, given, partly)
    except click.NoSuchOption as error:
        problem = _unknown(error.option_name, inputs, run_options)
    except click.BadParameter as error:
        name = getattr(error.param, "name", None)
        problem = f"--{name}: {error.message}" if name else error.format_message()
    except click.UsageError as error:
        problem = error.format_message()
    raise click.UsageError(f"{problem}{'' if problem.endswith(('.', '?')) else '.'} See `{usage} --help`.")


def _given(inputs: Mapping[str, Input], context: click.Context) -> dict[str, Any]:
    if context.args:
        example = f"--{next(iter(inputs))} {context.args[0]}" if inputs else "none here, the task takes no inputs"
        flags = [name for name in inputs if context.params.get(name) is True and _is_typed(context, name)]
        if flags and context.args[0].lower() in ("true", "false"):
            name = flags[-1]
            raise click.UsageError(f"unexpected {context.args[0]!r}: --{name} takes no value; say --{name} or --no-{name}")
        raise click.UsageError(f"unexpected {context.args[0]!r}: inputs are given by name ({example})")
    return {name: context.params[name] for name in inputs if _is_typed(context, name)}


def _is_typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _filled(inputs: Mapping[str, Input], given: dict[str, Any], partly: bool) -> dict[str, Any]:
    missing = [parameter for name, parameter in inputs.items() if name not in given and _is_needed(parameter)]
    if missing and not partly:
        names = ", ".join(f"--{parameter.name} ({readable(parameter.annotation)})" for parameter in missing)
        raise click.UsageError(f"missing {names}")
    for name, parameter in inputs.items():
        if name not in given and parameter.default is REQUIRED and not _is_needed(parameter):
            given[name] = False if bare_annotation(parameter.annotation) is bool else None
        elif name not in given and type(parameter.default) is int and bare_annotation(parameter.annotation) is float:
            given[name] = float(parameter.default)  # as what is typed, and as with flyte run
    return given


def _unknown(option: str, inputs: Mapping[str, Input], run_options: Sequence[str]) -> str:
    name = option.lstrip("-").replace("-", "_")
    shown = f"--{name.replace('_', '-')}" if option.startswith("--") else option
    if shown in run_options:
        return f"{shown} is an option of the run: write it before the file"
    close = near(name, inputs)
    if close:
        hint = f"did you mean '--{close}'?"
    else:
        hint = f"the inputs are {', '.join(f'--{known}' for known in inputs)}" if inputs else "the task takes none"
    return f"there is no input {option!r}; {hint}"
