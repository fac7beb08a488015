"""A docker program whose containers are commands of this machine, with the places of its mounts written into their words.

    plain_docker.py FOLDER run ...

It keeps its notes in FOLDER, and finds there, in ``orders.json``, how to misbehave: ``run`` may have ``err`` and ``code`` (nothing is
started) and ``quits`` (it leaves its container running); ``state`` is added to what it says of a container.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

FOLDER = Path(sys.argv[1])


def main(arguments: list[str]) -> int:
    with (FOLDER / "calls.jsonl").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    match arguments:
        case ["version", *_]:
            print("24.0.7")
        case ["info", *_]:
            print("2 []")
        case ["image", "inspect", *_]:
            print(json.dumps([{"Id": "sha256:" + "0" * 64, "Config": {}}]))
        case ["run", *options]:
            return run(options)
        case ["container", "inspect", *_]:
            return inspect(arguments[-1])
        case ["rm", *_]:
            return remove(arguments[-1])
        case ["ps", *_]:
            print("\n".join(f"{path.stem} {json.loads(path.read_text())['label']}" for path in FOLDER.glob("localflyte-*.json")))
    return 0


def orders() -> dict[str, dict[str, object]]:
    return json.loads((FOLDER / "orders.json").read_text())


def run(options: list[str]) -> int:
    order = orders().get("run", {})
    if "code" in order:
        print(order.get("err", ""), file=sys.stderr)
        return int(str(order["code"]))
    at = options.index("--")
    flags, words = options[:at], options[at + 2 :]
    values = [(name, flags[place + 1]) for place, name in enumerate(flags[:-1]) if name.startswith("--") and "=" not in name]
    given = dict(values)
    name, label = given["--name"], given["--label"].partition("=")[2]
    env = {"PATH": os.environ["PATH"]} | variables(values)
    places = mounts(values)
    words = [placed(word, places) for word in words]
    try:
        process = subprocess.Popen(words, env=env, cwd="/", start_new_session=True)
    except OSError as error:
        note(name, label, {"Status": "created", "ExitCode": 127, "Error": str(error), "StartedAt": "0001-01-01T00:00:00Z"})
        print(f"docker: Error response from daemon: {error}", file=sys.stderr)
        return 127
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    state = {"Status": "running", "ExitCode": 0, "StartedAt": "2026-01-01T00:00:00Z", "Pid": process.pid}
    note(name, label, state)
    (FOLDER / "started").touch()
    if order.get("quits"):
        return int(str(order["quits"]))
    code = process.wait()
    code = 128 - code if code < 0 else code
    note(name, label, {**state, "Status": "exited", "ExitCode": code})
    return code


def note(name: str, label: str, state: dict[str, object]) -> None:
    (FOLDER / f"{name}.json").write_text(json.dumps({"label": label, "state": state}))


def variables(values: list[tuple[str, str]]) -> dict[str, str]:
    found = {}
    for option, value in values:
        if option == "--env-file":
            with open(value) as file:
                found |= dict(line.rstrip("\n").partition("=")[::2] for line in file)
        elif option == "--env":
            name, sign, text = value.partition("=")
            found[name] = text if sign else os.environ[name]
    return found


def mounts(values: list[tuple[str, str]]) -> list[tuple[str, str]]:
    fields = [dict(part.partition("=")[::2] for part in value.split(",")) for option, value in values if option == "--mount"]
    found = {each["target"]: each["source"] for each in fields}
    for target, source in found.items():
        for above, folder in found.items():
            if target.startswith(f"{above}/"):  # its place is in the other's folder, and is empty
                place = Path(folder) / target.removeprefix(f"{above}/")
                place.rmdir() if place.is_dir() else place.unlink()
                place.symlink_to(source)
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def placed(word: str, places: list[tuple[str, str]]) -> str:
    for target, source in places:
        word = word.replace(target, source)
    return word


def inspect(name: str) -> int:
    path = FOLDER / f"{name}.json"
    if not path.exists():
        print(f"Error: No such container: {name}", file=sys.stderr)
        return 1
    print(json.dumps(json.loads(path.read_text())["state"] | orders().get("state", {})))
    return 0


def remove(name: str) -> int:
    path = FOLDER / f"{name}.json"
    if path.exists():
        with suppress(KeyError, ProcessLookupError):
            os.killpg(json.loads(path.read_text())["state"]["Pid"], signal.SIGKILL)
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:]))
