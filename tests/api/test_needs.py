"""Which images a run may come to need."""

from __future__ import annotations

import localflyte as flyte
from localflyte.api.needs import images_needed
from localflyte.extras import ContainerTask


def noop() -> int:
    return 0


def test_those_of_its_environment_and_of_all_that_it_depends_on_once_each() -> None:
    far = flyte.TaskEnvironment("far", image="far:1")
    near = flyte.TaskEnvironment("near", image="near:1", depends_on=[far])
    also = flyte.TaskEnvironment("also", image="far:1", depends_on=[near])
    top = flyte.TaskEnvironment("top", image=flyte.Image.from_base("top:1"), depends_on=[near, also, flyte.TaskEnvironment("plain")])
    far.depends_on.append(top)
    assert sorted(terms["base"] for terms in images_needed(top.task(noop))) == ["far:1", "near:1", "top:1"]


def test_none_of_who_asks_for_none() -> None:
    assert images_needed(flyte.TaskEnvironment("plain").task(noop)) == ()


def test_the_one_called_default_of_who_declares_none() -> None:
    below = flyte.TaskEnvironment("below", image="below:1")
    task = flyte.TaskEnvironment("plain", depends_on=[below]).task(noop)
    assert [terms["ref"] or terms["base"] for terms in images_needed(task, {"default": "x:1"})] == ["default", "below:1"]
    assert [terms["base"] for terms in images_needed(task, {"mine": "x:1"})] == ["below:1"]


def test_the_image_of_a_container_task_is_made_ready_by_other_rules() -> None:
    raw = flyte.TaskEnvironment.from_task("raw", ContainerTask(name="echo", image="echo:1", command=["echo"]))
    top = flyte.TaskEnvironment("top", depends_on=[raw])
    assert images_needed(top.task(noop)) == ()
