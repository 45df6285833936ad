"""Headless Chromium, driven by its DevTools protocol through a pipe: no port, no driver."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--hide-scrollbars",
)


def find_chromium() -> str | None:
    """Return the browser; None if none is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """A page in a tab, and what happened in it since it was opened."""

    def __init__(self, pipe: "Pipe", session: str) -> None:
        self._pipe, self._session = pipe, session
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **params: Any) -> Any:
        """Call the protocol."""
        return self._pipe.call(method, params, self._session, self._happened)

    def open(self, url: str) -> None:
        """Load a page and wait until it is there."""
        self.errors.clear()
        self.requests.clear()
        self.call("Page.navigate", url=url)
        self._pipe.wait_for("Page.loadEventFired", self._session, self._happened)

    def shown_at(self, width: int, height: int, scheme: str) -> None:
        """Set the size of the window and the color scheme of the user."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def run(self, script: str) -> Any:
        """Run an expression in the page and return its value, awaited."""
        found = self.call(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key, such as `("ArrowRight", 39)`, and let it go."""
        common = {"key": key, "windowsVirtualKeyCode": code, "code": key}
        extra = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **extra)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def write(self, text: str) -> None:
        """Write into the field that has the focus."""
        self.call("Input.insertText", text=text)

    def click(self, selector: str, share: float = 0.5) -> None:
        """Click on an element with the mouse, at a share of its width."""
        x, y = self.point(selector, share)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def drag(self, selector: str, start: float, stop: float) -> None:
        """Drag with the mouse from a share of an element's width to another."""
        (x, y), (to, _) = self.point(selector, start), self.point(selector, stop)
        for kind, at in (("mousePressed", x), ("mouseMoved", to), ("mouseReleased", to)):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=at,
                y=y,
                button="left",
                buttons=int(kind != "mouseReleased"),
                clickCount=1,
            )

    def point(self, selector: str, share: float) -> tuple[float, float]:
        """Return a point of an element in the window, after it was scrolled to."""
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()"
        )
        return box[0] + share * box[2], box[1] + box[3] / 2

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Save a picture of the page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(data["data"]))

    def _happened(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:500])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(json.dumps(params["args"])[:500])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(json.dumps(params["entry"])[:500])
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith("data:"):
                self.requests.append(url)


class Pipe:
    """The two ends of the protocol: JSON messages, each with a null byte behind it."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._buffer = b""
        self._last = 0

    def call(self, method: str, params: Any, session: str, happened: Any = None) -> Any:
        """Send a command and return its answer; events meanwhile go to `happened`."""
        self._last += 1
        own = self._last
        message = {"id": own, "method": method, "params": params}
        os.write(
            self._writing,
            json.dumps({**message, **({"sessionId": session} if session else {})}).encode() + b"\0",
        )
        while True:
            found = self._next()
            if found.get("id") == own:
                assert "error" not in found, (method, found["error"])
                return found["result"]
            self._tell(found, session, happened)

    def wait_for(self, method: str, session: str, happened: Any) -> None:
        """Read events until one of this name."""
        while True:
            found = self._next()
            self._tell(found, session, happened)
            if found.get("method") == method and found.get("sessionId") == session:
                return

    def _tell(self, found: Any, session: str, happened: Any) -> None:
        if happened and "method" in found and found.get("sessionId") == session:
            happened(found["method"], found["params"])

    def _next(self) -> Any:
        while b"\0" not in self._buffer:
            data = os.read(self._reading, 1 << 20)
            assert data, "the browser has ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)


@contextmanager
def open_tab(program: str) -> Iterator[Tab]:
    """Start the browser with a profile of its own, and end it again."""
    to_read, browser_writes = os.pipe()
    browser_reads, to_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        redirect = f'exec "$0" "$@" 3<&{browser_reads} 4>&{browser_writes}'
        process = subprocess.Popen(
            ["bash", "-c", redirect, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(browser_reads, browser_writes),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(browser_reads)
        os.close(browser_writes)
        pipe = Pipe(to_read, to_write)
        try:
            target = pipe.call("Target.createTarget", {"url": "about:blank"}, "")["targetId"]
            given = {"targetId": target, "flatten": True}
            tab = Tab(pipe, pipe.call("Target.attachToTarget", given, "")["sessionId"])
            for domain in ("Page", "Runtime", "Network", "Log"):
                tab.call(f"{domain}.enable")
            yield tab
            pipe.call("Browser.close", {}, "")
        finally:
            os.close(to_read)
            os.close(to_write)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
