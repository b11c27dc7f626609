"""A headless Firefox for tests of pages: the Marionette protocol over a plain socket."""

import base64
import json
import shutil
import socket
import subprocess
from pathlib import Path

from browser import wait_until

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), "")
WITHOUT = "no Firefox is installed"
# Any free port; and nothing is asked of the network.
SETTINGS = """
user_pref("marionette.port", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""
# Seconds; on a busy machine it takes minutes to start.
LIMIT = 240


class Firefox:
    """One page in a browser of its own, with a fresh profile under `folder`."""

    def __init__(self, folder: Path, size: tuple[int, int] = (1280, 720)):
        profile = folder / "firefox"
        profile.mkdir(parents=True)
        (profile / "user.js").write_text(SETTINGS)
        window = ["--width", str(size[0]), "--height", str(size[1])]
        self.process = subprocess.Popen(
            [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", profile, *window],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._connect(profile / "MarionetteActivePort")
        except BaseException:
            self.__exit__()
            raise

    def _connect(self, port: Path) -> None:
        self.until(lambda: port.exists() and port.read_text().strip())
        self.socket = socket.create_connection(("127.0.0.1", int(port.read_text())), timeout=LIMIT)
        self.file, self.number = self.socket.makefile("rb"), 0
        self._receive()
        self.send("WebDriver:NewSession")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(LIMIT)

    def until(self, check):
        """Wait until something is true, and return it."""
        return wait_until(check, LIMIT)

    def _receive(self):
        digits = b""
        while (one := self.file.read(1)) != b":":
            assert one, "the browser has gone"
            digits += one
        return json.loads(self.file.read(int(digits)))

    def send(self, command: str, **given):
        """Send a command and return its result."""
        self.number += 1
        text = json.dumps([0, self.number, command, given]).encode()
        self.socket.sendall(str(len(text)).encode() + b":" + text)
        _, _, error, result = self._receive()
        assert not error, error
        return result

    def open(self, path: Path) -> None:
        """Load a page from disk and wait until its script has run."""
        self.send("WebDriver:Navigate", url=path.resolve().as_uri())

    def run(self, code: str):
        """What a function body returns in the page: its elements, not the names of its script."""
        return self.send("WebDriver:ExecuteScript", script=code, args=[])["value"]

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a person would."""
        for key in keys:
            both = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
            actions = [{"type": "key", "id": "keyboard", "actions": both}]
            self.send("WebDriver:PerformActions", actions=actions)

    def picture(self, path: Path) -> None:
        """Save a picture of the window."""
        found = self.send("WebDriver:TakeScreenshot", full=False, hash=False)["value"]
        path.write_bytes(base64.b64decode(found))
