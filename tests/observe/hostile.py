"""What a task may call itself, print, raise or write into its report, and which must not act on a page: for the tests of pages."""

from __future__ import annotations

from html.parser import HTMLParser

from localflyte.runs.record import Recorder
from localflyte.runs.record import RunRecord
from tests.observe.streams import Stream

__all__ = ("CANARIES", "Parsed", "hostile_run")

_ACT = "top.canary=1;parent.canary=1;window.canary=1;alert(1)"
CANARIES = [
    f"<script>{_ACT}</script>",
    f'"><img src=x onerror="{_ACT}">',
    f"'><svg onload='{_ACT}'>",
    f"<svg><animate onbegin='{_ACT}' attributeName=x dur=1s><script>{_ACT}</script></svg>",
    "</title></style></pre></textarea></details></table><canary-element>",
    f"javascript:{_ACT}",
    f"<a href='javascript:{_ACT}' id=canary>click</a>",
    f"</iframe><canary-element><script>{_ACT}</script>",
    f'" srcdoc="<script>{_ACT}</script>" sandbox="allow-scripts allow-same-origin',
    f"&quot;&gt;&lt;script&gt;{_ACT}&lt;/script&gt; &#34; &#x22; onload=&#34;{_ACT}&#34;",
    "&lt;canary-element&gt;",
    "</textarea><style>*{display:none;background:url(http://canary.test/style)}</style>",
    "<base href=http://canary.test/><meta http-equiv=refresh content='0;url=http://canary.test/'>",
    "<!-- <![CDATA[ ]]> <!--><canary-element>",
    "{{7*7}} ${7*7} #{7*7} <%= 7*7 %> $BODY_HTML $TITLE {0} %(x)s",
    "\x00\udc80\u202e\x1b]0;canary\x07",
    '<iframe srcdoc="<script>top.canary=1</script>"></iframe>',
    "<object data=http://canary.test/object></object><embed src=http://canary.test/embed><link rel=stylesheet href=http://canary.test/css>",
]  # fmt: skip
_VOID = {"meta", "br", "img", "input", "link", "hr"}


class Parsed(HTMLParser):
    """The elements of a page, and whether each that was opened was closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        """Each element with the names of its attributes."""
        return [(tag, sorted(attrs)) for tag, attrs in self.elements]

    @property
    def policy(self) -> str:
        return next(attrs["content"] or "" for _, attrs in self.elements if attrs.get("http-equiv") == "Content-Security-Policy")

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]


def hostile_run(canary: str) -> RunRecord:
    """:return: a run in which everything that a task can choose is this text"""
    stream = Stream(canary)
    error = {"kind": canary, "code": canary, "message": canary, "traceback": canary}
    recorder = Recorder(canary, f"/tmp/{canary}")
    for event in [
        stream.event("run.started", task=canary, file=canary, pid=1, trigger=canary, labels={canary: canary}, annotations={canary: canary}),
        stream.queue("a0", canary, group=canary),
        *stream.call(canary, canary, "a0", error=error),
        *(event for place in range(600) for event in stream.call(f"{canary}{place}", canary, "a0")),
        stream.event("notice", text=canary),
        stream.done("a0", canary, error=error),
        stream.finish(canary, error=error),
    ]:
        recorder(event)
    recorder.record.actions["a0"].logs = [f"logs/{canary}.0.out.txt"]
    recorder.record.actions["a0"].report = f"reports/{canary}.html"
    return recorder.record
