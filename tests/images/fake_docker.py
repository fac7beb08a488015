"""A docker program that keeps its images in a file, writes down how it was called, and misbehaves on order.

Its folder holds ``orders.json``, by command: ``{"build": {"err": "...", "code": 1}}``; ``"hang"`` says that it never ends, and
``"only"`` that the order is for what has this in its last argument. A build that fails and ``"leaves"`` something leaves an image
of its first steps, with all labels and no name, as podman does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["FAKE_DOCKER"])
SAID = {"version": "24.0.7", "info": "8 []", "--version": "Docker version 24.0.7, build afdd53b"}


def main(arguments: list[str]) -> int:
    with (FOLDER / "calls.jsonl").open("a") as file:
        file.write(json.dumps(arguments) + "\n")
    command = " ".join(arguments[:2]) if arguments[0] == "image" else arguments[0]
    order = json.loads((FOLDER / "orders.json").read_text()).get(command, {})
    if order.get("only", "") not in arguments[-1]:
        order = {}
    print(order.get("out", SAID.get(command, "")), flush=True)
    print(order.get("err", ""), file=sys.stderr, flush=True)
    (FOLDER / f"said-{command.replace(' ', '-')}").touch()
    if order.get("hang"):
        time.sleep(1000)
    code = int(order.get("code", 0))
    if order.get("leaves"):
        keep("", labels_of(arguments))
    return code or {"image inspect": inspect, "image ls": listed, "pull": pull, "build": build}.get(command, nothing)(arguments)


def nothing(arguments: list[str]) -> int:
    return 0


def images() -> dict[str, dict[str, object]]:
    path = FOLDER / "images.json"
    return json.loads(path.read_text()) if path.exists() else {}


def keep(name: str, labels: dict[str, str]) -> None:
    kept = images()
    config = {"Env": ["A=1=2"], "WorkingDir": "/w", "User": "", "Labels": labels}
    kept[name] = {"Id": f"sha256:{abs(hash((name, *labels.values()))):064x}", "RepoTags": [name] if name else [], "Config": config}
    (FOLDER / "images.json").write_text(json.dumps(kept))


def inspect(arguments: list[str]) -> int:
    asked = arguments[-1]
    found = [image for name, image in images().items() if asked in (name, image["Id"])]
    print(json.dumps(found))
    return 0 if found else 1


def listed(arguments: list[str]) -> int:
    label, _, value = arguments[-1].removeprefix("label=").partition("=")
    for image in images().values():
        if image["Config"]["Labels"].get(label) == value:  # type: ignore[index]
            print(image["Id"])
    return 0


def pull(arguments: list[str]) -> int:
    keep(arguments[-1], {})
    return 0


def labels_of(arguments: list[str]) -> dict[str, str]:
    return dict(arguments[at + 1].split("=", 1) for at, word in enumerate(arguments) if word == "--label")


def build(arguments: list[str]) -> int:
    folder, dockerfile = Path(arguments[-1]), Path(arguments[arguments.index("--file") + 1])
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    (FOLDER / "built.json").write_text(json.dumps({"text": dockerfile.read_text(), "files": there, "mode": folder.stat().st_mode & 0o777}))
    keep(arguments[arguments.index("--tag") + 1], labels_of(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
