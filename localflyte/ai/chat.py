"""flyte.ai.chat: a chat in the browser with an agent."""

from __future__ import annotations

from localflyte.ai import INSTEAD
from localflyte.app import AppEnvironment
from localflyte.cluster import ClusterFunction
from localflyte.cluster import ClusterRecord

__all__ = (
    "CHAT_HTML_TEMPLATE",
    "CUSTOM_THEME_CSS_TEMPLATE",
    "DEFAULT_CSS",
    "AgentChatAppEnvironment",
    "CustomTheme",
    "build_chat_html",
)

#: Where the SDK has pages, here is nothing to show.
CHAT_HTML_TEMPLATE = ""
CUSTOM_THEME_CSS_TEMPLATE = ""
DEFAULT_CSS = ""


class AgentChatAppEnvironment(AppEnvironment):
    """An app in which people talk to an agent."""


class CustomTheme(ClusterRecord):
    """The colours of a chat."""

    instead = INSTEAD


build_chat_html = ClusterFunction("flyte.ai.chat.build_chat_html", INSTEAD)
