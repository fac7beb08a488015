"""What `localflyte run` prints last."""

from __future__ import annotations

import io

from localflyte.cli.ending import Ending
from localflyte.cli.ending import print_ending


def printed(value: object) -> str:
    stream = io.StringIO()
    print_ending(Ending("name", "succeeded", "", {"o0": value}), stream)
    return stream.getvalue()


def test_text_of_several_lines_is_printed_as_it_is() -> None:
    """A table that a task returned stays a table."""
    assert printed("a   b\n1   2").endswith("o0\n\na   b\n1   2\n")


def test_text_cannot_act_on_the_terminal() -> None:
    """What a task returned is shown, not obeyed."""
    assert "\x1b]" not in printed("one\n\x1b]0;title\x07two")


def test_a_value_is_printed_as_python_writes_it() -> None:
    """Other values keep their Python form."""
    assert printed({"a": [1, 2]}).endswith("o0     {'a': [1, 2]}\n")
