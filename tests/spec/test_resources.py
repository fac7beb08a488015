"""Resources: what is declared becomes cores and bytes, and what no cluster could provide is refused at once."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from localflyte.spec.plan import ResourceTerms
from localflyte.spec.resources import TPU
from localflyte.spec.resources import Device
from localflyte.spec.resources import Resources

MI = 2**20


@pytest.mark.parametrize(
    ("declared", "terms"),
    [
        ({}, ResourceTerms()),
        ({"cpu": 2}, ResourceTerms(cpu=2.0)),
        ({"cpu": 0.5, "memory": "250Mi"}, ResourceTerms(cpu=0.5, memory=250 * MI)),
        ({"cpu": "500m"}, ResourceTerms(cpu=0.5)),
        ({"cpu": (1, "2")}, ResourceTerms(cpu=1.0, cpu_limit=2.0)),
        ({"memory": ("1Mi", "2Mi")}, ResourceTerms(memory=MI, memory_limit=2 * MI)),
        ({"cpu": 0, "memory": "0", "gpu": 0}, ResourceTerms()),
        ({"gpu": 2}, ResourceTerms(gpu=2)),
        ({"gpu": "A100:2"}, ResourceTerms(gpu=2, gpu_device="A100")),
        ({"gpu": "A100 80G:8"}, ResourceTerms(gpu=8, gpu_device="A100_80G")),
        ({"gpu": Device(1, "GPU", "A100", "1g.5gb")}, ResourceTerms(gpu=1, gpu_device="A100/1g.5gb")),
        ({"gpu": TPU("V5P", "2x2x1")}, ResourceTerms(gpu=1, gpu_device="V5P/2x2x1")),
        ({"gpu": Device(3, "NEURON")}, ResourceTerms(gpu=3, gpu_device="NEURON")),
        ({"disk": "10Gi", "shm": "auto"}, ResourceTerms(disk=10 * 1024 * MI)),
        ({"shm": "64Mi"}, ResourceTerms(shm=64 * MI)),
    ],
)
def test_terms(declared: dict[str, Any], terms: ResourceTerms) -> None:
    assert Resources(**declared).terms() == terms


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"cpu": "bad"}, "cpu='bad' is not a Kubernetes quantity"),
        ({"cpu": (1, 2, 3)}, "exactly two elements"),
        ({"cpu": [1, 2]}, r"as a tuple: cpu=\(1, 2\)"),
        ({"cpu": (2, 1)}, "requests more than its limit"),
        ({"cpu": (None, 2)}, "both the request and the limit"),
        ({"cpu": -1}, "greater than or equal to 0"),
        ({"cpu": (-1, 2)}, "greater than or equal to 0"),
        ({"cpu": float("nan")}, "finite"),
        ({"cpu": float("inf")}, "finite"),
        ({"cpu": True}, "bool"),
        ({"cpu": {}}, "dict"),
        ({"memory": 512}, "write it as text with a unit"),
        ({"memory": "1GB"}, "did you mean G"),
        ({"memory": ("2Gi", "1Gi")}, "requests more than its limit"),
        ({"memory": ("1Gi",)}, "exactly two elements"),
        ({"disk": 5}, "disk=5"),
        ({"shm": "lots"}, "shm='lots'"),
        ({"gpu": -1}, "greater than or equal to 0"),
        ({"gpu": True}, "bool"),
        ({"gpu": 1.5}, "float"),
        ({"gpu": "A100"}, "A100:1"),
        ({"gpu": "A100:9"}, "1, 2, 3, 4, 5, 6, 7, 8"),
        ({"gpu": "a100:1"}, "did you mean 'A100'"),
        ({"gpu": "X:1"}, "it must be one of"),
        ({"gpu": "V5P:1"}, "flyte.TPU"),
    ],
)
def test_refused(declared: dict[str, Any], message: str) -> None:
    """Test that what no cluster could provide is an error where it is written."""
    with pytest.raises(ValueError, match=message):
        Resources(**declared)


def test_positional_order() -> None:
    """Test that the order of the arguments is Flyte's."""
    assert Resources(1, "1Gi", 1, "2Gi", "auto") == Resources(cpu=1, memory="1Gi", gpu=1, disk="2Gi", shm="auto")


@pytest.mark.parametrize(("shm", "given"), [(None, None), ("auto", ""), ("1Gi", "1Gi")])
def test_shared_memory(shm: str | None, given: str | None) -> None:
    assert Resources(shm=shm).get_shared_memory() == given


@pytest.mark.parametrize(
    ("gpu", "device"),
    [(None, None), (0, None), (3, Device(3, "GPU")), ("T4:1", Device(1, "GPU", "T4")), ("Trn1:16", Device(16, "NEURON", "Trn1"))],
)
def test_device(gpu: Any, device: Device | None) -> None:
    assert Resources(gpu=gpu).get_device() == device


def test_is_a_value() -> None:
    """Test that equal declarations are equal, can be keys, and survive a process border."""
    resources = Resources(cpu=(1, 2), memory="1Gi")
    assert pickle.loads(pickle.dumps(resources)) == resources
    assert len({resources, Resources(cpu=(1, 2), memory="1Gi")}) == 1
    with pytest.raises(AttributeError):
        resources.cpu = 3  # type: ignore[misc]
