"""A note is sent when there is room for it, is never waited for, and tears nothing else that is sent."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from localflyte.wire.frames import FrameReader
from localflyte.worker import notes
from localflyte.worker.link import Link


class Line:
    """A link whose other end reads only when the test says."""

    def __init__(self, room: int = 4096) -> None:
        self.here, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        self.theirs = theirs
        self.link = Link(theirs)
        self._reader = FrameReader()

    def note(self, number: int, size: int = 1000) -> None:
        self.link.tell_soon("record", lambda: {"number": number, "text": "x" * size})

    def read(self) -> list[list[Any]]:
        """:return: what is there, without its filling"""
        messages: list[list[Any]] = []
        self.here.setblocking(False)
        try:
            while data := self.here.recv(1 << 20):
                messages += self._reader.feed(data)
        except BlockingIOError:
            return messages
        return messages


@pytest.fixture
def line() -> Any:
    made = Line()
    yield made
    made.here.close()
    made.theirs.close()


def numbers(messages: list[list[Any]]) -> list[int]:
    return [message[2]["number"] for message in messages if message[0] == "tell" and "number" in message[2]]


def test_notes_go_out_in_order_whoever_is_slow(line: Line) -> None:
    seen: list[list[Any]] = []
    for number in range(50):
        line.note(number)
        if number % 20 == 19:
            seen += line.read()
    assert len(numbers(seen)) < 50
    while line.link._notes.waiting:
        line.link._notes.send(line.theirs)
        seen += line.read()
    assert numbers(seen) == list(range(50))


def test_a_line_that_takes_nothing_at_all_is_tried_again(line: Line) -> None:
    line.theirs.setblocking(False)
    filling = b""
    try:
        while True:
            filling += b"x" * line.theirs.send(b"x" * 1000)
    except BlockingIOError:
        line.theirs.setblocking(True)
    line.note(0)
    assert line.link._notes.waiting
    assert line.here.recv(len(filling), socket.MSG_WAITALL) == filling
    line.link._notes.send(line.theirs)
    assert numbers(line.read()) == [0]


def test_a_frame_that_was_begun_is_ended_before_another(line: Line) -> None:
    line.note(0, 300_000)
    assert line.link._notes.waiting
    seen: list[list[Any]] = []
    while line.link._notes.waiting:
        seen += line.read()
        line.link._notes.send(line.theirs)
    line.link.send("cancel", 7)
    seen += line.read()
    assert numbers(seen) == [0]
    assert seen[-1] == ["cancel", 7]


def test_the_reply_comes_after_all_notes_and_the_count_of_the_lost(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST_NOTES", 2)
    for number in range(5):
        line.note(number, 10)
    line.link.send("reply", True, [])
    messages = line.read()
    assert numbers(messages) == [0, 1]
    assert messages[-2:] == [["tell", "record", {"lost": 3}], ["reply", True, []]]


def test_what_cannot_even_wait_is_not_made(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST_WAITING", 1)
    made: list[int] = []
    for number in range(200):
        line.link.tell_soon("record", lambda number=number: made.append(number) or {"text": "x" * 1000})
    assert len(made) + line.link._caller.lost == 200
    assert line.link._caller.lost > 0


def test_a_note_waits_while_something_else_is_sent(line: Line) -> None:
    line.note(0)
    assert numbers(line.read()) == [0]
    with line.link._state:
        line.note(1)  # as from a signal handler, in the middle of a message
    assert line.read() == []
    line.note(2)
    assert numbers(line.read()) == [1, 2]


def test_nobody_listens_any_more(line: Line) -> None:
    line.here.close()
    line.note(0)
    assert not line.link._notes.waiting


def test_a_process_that_was_forked_has_nobody_to_tell(line: Line) -> None:
    pid = os.fork()
    if not pid:
        line.note(1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert line.read() == []
