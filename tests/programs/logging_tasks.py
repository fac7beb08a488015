"""Tasks that log."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from logging.handlers import WatchedFileHandler

import localflyte as flyte

env = flyte.TaskEnvironment(name="logging")
warm = env.clone_with("logging-warm", reusable=flyte.ReusePolicy(replicas=1, concurrency=2))

if LOG_FILE := os.environ.get("LOGGING_TASKS_FILE"):
    flyte.logger.addHandler(WatchedFileHandler(LOG_FILE))


@env.task(retries=1)
async def everything() -> None:
    flyte.logger.debug("never heard")
    flyte.logger.info("attempt %d", flyte.ctx().attempt_number)
    flyte.logger.getChild("part").warning("of a part", extra={"colour": "red", "number": 2**70, "message_id": None})
    try:
        raise KeyError("lost")
    except KeyError:
        flyte.logger.exception("it went wrong")
    if flyte.ctx().attempt_number == 0:
        raise ValueError("once more")


@env.task
async def says(text: str) -> None:
    flyte.logger.info(text)


@warm.task
async def says_warm(text: str) -> None:
    flyte.logger.info(text)


@env.task
async def levels() -> tuple[int, int, str, bool]:
    root = logging.getLogger()
    return flyte.logger.level, flyte.system_logger.level, os.environ.get("LOG_FORMAT", ""), bool(root.handlers)


@env.task
async def floods(count: int) -> None:
    for number in range(count):
        flyte.logger.info("%d", number)


@env.task
async def from_everywhere() -> None:
    """Log from a thread, from a signal handler and from a process that it forks, of which nobody hears."""
    thread = threading.Thread(target=flyte.logger.info, args=("from a thread",))
    thread.start()
    thread.join()
    signal.signal(signal.SIGUSR1, lambda *_: flyte.logger.info("from a handler"))
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0)  # the handler has run by now
    pid = os.fork()
    if not pid:
        flyte.logger.info("from a fork")
        os._exit(0)
    os.waitpid(pid, 0)


class NoText:
    def __str__(self) -> str:
        raise ValueError("no text")


@env.task
async def logs_what_has_no_text() -> None:
    flyte.logger.info("extra", extra={"broken": NoText()})
    flyte.logger.info("and then")


@env.task
async def tells_a_secret() -> None:
    flyte.logger.info("the key is %s", os.environ["LOGGED_KEY"], extra={"key": os.environ["LOGGED_KEY"]})
