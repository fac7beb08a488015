"""How a .env file is read."""

from __future__ import annotations

import pytest

from localflyte.launch.dotenv import parse_dotenv


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\nB=2\n", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("  export A = two words  ", {"A": "two words"}),
        ("A=", {"A": ""}),
        ("A= \nB=1", {"A": "", "B": "1"}),
        ("A=a=b==", {"A": "a=b=="}),
        ("A=a#b", {"A": "a#b"}),
        ("A=#b", {"A": "#b"}),
        ("A=a # told", {"A": "a"}),
        ("# A=1", {}),
        ("A='x # $Y \\n'", {"A": "x # $Y \\n"}),
        ("A='x' # told", {"A": "x"}),
        ('A="a\\nb\\t\\"c\\"\\\\d\\$e"', {"A": 'a\nb\t"c"\\d$e'}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ("A='two\nlines'\nB=1", {"A": "two\nlines", "B": "1"}),
        ('A="x"y\nB=1', {"B": "1"}),
        ("A='open\nB=1", {"B": "1"}),
        ("no assignment\n=1\nB=1", {"B": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("my-key=1\nmy.key=2", {"my-key": "1", "my.key": "2"}),
        ("A=ü", {"A": "ü"}),
        ("", {}),
    ],
)
def test_dotenv(text: str, values: dict[str, str]) -> None:
    assert parse_dotenv(text) == values
