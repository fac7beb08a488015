"""Deploy: ``localflyte deploy --dry-run``, which prints what a cluster would be given."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click

from localflyte.cli.deployment import Deployed
from localflyte.cli.deployment import Deployment
from localflyte.cli.deployment import plan_deployment
from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import say
from localflyte.cli.gathering import gather
from localflyte.cli.gathering import gathering_options
from localflyte.observe.text import duration
from localflyte.observe.text import one_line
from localflyte.observe.text import size
from localflyte.spec.plan import Plan

__all__ = ("deploy",)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--dry-run", "--dryrun", is_flag=True, help="Print what would be deployed. Without it, a cluster is needed.")
@click.option("--root-dir", metavar="DIR", help="Root of the project, put on sys.path; the current folder by default.")
@gathering_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.argument("file", metavar="FILE")
@click.argument("names", metavar="[ENVIRONMENT]...", nargs=-1)
def deploy(dry_run: bool, root_dir: str | None, copy_style: str, as_json: bool, file: str, names: tuple[str, ...], **scope: bool) -> int:
    """Print what a cluster would be given of FILE: its environments and what they depend on, with their tasks, images, resources, queues
    and secrets (by name). What a deployment would be refused for, or would fail for once it is there, comes last, and the exit code is 1.
    What passes on this machine and may break in a pod is told as a warning.
    """
    if not dry_run:
        raise click.UsageError(
            f"deploying needs a Flyte cluster and the flyte SDK; `localflyte deploy --dry-run {file}` shows what it gets"
        )
    roots = gather(file, root_dir=root_dir, **scope)
    try:
        deployment = plan_deployment(roots, names, root=os.path.abspath(root_dir or os.getcwd()), copy_style=copy_style)
    except LookupError as error:
        raise click.UsageError(f"{file}: {error.args[0]}") from None
    if as_json:
        click.echo(json.dumps(_as_row(deployment)))
    else:
        click.echo("\n".join(_lines(deployment)))
    for problem in (*deployment.problems, *(f"strict-remote: {each}" for each in deployment.findings)):
        say(problem)
    return ExitCode.FAILED if deployment.problems else ExitCode.SUCCEEDED


def _as_row(deployment: Deployment) -> dict[str, Any]:
    row = {**asdict(deployment), "findings": [each._asdict() for each in deployment.findings]}
    for environment in row["environments"]:
        for plan in environment["plans"]:
            plan["task"]["pickle"] = len(plan["task"]["pickle"])
            plan["env_vars"] = sorted(plan["env_vars"])  # a value may be anything; the names are what is looked for
    return row


def _lines(deployment: Deployment) -> Iterator[str]:
    for number, environment in enumerate(deployment.environments):
        if number:
            yield ""
        yield from _environment(environment)


def _environment(environment: Deployed) -> Iterator[str]:
    yield f"environment {environment.name}  ({environment.kind}, {environment.declared_at})"
    if environment.description:
        yield f"  {one_line(environment.description, 200)}"
    if environment.depends_on:
        yield f"  {'depends on':<14}{', '.join(environment.depends_on)}"
    if environment.include:
        yield f"  {'include':<14}{', '.join(environment.include)}"
    shared = [dict(_settings(plan)) for plan in environment.plans]
    common = {name: text for name, text in (shared[0] if shared else {}).items() if all(each.get(name) == text for each in shared)}
    yield from (f"  {name:<14}{text}" for name, text in common.items())
    for plan, settings in zip(environment.plans, shared, strict=True):
        yield f"  task {plan.task.name}{environment.signatures[plan.task.name]}"
        yield from (f"    {name:<14}{text}" for name, text in settings.items() if name not in common)
        yield from (f"    {'trigger':<14}{one_line(text)}" for text in environment.triggers.get(plan.task.name, ()))
    if not environment.plans:
        yield "  no tasks"


def _settings(plan: Plan) -> Iterator[tuple[str, str]]:
    """:return: what is declared, each with its name"""
    if plan.image is not None:
        yield "image", _image(plan.image)
    if resources := _resources(plan):
        yield "resources", resources
    if plan.secrets:
        yield "secrets", ", ".join(f"{each.group}/{each.key}" if each.group else each.key for each in plan.secrets)
    if plan.env_vars:
        yield "env_vars", ", ".join(sorted(plan.env_vars))
    if plan.queue:
        yield "queue", plan.queue
    if plan.cache.behavior != "disable":
        more = [f"version {plan.cache.version}"] if plan.cache.behavior == "override" else []
        more += ["serialize"] if plan.cache.serialize else []
        yield "cache", ", ".join([plan.cache.behavior, *more])
    if plan.retries.count:
        yield "retries", str(plan.retries.count)
    bounds = {name: getattr(plan.timeout, name) for name in ("max_runtime", "max_queued_time", "deadline")}
    if any(bounds.values()):
        yield "timeout", ", ".join(f"{name} {duration(seconds)}" for name, seconds in bounds.items() if seconds)
    if plan.reuse is not None:
        yield "reusable", f"{plan.reuse.min_replicas} to {plan.reuse.max_replicas} replicas, concurrency {plan.reuse.concurrency}"
    if plan.pod_template is not None:
        yield "pod", ", ".join(sorted(plan.pod_template)) or "a template"
    if plan.interruptible:
        yield "interruptible", "yes"


def _resources(plan: Plan) -> str:
    terms = plan.resources
    parts = []
    if terms.cpu is not None:
        parts.append(f"cpu {terms.cpu:g}" + (f" to {terms.cpu_limit:g}" if terms.cpu_limit is not None else ""))
    if terms.memory is not None:
        parts.append(f"memory {size(terms.memory)}" + (f" to {size(terms.memory_limit)}" if terms.memory_limit is not None else ""))
    if terms.gpu:
        parts.append(f"gpu {terms.gpu}" + (f" {terms.gpu_device}" if terms.gpu_device else ""))
    if terms.disk is not None:
        parts.append(f"disk {size(terms.disk)}")
    return ", ".join(parts)


def _image(image: Any) -> str:
    base = image.get("ref") or image.get("dockerfile") or image.get("base") or "?"
    layers = []
    for layer in image.get("layers") or ():
        packages = layer.get("packages")
        layers.append(f"{layer.get('kind')} {' '.join(map(str, packages))}" if packages else str(layer.get("kind")))
    return one_line(" + ".join([str(base), *layers]), 200)
