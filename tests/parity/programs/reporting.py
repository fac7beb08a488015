"""Reporting: reports that tasks write."""

import os

import flyte
import flyte.errors
import flyte.report
from cases import case
from cases import show

env = flyte.TaskEnvironment(name="reporting")


def place():
    return os.path.join(flyte.ctx().output_path, "report.html")


@env.task(report=True)
async def logs() -> str:
    await flyte.report.log.aio("<p>one</p>")
    await flyte.report.log.aio("<p>two</p>")
    return place()


@env.task(report=True)
def logs_sync() -> str:
    flyte.report.log("<p>of a sync task</p>", do_flush=True)
    return place()


@env.task(report=True)
async def replaces() -> str:
    await flyte.report.log.aio("<p>one</p>")
    await flyte.report.replace.aio("<p>two</p>")
    await flyte.report.flush.aio()
    return place()


@env.task(report=True)
async def tabs() -> str:
    flyte.report.get_tab("Numbers").log("<b>42</b>")
    flyte.report.get_tab("Words").log("<i>words</i>")
    await flyte.report.flush.aio()
    return place()


@env.task
async def explicit() -> str:
    await flyte.report.log.aio("<p>flushed</p>", do_flush=True)
    return place()


@env.task
async def not_flushed() -> str:
    await flyte.report.log.aio("<p>lost</p>")
    return place()


@env.task(report=True)
async def silent() -> str:
    return place()


def written(task, *words):
    run = flyte.run(task)
    text = _kept(run) or _lying_at(run.outputs()[0])
    return [word in text for word in words] if text else "no report"


def _kept(run):
    try:
        return run.get_report()
    except flyte.errors.InitializationError:  # a run that has no control plane to ask
        return ""


def _lying_at(path):
    return open(path).read() if os.path.exists(path) else ""


@case
def logged():
    return [written(logs, "<p>one</p>", "<p>two</p>"), written(logs_sync, "<p>of a sync task</p>")]


@case
def replaced():
    return written(replaces, "<p>one</p>", "<p>two</p>")


@case
def tabbed():
    return written(tabs, "Numbers", "<b>42</b>", "Words", "<i>words</i>")


@case
def flushed_without_asking_for_one():
    return written(explicit, "<p>flushed</p>")


@case
def neither_flushed_nor_asked_for():
    return written(not_flushed, "lost")


@case
def without_content():
    return written(silent)


@case
def outside_a_task():
    flyte.report.log("<p>nowhere</p>")
    flyte.report.flush()
    return "nothing was raised"


if __name__ == "__main__":
    show()
