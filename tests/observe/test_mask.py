"""The mask: secrets in whatever a run tells, in every form, over every border; and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from localflyte.observe.mask import Mask
from localflyte.spec.event import Event
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref

VALUE = "pass/word+&\"'=?ü"
KEY_FILE = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


def masking(*values: str) -> Mask:
    mask = Mask()
    assert all(mask.add(value) for value in values)
    return mask


def log(data: bytes, stream: str = "stdout", attempt: int = 0, action: str = "a0") -> Event:
    return Event("log", "run", action, 0.0, {"attempt": attempt, "stream": stream, "data": data})


def ended(attempt: int = 0, action: str = "a0") -> Event:
    return Event("attempt.ended", "run", action, 0.0, {"attempt": attempt})


def printed(mask: Mask, *chunks: bytes) -> bytes:
    """What comes out of one stream when its bytes come in these pieces."""
    told = [told for event in (*map(log, chunks), ended()) for told in mask.events(event, "")]
    return b"".join(event.data["data"] for event in told if event.kind == "log")


def test_without_secrets_it_is_false() -> None:
    assert not Mask()
    assert masking("swordfish")


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        repr(VALUE),
        repr(VALUE.encode()),
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        html.escape(VALUE),
        html.escape(VALUE, quote=False),
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
    ],
)
def test_every_form_of_a_value_is_hidden(form: str) -> None:
    hidden = masking(VALUE).text(f"before {form} after")
    assert "***" in hidden
    assert set(hidden) <= set("before after *b'\"")


@pytest.mark.parametrize("user", ["", "u", "us", "use"])
def test_a_value_inside_of_longer_base64_is_hidden(user: str) -> None:
    header = base64.b64encode(f"{user}:swordfish-1234".encode()).decode()
    hidden = masking("swordfish-1234").text(header)
    assert "***" in hidden
    left = base64.b64decode("".join(hidden.split("***")) + "==", validate=False)
    assert b"ordfish" not in left


@pytest.mark.parametrize("text", [KEY_FILE, KEY_FILE.strip(), repr(KEY_FILE), json.dumps(KEY_FILE), KEY_FILE.replace("\n", "\r\n")])
def test_a_key_file_is_hidden_as_a_whole_and_line_by_line(text: str) -> None:
    hidden = masking(KEY_FILE).text(text)
    assert "MII" not in hidden
    assert "hki" not in hidden


def test_a_value_with_blanks_around_it_is_hidden_without_them() -> None:
    assert masking("swordfish\n").text("<swordfish>") == "<***>"


def test_the_longest_secret_is_hidden_where_one_holds_another() -> None:
    mask = masking("sword-fish", "sword-fish-and-more")
    assert mask.text("a sword-fish-and-more b sword-fish c") == "a *** b *** c"


def test_secrets_that_overlap_are_hidden_as_one() -> None:
    assert masking("abcdefgh", "efghijkl").text("<abcdefghijkl>") == "<***>"


@pytest.mark.parametrize("value", ["", "a", "abcde", "  ab  ", "\n\n\n\n\n\n\n"])
def test_a_short_value_is_refused(value: str) -> None:
    mask = Mask()
    assert not mask.add(value)
    assert mask.text(f"x{value}y") == f"x{value}y"


class TestOutput:
    @pytest.mark.parametrize("at", range(1, 9))
    def test_a_value_in_two_pieces_is_hidden(self, at: int) -> None:
        assert printed(masking("swordfish"), b"<swordfish"[: at + 1], b"<swordfish>"[at + 1 :]) == b"<***>"

    def test_a_value_byte_by_byte_is_hidden(self) -> None:
        assert printed(masking("swordfish"), *(bytes([byte]) for byte in b"a swordfish b")) == b"a *** b"

    def test_what_only_begins_like_a_secret_comes_out(self) -> None:
        assert printed(masking("swordfish"), b"swor", b"d and swo") == b"sword and swo"

    def test_what_cannot_begin_a_secret_is_told_at_once(self) -> None:
        mask = masking("swordfish")
        assert [event.data["data"] for event in mask.events(log(b"ready> "), "")] == [b"ready> "]

    def test_what_waits_is_told_before_the_end_of_its_attempt(self) -> None:
        mask = masking("swordfish")
        assert list(mask.events(log(b"sword", attempt=1), "")) == []
        assert [event.kind for event in mask.events(ended(0), "")] == ["attempt.ended"]
        rest, end = mask.events(ended(1), "")
        assert rest == log(b"sword", attempt=1)
        assert end.kind == "attempt.ended"

    def test_what_waits_is_told_before_the_end_of_the_run(self) -> None:
        mask = masking("swordfish")
        assert list(mask.events(log(b"sword", action=""), "")) == []
        rest, end = mask.events(Event("run.finished", "run", "", 1.0, {}), "")
        assert rest.data["data"] == b"sword"
        assert end.kind == "run.finished"

    def test_streams_are_read_apart(self) -> None:
        mask = masking("swordfish")
        told = [told for event in (log(b"sword"), log(b"fish", "stderr"), log(b"-x")) for told in mask.events(event, "")]
        assert [event.data["data"] for event in told] == [b"fish", b"sword-x"]

    @settings(max_examples=300, deadline=None)
    @given(
        values=st.lists(st.text("ab", min_size=6, max_size=9), min_size=1, max_size=3),
        chunks=st.lists(st.text("ab.", max_size=12), max_size=12),
    )
    def test_pieces_of_any_size_are_hidden_as_the_whole_is(self, values: list[str], chunks: list[str]) -> None:
        mask = masking(*values)
        whole = mask.text("".join(chunks))
        assert printed(mask, *(chunk.encode() for chunk in chunks)).decode() == whole
        assert not any(value in whole for value in values)

    @settings(max_examples=200, deadline=None)
    @given(data=st.binary(max_size=200), sizes=st.lists(st.integers(1, 9), max_size=50))
    def test_bytes_without_a_secret_stay_as_they_are(self, data: bytes, sizes: list[int]) -> None:
        chunks = []
        for size in (*sizes, len(data)):
            chunks.append(data[:size])
            data = data[size:]
        assert printed(masking("swordfish"), *chunks) == b"".join(chunks)


def test_every_text_of_an_event_is_hidden_however_deep() -> None:
    data = {"text": "a swordfish", "error": {"message": "swordfish", "n": 1}, "list": ["x", ("swordfish",)], "swordfish": None}
    (told,) = masking("swordfish").events(Event("notice", "run", "a0", 0.0, data), "")
    assert told.data == {"text": "a ***", "error": {"message": "***", "n": 1}, "list": ["x", ["***"]], "***": None}


def test_a_packed_value_with_a_secret_is_left_out_as_a_whole() -> None:
    outputs = [[b"\xa9swordfish", [], b""], [b"\x01", [], b""]]
    (told,) = masking("swordfish").events(Event("action.trace", "run", "a0", 0.0, {"outputs": outputs}), "")
    assert told.data == {"outputs": [[b"***", [], b""], [b"\x01", [], b""]]}


def test_an_error_keeps_what_it_is() -> None:
    error = ErrorInfo("user", "ValueError", "bad swordfish", "w", "line\nbad swordfish", False, "OOMError")
    assert masking("swordfish").error(error) == ErrorInfo("user", "ValueError", "bad ***", "w", "line\nbad ***", False, "OOMError")


@pytest.mark.parametrize(
    ("packed", "tells"),
    [
        (Packed(b"\xa9swordfish"), True),
        (Packed(b"\x01", (), b"\xa9swordfish"), True),
        (Packed(b"\x01", (Ref("file", "/tmp/swordfish"),)), True),
        (Packed(b"\x01", (Ref("file", "/tmp/\udce4"),)), False),
        (Packed(b"\xa5sword"), False),
    ],
)
def test_a_packed_value_is_searched(packed: Packed, tells: bool) -> None:
    assert masking("swordfish").holds(packed) is tells


class TestReports:
    def report(self, folder: Path, name: str, text: str) -> Path:
        path = folder / "reports" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    @pytest.mark.parametrize("kind", ["action.report", "attempt.ended"])
    @pytest.mark.parametrize("name", ["a0.html", "a0.html.4711"])
    def test_a_report_and_a_half_written_one_are_hidden(self, tmp_path: Path, kind: str, name: str) -> None:
        path = self.report(tmp_path, name, "<b>sword&amp;fish</b>")
        list(masking("sword&fish").events(Event(kind, "run", "a0", 0.0, {}), str(tmp_path)))
        assert path.read_text() == "<b>***</b>"

    def test_a_newer_report_that_comes_meanwhile_is_not_lost(self, tmp_path: Path) -> None:
        path = self.report(tmp_path, "a0.html", "old swordfish")

        class Slow(Mask):
            def data(self, data: bytes) -> bytes:
                newer = tmp_path / "newer"
                newer.write_text("new")
                newer.rename(path)
                return super().data(data)

        mask = Slow()
        mask.add("swordfish")
        mask.reports(str(tmp_path), "a0")
        assert path.read_text() == "new"

    def test_the_report_of_another_is_left_alone(self, tmp_path: Path) -> None:
        path = self.report(tmp_path, "a01.html", "swordfish")
        masking("swordfish").reports(str(tmp_path), "a0")
        assert path.read_text() == "swordfish"

    def test_a_link_is_not_followed(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.write_text("swordfish")
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports" / "a0.html").symlink_to(outside)
        masking("swordfish").reports(str(tmp_path), "a0")
        assert outside.read_text() == "swordfish"

    def test_a_run_without_reports_has_none(self, tmp_path: Path) -> None:
        masking("swordfish").reports(str(tmp_path), "a0")
        assert list(tmp_path.iterdir()) == []
