"""Devices: the accelerators Flyte knows, and the nearest right name for those it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localflyte.spec.device import AMD_GPU
from localflyte.spec.device import APPLE_SILICON
from localflyte.spec.device import GPU
from localflyte.spec.device import HABANA_GAUDI
from localflyte.spec.device import TPU
from localflyte.spec.device import Device
from localflyte.spec.device import Neuron
from localflyte.spec.device import parse_accelerator


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (GPU("A100", 2), Device(2, "GPU", "A100")),
        (GPU("A100", 1, "1g.5gb"), Device(1, "GPU", "A100", "1g.5gb")),
        (GPU("A100 80G", 1, "1g.10gb"), Device(1, "GPU", "A100_80G", "1g.10gb")),
        (GPU("T4 shared", 1), Device(1, "GPU", "T4 shared")),
        (TPU("V5E", "2x2"), Device(1, "TPU", "V5E", "2x2")),
        (Neuron("Inf2"), Device(1, "NEURON", "Inf2")),
        (AMD_GPU("MI300X"), Device(1, "AMD_GPU", "MI300X")),
        (HABANA_GAUDI("Gaudi1"), Device(1, "HABANA_GAUDI", "Gaudi1")),
        (APPLE_SILICON(), Device(1, "APPLE_SILICON", "AppleSilicon")),
        (parse_accelerator("Inf1:16"), Device(16, "NEURON", "Inf1")),
        (parse_accelerator("MI100:1"), Device(1, "AMD_GPU", "MI100")),
        (parse_accelerator("Gaudi1:1"), Device(1, "HABANA_GAUDI", "Gaudi1")),
        (parse_accelerator("RTX PRO 6000:1"), Device(1, "GPU", "RTX_PRO_6000")),
        (parse_accelerator("AppleSilicon"), APPLE_SILICON()),
    ],
)
def test_made(device: Device, expected: Device) -> None:
    assert device == expected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GPU("a100", 1), "did you mean 'A100'"),
        (lambda: GPU("X9", 1), "it must be one of"),
        (lambda: GPU("A100", 0), "at least 1"),
        (lambda: GPU("A100", 1, "9g"), "no partition of a A100"),
        (lambda: GPU("T4 shared", 1, "1g.5gb"), "takes no partition"),
        (lambda: TPU("V4"), "no TPU"),
        (lambda: TPU("V6E", "2x2x1"), "no partition"),
        (lambda: Neuron("T4"), "no NEURON"),
        (lambda: AMD_GPU("T4"), "no AMD_GPU"),
        (lambda: HABANA_GAUDI("Gaudi2"), "no HABANA_GAUDI"),
        (lambda: Device(0, "GPU"), "at least 1"),
        (lambda: Device(1, "GPU", "AppleSilicon"), "APPLE_SILICON"),
        (lambda: Device(2, "APPLE_SILICON", "AppleSilicon"), "one GPU"),
    ],
)
def test_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_quantity_is_a_number() -> None:
    with pytest.raises(TypeError, match="whole number"):
        Device("2", "GPU")  # type: ignore[arg-type]
