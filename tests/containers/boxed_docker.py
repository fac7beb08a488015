"""A docker program whose containers are processes of this machine: everything of a container but the kernel's part of it.

    boxed_docker.py NAME run ...

Its NAME may be podman, which says some things otherwise. It is told where to keep its notes by ``BOXED_DOCKER``, and there, in
``orders.json``, how to misbehave: ``run`` may have ``err`` and ``code`` (the container does not start), ``mute`` (it starts and never
says anything), or ``missing`` (interpreters that are not there).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

FOLDER = Path(os.environ["BOXED_DOCKER"])
NAME = sys.argv[1]
ANSWERS = {
    "docker": {"{{.Server.Version}}": "24.0.7", "{{.NCPU}} {{json .SecurityOptions}}": "2 []"},
    "podman": {"{{.Version.Version}}": "4.3.1", "{{.Host.CPUs}} {{.Host.Security.Rootless}}": "2 false"},
}
#: How the label of a container is written in a format; the other's way is an error to each.
LABEL = {"docker": "{{.Label ", "podman": "{{index .Labels "}
NO_SUCH_PROGRAM = {
    "docker": 'docker: exec: "{}": executable file not found in $PATH.',
    "podman": "ERROR (catatonit:6): failed to exec pid1: No such file or directory",
}


def main(arguments: list[str]) -> int:
    with (FOLDER / "calls.jsonl").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    match arguments:
        case ["version" | "info", *_]:
            print(ANSWERS[NAME][arguments[-1]])
        case ["image", "inspect", *_]:
            print(json.dumps([{"Id": "sha256:" + "0" * 64, "Config": {"Env": [], "User": "", "Labels": {}, "WorkingDir": ""}}]))
        case ["run", *options]:
            return run(options)
        case ["rm", *_]:
            return remove(arguments[-1])
        case ["ps", *_]:
            if LABEL[NAME] not in arguments[-1]:
                print(f'Error: template: ps:1:14: executing "ps" at {arguments[-1]}', file=sys.stderr)
                return 125
            print("\n".join(f"{path.stem} {path.read_text().split()[1]}" for path in FOLDER.glob("*.pid")))
    return 0


def run(options: list[str]) -> int:
    order = json.loads((FOLDER / "orders.json").read_text()).get("run", {})
    at = options.index("--")
    flags, inside = options[:at], options[at + 2 :]
    value = {name: flags[place + 1] for place, name in enumerate(flags[:-1]) if name.startswith("--")}
    if value["--entrypoint"] in order.get("missing", ()):
        print(NO_SUCH_PROGRAM[NAME].format(value["--entrypoint"]), file=sys.stderr)
        return 127 if NAME == "docker" else 1
    if "code" in order:
        print(order.get("err", ""), file=sys.stderr)
        return int(order["code"])
    if order.get("mute"):
        sys.stdin.buffer.read()
        return 0
    box = FOLDER / f"{value['--name']}.box"
    box.mkdir()
    for source, target in mounts(flags):
        if target.startswith("/opt/localflyte/"):
            (box / target.removeprefix("/opt/localflyte/")).symlink_to(source)
    note = FOLDER / f"{value['--name']}.pid"
    note.write_text(f"{os.getpid()} {value['--label'].partition('=')[2]}")
    env = {"PATH": os.environ["PATH"], "HOME": str(box), "TMPDIR": os.environ.get("TMPDIR", "/tmp"), "PYTHONSAFEPATH": "1"}
    env |= {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
    program = str(box / inside[0].removeprefix("/opt/localflyte/"))
    # Not exec: a container outlives the program that started it, and ends when its first process has seen its stdin close.
    pid = os.spawnve(os.P_NOWAIT, sys.executable, [sys.executable, program, *inside[1:]], env)
    note.write_text(f"{pid} {value['--label'].partition('=')[2]}")
    os.close(0)
    _, status = os.waitpid(pid, 0)
    note.unlink(missing_ok=True)
    return os.waitstatus_to_exitcode(status) % 256


def mounts(flags: list[str]) -> list[tuple[str, str]]:
    found = []
    for place, flag in enumerate(flags[:-1]):
        if flag == "--mount":
            fields = dict(field.partition("=")[::2] for field in flags[place + 1].split(","))
            found.append((fields["source"], fields["target"]))
    return found


def remove(name: str) -> int:
    note = FOLDER / f"{name}.pid"
    if note.exists():
        with suppress(ProcessLookupError):
            os.kill(int(note.read_text().split()[0]), signal.SIGKILL)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
