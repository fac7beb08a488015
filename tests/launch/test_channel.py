"""A channel loses no word of a worker that is gone by the time it is read."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from localflyte.launch.channel import CUT_OFF
from localflyte.launch.channel import Channel
from localflyte.launch.hub import Hub
from localflyte.wire.frames import pack_frame


async def last_words(said: bytes) -> tuple[list[Any], list[str], bool]:
    """Have a worker say something and go, while something is sent to it that it never reads.

    :return: what came, why the channel was closed, and whether the worker is known to have gone early
    """
    hub, (ours, theirs) = Hub(lambda: None), socket.socketpair()
    messages: list[Any] = []
    reasons: list[str] = []
    channel = Channel(hub, ours, messages.append, reasons.append)
    channel.send("result", "not read")
    theirs.sendall(said)
    theirs.close()
    channel.send("result", "sent too late")
    channel.send("result", "and another")
    while not reasons:
        await asyncio.sleep(0)
    hub.close()
    return messages, reasons, channel.hung_up


def test_what_it_said_before_is_read_although_nothing_can_be_sent_to_it() -> None:
    messages, reasons, hung_up = asyncio.run(last_words(pack_frame(("reply", True, []))))
    assert messages == [["reply", True, []]]
    assert reasons == [""]
    assert hung_up


def test_how_it_ended_says_more_than_where_its_last_message_was_cut() -> None:
    _, reasons, hung_up = asyncio.run(last_words(pack_frame(("reply", True, []))[:-1]))
    assert reasons == [""]
    assert hung_up


def test_a_message_cut_off_with_nothing_to_send_is_told() -> None:
    async def cut() -> list[str]:
        hub, (ours, theirs) = Hub(lambda: None), socket.socketpair()
        reasons: list[str] = []
        Channel(hub, ours, lambda _: None, reasons.append)
        theirs.sendall(pack_frame(("reply", True, []))[:-1])
        theirs.close()
        while not reasons:
            await asyncio.sleep(0)
        hub.close()
        return reasons

    assert asyncio.run(cut()) == [CUT_OFF]
