"""Pod templates: the same with and without the kubernetes package, whose objects are attributes and a map of names."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from localflyte.spec.pod import PodTemplate
from localflyte.spec.pod import pod_spec_from_resources
from localflyte.spec.podspec import PodPart
from localflyte.spec.podspec import plain
from localflyte.spec.resources import Resources


class V1Part:
    """Made like the classes of the kubernetes client."""

    attribute_map = {
        "name": "name", "containers": "containers", "env": "env", "value": "value", "host_ip": "hostIP", "volumes": "volumes",
        "security_context": "securityContext", "resources": "resources", "volume_mounts": "volumeMounts", "privileged": "privileged",
        "termination_grace_period_seconds": "terminationGracePeriodSeconds", "requests": "requests", "limits": "limits", "add": "add",
        "allow_privilege_escalation": "allowPrivilegeEscalation", "capabilities": "capabilities",
    }  # fmt: skip

    def __init__(self, **fields: Any) -> None:
        for name in self.attribute_map:
            setattr(self, name, fields.get(name))


PARTS: list[Callable[..., Any]] = [V1Part, PodPart]


@pytest.fixture(params=["with kubernetes", "without kubernetes"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The class whose objects a file would use; the kubernetes client is loaded only by files that use it."""
    if request.param == "without kubernetes":
        monkeypatch.delitem(sys.modules, "kubernetes.client", raising=False)
        return PodPart
    names = ("V1PodSpec", "V1Container", "V1SecurityContext", "V1Capabilities", "V1ResourceRequirements", "V1Volume", "V1VolumeMount")
    fake = SimpleNamespace(**dict.fromkeys((*names, "V1HostPathVolumeSource"), V1Part))
    monkeypatch.setitem(sys.modules, "kubernetes.client", fake)
    return V1Part


def test_from_spec_finds_the_primary_container(client: Callable[..., Any]) -> None:
    one, two = client(name="one"), client(name="two")
    assert PodTemplate.from_spec(client(containers=[one])).primary_container_name == "one"
    assert PodTemplate.from_spec(client(containers=[one, client(name="primary")])).primary_container_name == "primary"
    assert PodTemplate.from_spec(client(containers=[one, two]), primary_container_name="two").primary_container_name == "two"


@pytest.mark.parametrize(
    ("names", "primary", "message"),
    [([], None, "none is called"), (["a", "b"], None, "none is called"), (["a"], "b", "not found in pod spec")],
)
def test_from_spec_refused(names: list[str], primary: str | None, message: str) -> None:
    spec = PodPart(containers=[PodPart(name=name) for name in names])
    with pytest.raises(ValueError, match=message):
        PodTemplate.from_spec(spec, primary_container_name=primary)


def test_from_spec_copies(client: Callable[..., Any]) -> None:
    spec, labels = client(containers=[client(name="primary")]), {"a": "b"}
    template = PodTemplate.from_spec(spec, labels=labels)
    spec.containers[0].name = "changed"
    labels["a"] = "changed"
    assert (template.pod_spec.containers[0].name, template.labels) == ("primary", {"a": "b"})


@pytest.mark.parametrize(("period", "seconds"), [(5, 5), (0, 0), (timedelta(minutes=10), 600), (timedelta(milliseconds=1500), 1)])
def test_grace_period(client: Callable[..., Any], period: Any, seconds: int) -> None:
    template = PodTemplate()
    graced = template.with_termination_grace_period(period)
    assert template.pod_spec is None
    assert graced.pod_spec.termination_grace_period_seconds == seconds
    assert graced.terms()["spec"] == {"containers": [{"name": "primary"}], "terminationGracePeriodSeconds": seconds}


@pytest.mark.parametrize(("period", "error"), [(True, TypeError), ("5", TypeError), (1.5, TypeError), (-1, ValueError)])
def test_grace_period_refused(period: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="termination_grace_period"):
        PodTemplate().with_termination_grace_period(period)


def test_terms(client: Callable[..., Any]) -> None:
    """Test that a template is there in plain values, with the names that Kubernetes gives them."""
    env = [client(name="A", value="1"), client(name="SECRET", value=None)]
    template = PodTemplate(client(containers=[client(name="primary", env=env)], host_ip="h"), labels={"l": "v"})
    assert template.terms() == {
        "spec": {"containers": [{"name": "primary", "env": [{"name": "A", "value": "1"}, {"name": "SECRET"}]}], "hostIP": "h"}
        if client is V1Part
        else {"containers": [{"name": "primary", "env": [{"name": "A", "value": "1"}, {"name": "SECRET"}]}], "hostIp": "h"},
        "labels": {"l": "v"},
        "annotations": {},
        "primary_container_name": "primary",
    }


def test_templates_that_say_the_same_are_equal() -> None:
    assert PodTemplate(labels={"a": "b"}) == PodTemplate(labels={"a": "b"}) != PodTemplate(labels={"c": "d"})
    assert PodTemplate().allow_fuse() == PodTemplate().allow_fuse(privileged=False)


@pytest.mark.parametrize(
    "grant",
    [PodTemplate.allow_fuse, PodTemplate.allow_nested_sandboxing, lambda template: template.with_termination_grace_period(60)],
)
def test_what_is_granted_is_added_to_what_is_there(client: Callable[..., Any], grant: Callable[[PodTemplate], PodTemplate]) -> None:
    """Test that the template itself stays as it is, and that a second time adds nothing."""
    resources = client(requests={"cpu": "1"}, limits=None)
    primary = client(name="primary", resources=resources, volume_mounts=[client(name="scratch")], security_context=client(name="kept"))
    template = PodTemplate(client(containers=[client(name="side"), primary], volumes=[client(name="scratch")]), labels={"l": "v"})
    template.annotations = {"note": "kept"}
    before = template.terms()
    granted = grant(template)
    assert template.terms() == before
    assert grant(granted).terms() == granted.terms()
    side, changed = granted.terms()["spec"]["containers"]
    assert (side, changed["resources"]["requests"]["cpu"], changed["volumeMounts"]) == ({"name": "side"}, "1", [{"name": "scratch"}])
    assert changed["securityContext"]["name"] == "kept"
    assert (granted.labels, (granted.annotations or {})["note"]) == ({"l": "v"}, "kept")


def test_grants_may_come_in_any_order() -> None:
    one, other = PodTemplate().allow_fuse().allow_nested_sandboxing(), PodTemplate().allow_nested_sandboxing().allow_fuse()
    assert one == other
    with pytest.raises(ValueError, match="template"):
        PodTemplate().allow_nested_sandboxing().allow_fuse(privileged=True)


def test_terms_of_nothing() -> None:
    assert PodTemplate().terms() == {"spec": None, "labels": {}, "annotations": {}, "primary_container_name": "primary"}


def test_fuse(client: Callable[..., Any]) -> None:
    template = PodTemplate().allow_fuse().allow_fuse()
    container = template.terms()["spec"]["containers"][0]
    assert container["resources"] == {"requests": {"smarter-devices/fuse": "1"}, "limits": {"smarter-devices/fuse": "1"}}
    assert container["securityContext"] == {"capabilities": {"add": ["SYS_ADMIN"]}}
    assert template.annotations == {"flyte.org/capability-fuse": "true"}


def test_privileged_fuse() -> None:
    spec = PodTemplate().allow_fuse(privileged=True).allow_fuse(privileged=True).terms()["spec"]
    assert spec["volumes"] == [{"name": "fuse-device", "hostPath": {"path": "/dev/fuse", "type": "CharDevice"}}]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "fuse-device", "mountPath": "/dev/fuse"}]
    assert spec["containers"][0]["securityContext"]["privileged"] is True


def test_sandboxing(client: Callable[..., Any]) -> None:
    template = PodTemplate(client(containers=[client(name="side")])).allow_nested_sandboxing().allow_fuse()
    side, primary = template.terms()["spec"]["containers"]
    assert side == {"name": "side"}
    assert primary["securityContext"] == {"capabilities": {"add": ["SYS_ADMIN"]}, "allowPrivilegeEscalation": False}
    assert set(template.annotations or ()) == {
        "container.apparmor.security.beta.kubernetes.io/primary",
        "flyte.org/capability-nested-sandboxing",
        "flyte.org/capability-fuse",
    }


@pytest.mark.parametrize(
    ("context", "annotations", "grant"),
    [
        ({"privileged": False}, None, lambda template: template.allow_fuse(privileged=True)),
        ({"allow_privilege_escalation": False}, None, lambda template: template.allow_fuse(privileged=True)),
        ({"privileged": True}, None, PodTemplate.allow_nested_sandboxing),
        ({"allow_privilege_escalation": True}, None, PodTemplate.allow_nested_sandboxing),
        ({}, {"container.apparmor.security.beta.kubernetes.io/primary": "strict"}, PodTemplate.allow_nested_sandboxing),
    ],
)
def test_a_grant_against_the_template_is_refused(
    client: Callable[..., Any], context: dict[str, bool], annotations: dict[str, str] | None, grant: Callable[[PodTemplate], Any]
) -> None:
    spec = client(containers=[client(name="primary", security_context=client(**context))])
    with pytest.raises(ValueError, match="template"):
        grant(PodTemplate(spec, annotations=annotations))


def test_pod_spec_from_resources(client: Callable[..., Any]) -> None:
    spec = pod_spec_from_resources("main", Resources(cpu=1, gpu="T4:2", disk="1Gi"), None, "gpu-key")
    amounts = {"cpu": 1, "gpu-key": "2", "ephemeral-storage": "1Gi"}
    assert plain(spec) == {"containers": [{"name": "main", "resources": {"requests": amounts, "limits": amounts}}]}


def test_pod_spec_from_resources_takes_no_pairs() -> None:
    with pytest.raises(ValueError, match="can not be a list or tuple"):
        pod_spec_from_resources(limits=Resources(cpu=(1, 2)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (V1Part(host_ip="x"), {"hostIP": "x"}),
        (PodPart(host_path=PodPart(path="x")), {"hostPath": {"path": "x"}}),
        ({1: (1, 2.5, None, True)}, {"1": [1, 2.5, None, True]}),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (b"x", "b'x'"),
    ],
)
def test_plain(value: Any, expected: Any) -> None:
    assert plain(value) == expected


def test_parts_compare_by_what_they_say() -> None:
    assert PodPart(name="a", env=None) == PodPart(name="a")
    assert PodPart(name="a") != PodPart(name="b")
    assert repr(PodPart(name="a")) == "PodPart(name='a')"


def test_k8s_pod_without_flyteidl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flyteidl2", None)
    with pytest.raises(ImportError, match="pip install flyteidl2"):
        PodTemplate().to_k8s_pod()


def test_k8s_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(K8sObjectMetadata=dict, K8sPod=dict)
    for name in ("flyteidl2", "flyteidl2.core", "flyteidl2.core.tasks_pb2"):
        monkeypatch.setitem(sys.modules, name, fake)
    pod = PodTemplate(labels={"a": "b"}).to_k8s_pod()
    assert pod == {"metadata": {"labels": {"a": "b"}, "annotations": None}, "pod_spec": {}, "primary_container_name": "primary"}
