"""flyte.ai.agents: agents whose tools are tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Protocol
from typing import TypeAlias
from typing import TypeVar

from localflyte.ai import INSTEAD
from localflyte.cluster import ClusterFunction
from localflyte.cluster import ClusterRecord

__all__ = (
    "AccessDenied",
    "Agent",
    "AgentEvent",
    "AgentProtocol",
    "AgentResult",
    "AgentTool",
    "ConcurrencyError",
    "LLMCallable",
    "LLMMessage",
    "MCPServerSpec",
    "MemoryMeta",
    "MemoryStore",
    "MemoryStoreError",
    "ToolCallHandler",
    "ToolFn",
    "agent_progress_cb",
    "tool",
)

F = TypeVar("F")

LLMCallable: TypeAlias = Callable[..., Any]
ToolCallHandler: TypeAlias = Callable[..., Any]
ToolFn: TypeAlias = Callable[..., Any]


class MemoryStoreError(RuntimeError):
    """Raised by the memory of an agent."""


class AccessDenied(MemoryStoreError):  # noqa: N818 - Flyte's name
    """Raised when a memory may not be read or written."""


class ConcurrencyError(MemoryStoreError):
    """Raised when somebody else has written a memory meanwhile."""


class AgentProtocol(Protocol):
    """What is asked things and uses tools to answer."""

    async def run(self, *args: Any, **kwargs: Any) -> Any:
        """:return: the AgentResult"""
        ...


class _AgentRecord(ClusterRecord):
    instead = INSTEAD


class Agent(_AgentRecord):
    """A model with instructions and tools."""


class AgentEvent(_AgentRecord):
    """Something that an agent did."""


class AgentResult(_AgentRecord):
    """What an agent came to."""


class AgentTool(_AgentRecord):
    """A function that an agent may call."""


class LLMMessage(_AgentRecord):
    """One message between an agent and its model."""


class MCPServerSpec(_AgentRecord):
    """A server whose tools an agent may call."""


class MemoryMeta(_AgentRecord):
    """What is known of a memory."""


class MemoryStore(_AgentRecord):
    """What an agent remembers."""


def tool(function: Any = None, /, **settings: Any) -> Any:
    """Declare that an agent may call a function or a task. It stays what it was."""
    if callable(function):
        return function

    def decorate(decorated: F) -> F:
        return decorated

    return decorate


agent_progress_cb = ClusterFunction("flyte.ai.agents.agent_progress_cb", INSTEAD)
