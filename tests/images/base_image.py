"""A base image for the tests, made of the machine that they run on: its Python with pip, a few commands, and the libraries that these need.

``python base_image.py FILE`` writes a tar that ``docker import`` takes. There is no registry in it, and it needs no rights. Everything lies
where it lies on the machine, so that what was linked against a path still finds it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

COMMANDS = ("sh", "bash", "env", "cat", "ls", "id", "sleep", "true", "mkdir", "chmod", "touch", "rm", "echo")
#: of the standard library, what no test needs and much of its size is
SPARED = {"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "site-packages", "dist-packages"}
KEPT_PACKAGES = re.compile(r"(?:pip|setuptools|pkg_resources|_distutils_hack)(?:-[\d.]+\.dist-info)?")
#: what wheels are allowed to expect of a machine
FOR_WHEELS = (
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "libz.so.1",
    "libnss_dns.so.2",
)
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nrunner:x:1000:1000::/home/runner:/bin/sh\n",
    "etc/group": "root:x:0:\nrunner:x:1000:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def main(target: str) -> None:
    files = {path: path for path in library()}
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}").resolve()
    files[str(python)] = str(python)
    for name in COMMANDS:
        if found := shutil.which(name, path="/usr/bin:/bin"):
            files[f"/bin/{name}"] = os.path.realpath(found)
    programs = [source for source in files.values() if source.endswith(".so") or os.access(source, os.X_OK)]
    for path in sorted(needed(programs) | needed(for_wheels()) | set(for_wheels())):
        files[path] = os.path.realpath(path)
    for path in CERTIFICATES:
        if os.path.exists(path):
            files[CERTIFICATES[0]] = os.path.realpath(path)
    with tarfile.open(target, "w") as archive:
        for place, source in sorted(files.items()):
            add(archive, place, source)
        for place, text in TEXTS.items():
            entry = tarfile.TarInfo(place)
            entry.size, entry.mode = len(text), 0o644
            archive.addfile(entry, BytesIO(text.encode()))
        for name in ("python", "python3", python.name):
            entry = tarfile.TarInfo(f"usr/local/bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, str(python)
            archive.addfile(entry)
        for name in ("tmp", "var/tmp"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(entry)


def add(archive: tarfile.TarFile, place: str, source: str) -> None:
    entry = archive.gettarinfo(source, place.lstrip("/"))
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    # A second name of one file would become a link to what may not be in the archive.
    entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", os.path.getsize(source)
    with open(source, "rb") as file:
        archive.addfile(entry, file)


def library() -> Iterator[str]:
    """The files of the standard library, and of pip."""
    top = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix, "installed_base": sys.base_prefix}))
    packages = [each for folder in top.glob("*-packages") for each in folder.iterdir() if KEPT_PACKAGES.fullmatch(each.name)]
    for folder in (top, *packages):
        for parent, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in SPARED and not name.startswith("config-")]
            yield from (os.path.join(parent, name) for name in names if not name.endswith((".a", ".opt-1.pyc", ".opt-2.pyc")))


def needed(programs: Iterable[str]) -> set[str]:
    """The libraries that programs are linked against, and the loader."""
    several = list(programs)
    found: set[str] = set()
    for at in range(0, len(several), 100):
        told = subprocess.run(["ldd", *several[at : at + 100]], capture_output=True, text=True, check=False).stdout
        found |= {path for path in re.findall(r"(/\S+) \(0x", told) if os.path.exists(path)}
    return found


def for_wheels() -> list[str]:
    told = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    known = dict(reversed(re.findall(r"^\s*(\S+) .*=> (\S+)$", told, re.MULTILINE)))
    return [known[name] for name in FOR_WHEELS if name in known]


if __name__ == "__main__":
    main(sys.argv[1])
