"""Resources: the CPU, memory, accelerator, disk and shared memory that a task asks for."""

from __future__ import annotations

from dataclasses import dataclass

from localflyte.spec.device import AMD_GPU
from localflyte.spec.device import APPLE_SILICON
from localflyte.spec.device import GPU
from localflyte.spec.device import HABANA_GAUDI
from localflyte.spec.device import TPU
from localflyte.spec.device import Device
from localflyte.spec.device import DeviceClass
from localflyte.spec.device import Neuron
from localflyte.spec.device import parse_accelerator
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.quantity import parse_bytes
from localflyte.spec.quantity import parse_cores

__all__ = ("AMD_GPU", "APPLE_SILICON", "GPU", "HABANA_GAUDI", "TPU", "Device", "DeviceClass", "Neuron", "Resources")

CPU = int | float | str


@dataclass(frozen=True, slots=True)
class Resources:
    """What a task needs to run.

    A single value is a request; a pair is a request and a limit.

    :param cpu: cores, ``1``, ``0.5`` or ``"500m"``, or a pair
    :param memory: a size with a Kubernetes unit, ``"512Mi"`` or ``"2G"``, or a pair
    :param gpu: how many GPUs of any kind, ``"A100:2"``, or a `Device`
    :param disk: a size
    :param shm: the size of /dev/shm, or ``"auto"`` for as much as there is
    :raises ValueError: if no cluster could provide it
    """

    cpu: CPU | tuple[CPU, CPU] | None = None
    memory: str | tuple[str, str] | None = None
    gpu: str | int | Device | None = None
    disk: str | None = None
    shm: str | None = None

    def __post_init__(self) -> None:
        self.terms()

    def get_device(self) -> Device | None:
        """:return: the accelerator that was asked for, or ``None``"""
        gpu = self.gpu
        if gpu is None or isinstance(gpu, Device):
            return gpu
        if isinstance(gpu, str):
            return parse_accelerator(gpu)
        if isinstance(gpu, bool) or not isinstance(gpu, int):
            raise ValueError(f'gpu={gpu!r} is a {type(gpu).__name__}; write a number, "A100:2" or a flyte.Device')
        if gpu < 0:
            raise ValueError(f"gpu must be greater than or equal to 0, got {gpu}")
        return Device(gpu, "GPU") if gpu else None

    def get_shared_memory(self) -> str | None:
        """:return: the size of /dev/shm; empty for as much as there is, ``None`` when nothing was declared"""
        return "" if self.shm == "auto" else self.shm

    def terms(self) -> ResourceTerms:
        """Read the declaration as cores and bytes; a zero asks for nothing, as on Kubernetes."""
        cpu, cpu_limit = _pair(self.cpu, "cpu")
        memory, memory_limit = _pair(self.memory, "memory")
        device = self.get_device()
        terms = ResourceTerms(
            cpu=_cores(cpu),
            cpu_limit=_cores(cpu_limit),
            memory=_bytes(memory, "memory"),
            memory_limit=_bytes(memory_limit, "memory"),
            gpu=device.quantity if device else 0,
            gpu_device=_device_name(device),
            disk=_bytes(self.disk, "disk"),
            shm=_bytes(self.get_shared_memory() or None, "shm"),
        )
        _check_order("cpu", self.cpu, terms.cpu, terms.cpu_limit)
        _check_order("memory", self.memory, terms.memory, terms.memory_limit)
        return terms


def _pair(value: object, what: str) -> tuple[object, object]:
    if isinstance(value, list):
        raise ValueError(f"{what}={value!r} is a list; write a request and a limit as a tuple: {what}={tuple(value)!r}")
    if not isinstance(value, tuple):
        return value, None
    if len(value) != 2:
        raise ValueError(f"{what} tuple must have exactly two elements, a request and a limit; got {value!r}")
    if None in value:
        raise ValueError(f"{what}={value!r}: both the request and the limit must be given; for a request alone, write it without the tuple")
    return value


def _cores(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, str):
        return parse_cores(value) or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f'cpu={value!r} is a {type(value).__name__}; write cores, like 2, 0.5 or "500m"')
    if not 0 <= value < float("inf"):
        raise ValueError(f"cpu must be greater than or equal to 0 and finite, got {value}")
    return float(value) or None


def _bytes(value: object, what: str) -> int | None:
    return None if value is None else parse_bytes(value, what=what) or None


def _check_order(what: str, declared: object, request: float | None, limit: float | None) -> None:
    if request is not None and limit is not None and request > limit:
        raise ValueError(f"{what}={declared!r} requests more than its limit; write the smaller one first")


def _device_name(device: Device | None) -> str:
    """The name as one word for messages and matching: ``A100``, ``A100/1g.5gb``; empty where any GPU will do."""
    if device is None:
        return ""
    name = device.device or ("" if device.device_class == "GPU" else device.device_class)
    return f"{name}/{device.partition}" if device.partition else name
