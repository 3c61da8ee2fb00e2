"""A real browser that looks at a page, told what to do over its DevTools protocol, for tests."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import orjson
import pytest

from tests.gateway_clients import happens
from tests.gateways import Loop

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Browser", "browsing"]

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
)
_START_SECONDS = 30.0
_WAIT_SECONDS = 15.0
_ERRORS = {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"}


class Login(NamedTuple):
    """What is typed where a page asks for a name and a password."""

    name: str
    password: str


class Browser:
    """One tab of a browser.

    Args:
        loop: Where its socket lives.
        socket: To the browser.
        login: What is typed where a page asks for it.
    """

    def __init__(
        self, loop: Loop, socket: aiohttp.ClientWebSocketResponse, login: Login | None
    ) -> None:
        self._loop = loop
        self._socket = socket
        self._login = login
        self._session: str | None = None
        self._sent = 0
        self.complaints: list[str] = []

    def open(self) -> None:
        """Open the tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        if self._login is not None:
            self.call("Fetch.enable", handleAuthRequests=True)

    def visit(self, url: str) -> None:
        """Load a page."""
        self.call("Page.navigate", url=url)
        assert self.sees("document.readyState === 'complete'"), url

    def value(self, expression: str) -> Any:  # noqa: ANN401 - any JSON
        """Return what an expression of JavaScript is worth in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def sees(self, expression: str) -> bool:
        """Wait for an expression to hold; false where it does not come to."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self.value(expression):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def call(self, method: str, **parameters: Any) -> Any:  # noqa: ANN401 - any JSON
        """Call a method of the protocol."""
        return self._loop.run(self._call(method, parameters))

    async def _call(self, method: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        number = await self._send(method, parameters)
        while True:
            message = await self._socket.receive_json(loads=orjson.loads, timeout=_WAIT_SECONDS)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            if "method" in message:
                await self._take(message["method"], message["params"])

    async def _send(self, method: str, parameters: dict[str, Any]) -> int:
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send_str(orjson.dumps(message).decode())
        return self._sent

    async def _take(self, event: str, told: dict[str, Any]) -> None:
        """Take note of an event of the page."""
        if event == "Fetch.requestPaused":
            await self._send("Fetch.continueRequest", {"requestId": told["requestId"]})
        elif event == "Fetch.authRequired":
            assert self._login is not None
            name, password = self._login
            answer = {
                "response": "ProvideCredentials",
                "username": name,
                "password": password,
            }
            asked = {"requestId": told["requestId"], "authChallengeResponse": answer}
            await self._send("Fetch.continueWithAuth", asked)
        elif event in _ERRORS:
            self.complaints.append(str(told))


@contextmanager
def browsing(login: Login | None = None) -> Iterator[Browser]:
    """Run a browser; the test is skipped where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium to look at pages with")
    loop = Loop()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        session = loop.run(_new_session())
        try:
            socket = loop.run(session.ws_connect(_address(Path(folder)), max_msg_size=0))
            browser = Browser(loop, socket, login)
            browser.open()
            yield browser
        finally:
            loop.run(session.close())
            process.terminate()
            process.wait(30)
            loop.close()


async def _new_session() -> aiohttp.ClientSession:
    await asyncio.sleep(0)
    return aiohttp.ClientSession()


def _address(folder: Path) -> str:
    """Where the browser listens, as it says itself."""
    said = folder / "DevToolsActivePort"
    assert happens(lambda: said.exists() and said.read_text().count("\n") == 1, _START_SECONDS)
    port, path = said.read_text().split("\n")
    return f"ws://127.0.0.1:{port}{path}"
