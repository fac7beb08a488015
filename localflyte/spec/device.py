"""Device: an accelerator, how many of it, and which part; and the names that Flyte knows for each class of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

__all__ = ("AMD_GPU", "APPLE_SILICON", "GPU", "HABANA_GAUDI", "TPU", "Device", "DeviceClass", "Neuron", "parse_accelerator")

DeviceClass = Literal["GPU", "TPU", "NEURON", "AMD_GPU", "HABANA_GAUDI", "APPLE_SILICON"]

_UP_TO_8 = tuple(range(1, 9))
_TRN = (1, 4, 8, 16)

#: Per class, the names and, for ``gpu="NAME:N"``, the counts that a node exists for.
_DEVICES: dict[DeviceClass, dict[str, tuple[int, ...]]] = {
    "GPU": {
        **dict.fromkeys(("A10", "A10G", "A100", "A100_80G", "B200", "H100", "H200", "L4", "L40s", "T4", "V100"), _UP_TO_8),
        "RTX_PRO_6000": (1, 2),
        **dict.fromkeys(("A2", "RTX_PRO_4500", "GB10"), (1,)),
        # A share of a device that several tasks use at a time.
        **dict.fromkeys(("T4 shared", "L4 shared", "A10G shared", "A10 shared", "L40S shared"), (1,)),
    },
    "TPU": {"V5E": (), "V5P": (), "V6E": ()},
    "NEURON": {
        "Inf1": tuple(range(1, 17)),
        "Inf2": tuple(range(1, 13)),
        **dict.fromkeys(("Trn1", "Trn1n", "Trn2", "Trn2u"), _TRN),
    },
    "AMD_GPU": dict.fromkeys(("MI100", "MI210", "MI250", "MI250X", "MI300A", "MI300X", "MI325X", "MI350X", "MI355X"), (1,)),
    "HABANA_GAUDI": {"Gaudi1": (1,)},
    "APPLE_SILICON": {"AppleSilicon": (1,)},
}

#: How earlier releases of Flyte spelled them.
_OLD_NAMES = {"A100 80G": "A100_80G", "RTX PRO 6000": "RTX_PRO_6000"}

_V6E = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
_V5P = ("2x2x1", "2x2x2", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8", "8x8x16", "8x16x16", "16x16x16", "16x16x24")

_PARTITIONS: dict[str, tuple[str, ...]] = {
    "A100": ("1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"),
    "A100_80G": ("1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"),
    "H100": ("1g.10gb", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"),
    "H200": ("1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"),
    "RTX_PRO_6000": ("1g.24gb", "2g.48gb", "4g.96gb"),
    "V5E": _V6E,
    "V5P": _V5P,
    "V6E": _V6E,
}


@dataclass(frozen=True, slots=True)
class Device:
    """An accelerator to run a task with.

    :param quantity: how many of it
    :param device_class: what kind of accelerator it is
    :param device: its name, ``"A100"``; ``None`` means any of its class
    :param partition: a part of it, ``"1g.5gb"``, or the shape of a TPU slice, ``"2x2"``
    """

    quantity: int
    device_class: DeviceClass
    device: str | None = None
    partition: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.quantity, bool) or not isinstance(self.quantity, int):
            raise TypeError(f"the quantity of a Device must be a whole number, got {self.quantity!r}")
        if self.quantity < 1:
            raise ValueError(f"the quantity of a Device must be at least 1, got {self.quantity}")
        if (self.device == "AppleSilicon") != (self.device_class == "APPLE_SILICON"):
            raise ValueError('the GPU of a Mac is device="AppleSilicon" with device_class="APPLE_SILICON"; write flyte.APPLE_SILICON()')
        if self.device == "AppleSilicon" and self.quantity != 1:
            raise ValueError(f"a Mac has one GPU, got a quantity of {self.quantity}")


def GPU(device: str, quantity: int, partition: str | None = None) -> Device:  # noqa: N802 - Flyte's name
    """Ask for NVIDIA GPUs.

    :param partition: a MIG part of an A100, A100_80G, H100, H200 or RTX_PRO_6000
    :raises ValueError: if there is no such device or part
    """
    return _device("GPU", device, quantity, partition)


def TPU(device: str, partition: str | None = None) -> Device:  # noqa: N802
    """Ask for a Google TPU, or a slice of them.

    :raises ValueError: if there is no such device or slice
    """
    return _device("TPU", device, 1, partition)


def Neuron(device: str) -> Device:  # noqa: N802
    """Ask for an AWS Inferentia or Trainium device.

    :raises ValueError: if there is no such device
    """
    return _device("NEURON", device, 1)


def AMD_GPU(device: str) -> Device:  # noqa: N802
    """Ask for an AMD GPU.

    :raises ValueError: if there is no such device
    """
    return _device("AMD_GPU", device, 1)


def HABANA_GAUDI(device: str) -> Device:  # noqa: N802
    """Ask for an Intel Gaudi accelerator.

    :raises ValueError: if there is no such device
    """
    return _device("HABANA_GAUDI", device, 1)


def APPLE_SILICON() -> Device:  # noqa: N802
    """Ask for the GPU of the Mac that a devbox runs on."""
    return _device("APPLE_SILICON", "AppleSilicon", 1)


def parse_accelerator(text: str) -> Device:
    """Read the short form, ``"A100:2"``.

    :raises ValueError: if Flyte knows no such accelerator in that number
    """
    if text == "AppleSilicon":
        return APPLE_SILICON()
    name, _, count = text.rpartition(":")
    if not name:
        counted = f"; write how many as well: gpu={text + ':1'!r}" if _class_of(text) else f"; {_choice(text, _names())}"
        raise ValueError(f"gpu={text!r} is no accelerator and a count{counted}")
    name = _OLD_NAMES.get(name, name)
    device_class = _class_of(name)
    if device_class is None:
        raise ValueError(f"gpu={text!r} names no accelerator that Flyte knows; {_choice(name, _names())}")
    counts = _DEVICES[device_class][name]
    if not counts:
        raise ValueError(f"gpu={text!r}: a {device_class} has no short form; write gpu=flyte.{device_class}({name!r})")
    if count not in map(str, counts):
        raise ValueError(f"gpu={text!r}: {name} comes in numbers of {', '.join(map(str, counts))}")
    return Device(int(count), device_class, name)


def _device(device_class: DeviceClass, device: str, quantity: int, partition: str | None = None) -> Device:
    device = _OLD_NAMES.get(device, device)
    if device not in _DEVICES[device_class]:
        raise ValueError(f"{device!r} is no {device_class} that Flyte knows; {_choice(device, _DEVICES[device_class])}")
    if partition is not None and device.endswith(" shared"):
        raise ValueError(f"a shared GPU takes no partition, got {partition!r} for {device}; ask for the device itself to have a part of it")
    parts = _PARTITIONS.get(device)
    if partition is not None and parts is not None and partition not in parts:
        raise ValueError(f"{partition!r} is no partition of a {device}; {_choice(partition, parts)}")
    return Device(quantity, device_class, device, partition)


def _class_of(name: str) -> DeviceClass | None:
    return next((device_class for device_class, known in _DEVICES.items() if _OLD_NAMES.get(name, name) in known), None)


def _names() -> list[str]:
    return [name for known in _DEVICES.values() for name in known]


def _choice(given: str, known: Collection[str]) -> str:
    near = [name for name in known if name.lower() == str(given).lower()]
    return f"did you mean {near[0]!r}?" if near else f"it must be one of {', '.join(known)}"
