"""The interface of a task: its signature, its calls, and its values in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Annotated
from typing import Any
from typing import NamedTuple
from typing import TypeVar

import pytest

from localflyte.errors import RuntimeDataValidationError
from localflyte.io import File
from localflyte.spec.packed import Packed
from localflyte.types.interface import REQUIRED
from localflyte.types.interface import Interface
from localflyte.types.refusal import TypeTransformerFailedError

if TYPE_CHECKING:
    from decimal import Decimal

TASK = "env.f"


def read(func: Callable[..., Any]) -> Interface:
    return Interface.from_function(func, task=TASK)


def one_output(annotation: Any) -> Interface:
    def f() -> None: ...

    f.__annotations__["return"] = annotation
    return read(f)


class Named(NamedTuple):
    total: int
    label: str


def add(a: int, b: list[str], *, c: float = 1.0) -> int: ...


def test_the_signature_is_read_from_annotations_that_are_text() -> None:
    interface = read(add)
    assert [(one.name, one.codec.name, one.default) for one in interface.inputs.values()] == [
        ("a", "int", REQUIRED),
        ("b", "list[str]", REQUIRED),
        ("c", "float", 1.0),
    ]
    assert interface.digest_line == "(a: int, b: list[str], c: float) -> (o0: int)"


def test_a_class_of_the_enclosing_function_is_found() -> None:
    class Inner:
        pass

    def f(a: Inner) -> Inner:
        return Inner()

    assert read(f).inputs["a"].annotation is Inner


def test_a_name_for_type_checkers_only_is_an_error_that_says_so() -> None:
    def f(a: Decimal) -> None: ...

    with pytest.raises(NameError, match=r"task 'env.f'.*'Decimal'.*TYPE_CHECKING"):
        read(f)


def test_an_input_without_annotation_takes_anything() -> None:
    def f(a): ...  # type: ignore[no-untyped-def]

    assert read(f).inputs["a"].codec.name == "Any"


def with_args(*args: int) -> None: ...
def with_kwargs(**kwargs: int) -> None: ...
def by_position(a: int, /) -> None: ...


@pytest.mark.parametrize("func", [with_args, with_kwargs, by_position])
def test_an_input_without_a_name_is_refused(func: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"Task 'env\.f'"):
        read(func)


OUTPUTS: list[tuple[Any, dict[str, str]]] = [
    (None, {}),
    (type(None), {}),
    (int, {"o0": "int"}),
    (tuple[int, str], {"o0": "int", "o1": "str"}),
    ((int, str), {"o0": "int", "o1": "str"}),
    (Named, {"total": "int", "label": "str"}),
    (list[tuple[int, str]], {"o0": "list[tuple[int, str]]"}),
    (tuple[tuple[int, int], str], {"o0": "tuple[int, int]", "o1": "str"}),
    (tuple[int, Annotated[str, 42]], {"o0": "int", "o1": "str"}),
    (dict[str, int], {"o0": "dict[str, int]"}),
    (File[Any], {"o0": "File"}),
    (TypeVar("T"), {"o0": "Any"}),
]


@pytest.mark.parametrize(("annotation", "expected"), OUTPUTS)
def test_outputs_are_named(annotation: Any, expected: dict[str, str]) -> None:
    assert {name: one.codec.name for name, one in one_output(annotation).outputs.items()} == expected


@pytest.mark.parametrize("annotation", [tuple[int], tuple[int, ...], (int,)])
def test_a_tuple_of_unknown_or_single_length_is_no_output(annotation: Any) -> None:
    with pytest.raises(TypeError, match=r"env\.f"):
        one_output(annotation)


CALLS: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    ((), {}, "Missing required inputs: a, b"),
    ((1,), {}, "Missing required inputs: b"),
    ((1, [], 2.0), {}, "Too many positional arguments for task 'env.f': it takes 2 (a, b), 3 were given"),
    ((1, []), {"a": 2}, "Inputs given twice to task 'env.f', by position and by name: a"),
    ((1,), {"bb": []}, "Unknown inputs for task 'env.f': 'bb' (did you mean 'b'?)"),
    ((1, []), {"zzz": 1}, "it takes a, b, c"),
]


@pytest.mark.parametrize(("args", "kwargs", "message"), CALLS)
def test_a_call_that_does_not_fit_is_refused(args: tuple[Any, ...], kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(add).bind(args, kwargs, task=TASK)
    assert message in str(caught.value)


def test_a_call_is_bound_in_the_order_of_the_parameters_with_defaults() -> None:
    assert list(read(add).bind((1,), {"b": ["x"]}, task=TASK).items()) == [("a", 1), ("b", ["x"]), ("c", 1.0)]


def test_a_default_that_is_nothing_is_one() -> None:
    def task(a: int = 0, b: str = "", c: bool = False, d: list[int] | None = None, e: float = 0.0) -> None: ...

    interface = read(task)
    values = interface.bind((), {}, task=TASK)
    assert values == {"a": 0, "b": "", "c": False, "d": None, "e": 0.0}
    assert interface.decode_inputs(interface.encode_inputs(values, task=TASK), task=TASK) == values


def test_inputs_come_back() -> None:
    interface = read(add)
    values = interface.bind((1, ["x"]), {}, task=TASK)
    packed = interface.encode_inputs(values, task=TASK)
    assert all(isinstance(one, Packed) for one in packed.values())
    assert interface.decode_inputs(packed, task=TASK) == values


def test_a_wrong_input_is_a_type_error_that_names_task_variable_and_types() -> None:
    interface = read(add)
    with pytest.raises(TypeError) as caught:
        interface.encode_inputs({"a": "abc", "b": [], "c": 1.0}, task=TASK)
    assert str(caught.value) == "Type conversion failed for variable 'a' of task 'env.f': expected int, got str ('abc')"
    assert isinstance(caught.value.__cause__, TypeTransformerFailedError)
    assert not isinstance(caught.value, ValueError)


def test_a_wrong_input_is_named_with_its_place() -> None:
    with pytest.raises(TypeError, match=r"variable 'b' of task 'env\.f': b\[1\]: expected str, got int \(2\)"):
        read(add).encode_inputs({"a": 1, "b": ["x", 2], "c": 1.0}, task=TASK)


def test_an_integer_out_of_range_is_a_plain_value_error() -> None:
    with pytest.raises(ValueError, match="'a' of task 'env.f': integer out of range") as caught:
        read(add).encode_inputs({"a": 2**63, "b": [], "c": 1.0}, task=TASK)
    assert type(caught.value) is ValueError


def test_text_that_is_no_unicode_keeps_its_error_and_gets_a_note() -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        read(add).encode_inputs({"a": 1, "b": ["\ud800"], "c": 1.0}, task=TASK)
    assert caught.value.__notes__ == ["in input 'b' of task 'env.f'"]


def test_a_default_of_the_wrong_type_is_found_when_it_is_used() -> None:
    def f(x: int = None) -> None: ...  # type: ignore[assignment]

    interface = read(f)
    with pytest.raises(TypeError, match="expected int, got None"):
        interface.encode_inputs(interface.bind((), {}, task=TASK), task=TASK)


RETURNS: list[tuple[Any, Any, Any]] = [
    (None, None, None),
    (int, 5, 5),
    (int, (5,), 5),
    (tuple[int, str], (1, "a"), (1, "a")),
    (Named, Named(1, "a"), (1, "a")),
    (list[int], [1], [1]),
    (tuple[tuple[int, int], str], ((1, 2), "a"), ((1, 2), "a")),
]


@pytest.mark.parametrize(("annotation", "value", "expected"), RETURNS)
def test_outputs_come_back(annotation: Any, value: Any, expected: Any) -> None:
    interface = one_output(annotation)
    back = interface.decode_outputs(interface.encode_outputs(value, task=TASK))
    assert back == expected
    assert type(back) is type(expected)


def test_a_wrong_output_is_a_data_validation_error() -> None:
    with pytest.raises(RuntimeDataValidationError) as caught:
        one_output(tuple[int, str]).encode_outputs((1, 2), task=TASK)
    assert caught.value.code == "DataValidationError"
    assert "o1" in str(caught.value)


def test_none_for_an_int_is_a_data_validation_error() -> None:
    with pytest.raises(RuntimeDataValidationError):
        one_output(int).encode_outputs(None, task=TASK)


@pytest.mark.parametrize("annotation", [None, type(None)])
def test_a_value_without_an_output_is_a_data_validation_error(annotation: Any) -> None:
    with pytest.raises(RuntimeDataValidationError, match=r"declare it as what the task returns \(-> int\), or return nothing"):
        one_output(annotation).encode_outputs(5, task=TASK)


@pytest.mark.parametrize("annotation", [None, int, Any])
def test_a_call_that_was_not_awaited_is_told_to_be(annotation: Any) -> None:
    async def child() -> int:
        return 1

    call = child()
    with pytest.raises(RuntimeDataValidationError, match="await it: return await"):
        one_output(annotation).encode_outputs(call, task=TASK)
    call.close()


@pytest.mark.parametrize(
    ("annotation", "value"), [(tuple[int, str], (1,)), (tuple[int, str], [1, "a"]), (Any, (1, 2)), (list[int], (1, 2))]
)
def test_another_number_of_outputs_is_an_assertion_error(annotation: Any, value: Any) -> None:
    with pytest.raises(AssertionError, match=r"env\.f.*returned"):
        one_output(annotation).encode_outputs(value, task=TASK)


def test_a_call_from_another_version_of_the_file_is_refused() -> None:
    with pytest.raises(TypeError, match="without its input 'b'"):
        read(add).decode_inputs({"a": Packed(b"\x01")}, task=TASK)
