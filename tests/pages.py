"""Pages of the sandbox's RStudio and Shiny as people have them open, without a browser.

with RStudioTab(url, password) as tab:          # signed in; polls for events until it is closed
    tab.give("while (TRUE) sqrt(2)")            # does not wait
    tab.wait_for("[1] 4")                       # something that R printed
with ShinyViewer(url):                          # an app's page, with its WebSocket
    ...
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import secrets
import socket
import threading
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

_REQUEST_S = 60.0
_SOON_S = 30.0

# RFC 6455: the last frame of a message, its kind, its length; what a client sends is masked.
_PING = b"\x89\x00"
_PONG = b"\x8a\x80" + bytes(4)

# What Chromium sends first on the page of an app (Shiny Server 1.5.20, multiplexed over SockJS).
_SESSION = ('["0#0|o|"]', r'["1#0|m|{\"method\":\"init\",\"data\":{}}"]')


class RStudioTab:
    """One tab. Everything it saw is in `seen`."""

    def __init__(self, url: str, password: str, *, user: str = "rstudio") -> None:
        self._address = _address(url)
        self._cookie = self._sign_in(user, password)
        self._shown = threading.Condition()
        self._text = ""
        self._polling = http.client.HTTPConnection(*self._address, timeout=_REQUEST_S)
        self._is_closed = False
        self.ask("/rpc/client_init", {})
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    @property
    def seen(self) -> str:
        """All that R printed so far."""
        with self._shown:
            return self._text

    def give(self, code: str) -> None:
        """Let R run code; it may take as long as it likes."""
        self.ask("/rpc/console_input", {"code": code})

    def interrupt(self) -> None:
        self.ask("/rpc/interrupt", {})

    def wait_for(self, text: str, timeout_s: float = _SOON_S) -> None:
        """Until R has printed that."""
        with self._shown:
            found = self._shown.wait_for(lambda: text in self._text, timeout_s)
            assert found, f"R did not print {text!r} but {self._text[-500:]!r}"

    def ask(self, path: str, content: dict[str, Any]) -> dict[str, Any]:
        """A question of the page's to its server."""
        connection = http.client.HTTPConnection(*self._address, timeout=_REQUEST_S)
        try:
            return self._ask(connection, path, content)
        finally:
            connection.close()

    def close(self) -> None:
        """As when the tab is closed: its connections end at once."""
        self._is_closed = True
        if self._polling.sock is not None:
            self._polling.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(1)  # longer only while it connects to a server that is gone
        self._polling.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _poll(self) -> None:
        after = 0
        while not self._is_closed:
            try:
                answer = self._ask(self._polling, "/events/get_events", {"after": after})
            except (OSError, http.client.HTTPException, ValueError):
                if self._is_closed:
                    return
                self._polling.close()
                time.sleep(0.2)  # the server is gone; a page goes on asking, too
                continue
            for number, kind, text in answer["events"]:
                after = number
                with self._shown:
                    self._text += text if kind == "output" else ""
                    self._shown.notify_all()

    def _ask(
        self, connection: http.client.HTTPConnection, path: str, content: dict[str, Any]
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Cookie": self._cookie}
        connection.request("POST", path, json.dumps(content), headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    def _sign_in(self, user: str, password: str) -> str:
        connection = http.client.HTTPConnection(*self._address, timeout=_REQUEST_S)
        form = urlencode({"username": user, "password": password})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/auth-do-sign-in", form, headers)
        answer = connection.getresponse()
        connection.close()
        assert answer.headers["Location"] == "/", "the password is wrong"
        return str(answer.headers["Set-Cookie"]).partition(";")[0]


class ShinyViewer:
    """Somebody who looks at the app on the front page: its page was loaded, its socket is open.

    Says and answers what a browser does: the app ends 50 s after a page that opens no session in
    it, and SockJS hangs up on one that answers no ping for 10 s.
    """

    def __init__(self, url: str) -> None:
        address = _address(url)
        page = http.client.HTTPConnection(*address, timeout=_REQUEST_S)
        page.request("GET", "/")
        answer = page.getresponse()
        assert answer.status == 200, answer.read()[:300]
        answer.read()
        page.close()
        self._socket = socket.create_connection(address, timeout=_REQUEST_S)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        # Source: shiny-server, lib/proxy/sockjs.js; node-sockjs, "raw" WebSocket transport.
        path = f"/__sockjs__/n={secrets.token_hex(8)}/000/{secrets.token_hex(4)}/websocket"
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {address[0]}:{address[1]}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        self._socket.sendall("\r\n".join((*lines, "", "")).encode())
        said = self._socket.recv(4096)
        assert said.startswith(b"HTTP/1.1 101 "), said
        self._socket.settimeout(None)
        for message in _SESSION:
            self._socket.sendall(_frame(message))
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The tab is closed."""
        with contextlib.suppress(OSError):  # the server was quicker
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        """Pong to each ping, until one of both hangs up."""
        with contextlib.suppress(OSError):
            while said := self._socket.recv(4096):
                if _PING in said:
                    self._socket.sendall(_PONG)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def _frame(text: str) -> bytes:
    """A short message of a WebSocket's client, masked with zeros."""
    assert len(text) < 126
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname
    return parts.hostname, parts.port or 80
