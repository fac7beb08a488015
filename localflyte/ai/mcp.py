"""flyte.ai.mcp: apps that offer tools to agents by MCP."""

from __future__ import annotations

from localflyte.ai import INSTEAD
from localflyte.app import AppEnvironment
from localflyte.cluster import ClusterFunction

__all__ = (
    "ALL_MCP_TOOLS",
    "ALL_MCP_TOOL_GROUPS",
    "READ_ONLY_MCP_TOOLS",
    "TOOL_GROUP_MAPPING",
    "FlyteMCPAppEnvironment",
    "MCPAppEnvironment",
    "resolve_tools",
)

#: The tools of a cluster, of which there are none here.
ALL_MCP_TOOLS: tuple[str, ...] = ()
ALL_MCP_TOOL_GROUPS: tuple[str, ...] = ()
READ_ONLY_MCP_TOOLS: tuple[str, ...] = ()
TOOL_GROUP_MAPPING: dict[str, tuple[str, ...]] = {}


class MCPAppEnvironment(AppEnvironment):
    """An app that serves MCP tools."""


class FlyteMCPAppEnvironment(MCPAppEnvironment):
    """An app that serves a cluster's own functions as MCP tools."""


resolve_tools = ClusterFunction("flyte.ai.mcp.resolve_tools", INSTEAD)
