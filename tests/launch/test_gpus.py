"""The GPUs to hand out are those that the caller may see."""

from __future__ import annotations

from pathlib import Path

import pytest

from localflyte.launch.gpus import visible_gpus
from tests.launch.fake_root import write


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("0", ("0",)),
        ("2, 0", ("2", "0")),
        ("0,-1,1", ("0",)),
        ("1,1", ("1",)),
        ("GPU-8932f937-d72c,MIG-GPU-8932f937/1/2", ("GPU-8932f937-d72c", "MIG-GPU-8932f937/1/2")),
    ],
)
def test_the_variable_names_the_gpus_as_cuda_reads_it(tmp_path: Path, named: str, expected: tuple[str, ...]) -> None:
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": named}, str(tmp_path)) == expected


@pytest.mark.parametrize(
    ("driver", "devices", "expected"),
    [
        ((), (), ()),
        (("0000:01:00.0", "0000:02:00.0"), (), ("0", "1")),
        ((), ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"), ("0", "1")),
        (("0000:01:00.0", "0000:02:00.0"), ("nvidia1", "nvidiactl"), ("0",)),
    ],
    ids=["none", "driver", "devices", "container"],
)
def test_without_the_variable_the_driver_shows_them(
    tmp_path: Path, driver: tuple[str, ...], devices: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    for name in driver:
        write(tmp_path, f"proc/driver/nvidia/gpus/{name}/information", "")
    for name in devices:
        write(tmp_path, f"dev/{name}", "")
    assert visible_gpus({}, str(tmp_path)) == expected
