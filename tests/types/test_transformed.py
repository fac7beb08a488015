"""Types that a program converts by itself: registered, beside the annotation, or by an installed package."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from typing import Any
from typing import Generic
from typing import TypeVar

import pytest

from localflyte.errors import RestrictedTypeError
from localflyte.io import File
from localflyte.types import TypeEngine
from localflyte.types import TypeTransformer
from localflyte.types import TypeTransformerFailedError
from localflyte.types import codec as codec_module
from localflyte.types import transformed
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack


class Positive:
    def __init__(self, value: int) -> None:
        if value <= 0:
            raise ValueError(f"expected a positive number, got {value}")
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Positive) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


class Message:
    """As a protobuf message is: a class of its own that can be pickled."""

    def __init__(self, number: int) -> None:
        self.number = number


class PositiveTransformer(TypeTransformer[Positive]):
    def __init__(self) -> None:
        super().__init__("Positive", Positive)

    async def to_literal(self, python_val: Positive, python_type: type[Positive], expected: Any) -> Any:
        return Message(python_val.value)

    async def to_python_value(self, lv: Any, expected_python_type: type[Positive]) -> Positive:
        assert type(lv) is Message
        return Positive(lv.number)


class Slow(PositiveTransformer):
    async def to_literal(self, python_val: Positive, python_type: type[Positive], expected: Any) -> Any:
        await asyncio.sleep(0)
        return python_val.value

    async def to_python_value(self, lv: Any, expected_python_type: type[Positive]) -> Positive:
        await asyncio.sleep(0.001)
        return Positive(lv)


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    codec_module.forget()
    monkeypatch.setattr(transformed, "_loaded", True)
    yield
    transformed.TRANSFORMERS.clear()
    codec_module.forget()


def carry(value: Any, annotation: Any) -> Any:
    return unpack(codec_for(annotation), pack(codec_for(annotation), value))


def test_a_registered_transformer_converts() -> None:
    TypeEngine.register(PositiveTransformer())
    assert carry(Positive(3), Positive) == Positive(3)
    assert codec_for(Positive).line == "transformed:Positive"


def test_it_converts_inside_of_others_too() -> None:
    TypeEngine.register(PositiveTransformer())

    @dataclass
    class Box:
        one: Positive
        more: dict[str, list[Positive | None]]

    assert carry(Box(Positive(1), {"a": [Positive(2), None]}), Box) == Box(Positive(1), {"a": [Positive(2), None]})


def test_its_type_is_checked_before() -> None:
    TypeEngine.register(PositiveTransformer())
    with pytest.raises(TypeTransformerFailedError, match=r"^\[1\]: expected Positive, got int \(3\)"):
        carry([Positive(1), 3], list[Positive])


def test_it_may_be_registered_after_the_type_was_used() -> None:
    before = codec_for(Positive)
    TypeEngine.register(PositiveTransformer())
    packed = pack(before, Positive(3))
    assert b"Message" in packed.data
    assert unpack(before, packed) == Positive(3)
    assert codec_for(Positive).line == "transformed:Positive"


def test_it_may_stand_beside_the_type_alone() -> None:
    assert carry(Positive(3), Annotated[Positive, PositiveTransformer()]) == Positive(3)
    assert codec_for(Positive).line == "any:Positive"


def test_a_class_that_derives_from_its_type_is_converted() -> None:
    TypeEngine.register(PositiveTransformer())

    class More(Positive):
        pass

    assert codec_for(More).line == "transformed:Positive"


def test_a_dataclass_is_converted_by_the_one_that_was_registered_for_what_it_derives_from() -> None:
    @dataclass
    class Parent:
        x: int = 0

    @dataclass
    class Child(Parent):
        y: int = 0

    @dataclass
    class Other:
        x: int = 0

    TypeEngine.register(TypeTransformer("Parents", Parent))
    assert TypeEngine.get_transformer(Child) is TypeEngine.get_transformer(Parent)
    assert codec_for(Child).line == "transformed:Parents"
    assert codec_for(Other).line == "Other{x: int}"
    assert TypeEngine.get_transformer(Other) is not TypeEngine.get_transformer(Parent)


def test_no_schema_is_its_own_unless_it_says_so() -> None:
    assert not PositiveTransformer().schema_match({"type": "integer"})


def test_a_generic_class_is_converted_by_the_one_of_its_origin() -> None:
    item = TypeVar("item")

    class Holder(Generic[item]):
        pass

    class HolderTransformer(TypeTransformer[Any]):
        async def to_literal(self, python_val: Any, python_type: Any, expected: Any) -> Any:
            return str(python_type)

        async def to_python_value(self, lv: Any, expected_python_type: Any) -> Any:
            return lv

    TypeEngine.register(HolderTransformer("Holder", Holder))
    assert carry(Holder(), Holder[int]).endswith("Holder[int]")


def test_a_transformer_may_wait_inside_of_a_loop_and_outside() -> None:
    annotation = Annotated[Positive, Slow()]
    assert carry(Positive(3), annotation) == Positive(3)

    async def inside() -> Any:
        return carry(Positive(3), annotation)

    assert asyncio.run(inside()) == Positive(3)


def test_files_in_what_it_makes_are_carried_along() -> None:
    class Wrapping(PositiveTransformer):
        async def to_literal(self, python_val: Any, python_type: Any, expected: Any) -> Any:
            return {"file": File("/a")}

        async def to_python_value(self, lv: Any, expected_python_type: Any) -> Any:
            return lv["file"]

    annotation = Annotated[Positive, Wrapping()]
    assert pack(codec_for(annotation), Positive(1)).refs[0].path == "/a"
    assert carry(Positive(1), annotation) == File("/a")


@pytest.mark.parametrize(("raised", "told"), [(TypeError, TypeTransformerFailedError), (AssertionError, TypeTransformerFailedError)])
def test_its_refusal_is_one_of_the_border(raised: type[Exception], told: type[Exception]) -> None:
    class Refusing(PositiveTransformer):
        async def to_literal(self, python_val: Any, python_type: Any, expected: Any) -> Any:
            raise raised("not this one")

    with pytest.raises(told, match="Positive: not this one"):
        carry(Positive(1), Annotated[Positive, Refusing()])


def test_a_type_has_one_transformer_unless_it_is_overridden() -> None:
    TypeEngine.register(PositiveTransformer())
    with pytest.raises(ValueError, match="already registered"):
        TypeEngine.register(Slow())
    with pytest.raises(ValueError, match="already registered"):
        TypeEngine.register(TypeTransformer("Number", int))
    TypeEngine.register_additional_type(Slow(), Positive)
    assert type(TypeEngine.get_transformer(Positive)) is PositiveTransformer
    TypeEngine.register_additional_type(Slow(), Positive, override=True)
    assert type(TypeEngine.get_transformer(Positive)) is Slow
    assert list(TypeEngine.get_available_transformers()) == [Positive]


def test_a_restricted_type_is_refused() -> None:
    TypeEngine.register_restricted_type("secret", Positive)
    with pytest.raises(RestrictedTypeError, match="may be no input or output"):
        carry(Positive(1), Positive)


def test_a_transformer_without_its_two_functions_says_so() -> None:
    TypeEngine.register(TypeTransformer("Half", Positive))
    with pytest.raises(NotImplementedError, match=r"'Half' has no to_literal\(\)"):
        carry(Positive(1), Positive)


class Point:
    name = "points"
    value = "points:register"

    def __init__(self, load: Any) -> None:
        self.load = load


def test_installed_packages_register_theirs_when_a_class_of_somebody_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def entry_points(group: str) -> list[Point]:
        asked.append(group)
        return [Point(lambda: lambda: TypeEngine.register(PositiveTransformer()))]

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    monkeypatch.setattr(transformed, "_loaded", False)
    codec_for(list[int])
    codec_for(complex)
    assert asked == []
    assert codec_for(Positive).line == "transformed:Positive"
    codec_for(Message)
    assert asked == ["flyte.plugins.types"]


def test_a_package_that_cannot_be_loaded_is_told_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> Any:
        raise ModuleNotFoundError("No module named 'flyteidl2'")

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point(load)])
    monkeypatch.setattr(transformed, "_loaded", False)
    with pytest.warns(UserWarning, match="points.*cannot be loaded.*pickled: ModuleNotFoundError: No module named 'flyteidl2'"):
        codec = codec_for(Positive)
    assert codec.line == "any:Positive"
