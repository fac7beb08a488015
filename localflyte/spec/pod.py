"""PodTemplate: the Kubernetes pod that a cluster would run a task in; its environment and grace period count here as well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from localflyte.spec.podspec import make_part
from localflyte.spec.podspec import plain
from localflyte.spec.resources import Resources

__all__ = ("PRIMARY_CONTAINER_DEFAULT_NAME", "PodTemplate", "pod_spec_from_resources")

PRIMARY_CONTAINER_DEFAULT_NAME = "primary"

_FUSE_RESOURCE = "smarter-devices/fuse"  # what the device plugin calls /dev/fuse
_FUSE_VOLUME = "fuse-device"
_CAPABILITY = "flyte.org/capability-"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


@dataclass
class PodTemplate:
    """A pod to run a task in. Every method gives a changed copy.

    :param pod_spec: a ``kubernetes.client.V1PodSpec``
    :param primary_container_name: the container that runs the task
    :param labels: labels of the pod
    :param annotations: annotations of the pod
    """

    pod_spec: Any = None
    primary_container_name: str = PRIMARY_CONTAINER_DEFAULT_NAME
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None

    @classmethod
    def from_spec(
        cls,
        pod_spec: Any,
        *,
        primary_container_name: str | None = None,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
    ) -> PodTemplate:
        """Wrap a copy of a pod spec.

        :param primary_container_name: the container that runs the task; else the one called ``primary``, else the only one
        :raises ValueError: if there is no such container, or several to choose from
        """
        names = [container.name for container in pod_spec.containers or []]
        primary = primary_container_name
        if primary is None and PRIMARY_CONTAINER_DEFAULT_NAME in names:
            primary = PRIMARY_CONTAINER_DEFAULT_NAME
        elif primary is None and len(names) == 1:
            primary = names[0]
        if not primary:
            raise ValueError(f"the pod spec has the containers {names} and none is called 'primary'; name one with primary_container_name=")
        if primary not in names:
            raise ValueError(f"primary_container_name {primary!r} not found in pod spec; it has the containers {names}")
        template = cls(pod_spec, primary, dict(labels) if labels else None, dict(annotations) if annotations else None)
        return template._copy()

    def allow_fuse(self, privileged: bool = False) -> PodTemplate:
        """Let the task mount file systems of its own.

        :param privileged: for clusters without a FUSE device plugin: run the container privileged
        :raises ValueError: if the template says the opposite already
        """
        template = self._copy()
        container = template._primary()
        if privileged:
            _mount_fuse(template.pod_spec, container)
        else:
            container.resources = resources = container.resources or make_part("V1ResourceRequirements")
            resources.requests = {**(resources.requests or {}), _FUSE_RESOURCE: "1"}
            resources.limits = {**(resources.limits or {}), _FUSE_RESOURCE: "1"}
        _add_sys_admin(container)
        return template._annotate(_CAPABILITY + "fuse", "true")

    def allow_nested_sandboxing(self) -> PodTemplate:
        """Let the task start sandboxes of its own.

        :raises ValueError: if the template says the opposite already
        """
        template = self._copy()
        container = template._primary()
        context = container.security_context
        if context is not None and (context.privileged is True or context.allow_privilege_escalation is True):
            raise ValueError(
                "allow_nested_sandboxing() sets allowPrivilegeEscalation=false, and the pod template has privileged=true or"
                " allowPrivilegeEscalation=true; drop one of the two (allow_fuse() without privileged=True goes with it)"
            )
        profile = _APPARMOR + template.primary_container_name
        pinned = (template.annotations or {}).get(profile, "unconfined")
        if pinned != "unconfined":
            raise ValueError(f"allow_nested_sandboxing() needs an unconfined AppArmor profile, but the template sets {profile}={pinned!r}")
        _add_sys_admin(container)
        container.security_context.allow_privilege_escalation = False
        return template._annotate(profile, "unconfined")._annotate(_CAPABILITY + "nested-sandboxing", "true")

    def with_termination_grace_period(self, termination_grace_period: int | timedelta) -> PodTemplate:
        """Give the task time to end by itself after SIGTERM.

        :param termination_grace_period: a number means seconds
        :raises TypeError: if it is neither a whole number nor a timedelta
        :raises ValueError: if it is negative
        """
        period = termination_grace_period
        if isinstance(period, bool) or not isinstance(period, int | timedelta):
            raise TypeError(f"termination_grace_period must be an int (seconds) or a timedelta, got {period!r}")
        seconds = period if isinstance(period, int) else int(period.total_seconds())
        if seconds < 0:
            raise ValueError(f"termination_grace_period must be non-negative, got {seconds} seconds")
        template = self._copy()
        template._primary()
        template.pod_spec.termination_grace_period_seconds = seconds
        return template

    def terms(self) -> dict[str, Any]:
        """:return: the template in plain values, the spec with the names of the Kubernetes API"""
        return {
            "spec": plain(self.pod_spec),
            "labels": dict(self.labels or {}),
            "annotations": dict(self.annotations or {}),
            "primary_container_name": self.primary_container_name,
        }

    def to_k8s_pod(self) -> Any:
        """:return: the pod as Flyte's protobuf message; needs the package flyteidl2"""
        from importlib import import_module

        try:
            tasks = import_module("flyteidl2.core.tasks_pb2")
        except ImportError as error:
            raise ImportError("PodTemplate.to_k8s_pod() speaks to a cluster and needs flyteidl2: pip install flyteidl2") from error
        metadata = tasks.K8sObjectMetadata(labels=self.labels, annotations=self.annotations)
        return tasks.K8sPod(metadata=metadata, pod_spec=plain(self.pod_spec) or {}, primary_container_name=self.primary_container_name)

    def _copy(self) -> PodTemplate:
        from copy import deepcopy

        return deepcopy(self)

    def _primary(self) -> Any:
        """The container that runs the task, added where the spec has none."""
        if self.pod_spec is None:
            self.pod_spec = make_part("V1PodSpec", containers=[make_part("V1Container", name=self.primary_container_name)])
        found = _container(self)
        if found is None:
            found = make_part("V1Container", name=self.primary_container_name)
            self.pod_spec.containers = [*(self.pod_spec.containers or []), found]
        return found

    def _annotate(self, key: str, value: str) -> PodTemplate:
        self.annotations = {**(self.annotations or {}), key: value}
        return self


def pod_spec_from_resources(
    primary_container_name: str = PRIMARY_CONTAINER_DEFAULT_NAME,
    requests: Resources | None = None,
    limits: Resources | None = None,
    k8s_gpu_resource_key: str = "nvidia.com/gpu",
) -> Any:
    """Make a pod spec with one container that has these requests and limits.

    :raises ValueError: if one of them has a pair where one value belongs
    """
    asked, bound = (_amounts(resources, k8s_gpu_resource_key) for resources in (requests, limits))
    needs = make_part("V1ResourceRequirements", requests=asked or bound, limits=bound or asked)
    return make_part("V1PodSpec", containers=[make_part("V1Container", name=primary_container_name, resources=needs)])


def _amounts(resources: Resources | None, gpu_key: str) -> dict[str, Any] | None:
    if resources is None:
        return None
    for value in (resources.cpu, resources.memory):
        if isinstance(value, tuple):
            raise ValueError(f"{value} can not be a list or tuple: requests and limits are given apart here")
    device = resources.get_device()
    amounts = {
        "cpu": resources.cpu,
        "memory": resources.memory,
        gpu_key: str(device.quantity) if device else None,
        "ephemeral-storage": resources.disk,
    }
    return {key: value for key, value in amounts.items() if value is not None}


def _container(template: PodTemplate) -> Any:
    containers = getattr(template.pod_spec, "containers", None) or []
    return next((container for container in containers if container.name == template.primary_container_name), None)


def _add_sys_admin(container: Any) -> None:
    container.security_context = context = container.security_context or make_part("V1SecurityContext")
    context.capabilities = capabilities = context.capabilities or make_part("V1Capabilities")
    if "SYS_ADMIN" not in (capabilities.add or []):
        capabilities.add = [*(capabilities.add or []), "SYS_ADMIN"]


def _mount_fuse(spec: Any, container: Any) -> None:
    context = container.security_context
    if context is not None and (context.privileged is False or context.allow_privilege_escalation is False):
        raise ValueError(
            "allow_fuse(privileged=True) runs the primary container privileged, and the pod template has privileged=false or"
            " allowPrivilegeEscalation=false; use allow_fuse(), which needs neither, where the cluster has a FUSE device plugin"
        )
    if not any(volume.name == _FUSE_VOLUME for volume in spec.volumes or []):
        device = make_part("V1HostPathVolumeSource", path="/dev/fuse", type="CharDevice")
        spec.volumes = [*(spec.volumes or []), make_part("V1Volume", name=_FUSE_VOLUME, host_path=device)]
    if not any(mount.name == _FUSE_VOLUME for mount in container.volume_mounts or []):
        mount = make_part("V1VolumeMount", name=_FUSE_VOLUME, mount_path="/dev/fuse")
        container.volume_mounts = [*(container.volume_mounts or []), mount]
    container.security_context = context or make_part("V1SecurityContext")
    container.security_context.privileged = True
