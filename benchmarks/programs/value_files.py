"""1,000 files in and out of a call."""

import sys
import tempfile
from pathlib import Path
from time import perf_counter

import flyte
from flyte.io import File

env = flyte.TaskEnvironment(name="value-files")
COUNT = 1000


@env.task
async def echo(files: list[File]) -> list[File]:
    return files


def make(folder: str) -> list[File]:
    """Write the files."""
    files = []
    for number in range(COUNT):
        path = Path(folder, str(number))
        path.write_text(str(number))
        files.append(File(path=str(path)))
    return files


@env.task
async def main(calls: int) -> list[float]:
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        files = make(folder)
        await echo(files[:1])
        for _ in range(calls):
            start = perf_counter()
            result = await echo(files)
            seconds.append(perf_counter() - start)
            assert [file.path for file in result] == [file.path for file in files]
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
