"""Condition: a question to a person, that a task can wait for the answer to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from typing import Generic
from typing import Literal
from typing import TypeVar

from localflyte.api.port import current_port
from localflyte.api.sync import dual

__all__ = ("Condition", "ConditionWebhook", "new_condition")

T = TypeVar("T", bool, int, float, str)

_KINDS: dict[Any, str] = {bool: "bool", int: "int", float: "float", str: "str"}


class ConditionWebhook:
    """Where a condition is announced, with an HTTP POST of JSON.

    :param url: an address of http or https
    :param payload: what is sent; ``{callback_uri}`` in its texts becomes the address that takes the answer
    """

    def __init__(self, url: str, payload: dict[str, Any] | None = None) -> None:
        self.url = url
        self.payload = payload

    def __repr__(self) -> str:
        return f"ConditionWebhook(url={self.url!r}, payload={self.payload!r})"


class Condition(Generic[T]):
    """What `new_condition` gives."""

    def __init__(
        self,
        name: str,
        *,
        prompt: str = "Approve?",
        prompt_type: Literal["text", "markdown"] = "text",
        data_type: type[T] = bool,  # type: ignore[assignment]
        description: str = "",
        timeout: timedelta | float | None = None,
        webhook: ConditionWebhook | None = None,
    ) -> None:
        if data_type not in _KINDS:
            raise TypeError(f"The answer to a condition is a bool, int, float or str, not {data_type!r}")
        if prompt_type not in ("text", "markdown"):
            raise ValueError(f"prompt_type must be 'text' or 'markdown', got {prompt_type!r}")
        seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        if seconds is not None and seconds <= 0:
            raise ValueError(f"timeout must be more than 0 seconds, got {timeout!r}; leave it out to wait for as long as it takes")
        self.name = name
        self.prompt = prompt
        self.prompt_type = prompt_type
        self.data_type: type[T] = data_type
        self.description = description
        self.timeout = timeout
        self.webhook = webhook
        self._seconds = seconds

    @dual
    async def wait(self) -> T:
        """Wait for the answer.

        :raises ConditionTimedoutError: if nobody answered in time
        :raises ConditionFailedError: if the answer cannot be used
        :raises RuntimeError: outside of a task
        """
        port = current_port()
        if port is None:
            raise RuntimeError(f"condition {self.name!r} can only be waited for inside a task")
        answer = await port.aask("condition.wait", {"name": self.name})
        value: T = answer["value"]
        return value

    async def _create(self) -> None:
        port = current_port()
        if port is None:
            return
        webhook = self.webhook
        more = {} if webhook is None else {"url": webhook.url, "payload": webhook.payload}
        said = {"prompt": self.prompt, "prompt_type": self.prompt_type, "description": self.description}
        data = {"name": self.name, "kind": _KINDS[self.data_type], "timeout": self._seconds}
        await port.aask("condition.create", {**data, **said, **more})


@dual
async def new_condition(name: str, /, **options: Any) -> Condition[Any]:
    """Ask a person. ``await condition.wait.aio()`` gives the answer.

    It is asked on the terminal that the run was started from, and taken from there, from ``localflyte signal RUN NAME VALUE``, or by the
    callback of a webhook, whichever comes first. The time of a timeout begins now.

    :param name: of the condition; an action has one of a name
    :param prompt: the question
    :param prompt_type: ``"text"`` or ``"markdown"``
    :param data_type: the type of the answer: bool, int, float or str
    :param description: more about it
    :param timeout: as timedelta or seconds
    :param webhook: an address that is told
    :raises TypeError: if `data_type` is another
    :raises ValueError: if the timeout is not more than 0
    :raises ConditionAlreadyExistsError: if the action has a condition of this name
    """
    condition: Condition[Any] = Condition(name, **options)
    await condition._create()
    return condition
