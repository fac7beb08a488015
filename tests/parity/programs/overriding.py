"""Overriding: task.override, and what may be said of a task and of an environment."""

import flyte
from cases import case
from cases import caught
from cases import show

env = flyte.TaskEnvironment(name="overriding", env_vars={"WHO": "environment"}, resources=flyte.Resources(cpu=1, memory="250Mi"))


@env.task(retries=2, timeout=30)
async def add(x: int, y: int = 1) -> int:
    return x + y


@env.task
async def parent() -> int:
    return await add.override(short_name="plus", retries=1)(2)


def one(task, *args):
    return flyte.run(task, *args).outputs()[0]


@case
def runs_like_the_task():
    return [one(add.override(short_name="plus"), 1), one(add.override(resources=flyte.Resources(cpu=1, memory="500Mi")), 1), one(parent)]


@case
def leaves_the_task_alone():
    other = add.override(short_name="plus", retries=5, env_vars={"A": "b"}, timeout=60)
    return [add.short_name, other.short_name, add.name, other.name, add.retries.count, other.retries.count, other.env_vars, add.env_vars]


@case
def replaces_whole_values():
    other = add.override(resources=flyte.Resources(cpu=2))
    return [other.resources.cpu, other.resources.memory]


@case
def keeps_what_is_not_said():
    other = add.override(short_name="plus")
    return [other.retries.count, other.resources.memory, other.env_vars]


@case
def of_the_name():
    return caught(add.override, name="other")


@case
def of_the_image():
    return caught(add.override, image="python:3.12")


@case
def of_something_unknown():
    return caught(add.override, colour="red")


@case
def names():
    return [add.name, add.short_name, add.task_type, env.name, sorted(env.tasks), add.parent_env_name]


@case
def interface():
    return [list(add.interface.inputs), list(add.interface.outputs)]


def refused(**settings):
    return caught(flyte.TaskEnvironment, **settings)


@case
def environment_names():
    good = [flyte.TaskEnvironment(name=name).name for name in ("a", "1", "a-b_c", "x" * 80)]
    return [good, [refused(name=name) for name in ("A", "a.b", "a b", "", "a__b", "a_", "-a")]]


@case
def environment_settings():
    return [
        refused(name="a", image=5),
        refused(name="a", secrets=5),
        refused(name="a", depends_on=["b"]),
        refused(name="a", resources="1Gi"),
        refused(name="a", env_vars=["A=b"]),
        refused(name="a", reusable=True),
        refused(name="a", cache=True),
        refused(name="a", include="file.txt"),
    ]


@case
def cloned_environment():
    other = env.clone_with("cloned", description="a copy")
    return [other.name, other.env_vars, other.resources.memory, sorted(other.tasks)]


@case
def dependencies():
    first, second = flyte.TaskEnvironment(name="first"), flyte.TaskEnvironment(name="second")
    first.add_dependency(second)
    return [[each.name for each in first.depends_on], caught(first.add_dependency, "second"), caught(first.add_dependency, first)]


@case
def resources():
    return [
        caught(flyte.Resources, cpu=-1),
        caught(flyte.Resources, cpu=(1, 2, 3)),
        caught(flyte.Resources, gpu="A100"),
        caught(flyte.Resources, gpu=-1),
        flyte.Resources(gpu="T4:1").get_device().quantity,
        flyte.Resources(cpu=(1, 2)).cpu,
    ]


@case
def secrets():
    return [
        flyte.Secret(key="my-key").as_env_var,
        flyte.Secret(key="my-key", group="my-group").as_env_var,
        caught(flyte.Secret, key="a.b"),
        caught(flyte.Secret, key="a", mount="/etc/elsewhere"),
        caught(flyte.Secret, key="a", as_env_var="lower"),
    ]


@case
def reuse_policies():
    policy = flyte.ReusePolicy(replicas=(1, 3), idle_ttl=60)
    return [policy.min_replicas, policy.max_replicas, caught(flyte.ReusePolicy, idle_ttl=5), caught(flyte.ReusePolicy, replicas="many")]


if __name__ == "__main__":
    show()
