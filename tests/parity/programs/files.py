"""Files: files and folders that go through tasks."""

import os

import flyte
from cases import case
from cases import caught
from cases import scratch
from cases import show
from flyte.io import Dir
from flyte.io import File

env = flyte.TaskEnvironment(name="files")


@env.task
async def writes(text: str) -> File:
    file = File.new_remote()
    async with file.open("wb") as stream:
        await stream.write(text.encode())
    return file


@env.task
async def from_local(text: str) -> File:
    path = os.path.join(scratch(), "named.txt")
    with open(path, "w") as stream:
        stream.write(text)
    return await File.from_local(path)


@env.task
def from_local_sync(text: str) -> File:
    path = os.path.join(scratch(), "named.txt")
    with open(path, "w") as stream:
        stream.write(text)
    return File.from_local_sync(path)


@env.task
async def reads(file: File) -> str:
    async with file.open("rb") as stream:
        return bytes(await stream.read()).decode()


@env.task
def reads_sync(file: File) -> str:
    with file.open_sync("rb") as stream:
        return bytes(stream.read()).decode()


@env.task
async def downloads(file: File) -> list[str]:
    path = await file.download()
    with open(path) as stream:
        return [type(path).__name__, stream.read()]


@env.task
def downloads_to(file: File, folder: str) -> list[str]:
    path = file.download_sync(os.path.join(folder, "there.txt"))
    return [os.path.basename(path), open(path).read()]


@env.task
async def exists(file: File) -> bool:
    return await file.exists()


@env.task
async def name(file: File) -> str:
    return file.name


@env.task
async def passes_on(text: str) -> list[str]:
    file = await writes(text)
    return [
        await reads(file),
        await reads_sync.aio(file),
        await reads(await from_local(text)),
        await reads(await from_local_sync.aio(text)),
    ]


@env.task
async def many(texts: list[str]) -> list[File]:
    return [await writes(text) for text in texts]


@env.task
async def reads_many(files: list[File]) -> list[str]:
    return [await reads(file) for file in files]


@env.task
async def maybe(file: File | None = None) -> str:
    return "none" if file is None else await reads.forward(file)


@env.task
async def makes_folder() -> Dir:
    path = scratch()
    os.mkdir(os.path.join(path, "below"))
    for place in ("a.txt", "b.txt", "below/c.txt"):
        with open(os.path.join(path, place), "w") as stream:
            stream.write(place)
    return await Dir.from_local(path)


@env.task
async def walks(folder: Dir) -> list[str]:
    return sorted([file.name async for file in folder.walk()])


@env.task
def walks_sync(folder: Dir) -> list[str]:
    return sorted(file.name for file in folder.walk_sync())


@env.task
async def lists(folder: Dir) -> list[str]:
    return sorted(file.name for file in await folder.list_files())


@env.task
async def gets(folder: Dir) -> list[str]:
    found, missing = await folder.get_file("a.txt"), await folder.get_file("z.txt")
    return [await reads.forward(found), str(missing)]


@env.task
async def downloads_folder(folder: Dir, to: str) -> list[str]:
    path = await folder.download(os.path.join(to, "copy"))
    return sorted(name for _, _, names in os.walk(path) for name in names)


def one(task, *args):
    return flyte.run(task, *args).outputs()[0]


def local(text="hello"):
    path = os.path.join(scratch(), "input.txt")
    with open(path, "w") as stream:
        stream.write(text)
    return path


@case
def from_task_to_task():
    return one(passes_on, "grüße")


@case
def out_of_a_run():
    file = one(writes, "out")
    with file.open_sync("rb") as stream:
        return [type(file).__name__, bytes(stream.read()).decode()]


@case
def into_a_run():
    path = local()
    return [one(reads, File.from_local_sync(path)), one(reads_sync, File(path=path)), one(name, File(path=path))]


@case
def downloaded():
    path = local()
    return [one(downloads, File(path=path)), one(downloads_to, File(path=path), scratch())]


@case
def existing():
    return [one(exists, File(path=local())), one(exists, File(path="/no/such/file"))]


@case
def missing():
    return [caught(File.from_local_sync, "/no/such/file"), caught(flyte.run, reads, File(path="/no/such/file"))]


@case
def in_lists():
    return one(reads_many, one(many, ["a", "b"]))


@case
def optional():
    return [one(maybe), one(maybe, File(path=local()))]


@case
def a_path_is_no_file():
    return caught(flyte.run, reads, local())


@case
def folder_walked():
    folder = one(makes_folder)
    return [one(walks, folder), one(walks_sync, folder)]


@case
def folder_listed():
    return one(lists, one(makes_folder))


@case
def folder_file():
    return one(gets, one(makes_folder))


@case
def folder_downloaded():
    return one(downloads_folder, one(makes_folder), scratch())


if __name__ == "__main__":
    flyte.init()
    show()
