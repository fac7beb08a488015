"""Moments: datetime, date, time and timedelta."""

from __future__ import annotations

from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from typing import Any

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import mismatch

__all__ = ("build",)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Find the codec of a type of the datetime module.

    :return: the codec, or ``None`` if the annotation is no such type
    """
    if annotation is datetime:
        return _FIELD_DATETIME if compile_type.loose else _DATETIME
    if annotation is date:
        return _DATE
    if annotation is time:
        return _TIME
    if annotation is timedelta:
        return _TIMEDELTA
    return None


def _encode_datetime(value: Any) -> int:
    """Count microseconds: a naive time is taken as UTC, as flyte does."""
    if not isinstance(value, datetime):
        raise mismatch("datetime", value)
    aware = value.replace(tzinfo=UTC) if value.utcoffset() is None else value
    return (aware - _EPOCH) // _TICK


def _decode_datetime(wire: int) -> datetime:
    return _EPOCH + wire * _TICK


def _encode_field_datetime(value: Any) -> str:
    """Keep a field of a structure as it is, naive or with its offset, as flyte's structures do."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):  # from JSON
        return _parse(datetime, value).isoformat()
    raise mismatch("datetime", value)


def _encode_date(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise mismatch("date", value, "take its .date()" if isinstance(value, datetime) else "")


def _encode_time(value: Any) -> str:
    if not isinstance(value, time):
        raise mismatch("time", value)
    if value.tzinfo is not None and value.utcoffset() is None:
        raise ValueRefusedError(f"a time of day in {value.tzinfo} has no fixed offset and cannot be carried; pass a datetime")
    return value.isoformat()


def _encode_timedelta(value: Any) -> list[int]:
    # three numbers, since the longest timedelta has more microseconds than 64 bits hold
    if isinstance(value, timedelta):
        return [value.days, value.seconds, value.microseconds]
    raise mismatch("timedelta", value)


def _decode_timedelta(wire: list[int]) -> timedelta:
    return timedelta(*wire)


def _parse(kind: type[datetime], text: str) -> datetime:
    try:
        return kind.fromisoformat(text)
    except ValueError:
        raise mismatch("datetime", text) from None


_DATETIME = Codec("datetime", _encode_datetime, _decode_datetime, kinds=(datetime,), keyable=True)
_FIELD_DATETIME = Codec("datetime", _encode_field_datetime, datetime.fromisoformat, kinds=(datetime,), keyable=True)
_DATE = Codec("date", _encode_date, date.fromisoformat, kinds=(date,), keyable=True)
_TIME = Codec("time", _encode_time, time.fromisoformat, kinds=(time,), keyable=True)
_TIMEDELTA = Codec("timedelta", _encode_timedelta, _decode_timedelta, kinds=(timedelta,))
