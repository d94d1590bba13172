# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium inside a node, told what to do by the DevTools protocol over a pair of pipes:
no driver, no port, no library. https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

from .shell import LabError

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
PATIENCE = 20  # seconds, for an answer of the browser


def program():
    """Its path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page. What it asked for is in `requests`, what it complained of in `complaints`."""

    def __init__(self, lab, node):
        self.requests, self.complaints = [], []
        self.number, self.received = 0, b""
        self.profile = tempfile.TemporaryDirectory()
        to_browser, self.writer = os.pipe()
        self.reader, from_browser = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4. Root has no sandbox.
        self.process = subprocess.Popen(
            lab.enter(node) + [
                "bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", program(),
                "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu",
                "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
                "--disable-background-networking", "--no-proxy-server",
                f"--user-data-dir={self.profile.name}", "about:blank"],
            pass_fds=(to_browser, from_browser), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        self.session = None
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def close(self):
        os.close(self.writer)  # which ends it
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.reader)
        self.profile.cleanup()

    # ---- the protocol -----------------------------------------------------
    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self.read(deadline - time.monotonic())
            if answer and answer.get("id") == self.number:
                if "error" in answer:
                    raise LabError(f"{method}: {answer['error']['message']}")
                return answer["result"]
        raise LabError(f"{method}: no answer from the browser")

    def read(self, timeout):
        """One message; None if there is none in time. Events are noted."""
        while b"\0" not in self.received:
            if not select.select([self.reader], [], [], max(timeout, 0))[0]:
                return None
            data = os.read(self.reader, 1 << 20)
            if not data:
                raise LabError("the browser ended")
            self.received += data
        line, _, self.received = self.received.partition(b"\0")
        message = json.loads(line)
        self.note(message.get("method"), message.get("params"))
        return message

    def note(self, method, about):
        if method == "Network.requestWillBeSent":
            self.requests.append(about["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = about["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(about["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            self.complaints.append(str(about["args"]))

    # ---- the page ---------------------------------------------------------
    def open(self, url):
        self.call("Page.navigate", url=url)

    def eval(self, script):
        """The value of a JavaScript expression in the page."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True,
                         awaitPromise=True)
        if "exceptionDetails" in done:
            raise LabError(f"{script}: {done['exceptionDetails']['exception']['description']}")
        return done["result"].get("value")

    def resize(self, width, height, dark=False, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=scale, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path, whole=False):
        """A PNG of what is seen, or of the whole page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
