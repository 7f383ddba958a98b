"""A network between the bot and Slack's WebSockets that can fail in every way."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse


class Detour:
    """Forwards TCP connections to a port, until it is told otherwise."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._frozen: set[socket.socket] = set()
        self.refuse = 0  # how many of the next connections are closed at once
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """From now on nothing passes on the connections there are, and they stay open."""
        self._frozen.update(self._open)

    def end(self) -> None:
        """End all streams in order, without a WebSocket close frame (FIN, no RST)."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for connection in (self._listener, *self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse > 0:
                self.refuse -= 1
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65_536):
                if source not in self._frozen:
                    sink.sendall(chunk)
        if source not in self._frozen:
            with suppress(OSError):
                sink.shutdown(socket.SHUT_WR)


class DetouredClient(WebClient):
    """A client whose WebSocket addresses lead through a detour. Keeps the tickets it was given."""

    def __init__(self, detour: Detour, **options: Any) -> None:
        super().__init__(**options)
        self._detour = detour
        self.addresses: list[str] = []

    def apps_connections_open(self, *, app_token: str, **options: Any) -> SlackResponse:
        response = super().apps_connections_open(app_token=app_token, **options)
        parts = urlsplit(response["url"])
        address = urlunsplit(parts._replace(netloc=f"127.0.0.1:{self._detour.port}"))
        assert isinstance(response.data, dict)
        response.data["url"] = address
        self.addresses.append(address)
        return response
