"""Interface: the names and types of a task's inputs and outputs, and the way of its values into bytes and back."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from types import CoroutineType
from typing import Any

from localflyte.spec.packed import Packed
from localflyte.types.artifacts import check_outermost
from localflyte.types.binding import bind
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import describe
from localflyte.types.signature import REQUIRED
from localflyte.types.signature import Output
from localflyte.types.signature import Parameter
from localflyte.types.signature import read_signature

__all__ = ("REQUIRED", "Interface", "Output", "Parameter")

AWAIT = "await it: return await ..."


class Interface:
    """What a task takes and gives."""

    __slots__ = ("_positional", "digest_line", "inputs", "outputs")

    def __init__(self, inputs: Mapping[str, Parameter], outputs: Mapping[str, Output]) -> None:
        self.inputs = dict(inputs)
        self.outputs = dict(outputs)
        self._positional = tuple(name for name, one in self.inputs.items() if one.positional)
        taken = ", ".join(f"{one.name}: {one.codec.line}" for one in self.inputs.values())
        given = ", ".join(f"{one.name}: {one.codec.line}" for one in self.outputs.values())
        self.digest_line = f"({taken}) -> ({given})"
        """One line that is the same on every Python version and differs when a name or the form of a value does."""

    @classmethod
    def from_function(cls, func: Callable[..., Any], *, task: str) -> Interface:
        """Read the interface from a function's signature.

        :param task: the task's full name, for errors
        :raises ValueError: if the function takes ``*args``, ``**kwargs`` or positional-only parameters
        :raises TypeError: if the return annotation is none that outputs can be made of
        :raises NameError: if an annotation names something that does not exist when the program runs
        """
        return cls(*read_signature(func, task=task))

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, task: str) -> dict[str, Any]:
        """Match the arguments of a call with the parameters, in their order, defaults filled in.

        :raises ValueError: if an argument is missing, unknown, given twice or too many
        """
        return bind(self.inputs, self._positional, args, kwargs, task=task)

    def encode_inputs(self, values: Mapping[str, Any], *, task: str, canonical: bool | None = False) -> dict[str, Packed]:
        """Check and pack the arguments of a call, each by itself.

        :param values: what `bind` returned
        :param canonical: also make the form to hash, for values with a dict or set inside; ``None``: only for what is small
        :raises TypeError: if a value does not have the declared type
        :raises ValueError: if a value of the right type cannot be carried
        """
        packed: dict[str, Packed] = {}
        for name, parameter in self.inputs.items():
            try:
                packed[name] = pack(parameter.codec, values[name], canonical)
            except TypeTransformerFailedError as error:
                raise _input_error(error, name, task) from error
            except ValueRefusedError as error:
                raise ValueError(_input_message(error, name, task)) from error
            except ValueError as error:
                error.add_note(f"in input '{name}' of task '{task}'")
                raise
        return packed

    def decode_inputs(self, packed: Mapping[str, Packed], *, task: str) -> dict[str, Any]:
        """Unpack the arguments of a call inside of the worker.

        :raises TypeError: if a value no longer fits the type that this process knows
        """
        values: dict[str, Any] = {}
        for name, parameter in self.inputs.items():
            try:
                values[name] = unpack(parameter.codec, packed[name])
            except KeyError:
                if name not in packed:
                    raise TypeError(
                        f"The call of task '{task}' came without its input '{name}'; did the file change during the run?"
                    ) from None
                raise
            except TypeTransformerFailedError as error:
                raise _input_error(error, name, task) from error
            except Exception as error:
                error.add_note(f"while making input '{name}' ({parameter.codec.name}) of task '{task}'")
                raise
        return values

    def encode_outputs(self, value: Any, *, task: str, canonical: bool = False) -> tuple[Packed, ...]:
        """Check and pack what a task returned; a tuple is always spread over the outputs.

        :raises RuntimeDataValidationError: if a value does not have the declared type, or none was declared
        :raises AssertionError: if the number of values is not the number of outputs
        """
        row = value if isinstance(value, tuple) else (value,)
        if not self.outputs:
            if value is None:
                return ()
            declared = f"declare it as what the task returns (-> {type(value).__name__}), or return nothing"
            way_out = AWAIT if isinstance(value, CoroutineType) else declared
            reason = f"expected no outputs, got {describe(value)}; {way_out}"
            raise _output_error("o0", TypeTransformerFailedError(reason), task)
        if len(row) != len(self.outputs):
            raise AssertionError(_arity_message(value, row, self.outputs, task))
        packed: list[Packed] = []
        for output, part in zip(self.outputs.values(), row, strict=True):
            try:
                check_outermost(part)
                if isinstance(part, CoroutineType):
                    raise TypeTransformerFailedError(f"expected {output.codec.name}, got {describe(part)}; {AWAIT}")
                packed.append(pack(output.codec, part, canonical))
            except TypeTransformerFailedError as error:
                raise _output_error(output.name, error, task) from error
            except ValueRefusedError as error:
                raise ValueError(f"Output '{output.name}' of task '{task}' was refused: {error}") from error
            except ValueError as error:
                error.add_note(f"in output '{output.name}' of task '{task}'")
                raise
        return tuple(packed)

    def decode_outputs(self, packed: Sequence[Packed], *, task: str = "") -> Any:
        """Unpack what a task returned.

        :return: ``None``, the single value, or a plain tuple of values
        """
        if len(packed) != len(self.outputs):
            raise AssertionError(
                f"Task '{task}' gave {len(packed)} outputs, {len(self.outputs)} are declared; did the file change during the run?"
            )
        values = tuple(unpack(output.codec, part) for output, part in zip(self.outputs.values(), packed, strict=True))
        if len(values) == 1:
            return values[0]
        return values or None

    def __str__(self) -> str:
        """What it takes and gives, by the names that people have for types."""
        taken, given = (", ".join(f"{one.name}: {one.codec.name}" for one in each.values()) for each in (self.inputs, self.outputs))
        return f"({taken}) -> ({given})"

    def __repr__(self) -> str:
        return f"Interface{self}"


def _input_message(error: Exception, name: str, task: str) -> str:
    place = getattr(error, "place", "")
    reason = getattr(error, "reason", str(error))
    return f"Type conversion failed for variable '{name}' of task '{task}': {f'{name}{place}: ' if place else ''}{reason}"


def _input_error(error: TypeTransformerFailedError, name: str, task: str) -> TypeError:
    return TypeError(_input_message(error, name, task))


def _output_error(name: str, error: TypeTransformerFailedError, task: str) -> Exception:
    from localflyte.errors import RuntimeDataValidationError

    return RuntimeDataValidationError(name, error, task)


def _arity_message(value: Any, row: Sequence[Any], outputs: Mapping[str, Output], task: str) -> str:
    declared = ", ".join(f"{one.name}: {one.codec.name}" for one in outputs.values())
    hint = ""
    if isinstance(value, tuple) and len(outputs) == 1:
        hint = " A returned tuple is always spread over the outputs: return a list, or declare tuple[...]."
    elif isinstance(value, list):
        hint = " Several outputs are returned as a tuple, not as a list."
    return (
        f"Task '{task}' returned {len(row)} outputs ({describe(value)}), but its return annotation has {len(outputs)} ({declared}).{hint}"
    )
