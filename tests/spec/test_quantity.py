"""Quantities: what Kubernetes accepts is read exactly, and what it does not is refused with a way out."""

from __future__ import annotations

import pytest

from localflyte.spec.quantity import MAX_BYTES
from localflyte.spec.quantity import parse_bytes
from localflyte.spec.quantity import parse_cores


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("1", 1.0), ("0", 0.0), ("0.5", 0.5), ("500m", 0.5), ("1500m", 1.5), (".5", 0.5), ("2.", 2.0), ("+3", 3.0), ("1e1", 10.0),
        ("1E-1", 0.1), ("100u", 0.0001), ("5n", 5e-9), ("1k", 1000.0), ("-0", 0.0), ("0.1", 0.1), ("2Ki", 2048.0),
    ],
)  # fmt: skip
def test_cores(text: str, cores: float) -> None:
    assert parse_cores(text) == cores


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("250Mi", 250 * 2**20), ("1Gi", 2**30), ("1.5Gi", 3 * 2**29), ("1Ki", 1024), ("2Ti", 2**41), ("1Pi", 2**50), ("1Ei", 2**60),
        ("1k", 1000), ("500M", 500 * 10**6), ("2G", 2 * 10**9), ("1T", 10**12), ("1P", 10**15), ("1E", 10**18), ("128974848", 128974848),
        ("129e6", 129 * 10**6), ("1E3", 1000), ("123456m", 124), ("1n", 1), ("0", 0), ("1e-3", 1), ("0.1", 1), ("8Ei", MAX_BYTES),
        ("1e999999999", MAX_BYTES), ("1e-999999999", 1), ("0e999999999", 0),
    ],
)  # fmt: skip
def test_bytes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "bad", "1 Gi", " 1Gi", "1Gi ", "1Gi\n", "GiB", "1GB", "1gb", "1K", "1ki", "1KiB", "1Gii",
         "--1", "-1", "-1Gi", "1e", "1e1.5", "1.2.3", "0x10",
        "1e3Gi", "1,5", "١Gi", "nan", "inf", "9" * 101, None, 5, 1.5, ["1Gi"], b"1Gi",
    ],
)  # fmt: skip
def test_refused(text: object) -> None:
    """Test that what no cluster accepts is an error that names the setting and shows examples."""
    with pytest.raises(ValueError, match=r"memory=.*like"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("1GB", "did you mean G"), ("512mb", "did you mean M"), ("1gib", "did you mean Gi"), ("1K", "k or Ki"), ("5B", "no unit at all")],
)
def test_hint(text: str, hint: str) -> None:
    """Test that a unit that is nearly right is answered with the right one."""
    with pytest.raises(ValueError, match=hint):
        parse_bytes(text)


def test_names_the_setting() -> None:
    with pytest.raises(ValueError, match="disk=\"?'?x"):
        parse_bytes("x", what="disk")
