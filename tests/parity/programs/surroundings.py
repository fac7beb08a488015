"""Surroundings: groups, custom context, and what flyte.ctx() says."""

import flyte
from cases import case
from cases import caught
from cases import show

env = flyte.TaskEnvironment(name="surroundings")


def group_name():
    group = flyte.ctx().group_data
    return group.name if group is not None else "none"


@env.task
async def inherited_group() -> str:
    return group_name()


@env.task
async def groups() -> list[str]:
    seen = [group_name()]
    with flyte.group("outer"):
        seen.append(group_name())
        with flyte.group("inner"):
            seen.append(group_name())
        seen.append(group_name())
        seen.append("child " + await inherited_group())
    seen.append(group_name())
    return seen


@env.task
async def context() -> dict[str, str]:
    return flyte.get_custom_context()


@env.task
async def context_of_a_child() -> dict[str, str]:
    return await context()


@env.task
async def contexts() -> list[dict[str, str]]:
    seen = [flyte.get_custom_context()]
    with flyte.custom_context(who="ada", where="here"):
        seen.append(flyte.get_custom_context())
        seen.append(await context())
        with flyte.custom_context(who="bob"):
            seen.append(await context_of_a_child())
        seen.append(await context())
    seen.append(await context())
    return seen


@env.task
async def context_of_numbers() -> str:
    with flyte.custom_context(who=5):
        try:
            await context()
        except TypeError as error:
            return type(error).__name__
    return "nothing was raised"


@env.task
async def changes_its_context() -> dict[str, str]:
    flyte.ctx().custom_context["who"] = "eve"
    return await context()


@env.task
async def about() -> list[str]:
    ctx = flyte.ctx()
    return [
        ctx.mode,
        str(ctx.is_in_cluster()),
        str(bool(ctx)),
        type(ctx.action.name).__name__,
        str(ctx.attempt_number),
        str(ctx.data),
        str(ctx.rank),
        str(ctx.group_data),
        str(ctx.code_bundle),
        type(ctx.raw_data_path.path).__name__,
    ]


@env.task
def about_sync() -> str:
    return f"{flyte.ctx().mode} {flyte.ctx().action.run_name is not None}"


@env.task
async def run_name() -> str:
    return flyte.ctx().action.run_name


@env.task
async def run_names() -> list[str]:
    return [flyte.ctx().action.run_name, await run_name()]


@env.task
async def action_names() -> bool:
    return flyte.ctx().action.name != (await action_name())


@env.task
async def action_name() -> str:
    return flyte.ctx().action.name


def one(task, *args):
    return flyte.run(task, *args).outputs()[0]


@case
def groups_nest_and_end():
    return one(groups)


@case
def context_goes_to_children():
    return one(contexts)


@case
def context_of_the_run():
    return flyte.with_runcontext(mode="local", custom_context={"who": "run"}).run(contexts).outputs()[0]


@case
def context_must_be_text():
    return one(context_of_numbers)


@case
def outside_a_task():
    ctx = flyte.ctx()
    with flyte.group("nothing"), flyte.custom_context(who="nobody"):
        return [bool(ctx), ctx.action, ctx.checkpoint, ctx.attempt_number, flyte.get_custom_context()]


@case
def inside_a_task():
    return [one(about), one(about_sync)]


@case
def one_run_has_one_name():
    first, second = one(run_names)
    return first == second


@case
def given_run_name():
    return flyte.with_runcontext(mode="local", name="my-run-7").run(run_names).outputs()[0]


@case
def actions_have_names_of_their_own():
    return one(action_names)


@case
def project_and_domain_of_init():
    flyte.init(project="birds", domain="wild")
    return [flyte.current_project(), flyte.current_domain()]


@case
def copy_style_custom():
    return caught(flyte.with_runcontext(mode="local", copy_style="none").run, run_name)


if __name__ == "__main__":
    show()
