"""A headless Chromium driven over its DevTools pipe: enough to look at an offline page, and nothing but the standard library."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECONDS = 120


def program():
    """Path of a Chromium, or None where there is none."""
    named = os.environ.get("AFFINIS_CHROMIUM")
    return named or next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """One page. `messages` collects what it wrote to the console, `requests` every address it asked for, `downloads` the name and state of
    each file."""

    def __init__(self):
        self.messages = []
        self.requests = []
        self.downloads = {}
        self._next = 0
        self._buffer = b""
        self._profile = tempfile.mkdtemp(prefix="affinis-chromium-")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # The protocol's pipe is file descriptor 3 to read from and 4 to write to; a shell moves ours there.
        command = 'exec "$0" "$@" 3<&{} 4>&{}'.format(theirs_in, theirs_out)
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run",
                 "--disable-extensions", "--remote-debugging-pipe", "--user-data-dir=" + self._profile]
        self._process = subprocess.Popen(["bash", "-c", command, program(), *flags], pass_fds=(theirs_in, theirs_out),
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def close(self):
        try:
            self._session = None
            self.call("Browser.close")
            self._process.wait(20)
        except (OSError, RuntimeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        for end in (self._in, self._out):
            os.close(end)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method, **parameters):
        self._next += 1
        message = {"id": self._next, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        text = json.dumps(message).encode() + b"\0"
        while text:
            text = text[os.write(self._out, text):]
        while True:
            answer = self._receive()
            if answer.get("id") == self._next:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]

    def _receive(self):
        end = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0, end - time.monotonic()))
            received = os.read(self._in, 1 << 20) if ready else b""
            if not received:
                raise RuntimeError("Chromium did not answer")
            self._buffer += received
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method, event):
        if method == "Runtime.consoleAPICalled":
            self.messages.append(" ".join(str(value.get("value", value.get("description"))) for value in event["args"]))
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.messages.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded":
            self.messages.append(event["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(event["request"]["url"])
        elif method == "Browser.downloadWillBegin":
            self.downloads[event["guid"]] = (event["suggestedFilename"], "begun")
        elif method == "Browser.downloadProgress" and event["guid"] in self.downloads:
            self.downloads[event["guid"]] = (self.downloads[event["guid"]][0], event["state"])
        elif method == "Page.javascriptDialogOpening":
            self.messages.append("dialog: " + event["message"])

    def open(self, path, width=1400, height=900, dark=False, print_media=False, touch=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.call("Emulation.setTouchEmulationEnabled", enabled=touch)
        self.call("Emulation.setEmulatedMedia", media="print" if print_media else "screen",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                            {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        end = time.monotonic() + SECONDS
        while self.evaluate("document.readyState") != "complete" or self.evaluate("location.href") == "about:blank":
            if time.monotonic() > end:
                raise RuntimeError("the page did not load")
            time.sleep(0.02)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def press(self, key, code=None):
        """One key, as from a keyboard."""
        text = {"Enter": "\r", " ": " "}.get(key)
        names = {"Enter": 13, " ": 32, "ArrowRight": 39, "ArrowLeft": 37, "Tab": 9}
        common = {"key": key, "code": code or key, "windowsVirtualKeyCode": names[key]}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector):
        """A mouse click on the middle of the first element that `selector` finds."""
        place = self.evaluate("(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'center', behavior: 'instant'});"
                              " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()" % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def tap(self, selector):
        """A finger on the middle of the first element that `selector` finds."""
        place = self.evaluate("(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'center', behavior: 'instant'});"
                              " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()" % json.dumps(selector))
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": place[0], "y": place[1]}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def download(self, selector, folder):
        """Clicks what `selector` finds and returns the file that comes of it."""
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)
        self.downloads.clear()
        click = "document.querySelector(%s).click()" % json.dumps(selector)
        self.evaluate(click)
        clicked = time.monotonic()
        end = clicked + SECONDS
        while True:
            # Chromium drops what comes after the tenth download of a second, without a word.
            if not self.downloads and time.monotonic() > clicked + 3:
                self.evaluate(click)
                clicked = time.monotonic()
            for name, state in self.downloads.values():
                if state == "completed":
                    return Path(folder) / name
                if state == "canceled":
                    raise RuntimeError("the download of " + selector + " was broken off")
            if time.monotonic() > end:
                raise RuntimeError("no download came of %s: %s" % (selector, self.downloads))
            self.evaluate("0")
            time.sleep(0.05)

    def screenshot(self, path):
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True,
                            clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        Path(path).write_bytes(base64.b64decode(picture["data"]))

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])
