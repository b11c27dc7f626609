"""A headless Chromium for tests of pages: the DevTools protocol over a plain socket."""

import base64
import json
import os
import shutil
import socket
import struct
import subprocess
import time
import urllib.request
from pathlib import Path

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
WITHOUT = "no Chromium is installed"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
]
LIMIT = 30
KEYS = {"Enter": 13, "Escape": 27, "Backspace": 8, " ": 32}


def wait_until(check, limit: float):
    """Wait until something is true, and return it; at most `limit` seconds."""
    end = time.monotonic() + limit
    while not (found := check()):
        assert time.monotonic() < end, "the browser does not answer"
        time.sleep(0.05)
    return found


class Browser:
    """One page in a browser of its own, with a fresh profile under `folder`."""

    def __init__(self, folder: Path, size: tuple[int, int] = (1280, 720)):
        profile = folder / "profile"
        window = [f"--user-data-dir={profile}", "--window-size={},{}".format(*size)]
        self.process = subprocess.Popen(
            [CHROMIUM, *window, *FLAGS, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port_file = profile / "DevToolsActivePort"
        self.until(lambda: port_file.exists() and port_file.read_text().count("\n"))
        port = int(port_file.read_text().split("\n")[0])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [one for one in json.load(answer) if one["type"] == "page"]
        self.number, self.events = 0, []
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        key = base64.b64encode(os.urandom(16)).decode()
        path = pages[0]["webSocketDebuggerUrl"].split(str(port), 1)[1]
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
            .encode()
        )  # fmt: skip
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._bytes(1)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.save_to(folder / "downloads")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()
        self.process.terminate()
        self.process.wait(LIMIT)

    def until(self, check):
        """Wait until something is true, and return it."""
        return wait_until(check, LIMIT)

    def _bytes(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            assert part, "the browser has gone"
            data += part
        return data

    def _receive(self) -> dict:
        text, last = b"", False
        while not last:
            first, length = self._bytes(2)
            last, length = bool(first & 128), length & 127
            if length > 125:
                wide = length == 127
                length = struct.unpack("!Q" if wide else "!H", self._bytes(8 if wide else 2))[0]
            text += self._bytes(length)
        return json.loads(text)

    def send(self, method: str, **params) -> dict:
        """Send a command and return its result."""
        self.number += 1
        text = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        size, mask = len(text), os.urandom(4)
        length = (
            struct.pack("!B", 128 | size) if size < 126
            else struct.pack("!BH", 128 | 126, size) if size < 65536
            else struct.pack("!BQ", 128 | 127, size)
        )  # fmt: skip
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        self.socket.sendall(b"\x81" + length + mask + masked)
        while True:
            message = self._receive()
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def save_to(self, folder: Path) -> None:
        """Where downloads go from now on."""
        self.downloads = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def open(self, path: Path) -> None:
        """Load a page from disk and wait until its script has run."""
        self.run("window.stale = true")
        self.send("Page.navigate", url=path.resolve().as_uri())
        self.until(lambda: self.run("document.readyState === 'complete' && !window.stale"))

    def run(self, code: str):
        """Value of an expression in the page."""
        found = self.send(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a person would."""
        for key in keys:
            text = (
                {"text": "\r" if key == "Enter" else key} if key == "Enter" or len(key) == 1 else {}
            )
            code = {"key": key, "windowsVirtualKeyCode": KEYS.get(key, ord(key[0].upper()))}
            self.send("Input.dispatchKeyEvent", type="keyDown", **text, **code)
            self.send("Input.dispatchKeyEvent", type="keyUp", **code)

    def click(self, selector: str) -> None:
        """Click the middle of an element, with the mouse."""
        box = self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        mouse = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
        self.send("Input.dispatchMouseEvent", type="mousePressed", **mouse)
        self.send("Input.dispatchMouseEvent", type="mouseReleased", **mouse)

    def drag(self, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place, move it through the others, and let go."""
        for kind, spots in (("mousePressed", places[:1]), ("mouseMoved", places[1:]),
                            ("mouseReleased", places[-1:])):  # fmt: skip
            for x, y in spots:
                mouse = {"x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
                self.send("Input.dispatchMouseEvent", type=kind, **mouse)

    def write(self, selector: str, text: str) -> None:
        """Put the cursor into a field and write into it."""
        self.click(selector)
        self.send("Input.insertText", text=text)

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select element."""
        self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)}); "
            f"one.value = {json.dumps(value)}; one.dispatchEvent(new Event('change')); }})()"
        )

    def give_file(self, selector: str, path: Path) -> None:
        """Give a file to a file field."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def downloaded(self, end: str = ".yaml") -> Path:
        """The only downloaded file with this ending, once it is whole."""
        self.until(lambda: [p for p in self.downloads.iterdir() if p.suffix == end])
        return next(self.downloads.glob(f"*{end}"))

    def requests(self) -> list[str]:
        """Addresses asked for beyond this page and what it embeds, and errors of its script."""
        self.run("0")
        found = []
        for event in self.events:
            if event["method"] == "Network.requestWillBeSent":
                address = event["params"]["request"]["url"]
                found += [] if address.startswith(("data:", "blob:")) else [address]
            elif event["method"] in ("Log.entryAdded", "Runtime.exceptionThrown"):
                found.append(json.dumps(event["params"]))
        return found
