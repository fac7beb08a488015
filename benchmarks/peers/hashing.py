"""hashlib.file_digest of a large file that the system has in its memory: what hashing costs at least."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from time import perf_counter

__all__ = ("big_file", "main", "scaled")

GIGABYTE = 10**9
SMALLER = GIGABYTE // 4
BLOCK = 10**6


def big_file() -> str:
    """Make a file of a gigabyte below the home directory, or of a quarter where the disk is short, and read it once.

    :return: its path; who measures removes the directory
    """
    home = os.environ["HOME"]
    path = os.path.join(home, "large.bin")
    if not os.path.exists(path):
        size = GIGABYTE if shutil.disk_usage(home).free > 8 * GIGABYTE else SMALLER
        block = os.urandom(BLOCK)
        with open(path + ".new", "wb") as file:
            file.writelines(block for _ in range(size // BLOCK))
        os.rename(path + ".new", path)
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
    return path


def scaled(path: str, seconds: list[float]) -> list[float]:
    """:return: seconds a gigabyte"""
    return [each * GIGABYTE / os.stat(path).st_size for each in seconds]


def main() -> None:
    """Hash the file as often as the command line says."""
    path, seconds = big_file(), []
    for _ in range(int(sys.argv[2])):
        start = perf_counter()
        with open(path, "rb") as file:
            hashlib.file_digest(file, "sha256").hexdigest()
        seconds.append(perf_counter() - start)
    print(scaled(path, seconds))


if __name__ == "__main__":
    main()
