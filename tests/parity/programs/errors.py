"""Errors: how an exception in a task looks to the task that called it, and to the caller of flyte.run."""

import flyte
import flyte.errors
from cases import case
from cases import caught
from cases import raised
from cases import show

env = flyte.TaskEnvironment(name="errors")


class DomainError(Exception):
    pass


class UnknownSpecies(Exception):
    pass


class WasInterruptedError(Exception):
    pass


MAKERS = {
    "value": lambda: ValueError("bad value"),
    "key": lambda: KeyError("missing"),
    "custom": lambda: DomainError("custom", 5),
    "empty": lambda: RuntimeError(),
    "assertion": lambda: AssertionError("1 is not 2"),
    "unknown": lambda: UnknownSpecies("what is this"),
    "interrupted": lambda: WasInterruptedError("stopped"),
    "memory": lambda: MemoryError("no room"),
    "user": lambda: flyte.errors.RuntimeUserError("MyCode", "from the user"),
    "system": lambda: flyte.errors.RuntimeSystemError("MySystemCode", "from the system"),
    "unknown_kind": lambda: flyte.errors.RuntimeUnknownError("Strange", "of no kind"),
    "oom": lambda: flyte.errors.OOMError("OOMKilled", "too much", "user"),
    "oom_code": lambda: flyte.errors.RuntimeUserError("MyOOMCode", "said so"),
    "non_recoverable": lambda: flyte.errors.NonRecoverableError("no use in trying"),
    "timeout": lambda: flyte.errors.TaskTimeoutError("late"),
    "inline": lambda: flyte.errors.InlineIOMaxBytesBreached("large"),
    "custom_error": lambda: flyte.errors.CustomError("Special", "special words"),
    "python_timeout": lambda: TimeoutError("slow"),
    "os": lambda: FileNotFoundError(2, "No such file", "a.txt"),
    "unicode": lambda: ValueError("ünïcode \U0001f600\nsecond line"),
}


@env.task
async def fails(how: str) -> int:
    raise MAKERS[how]()


@env.task
def fails_sync(how: str) -> int:
    raise MAKERS[how]()


@env.task
async def sees(how: str) -> str:
    try:
        await fails(how)
    except Exception as error:
        return raised(error)
    return "nothing was raised"


@env.task
async def sees_sync(how: str) -> str:
    try:
        await fails_sync.aio(how)
    except Exception as error:
        return raised(error)
    return "nothing was raised"


@env.task
async def passes_on(how: str) -> int:
    return await fails(how)


@env.task
async def translates(how: str) -> int:
    try:
        return await fails(how)
    except flyte.errors.RuntimeUserError as error:
        raise DomainError(f"was {error.code}") from error


@env.task
async def sees_attributes() -> str:
    try:
        await fails("value")
    except flyte.errors.BaseRuntimeError as error:
        return f"{error.worker} {error.__cause__} {isinstance(error, ValueError)} {isinstance(error, RuntimeError)}"
    return "nothing was raised"


@env.task
async def recovers() -> int:
    try:
        await fails("value")
    except flyte.errors.RuntimeUserError as error:
        if error.code == "ValueError":
            return 1
    return 0


def as_seen(task, how):
    return flyte.run(task, how).outputs()[0]


def add(how):
    def seen():
        return as_seen(sees, how)

    seen.__name__ = f"in_the_parent_{how}"
    case(seen)


for how in MAKERS:
    add(how)


@case
def of_a_sync_task():
    return [as_seen(sees_sync, "value"), as_seen(sees_sync, "user"), as_seen(sees_sync, "oom")]


@case
def at_the_root():
    return [caught(flyte.run, fails, how, message=True) for how in ("value", "custom", "user", "system", "oom", "unknown", "timeout")]


@case
def at_the_root_of_a_sync_task():
    return caught(flyte.run, fails_sync, "value", message=True)


@case
def through_two_tasks():
    return [caught(flyte.run, passes_on, how, message=True) for how in ("value", "system", "oom")]


@case
def translated_by_the_parent():
    return caught(flyte.run, translates, "value", message=True)


@case
def attributes():
    return flyte.run(sees_attributes).outputs()[0]


@case
def recovered_by_code():
    return flyte.run(recovers).outputs()[0]


if __name__ == "__main__":
    show()
