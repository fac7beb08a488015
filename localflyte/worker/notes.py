"""Notes: what a task mentions by the way, such as its log records. Nobody waits for one: it is sent when the socket has room for it.

A note that finds the line full waits here and goes out with the next, or before the reply; what cannot even wait is counted, and the
count is sent instead. So a task may mention whatever it likes as often as it likes, and neither it nor the engine is held up.
"""

from __future__ import annotations

from _socket import MSG_DONTWAIT
from collections import deque
from typing import Any

__all__ = ("MOST_NOTES", "Notes")

MOST_NOTES = 10_000  # of one request
MOST_WAITING = 1000


class Notes:
    """The notes of one link that wait to be sent. `send` and `rest` are called with the link's lock held."""

    __slots__ = ("_begun", "_frames")

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque()
        self._begun = b""  # the rest of a frame that the socket took a part of

    @property
    def waiting(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._frames or self._begun)

    def has_room(self, caller: Any) -> bool:
        """Count a note of this caller.

        :return: whether it can be sent; else it is one of those that the caller has lost
        """
        room = caller.noted < MOST_NOTES and len(self._frames) < MOST_WAITING
        if room:
            caller.noted += 1
        else:
            caller.lost += 1
        return room

    def put(self, frame: bytes) -> None:
        """Have a note sent soon."""
        self._frames.append(frame)

    def send(self, sock: Any) -> None:
        """Send what the socket takes at once."""
        while self._begun or self._frames:
            frame = self._begun or self._frames.popleft()
            try:
                sent = sock.send(frame, MSG_DONTWAIT)
            except BlockingIOError:
                sent = 0
            except OSError:  # nobody listens any more; who waits for an answer is told of it
                self._begun = b""
                self._frames.clear()
                return
            self._begun = frame[sent:]
            if self._begun:
                return

    def rest(self, *, whole: bool) -> bytes:
        """Take what has to go out before anything else.

        :param whole: whether that is all there is, and not only a frame that was begun
        """
        rest, self._begun = self._begun, b""
        if whole and self._frames:
            rest += b"".join(self._frames)
            self._frames.clear()
        return rest
