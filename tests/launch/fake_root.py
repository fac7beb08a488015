"""A file system root of a test's own, with what /proc and /sys/fs/cgroup say on machines that this one is not."""

from __future__ import annotations

from pathlib import Path

V2_MOUNT = "31 23 0:28 {top} /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = "35 31 0:32 {top} /sys/fs/cgroup/{name} rw,relatime - cgroup cgroup rw,{name}\n"


def write(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def unified(root: Path, group: str, files: dict[str, str], *, top: str = "/") -> Path:
    """A machine with the unified tree alone.

    :param group: our group, as /proc/self/cgroup tells it
    :param files: what is below /sys/fs/cgroup
    :param top: which part of the tree is mounted
    """
    write(root, "proc/self/cgroup", f"0::{group}\n")
    write(root, "proc/self/mountinfo", V2_MOUNT.format(top=top))
    return _fill(root, files)


def separate(root: Path, group: str, files: dict[str, str], *, top: str = "/", names: tuple[str, ...] = ("memory", "cpu,cpuacct")) -> Path:
    """A machine with a tree a controller."""
    write(root, "proc/self/cgroup", "".join(f"{number}:{name}:{group}\n" for number, name in enumerate(names, 2)))
    write(root, "proc/self/mountinfo", "".join(V1_MOUNT.format(top=top, name=name) for name in names))
    return _fill(root, files)


def _fill(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        write(root, f"sys/fs/cgroup/{path}", text)
    return root
