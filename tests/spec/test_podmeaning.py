"""What a pod template means on one machine, in whichever of its forms it was declared."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from types import SimpleNamespace
from typing import Any

import pytest

from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.plan import TaskRef
from localflyte.spec.pod import PodTemplate
from localflyte.spec.podmeaning import PodMeaning
from localflyte.spec.podmeaning import apply_pod
from localflyte.spec.podmeaning import read_pod
from localflyte.spec.podspec import PodPart
from localflyte.spec.podspec import is_pod
from localflyte.spec.podspec import pod_terms

GIB = 2**30
PRIMARY = {"name": "primary"}


def container(**said: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{**PRIMARY, **said}]}}


def meaning(**said: Any) -> PodMeaning:
    """What a primary container means that says this."""
    return read_pod(pod_terms(container(**said)))


def plan(**said: Any) -> Plan:
    return Plan(task=TaskRef(name="e.f"), environment="e", short_name="f", interface="", **said)


def merged(own: ResourceTerms, **said: Any) -> ResourceTerms:
    """The resources of a task whose pod says these."""
    return apply_pod(plan(resources=own), meaning(resources=said))[0].resources


class TestForms:
    """Every form gives the same terms."""

    FULL = {
        "spec": {
            "containers": [{"name": "primary", "workingDir": "/w", "env": [{"name": "A", "value": "1"}]}],
            "terminationGracePeriodSeconds": 7,
        },
        "labels": {"a-b_c": "d"},
        "annotations": {},
    }

    @pytest.mark.parametrize(
        "pod",
        [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "n", "labels": {"a-b_c": "d"}},
                "spec": {
                    "containers": [{"name": "primary", "workingDir": "/w", "env": [{"name": "A", "value": "1"}]}],
                    "terminationGracePeriodSeconds": 7,
                },
                "status": {},
            },
            {
                "kind": "PodTemplate",
                "template": {
                    "metadata": {"labels": {"a-b_c": "d"}},
                    "spec": {
                        "containers": [{"name": "primary", "working_dir": "/w", "env": [{"name": "A", "value": "1", "value_from": None}]}],
                        "termination_grace_period_seconds": 7,
                        "init_containers": None,
                        "volumes": [],
                    },
                },
            },
            {
                "metadata": {"labels": {"a-b_c": "d"}},
                "containers": [{"name": "primary", "workingDir": "/w", "env": [{"name": "A", "value": "1"}]}],
                "terminationGracePeriodSeconds": 7,
            },
            SimpleNamespace(
                metadata=SimpleNamespace(labels={"a-b_c": "d"}),
                spec=SimpleNamespace(
                    containers=[SimpleNamespace(name="primary", working_dir="/w", env=[SimpleNamespace(name="A", value="1")], _secret=1)],
                    termination_grace_period_seconds=7,
                ),
            ),
            PodPart(
                metadata=PodPart(labels={"a-b_c": "d"}),
                spec=PodPart(
                    containers=[PodPart(name="primary", working_dir="/w", env=[PodPart(name="A", value="1")])],
                    termination_grace_period_seconds=7,
                ),
            ),
        ],
        ids=["yaml", "snake_case", "spec alone", "object", "kubernetes"],
    )
    def test_forms(self, pod: Any) -> None:
        assert is_pod(pod)
        found = read_pod(pod_terms(pod))
        assert found == PodMeaning(env={"A": "1"}, working_dir="/w", grace_seconds=7.0, unapplied=("labels",))

    def test_a_dataclass_is_read_by_its_fields(self) -> None:
        @dataclass(slots=True)
        class Container:
            name: str = "primary"
            working_dir: str = "/w"

        @dataclass(slots=True)
        class Spec:
            containers: list[Container] = field(default_factory=lambda: [Container()])

        assert is_pod(Spec())
        assert read_pod(pod_terms(Spec())).working_dir == "/w"

    @pytest.mark.parametrize(
        "value",
        [
            1,
            None,
            "name",
            {},
            {"env": {}},
            {"spec": {}},
            {"spec": 1},
            {"containers": "primary"},
            {"image": "x"},
            SimpleNamespace(spec=1),
            PodPart,
            [],
        ],
    )
    def test_what_is_no_pod(self, value: Any) -> None:
        assert not is_pod(value)

    def test_what_no_pod_has_is_not_passed_over(self) -> None:
        assert read_pod(pod_terms({**container(), "env": [{"name": "A", "value": "1"}]})).unapplied == ("env",)


class TestPrimary:
    @staticmethod
    def found(*names: str, said: str | None = None, named: bool = False) -> str:
        containers = [{"name": name, "workingDir": name} for name in names]
        terms = pod_terms({"containers": containers, **({"primary_container_name": said} if said else {})})
        return read_pod(terms, named=named).working_dir

    def test_it_is_the_one_that_is_said_or_called_so_or_alone(self) -> None:
        assert self.found("a", "primary") == "primary"
        assert self.found("a", "primary", said="a") == "a"
        assert self.found("a") == "a"

    def test_in_a_clusters_own_template_the_default_stands_for_it(self) -> None:
        assert self.found("a", "default", named=True) == "default"
        assert self.found("default", "primary", named=True) == "primary"

    @pytest.mark.parametrize(("names", "said"), [((), None), (("a", "b"), None), (("a", "default"), None), (("a",), "b")])
    def test_without_one_it_is_refused(self, names: tuple[str, ...], said: str | None) -> None:
        with pytest.raises(LookupError, match="no container of it is called"):
            self.found(*names, said=said)

    def test_a_pod_template_names_its_own(self) -> None:
        with pytest.raises(LookupError, match="'primary', and that one would run the task; its containers are other"):
            read_pod(PodTemplate(PodPart(containers=[PodPart(name="other")])).terms())

    def test_a_template_without_a_pod_asks_for_nothing(self) -> None:
        assert read_pod(PodTemplate().terms()) == PodMeaning()
        assert read_pod(PodTemplate(labels={"a": "b"}, annotations={"c": "d"}).terms()).unapplied == ("labels", "annotations")


class TestEnv:
    def test_the_task_wins(self) -> None:
        found, _ = apply_pod(plan(env_vars={"A": "task"}), meaning(env=[{"name": "A", "value": "pod"}, {"name": "B", "value": "pod"}]))
        assert found.env_vars == {"A": "task", "B": "pod"}

    def test_no_value_is_an_empty_one(self) -> None:
        assert meaning(env=[{"name": "A"}]).env == {"A": ""}

    def test_earlier_variables_can_be_named(self) -> None:
        env = {"A": "1", "B": "$(A)/$(OWN)", "C": "$(NONE) $$(A) $A", "D": "$(E)", "E": "5"}
        pod = meaning(env=[{"name": name, "value": value} for name, value in env.items()])
        found, _ = apply_pod(plan(env_vars={"OWN": "own"}), pod)
        assert found.env_vars == {"OWN": "own", "A": "1", "B": "1/own", "C": "$(NONE) $(A) $A", "D": "$(E)", "E": "5"}

    def test_only_the_primary_container_counts(self) -> None:
        pod = pod_terms({"containers": [{"name": "side", "env": [{"name": "A", "value": "1"}]}, PRIMARY]})
        assert (read_pod(pod).env, read_pod(pod).unapplied) == ({}, ("container side",))

    def test_what_only_a_cluster_knows_is_named(self) -> None:
        pod = meaning(env=[{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}], envFrom=[{"configMapRef": {}}])
        assert (pod.env, pod.unapplied) == ({}, ("envFrom", "env IP (valueFrom)"))

    @pytest.mark.parametrize(
        ("env", "message"),
        [
            ({"A": "1"}, "env must be a list"),
            (["A=1"], "each entry of env must be a mapping"),
            ([{"value": "1"}], "has no name"),
            ([{"name": "A", "value": 1}], "the value of env A must be text, as Kubernetes asks: write '1'"),
        ],
    )
    def test_what_kubernetes_refuses(self, env: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            meaning(env=env)


class TestResources:
    def test_they_are_read(self) -> None:
        amounts = {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "2Gi", "nvidia.com/gpu": "1"}
        found = meaning(resources={"requests": amounts, "limits": {"cpu": 1, "memory": "2Gi", "nvidia.com/gpu": 1}})
        assert found.resources == ResourceTerms(cpu=0.5, cpu_limit=1.0, memory=GIB, memory_limit=2 * GIB, disk=2 * GIB, gpu=1)
        assert found.unapplied == ()

    @pytest.mark.parametrize(
        ("name", "device"),
        [("nvidia.com/gpu", ""), ("amd.com/gpu", "AMD_GPU"), ("google.com/tpu", "TPU"), ("nvidia.com/mig-1g.5gb", "MIG/1g.5gb")],
    )
    def test_accelerators(self, name: str, device: str) -> None:
        found = meaning(resources={"limits": {name: "2"}}).resources
        assert (found.gpu, found.gpu_device) == (2, device)
        assert meaning(resources={"limits": {name: "0"}}).resources == ResourceTerms()

    def test_a_limit_alone_is_also_asked_for(self) -> None:
        assert merged(ResourceTerms(), limits={"memory": "1Gi"}) == ResourceTerms(memory=GIB, memory_limit=GIB)

    def test_a_request_alone_has_no_limit(self) -> None:
        assert merged(ResourceTerms(), requests={"memory": "1Gi"}) == ResourceTerms(memory=GIB)

    def test_the_task_wins_field_by_field(self) -> None:
        pod: dict[str, Any] = {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"cpu": 2, "memory": "2Gi", "nvidia.com/gpu": 1}}
        assert merged(ResourceTerms(memory=GIB // 2), **pod) == ResourceTerms(
            cpu=1.0, cpu_limit=2.0, memory=GIB // 2, memory_limit=2 * GIB, gpu=1
        )
        assert merged(ResourceTerms(cpu=3.0, cpu_limit=4.0, gpu=2, gpu_device="T4"), **pod) == ResourceTerms(
            cpu=3.0, cpu_limit=4.0, memory=GIB, memory_limit=2 * GIB, gpu=2, gpu_device="T4"
        )

    def test_a_request_over_the_others_limit_is_cut_and_told(self) -> None:
        pod = meaning(resources={"limits": {"memory": "1Gi", "cpu": 1}})
        found, cut = apply_pod(plan(resources=ResourceTerms(memory=2 * GIB, cpu=4.0)), pod)
        assert found.resources == ResourceTerms(cpu=1.0, cpu_limit=1.0, memory=GIB, memory_limit=GIB)
        assert cut == ("4 CPUs are asked for and the limit is 1", "2048Mi of memory are asked for and the limit is 1024Mi")

    def test_what_means_nothing_here_is_named(self) -> None:
        limits = {"smarter-devices/fuse": "1", "nvidia.com/gpu": 1, "amd.com/gpu": 1}
        found = meaning(resources={"limits": limits, "claims": [{"name": "c"}]})
        assert found.unapplied == ("resources.claims", "resource smarter-devices/fuse", "resource amd.com/gpu")

    @pytest.mark.parametrize(
        ("resources", "message"),
        [
            ({"limits": {"memory": "1 GB"}}, "memory='1 GB' is not a Kubernetes quantity"),
            ({"limits": {"memory": True}}, "memory=True is a bool"),
            ({"limits": {"nvidia.com/gpu": "0.5"}}, "nvidia.com/gpu='0.5' is not a whole number"),
            ({"requests": {"cpu": 2}, "limits": {"cpu": 1}}, "its request of cpu is over its limit"),
            ({"limits": ["memory"]}, "resources.limits must be a mapping"),
        ],
    )
    def test_what_kubernetes_refuses(self, resources: Any, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            meaning(resources=resources)


class TestTheRest:
    def test_folder_and_grace(self) -> None:
        found, _ = apply_pod(
            plan(), read_pod(pod_terms({"containers": [{**PRIMARY, "workingDir": "/w"}], "terminationGracePeriodSeconds": 0}))
        )
        assert (found.working_dir, found.grace_seconds) == ("/w", 0.0)

    @pytest.mark.parametrize("seconds", [-1, "5", True, 1.5])
    def test_a_grace_that_kubernetes_refuses(self, seconds: Any) -> None:
        with pytest.raises(ValueError, match="terminationGracePeriodSeconds must be a whole number"):
            read_pod(pod_terms({"containers": [PRIMARY], "terminationGracePeriodSeconds": seconds}))

    def test_its_image_is_that_of_the_task(self) -> None:
        found, _ = apply_pod(plan(image={"base": "other"}), meaning(image="python:3.12"))
        assert found.image is not None
        assert found.image["base"] == "python:3.12"

    def test_the_image_of_a_clusters_own_template_is_a_stand_in(self) -> None:
        assert read_pod(pod_terms(container(image="noop")), named=True).image == ""

    def test_what_it_does_not_say_stays_as_it_was(self) -> None:
        own = plan(env_vars={"A": "1"}, resources=ResourceTerms(cpu=1.0, shm=5), image={"base": "b"})
        assert apply_pod(own, meaning()) == (own, ())

    def test_everything_else_is_named(self) -> None:
        pod = {
            "containers": [
                {**PRIMARY, "command": ["x"], "args": ["y"], "volumeMounts": [{"name": "v"}], "security_context": {"privileged": True}},
                {"name": "side"},
            ],
            "initContainers": [{"name": "first"}],
            "volumes": [{"name": "v"}],
            "nodeSelector": {"a": "b"},
            "tolerations": [],
            "hostNetwork": True,
        }
        assert read_pod(pod_terms(pod)).unapplied == (
            "initContainers", "volumes", "nodeSelector", "hostNetwork", "container side", "volumeMounts", "securityContext",
        )  # fmt: skip

    def test_capabilities_are_named(self) -> None:
        assert read_pod(PodTemplate().allow_fuse().terms()).unapplied == ("annotations", "securityContext", "resource smarter-devices/fuse")
