"""Kubernetes quantities ("500m", "1.5Gi", "2e3") as plain numbers: cores and bytes."""

from __future__ import annotations

import re

__all__ = ("parse_bytes", "parse_cores")

MAX_BYTES = 2**63 - 1  # Kubernetes keeps quantities in an int64 and caps what is larger
MAX_EXPONENT = 40  # digits; beyond it only the cap or zero is left, and "1e999999999" must not be computed

_QUANTITY = re.compile(r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]{1,9})|([A-Za-z]*))", re.ASCII)
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_INTENDED = {"K": "k or Ki", "KB": "k", "KIB": "Ki", "B": "no unit at all", "": "no unit at all"}


def parse_cores(text: object, *, what: str = "cpu") -> float:
    """Read an amount of CPU.

    :param what: the setting the text was given for, for the message
    :raises ValueError: if Kubernetes would not accept it
    """
    numerator, denominator = _ratio(text, what, '"500m", "1.5" or "2"')
    return numerator / denominator


def parse_bytes(text: object, *, what: str = "memory") -> int:
    """Read a size, rounded up to whole bytes.

    :param what: the setting the text was given for, for the message
    :raises ValueError: if Kubernetes would not accept it
    """
    numerator, denominator = _ratio(text, what, '"512Mi", "2Gi" or "500M"')
    return min(-(-numerator // denominator), MAX_BYTES)


def _ratio(text: object, what: str, examples: str) -> tuple[int, int]:
    if not isinstance(text, str):
        raise ValueError(f"{what}={text!r} is a {type(text).__name__}; write it as text with a unit, like {examples}")
    match = _QUANTITY.fullmatch(text) if len(text) <= 100 else None
    if match is None:
        raise ValueError(f"{what}={text[:100]!r} is not a Kubernetes quantity; write it like {examples}")
    sign, number, exponent, unit = match.groups()
    whole, _, part = number.partition(".")
    digits, scale = int((whole + part) or "0"), -len(part)
    if sign == "-" and digits:
        raise ValueError(f"{what}={text!r} is negative; write it like {examples}")
    if exponent is not None:
        scale += max(-MAX_EXPONENT, min(int(exponent), MAX_EXPONENT))
    elif unit in _DECIMAL:
        scale += _DECIMAL[unit]
    elif unit in _BINARY:
        digits *= _BINARY[unit]
    else:
        raise ValueError(f"{what}={text!r} has the unit {unit!r}, which Kubernetes does not know{_hint(unit)}; write it like {examples}")
    return (digits * 10**scale, 1) if scale >= 0 else (digits, 10**-scale)


def _hint(unit: str) -> str:
    shouted = unit.upper()
    if shouted in _INTENDED:
        return f" (did you mean {_INTENDED[shouted]}?)"
    known = [name for name in (*_BINARY, *_DECIMAL) if _DECIMAL.get(name, 1) > 0 and name.upper() in (shouted, shouted.removesuffix("B"))]
    return f" (did you mean {' or '.join(known)}?)" if known else ""
