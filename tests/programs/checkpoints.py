"""Tasks that save their progress. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import localflyte as flyte

env = flyte.TaskEnvironment("checkpoints")


def saved() -> flyte.Checkpoint:
    checkpoint = flyte.ctx().checkpoint
    assert isinstance(checkpoint, flyte.Checkpoint)
    return checkpoint


@env.task(retries=3)
async def counts(until: int) -> list[int]:
    """Do one step an attempt, and crash before the next."""
    before = await saved().load()
    steps = [int(word) for word in before.read_text().split()] if before is not None else []
    steps.append(flyte.ctx().attempt_number)
    await saved().save(" ".join(map(str, steps)).encode())
    if len(steps) < until:
        os.kill(os.getpid(), signal.SIGSEGV)
    return steps


@env.task(retries=2)
def keeps_a_folder() -> list[str]:
    checkpoint = saved()
    folder = checkpoint.load_sync()
    if folder is None:
        work = Path("state")
        (work / "epoch=1").mkdir(parents=True)
        (work / "epoch=1" / "last.ckpt").write_text("1")
        checkpoint.save_sync(work)
        raise RuntimeError("once more")
    if flyte.ctx().attempt_number == 1:
        raise RuntimeError("an attempt that saves nothing hides nothing")
    newest = flyte.latest_checkpoint(folder)
    return [str(newest.relative_to(folder)) if newest else "", (folder / "epoch=1" / "last.ckpt").read_text()]


@env.task
async def apart() -> list[bool]:
    """Two actions of one task have a checkpoint each."""
    return list(await asyncio.gather(*(looks.override(short_name=str(number))(number) for number in range(2))))


@env.task
async def looks(number: int) -> bool:
    found = saved().prev_exists()
    await saved().save(b"x")
    return found


@env.task
async def saves_when_asked_to_end(ready: str) -> str:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    Path(ready).touch()
    await asked.wait()
    await saved().save(b"progress")
    return "ended in order"
