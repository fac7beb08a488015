"""PodMeaning: what a pod template says that holds on one machine: the primary container's variables, needs, image, folder and end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.podspec import named_as_kubernetes
from localflyte.spec.quantity import parse_bytes
from localflyte.spec.quantity import parse_cores

__all__ = ("PodMeaning", "apply_pod", "read_pod")

PRIMARY = "primary"  # Flyte's name for the container that runs the task
DEFAULT = "default"  # what a cluster's named templates call the container that stands for all others

_READ = ("name", "env", "resources", "image", "workingDir")
_REPLACED = ("command", "args")  # a cluster puts its own in their place, whatever a template says

#: What clusters call accelerators, and our word for them; any NVIDIA GPU is a GPU.
_ACCELERATORS = {
    "nvidia.com/gpu": "",
    "amd.com/gpu": "AMD_GPU",
    "habana.ai/gaudi": "HABANA_GAUDI",
    "google.com/tpu": "TPU",
    "aws.amazon.com/neuron": "NEURON",
    "aws.amazon.com/neurondevice": "NEURON",
    "aws.amazon.com/neuroncore": "NEURON",
}
_MIG = "nvidia.com/mig-"
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PodMeaning:
    env: Mapping[str, str] = field(default_factory=dict)
    resources: ResourceTerms = field(default_factory=ResourceTerms)
    image: str = ""
    working_dir: str = ""
    grace_seconds: float | None = None
    unapplied: tuple[str, ...] = ()
    """What else it says, by the names of the Kubernetes API."""


def read_pod(terms: Mapping[str, Any], *, named: bool = False) -> PodMeaning:
    """Read what `PodTemplate.terms` or `pod_terms` gave.

    :param named: whether the template is one of a cluster's own, which a task goes on top of: its image is a stand-in
    :raises LookupError: if it has no container that would run the task
    :raises ValueError: if Kubernetes would refuse a value
    """
    unapplied = [name for name in ("labels", "annotations") if terms.get(name)] + list(terms.get("unknown", ()))
    if terms.get("spec") is None:
        return PodMeaning(unapplied=tuple(unapplied))
    spec = _object(terms["spec"], "spec")
    containers = [_object(each, "each of its containers") for each in _list(spec.pop("containers", []), "containers")]
    grace = spec.pop("terminationGracePeriodSeconds", None)
    primary = _primary(containers, terms.get("primary_container_name"), named)
    unapplied += [*spec, *(f"container {each.get('name')}" for each in containers if each is not primary)]
    unapplied += [name for name in primary if name not in _READ and name not in _REPLACED]
    return PodMeaning(
        env=_env(primary.get("env", []), unapplied),
        resources=_resources(_object(primary.get("resources", {}), "resources"), unapplied),
        image="" if named else str(primary.get("image", "")),
        working_dir=str(primary.get("workingDir", "")),
        grace_seconds=_seconds(grace),
        unapplied=tuple(unapplied),
    )


def apply_pod(plan: Plan, pod: PodMeaning) -> tuple[Plan, tuple[str, ...]]:
    """Put what the pod says under what the task says, as a cluster merges the two: field by field, and the task wins.

    :return: the plan, and in words which requests were cut to a limit that the other side sets, as a cluster cuts them
    """
    cut: list[str] = []
    changes: dict[str, Any] = {"env_vars": _merged_env(plan.env_vars, pod.env), "resources": _merged(plan.resources, pod.resources, cut)}
    if pod.image:
        from localflyte.spec.image import Image

        changes["image"] = Image.from_base(pod.image).terms()
    return replace(plan, working_dir=pod.working_dir, grace_seconds=pod.grace_seconds, **changes), tuple(cut)


def _primary(containers: list[dict[str, Any]], name: Any, named: bool) -> dict[str, Any]:
    names = [container.get("name") for container in containers]
    if name is None:
        usual = (PRIMARY, DEFAULT) if named else (PRIMARY,)
        name = next((each for each in usual if each in names), names[0] if len(names) == 1 else PRIMARY)
    if name not in names:
        has = f"its containers are {', '.join(map(str, names))}" if names else "it has no containers"
        raise LookupError(f"no container of it is called {name!r}, and that one would run the task; {has}")
    return containers[names.index(name)]


# -- variables -------------------------------------------------------------------------------------------------------


def _env(entries: Any, unapplied: list[str]) -> dict[str, str]:
    env = {}
    for entry in _list(entries, "env"):
        variable = _object(entry, "each entry of env")
        name, value = variable.get("name"), variable.get("value", "")
        if not isinstance(name, str) or not name:
            raise ValueError(f"an entry of env has no name: {entry!r}")
        if not isinstance(value, str):
            raise ValueError(f"the value of env {name} must be text, as Kubernetes asks: write {str(value)!r}")
        if "valueFrom" in variable:
            unapplied.append(f"env {name} (valueFrom)")
        else:
            env[name] = value
    return env


def _merged_env(own: Mapping[str, str], pod: Mapping[str, str]) -> dict[str, str]:
    env = dict(own)
    for name, value in pod.items():
        if name not in own:
            env[name] = _REFERENCE.sub(lambda found: "$" if found[1] is None else env.get(found[1], found[0]), value)
    return env


# -- resources -------------------------------------------------------------------------------------------------------


def _resources(declared: dict[str, Any], unapplied: list[str]) -> ResourceTerms:
    asked = dict(_object(declared.pop("requests", {}), "resources.requests", named=False))
    bound = dict(_object(declared.pop("limits", {}), "resources.limits", named=False))
    unapplied += [f"resources.{name}" for name in declared]
    terms = ResourceTerms(
        cpu=_amount(asked, "cpu", parse_cores),
        cpu_limit=_amount(bound, "cpu", parse_cores),
        memory=_amount(asked, "memory", parse_bytes),
        memory_limit=_amount(bound, "memory", parse_bytes),
        disk=_amount({**asked, **bound}, "ephemeral-storage", parse_bytes),
    )
    for what, request, limit in (("cpu", terms.cpu, terms.cpu_limit), ("memory", terms.memory, terms.memory_limit)):
        if request is not None and limit is not None and request > limit:
            raise ValueError(f"its request of {what} is over its limit, which Kubernetes refuses")
    for name in dict.fromkeys((*asked, *bound)):
        if name in ("cpu", "memory", "ephemeral-storage"):
            continue
        device = f"MIG/{name.removeprefix(_MIG)}" if name.startswith(_MIG) else _ACCELERATORS.get(name)
        if device is None or terms.gpu:
            unapplied.append(f"resource {name}")
        else:
            count = _count(bound.get(name, asked.get(name)), name)
            terms = replace(terms, gpu=count, gpu_device=device if count else "")
    return terms


def _merged(own: ResourceTerms, pod: ResourceTerms, cut: list[str]) -> ResourceTerms:
    cpu, cpu_limit = _request_and_limit((own.cpu, own.cpu_limit), (pod.cpu, pod.cpu_limit))
    memory, memory_limit = _request_and_limit((own.memory, own.memory_limit), (pod.memory, pod.memory_limit))
    if cpu and cpu_limit and cpu > cpu_limit:
        cut.append(f"{cpu:g} CPUs are asked for and the limit is {cpu_limit:g}")
        cpu = cpu_limit
    if memory and memory_limit and memory > memory_limit:
        cut.append(f"{memory / 2**20:g}Mi of memory are asked for and the limit is {memory_limit / 2**20:g}Mi")
        memory = memory_limit
    return replace(
        own,
        cpu=cpu,
        cpu_limit=cpu_limit,
        memory=None if memory is None else int(memory),
        memory_limit=None if memory_limit is None else int(memory_limit),
        gpu=own.gpu or pod.gpu,
        gpu_device=own.gpu_device if own.gpu else pod.gpu_device,
        disk=own.disk or pod.disk,
    )


def _request_and_limit(own: tuple[float | None, float | None], pod: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    if own[1] is not None:
        return own
    request, limit = own[0] if own[0] is not None else pod[0], pod[1]
    return limit if request is None else request, limit  # what has a limit and no request asks for its limit


def _amount(amounts: Mapping[str, Any], name: str, parse: Any) -> Any:
    value = amounts.get(name)
    return None if value is None else parse(_quantity(value), what=name) or None


def _count(value: Any, name: str) -> int:
    count = parse_cores(_quantity(value), what=name)
    if count != int(count):
        raise ValueError(f"{name}={value!r} is not a whole number")
    return int(count)


def _quantity(value: Any) -> Any:
    """YAML and TOML may say a quantity as a number; what is neither that nor text is left for the parser to refuse."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


# -- shapes ----------------------------------------------------------------------------------------------------------


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"terminationGracePeriodSeconds must be a whole number of at least 0, got {value!r}")
    return float(value)


def _object(value: Any, what: str, *, named: bool = True) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must be a mapping, got {value!r}")
    return named_as_kubernetes(value) if named else {str(name): each for name, each in value.items() if each is not None}


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} must be a list, got {value!r}")
    return list(value)
