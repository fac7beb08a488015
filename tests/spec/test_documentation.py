"""Documentation: from a docstring, and cut to what Flyte keeps."""

from __future__ import annotations

from localflyte.spec.documentation import Documentation
from localflyte.spec.documentation import extract_docstring
from localflyte.spec.documentation import truncate_description


def documented() -> None:
    """Say something.

    In two paragraphs.
    """


def test_extract() -> None:
    assert extract_docstring(documented) == Documentation("Say something.\n\nIn two paragraphs.")
    assert extract_docstring(lambda: None).description == ""
    assert extract_docstring(None).description == ""


def test_truncate() -> None:
    assert truncate_description("x" * 255) == "x" * 255
    assert truncate_description("x" * 256) == "x" * 247 + "...(tr.)"
