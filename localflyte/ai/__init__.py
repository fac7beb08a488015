"""flyte.ai: agents, chats and MCP servers. Declared here; they are not in localflyte yet."""

from __future__ import annotations

__all__ = ("INSTEAD",)

INSTEAD = "Agents are not in localflyte yet; they work with the flyte SDK. The tasks that are their tools run here."
