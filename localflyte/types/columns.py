"""Columns: many values that are made of parts, carried part by part and not value by value.

Where a list has such values, its wire form is ``{how many: [column, ...]}``: packing 40,000 objects makes a list for each of their
fields then, and no row for each object. Rows are read, too: that is how other collections, and lists of one, carry the same values.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from itertools import chain
from itertools import starmap
from operator import itemgetter
from typing import Any

from localflyte.types.base import Codec
from localflyte.types.base import Columns
from localflyte.types.refusal import mismatch

__all__ = (
    "columns_decoded",
    "columns_encoded",
    "columns_of",
    "joined",
    "made_of_rows",
    "of_lists",
    "of_optionals",
    "of_parts",
    "split",
)


def of_parts(
    items: Sequence[Codec], take: Callable[[Collection[Any]], Iterable[list[Any]]], make: Callable[[list[list[Any]]], list[Any]]
) -> Columns | None:
    """Carry values that all have the same parts.

    :param take: gives the parts of values, by column
    :param make: makes values of columns
    :return: how; ``None`` where there are no parts
    """

    def encode(values: Collection[Any]) -> list[Any]:
        return [item.encode_column(column) for item, column in zip(items, take(values), strict=True)]

    def decode(wire: list[Any], count: int) -> list[Any]:
        if len(wire) != len(items):
            raise ValueError(f"{len(items)} columns expected, and {len(wire)} came")
        columns = [item.decode_column(column) for item, column in zip(items, wire, strict=True)]
        _check(columns, count)
        return make(columns)

    def order(wire: list[Any]) -> list[Any]:
        return [item.order_column(column) for item, column in zip(items, wire, strict=True)]

    return Columns(encode, decode, order) if items else None


def of_lists(item: Codec) -> Columns | None:
    """Carry lists: how long each is, and what is in all of them.

    :return: how; ``None`` where what is in them is carried one by one
    """

    def encode(values: Collection[Any]) -> list[Any]:
        if not all(issubclass(kind, list) for kind in set(map(type, values))):
            raise mismatch(f"list of list[{item.name}]", values)
        return [list(map(len, values)), item.encode_column(joined(values))]

    def decode(wire: list[Any], count: int) -> list[Any]:
        lengths, inner = wire
        _check([lengths], count)
        values = item.decode_column(inner)
        _check([values], sum(lengths))
        return split(values, lengths)

    return None if item.columns is None else Columns(encode, decode, lambda wire: [wire[0], item.order_column(wire[1])])


def of_optionals(inner: Codec) -> Columns | None:
    """Carry values that may be ``None``: which are there, and those.

    :return: how; ``None`` where what they are otherwise is carried one by one
    """

    def encode(values: Collection[Any]) -> list[Any]:
        return [[value is not None for value in values], inner.encode_column([value for value in values if value is not None])]

    def decode(wire: list[Any], count: int) -> list[Any]:
        there, found = wire
        _check([there], count)
        values = inner.decode_column(found)
        _check([values], sum(there))
        rest = iter(values)
        return [next(rest) if one else None for one in there]

    return None if inner.columns is None else Columns(encode, decode, lambda wire: [wire[0], inner.order_column(wire[1])])


def _check(columns: Iterable[Collection[Any]], count: int) -> None:
    if set(map(len, columns)) != {count}:
        raise ValueError(f"columns of {count} values expected, and others came")


def joined(values: Iterable[Iterable[Any]]) -> list[Any]:
    """:return: what is in all of them, one after the other"""
    return list(chain.from_iterable(values))


def split(parts: list[Any], lengths: Iterable[int]) -> list[list[Any]]:
    """Cut a row into pieces of these lengths."""
    pieces: list[list[Any]] = []
    start = 0
    for length in lengths:
        pieces.append(parts[start : start + length])  # half of what an iterator for each piece would take
        start += length
    return pieces


def columns_of(rows: Collection[Any], count: int) -> Iterable[list[Any]]:
    """:return: the columns of rows, one after the other; an iterator for each row, as `zip` makes them, would cost more"""
    return (list(map(itemgetter(place), rows)) for place in range(count))


def columns_encoded(columns: Iterable[Collection[Any]], items: list[Codec]) -> list[Any]:
    """Encode rows that are given by column.

    :return: the rows; a tuple is packed as a list is
    """
    return list(zip(*(item.encode_all(column) for item, column in zip(items, columns, strict=True)), strict=True))


def columns_decoded(wires: Collection[Any], items: list[Codec]) -> list[list[Any]]:
    """Decode rows.

    :return: their values by column
    :raises ValueError: if they do not have as many values as there are items
    """
    _check_length(wires, items)
    return [item.decode_all(column) for item, column in zip(items, columns_of(wires, len(items)), strict=True)]


def made_of_rows(make: Callable[..., Any], wires: Collection[Any], items: list[Codec]) -> list[Any]:
    """Decode rows, and make something of each.

    :raises ValueError: if they do not have as many values as there are items
    """
    if all(item.plain for item in items):
        _check_length(wires, items)
        return list(starmap(make, wires))  # a third faster than by column, which nothing has to be done with
    return list(map(make, *columns_decoded(wires, items)))


def _check_length(wires: Collection[Any], items: list[Codec]) -> None:
    if set(map(len, wires)) != {len(items)}:
        raise ValueError(f"rows of {len(items)} values expected, and others came")
