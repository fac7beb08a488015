"""The smallest program: what one command costs from start to end."""

import flyte

env = flyte.TaskEnvironment(name="hello")


@env.task
async def main(name: str = "world") -> str:
    return f"Hello, {name}!"
