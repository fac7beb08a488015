"""Webhook: tells an address that somebody is asked something, and takes the answer on an address of this machine."""

from __future__ import annotations

import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

from localflyte.runs.conditions import Condition
from localflyte.runs.conditions import parse_answer
from localflyte.runs.conditions import write_answer

__all__ = ("Callback", "post")

SECONDS = 10.0  # that a webhook may take
LOOKING = 0.05  # seconds between two looks whether to end, which the engine waits for
MOST_BYTES = 1 << 16  # of an answer


def post(url: str, payload: Any, callback: str) -> str:
    """Send a payload as JSON.

    :param payload: ``{callback_uri}`` in any text of it becomes the callback; ``None``: the callback alone
    :return: what went wrong, or nothing
    """
    from urllib.error import URLError
    from urllib.request import Request
    from urllib.request import urlopen

    body = json.dumps(_filled({"callback_uri": "{callback_uri}"} if payload is None else payload, callback)).encode()
    try:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is no address of http or https")
        request = Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - checked above
        with urlopen(request, timeout=SECONDS):  # noqa: S310
            return ""
    except (URLError, OSError, ValueError) as error:
        return str(error)


def _filled(value: Any, callback: str) -> Any:
    if isinstance(value, str):
        return value.replace("{callback_uri}", callback)
    if isinstance(value, dict):
        return {key: _filled(each, callback) for key, each in value.items()}
    return [_filled(each, callback) for each in value] if isinstance(value, list | tuple) else value


class Callback:
    """A server on the loopback interface, for the conditions of one run. Who knows the address of a condition can answer it.

    :param folder: of the run
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._conditions: dict[str, Condition] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(LOOKING,), name="localflyte-callback", daemon=True).start()

    def address_of(self, condition: Condition) -> str:
        """:return: where an answer can be posted, as JSON: the value, or ``{"value": ...}``"""
        token = secrets.token_urlsafe(24)
        self._conditions[f"/{token}"] = condition
        return f"http://127.0.0.1:{self._server.server_address[1]}/{token}"

    def take(self, path: str, body: bytes) -> tuple[int, str]:
        """Take an answer.

        :return: the status of the response, and a sentence
        """
        condition = self._conditions.get(path)
        if condition is None:
            return 404, "there is no such condition"
        try:
            value = json.loads(body)
            value = value["value"] if isinstance(value, dict) else value
            text = value if isinstance(value, str) else json.dumps(value)
            write_answer(self._folder, condition.number, parse_answer(text, condition.kind))
        except (ValueError, KeyError) as error:
            return 400, f"the answer has to be a {condition.kind}: {error}"
        return 200, "answered"

    def close(self) -> None:
        """Take no more answers."""
        self._server.shutdown()
        self._server.server_close()


def _handler(callback: Callback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = SECONDS

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > MOST_BYTES:
                self._respond(413, "an answer is small, and says how long it is")
                return
            self._respond(*callback.take(self.path, self.rfile.read(int(length))))

        def _respond(self, status: int, text: str) -> None:
            body = json.dumps({"message": text}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
