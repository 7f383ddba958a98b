"""Looking at a page as a browser would, to know whether what we started answers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urljoin, urlsplit

_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONNECTIONS = {"http": HTTPConnection, "https": HTTPSConnection}


class HttpWeb:
    """Implements `bot.ports.Web` with plain requests: no proxy, no cookies kept, no body read.

    No proxy, because one of the bot's network does not reach its VMs.
    """

    def answers(self, url: str, timeout: timedelta) -> bool:
        """True when GET, redirects followed, gives status 200 within `timeout`; never raises."""
        deadline = time.monotonic() + timeout.total_seconds()
        try:
            return _answers(url, deadline)
        except (OSError, HTTPException, ValueError):  # ValueError: a URL that is none
            return False


def _answers(url: str, deadline: float) -> bool:
    for _ in range(_MAX_REDIRECTS + 1):
        status, location = _look(url, deadline)
        if status not in _REDIRECTS or location is None:
            return status == HTTPStatus.OK
        url = urljoin(url, location)
    return False


def _look(url: str, deadline: float) -> tuple[int, str | None]:
    """Status and, if any, Location of one page."""
    parts = urlsplit(url)
    connect = _CONNECTIONS.get(parts.scheme)
    if connect is None or not parts.hostname:
        raise ValueError(f"not a web address: {url!r}")
    connection = connect(parts.hostname, parts.port, timeout=_remaining(deadline))
    with closing(connection):
        connection.connect()
        with _cut_at(deadline, connection.sock):
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("GET", target, headers={"User-Agent": "ds-bot", "Accept": "*/*"})
            response = connection.getresponse()
            _remaining(deadline)  # cut among its headers, an answer looks like a whole one
            return response.status, response.getheader("Location")


@contextmanager
def _cut_at(deadline: float, sock: socket.socket) -> Iterator[None]:
    """End the connection at the deadline: a socket's own time limit starts anew at each byte."""

    def cut() -> None:
        with suppress(OSError):  # it has ended by itself
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_remaining(deadline), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining
