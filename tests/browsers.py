"""A real browser for tests: headless Chromium, told what to do over DevTools on two pipes, with a proxy that lets nothing out.

Nothing but the browser itself is needed: no driver, and no package. What a person does goes through the browser's own input, so a click
hits what lies on top, and a key goes where the focus is.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ("CHROMIUM", "Browser", "Frame", "Page", "Proxy")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
ANSWERS_WITHIN = 60.0  # seconds; a busy machine takes a few

# It expects its pipes as descriptors 3 and 4, where another process may have something else.
_LAUNCH = "import os, sys; r, w = map(int, sys.argv[1:3]); os.dup2(r, 3); os.dup2(w, 4); os.execv(sys.argv[3], sys.argv[3:])"
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-default-apps", "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--disable-breakpad",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication,NetworkTimeServiceQuerying,DialMediaRouteProvider",
    "--metrics-recording-only", "--no-pings", "--password-store=basic", "--use-mock-keychain", "--hide-scrollbars", "--mute-audio",
    "--proxy-bypass-list=<-loopback>",
)  # fmt: skip
# What Chromium asks for itself, whatever page is open.
_ITS_OWN = (
    "accounts.google.com", "clients2.google.com", "content-autofill.googleapis.com", "optimizationguide-pa.googleapis.com",
    "redirector.gvt1.com", "update.googleapis.com", "www.google.com",
)  # fmt: skip
# A document in a frame without a size waits for it, as text.
_COMPLETE = """new Promise(done => (function look() {
  document.readyState == "complete" && !document.querySelector("plaintext[hidden]") ? done() : setTimeout(look, 5); })())"""
_KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowLeft": 37, "ArrowRight": 39}


class Proxy:
    """Takes note of who is asked for anything, and answers nothing. With it a browser reaches no network, this machine included."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._heard = threading.Condition()
        proxy = self

        class Asked(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    proxy._hear(self.rfile.readline().decode("latin-1").rstrip())

        # A browser connects before it knows what for, so one that is silent must not keep another from being heard, nor be hung up on.
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Asked)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def pages_asked(self) -> list[str]:
        """Who was asked for something by a page, and not by the browser itself."""
        return [line for line in self.asked if not any(host in line for host in _ITS_OWN)]

    def wait_for(self, host: str) -> None:
        """Wait until somebody is asked: a frame may load after its page has."""
        with self._heard:
            assert self._heard.wait_for(lambda: any(host in line for line in self.asked), ANSWERS_WITHIN)

    def close(self) -> None:
        """Stop listening, once the browser has ended."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _hear(self, line: str) -> None:
        with self._heard:
            if line:
                self.asked.append(line)
                self._heard.notify_all()


class Browser:
    """Headless Chromium with an empty profile. Use it as a context manager.

    :param profile: an empty folder
    """

    def __init__(self, profile: Path) -> None:
        self.proxy = Proxy()
        read, self._commands = os.pipe()
        self._answers, write = os.pipe()
        ours = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (read, write)]
        flags = [*_FLAGS, f"--user-data-dir={profile}", f"--proxy-server=http://127.0.0.1:{self.proxy.port}", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, *map(str, ours), CHROMIUM, *flags, "about:blank"],
            pass_fds=ours,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(profile)},
            start_new_session=True,
        )
        for end in (read, write, *ours):
            os.close(end)
        self._buffer = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._number += 1
        with contextlib.suppress(OSError):
            os.write(self._commands, json.dumps({"id": self._number, "method": "Browser.close"}).encode() + b"\0")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(ANSWERS_WITHIN)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
        self.proxy.close()

    def open(self, address: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> Page:
        """:return: the page at an address, once it is loaded with its frames"""
        return Page(self, address, width, height, dark)

    def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        answer = self.wait_for(lambda message: message.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer.get("result", {})
        return result

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """:return: the next message of this kind; events that come before it are kept"""
        until = time.monotonic() + ANSWERS_WITHIN
        for message in self._messages(until):
            if "id" not in message:
                self.events.append(message)
            if wanted(message):
                return message
        raise AssertionError("the browser does not answer")

    def _messages(self, until: float) -> Iterator[dict[str, Any]]:
        while True:
            message, found, rest = self._buffer.partition(b"\0")
            if found:
                self._buffer = rest
                yield json.loads(message)
                continue
            if not select.select([self._answers], [], [], max(0.0, until - time.monotonic()))[0]:
                return
            data = os.read(self._answers, 1 << 20)
            if not data:
                raise AssertionError("the browser has ended")
            self._buffer += data


class Frame:
    """One document, in which scripts of the test can look around."""

    def __init__(self, browser: Browser, session: str, context: int) -> None:
        self._browser = browser
        self._session = session
        self._context = context

    def evaluate(self, script: str) -> Any:
        """:return: the value of an expression; a promise is waited for"""
        answer = self._browser.call(
            "Runtime.evaluate", self._session, expression=script, contextId=self._context, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"]["exception"].get("description", "an exception"))
        return answer["result"].get("value")


class Page:
    """A page in a tab of its own."""

    def __init__(self, browser: Browser, address: str, width: int, height: int, dark: bool) -> None:
        self._browser = browser
        self._begin = len(browser.events)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._listen(self._session)
        browser.call("Emulation.setDeviceMetricsOverride", self._session, width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        browser.call("Emulation.setEmulatedMedia", self._session, features=[scheme])
        self._begin = len(browser.events)
        self._main = browser.call("Page.navigate", self._session, url=address)["frameId"]
        if not any(map(self._is_loaded, self.events())):
            browser.wait_for(self._is_loaded)
        self._heard: set[str] = set()
        self._hear_frames()

    @property
    def top(self) -> Frame:
        """The page itself."""
        (frame,) = self._documents(lambda frame_id: frame_id == self._main)
        return frame

    @property
    def frames(self) -> list[Frame]:
        """The documents in its frames, and in theirs, each when it is complete."""
        self._hear_frames()
        found = self._documents(lambda frame_id: frame_id != self._main)
        for frame in found:
            frame.evaluate(_COMPLETE)
        return found

    def events(self, method: str = "") -> list[dict[str, Any]]:
        """:return: what the browser has told since the page was asked for"""
        return [event for event in self._browser.events[self._begin :] if not method or event["method"] == method]

    def click(self, selector: str, within: tuple[Frame, str] | None = None) -> None:
        """Click in the middle of an element.

        :param within: the frame that it is in, and the selector of that frame's element in the page
        """
        frame, outer = within or (self.top, "html")
        left, top = _box(self.top, outer)[:2]
        x, y, width, height = _box(frame, selector)
        x, y = x + left + width / 2, y + top + height / 2
        for kind in ("mousePressed", "mouseReleased"):
            self._browser.call("Input.dispatchMouseEvent", self._session, type=kind, x=x, y=y, button="left", clickCount=1)

    def follow(self, selector: str) -> None:
        """Click on a link and wait for what it leads to."""
        loaded = len(self.events("Page.loadEventFired"))
        self.click(selector)
        while len(self.events("Page.loadEventFired")) == loaded:
            self._browser.wait_for(self._is_loaded)

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        for kind in ("rawKeyDown", "keyUp"):
            self._browser.call("Input.dispatchKeyEvent", self._session, type=kind, key=key, code=key, windowsVirtualKeyCode=_KEYS[key])

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what is seen into a PNG file.

        :param whole: also what lies below the edge of the window
        """
        answer = self._browser.call("Page.captureScreenshot", self._session, format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _listen(self, session: str) -> None:
        for method in ("Page.enable", "Runtime.enable", "Network.enable", "Log.enable"):
            with contextlib.suppress(RuntimeError):
                self._browser.call(method, session)
        self._browser.call("Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=False, flatten=True)

    def _hear_frames(self) -> None:
        """Listen to the frames that live in processes of their own, and to those in them."""
        while new := [
            event["params"]["sessionId"]
            for event in self.events("Target.attachedToTarget")
            if event["params"]["sessionId"] not in self._heard and event["params"]["targetInfo"]["type"] == "iframe"
        ]:
            for session in new:
                self._heard.add(session)
                self._listen(session)

    def _is_loaded(self, message: dict[str, Any]) -> bool:
        return message.get("method") == "Page.loadEventFired" and message.get("sessionId") == self._session

    def _documents(self, wanted: Callable[[str], bool]) -> list[Frame]:
        # A document that was left takes its context with it.
        gone = {(event["sessionId"], event["params"]["executionContextId"]) for event in self.events("Runtime.executionContextDestroyed")}
        found: dict[str, Frame] = {}
        for event in self.events("Runtime.executionContextCreated"):
            context = event["params"]["context"]
            place = context.get("auxData", {})
            if place.get("isDefault") and wanted(place["frameId"]) and (event["sessionId"], context["id"]) not in gone:
                found[place["frameId"]] = Frame(self._browser, event["sessionId"], context["id"])
        return list(found.values())


def _box(frame: Frame, selector: str) -> tuple[float, float, float, float]:
    box = f"(({{x, y, width, height}}) => [x, y, width, height])(document.querySelector({selector!r}).getBoundingClientRect())"
    x, y, width, height = frame.evaluate(box)
    return x, y, width, height
