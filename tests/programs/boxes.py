"""Tasks that are containers and scripts, for an engine that is real and for one that is not."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC
from datetime import datetime
from typing import Any

import localflyte as flyte
from localflyte.extras import ContainerTask
from localflyte.extras import shell
from localflyte.io import Dir
from localflyte.io import File

IMAGE = os.environ.get("LOCALFLYTE_TEST_IMAGE", "alpine:3.20")


def box(name: str, script: str, **settings: Any) -> ContainerTask:
    """A task that runs a script of sh."""
    task = ContainerTask(name, settings.pop("image", IMAGE), ["sh", "-c", script], **settings)
    flyte.TaskEnvironment.from_task(name.replace("_", "-"), task)
    return task


greet = box(
    "greet", "echo hi there; printf %s 'Hello, {{.inputs.name}}.' > /var/outputs/greeting", inputs={"name": str}, outputs={"greeting": str}
)
values = box(
    "values",
    "cd /var/outputs; printf {{.inputs.flag}} > flag; echo {{ .inputs.number }} > number; printf '{{.inputs.moment}}' > moment; "
    "cat /var/inputs/inputs.json > told",
    inputs={"flag": bool, "number": int, "moment": datetime},
    outputs={"flag": bool, "number": int, "moment": datetime, "told": str},
)
files = box(
    "files",
    "cat /var/inputs/one /var/inputs/many/0 /var/inputs/many/1 > /var/outputs/joined; "
    "python3 -c 'import os; os.mkdir(\"/var/outputs/made\")'; "
    "cat /var/inputs/folder/inner.txt > /var/outputs/made/inner.txt; echo index > /var/inputs/one.index",
    inputs={"one": File, "many": list[File], "folder": Dir},
    outputs={"joined": File, "made": Dir},
)
named = box(
    "named",
    "cd /var/inputs; echo one/* many/* > /var/outputs/names; cat one/* many/* > /var/outputs/text",
    inputs={"one": File, "many": list[File], "none": File | None},
    outputs={"names": str, "text": str},
    file_input_layout="NAMED_DIR",
)
fails = box("fails", "echo before; echo wrong >&2; exit {{.inputs.code}}", inputs={"code": int}, retries=1)
quiet = box("quiet", "echo unseen; exit 3", local_logs=False)
lacks = box("lacks", "echo x > /var/outputs/other", outputs={"wanted": str})
counted = box("counted", "echo {{.inputs.number}} > /var/outputs/o; cat /proc/sys/kernel/random/uuid > /var/outputs/u",
              inputs={"number": int}, outputs={"o": int, "u": str}, cache="auto")  # fmt: skip
variables = box(
    "variables",
    'printf "%s|%s|%s|%s" "$PLAIN" "$SEVERAL" "$ACTION_NAME" "$SECRET_WORD" > /var/outputs/seen',
    outputs={"seen": str},
    env_vars={"PLAIN": "a b$c'\"", "SEVERAL": "x\ny"},
)
secretive = box(
    "secretive",
    'if [ "$SECRET_WORD" = "$(cat /etc/flyte/secrets/team/word)" ]; then echo same > /var/outputs/seen; fi; echo started; '
    "while [ ! -e /var/inputs/stop/go ]; do sleep 0.1; done",
    inputs={"stop": Dir},
    outputs={"seen": str},
    secrets=[flyte.Secret(key="word", as_env_var="SECRET_WORD"), flyte.Secret(key="word", group="team", mount="/etc/flyte/secrets")],
)
lasts = box("lasts", "echo started; exec sleep 1000")
stubborn = box("stubborn", "trap '' TERM; echo started; sleep 1000 & wait; wait; sleep 1000")
hasty = box("hasty", "echo started; exec sleep 1000", timeout=1)
greedy = box(
    "greedy",
    "python3 -c 'held = bytearray(200 << 20); print(len(held))'",
    resources=flyte.Resources(memory="64Mi", cpu=1),
)
limits = box(
    "limits",
    "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null > /var/outputs/memory; "
    "id -u > /var/outputs/user; true",
    outputs={"memory": str, "user": int},
    resources=flyte.Resources(memory="64Mi", cpu=1),
)

lines = shell.create(
    "lines",
    image=IMAGE,
    inputs={"src": File, "prefix": str, "loud": bool, "most": int | None, "opts": dict[str, str]},
    outputs={"out": File, "log": shell.Stdout(type=str), "parts": shell.Glob("*.part"), "count": int},
    flag_aliases={"loud": "--loud", "most": "--most", "opts": shell.FlagSpec("", dict_mode="equals")},
    defaults={"prefix": "it's"},
    script="""
        printf '[%s]' {flags.loud} {flags.most} {flags.opts} {inputs.prefix}
        cat {inputs.src} > {outputs.out}
        for part in a b; do echo $part > {outputs.parts}/$part.part; done
        echo 2 > {outputs.count}
    """,
)
told = shell.create(
    "told",
    image=IMAGE,
    inputs={
        "text": str,
        "number": int,
        "share": float,
        "sure": bool,
        "maybe": str | None,
        "pairs": dict[str, str],
        "one": File,
        "several": list[File],
        "tree": Dir,
        "missing": File | None,
    },
    outputs={"words": File, "tree": Dir, "n": int, "share": float, "sure": bool, "log": shell.Stdout(type=str), "errors": shell.Stderr()},
    script=r"""
        set -eu
        printf '%s\037' {inputs.text} {inputs.number} {inputs.share} {inputs.sure} {inputs.maybe} {inputs.pairs} > {outputs.words}
        printf '%s\037' {inputs.one} {inputs.several} {inputs.missing} >> {outputs.words}
        cat {inputs.one} {inputs.several} {inputs.missing}
        mkdir -p {outputs.tree}/below
        cat {inputs.tree}/* > {outputs.tree}/below/joined
        echo {inputs.number} > {outputs.n}; echo {inputs.share} > {outputs.share}; echo {inputs.sure} > {outputs.sure}
        echo 'no error' >&2
    """,
)
says = shell.create(
    "says", image=IMAGE, inputs={"text": str}, outputs={"said": shell.Stdout(type=str)}, script="printf '[%s]' {inputs.text}"
)
ends = shell.create("ends", image=IMAGE, inputs={"how": str}, script="echo heard; echo why >&2; eval {inputs.how}", retries=0)
lacking = shell.create("lacking", image=IMAGE, script="true", shell="/bin/no-bash", retries=0)
failing = shell.create("failing", image=IMAGE, outputs={"log": shell.Stderr(type=str)}, script="echo of no use >&2; exit 7", retries=0)

env = flyte.TaskEnvironment("boxes", depends_on=[tool.env for tool in (lines, told, says, ends, lacking, failing)])


@env.task
async def calls(name: str) -> str:
    return await greet(name=name)


@env.task
async def scripts(src: File) -> tuple[str, str, list[str], int]:
    out, log, parts, count = await lines(src=src, loud=True, opts={"K": "v w", "L": ""})
    _, plain, *_ = await lines(src=src, loud=False, most=3, opts={}, prefix="p")
    assert [part.name for part in parts] == ["a.part", "b.part"]
    async with out.open() as stream:
        text = (await stream.read()).decode()
    return text, log + plain, [part.name for part in parts], count


@env.task
async def tells(text: str, pairs: dict[str, str], several: list[File], tree: Dir) -> tuple[list[str], str, str, str]:
    """What a script was given that had all there is, and what came back."""
    given: dict[str, Any] = {"text": text, "number": -3, "share": 0.5, "sure": True, "pairs": pairs}
    words, made, *plain, log, errors = await told(**given, one=several[0], several=several, tree=tree)
    assert plain == [-3, 0.5, True]
    async with words.open() as stream:
        said = (await stream.read()).decode().split("\037")
    (joined,) = [each async for each in made.walk()]
    async with joined.open() as stream:
        inside = (await stream.read()).decode()
    async with errors.open() as stream:
        return said, log, inside, (await stream.read()).decode()


@env.task
async def echoes(texts: list[str]) -> list[str]:
    """Texts as they come back from a script, each of which has a container of its own."""
    return [said[1:-1] for said in await asyncio.gather(*(says(text=text) for text in texts))]


@env.task
async def ends_so(how: str) -> None:
    """Run a script that ends as it is told to."""
    await ends(how=how)


@env.task
async def lacks_bash() -> None:
    """Call a script whose image has not the shell for it."""
    await lacking()


@env.task
async def fails_inside() -> str:
    return await failing()


@env.task
async def moment_of(number: int) -> str:
    flag, got, moment, _ = await values(flag=True, number=number, moment=datetime(2026, 1, 2, tzinfo=UTC))
    return f"{flag} {got} {moment:%Y-%m-%d}"


@env.task
async def gives_up() -> str:
    try:
        await asyncio.wait_for(lasts(), 2.0)
    except TimeoutError:
        return "given up"
    return "came back"
