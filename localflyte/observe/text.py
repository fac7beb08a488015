"""Text: bytes and strings of unknown origin, made safe to show on a terminal."""

from __future__ import annotations

import re

__all__ = ("HEADLINE", "bare", "clock", "duration", "further_lines", "one_line", "printable", "shorten", "size")

HEADLINE = 4000  # letters of the first line of an error that ended a run

# What a terminal acts upon: string sequences with their content (OSC, DCS, PM, APC, SOS), then control sequences, then single ones.
# 8-bit introducers count too: in UTF-8 they come as the characters U+0080 to U+009F.
_SEQUENCE = re.compile(
    r"(?P<colour>(?:\x1b\[|\x9b)[0-9;:]{0,64}m)"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\n\x90\x98\x9c-\x9f]{0,65536}(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]{0,256}[ -/]{0,16}[@-~]"
    r"|\x1b[ -/]{0,16}[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
# They turn the direction of text round, so that a line reads as another one.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_RESET = "\x1b[0m"


def printable(data: bytes | str) -> str:
    r"""Return text that is safe to print: colours stay, everything else that a terminal would obey is gone.

    Bytes that are no UTF-8 are shown as ``\xff``. Each line that sets a colour ends by resetting it.
    """
    text = data.decode("utf-8", "backslashreplace") if isinstance(data, bytes) else _encodable(data)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isprintable():
        return text
    text = _DIRECTION.sub(_escaped, _SEQUENCE.sub(_keep_colour, text))
    if "\x1b" not in text:
        return text
    return "\n".join(line + _RESET if "\x1b" in line else line for line in text.split("\n"))


def bare(data: bytes | str) -> str:
    """Return safe text without colours."""
    return _SEQUENCE.sub("", printable(data))


def one_line(data: bytes | str, width: int = 0) -> str:
    """Return safe text without colours and line breaks, for names and messages that others made up.

    :param width: the number of characters to keep; 0 keeps all
    """
    text = data if isinstance(data, str) and data.isprintable() else " ".join(bare(data).split())
    return shorten(text, width) if width else text


def shorten(text: str, width: int) -> str:
    """Cut text that is longer than `width`, and show that it was cut."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "\N{HORIZONTAL ELLIPSIS}"


def further_lines(message: str, traceback: str = "", most: int = 40) -> list[str]:
    """Return what a message says after its first line, as safe lines without colours: samples, ways out.

    :param traceback: what is shown beside it; if that ends with the lines, they are not said twice
    :param most: how many lines to keep
    """
    known = {line.strip() for line in traceback.splitlines()}
    lines = [line.rstrip() for line in bare(message.strip()).splitlines()[1:]]
    if all(line.strip() in known for line in lines):
        return []
    return lines if len(lines) <= most else [*lines[:most], f"... {len(lines) - most} more lines"]


def duration(seconds: float | None) -> str:
    """Say how long something took."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m"


def clock(at: float, with_date: bool = False) -> str:
    """Say when something happened, in local time."""
    import time

    try:
        return time.strftime("%Y-%m-%d %H:%M:%S" if with_date else "%H:%M:%S", time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return "????-??-?? ??:??:??" if with_date else "??:??:??"


def size(count: int) -> str:
    """Say how many bytes something has."""
    amount = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def _keep_colour(match: re.Match[str]) -> str:
    colour = match.group("colour")
    return colour.replace("\x9b", "\x1b[") if colour else ""


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
