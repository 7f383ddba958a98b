"""The search index that a Docker Engine asks, with TLS, under the names of the real hub.

The engine asks `GET https://index.docker.io/v1/search?q=TERM&n=25`. Where the real registry cannot
be reached, the server also stands for registry-1.docker.io, which an engine asks after its mirror:
there it refuses every image, in the words of the real one, because the mirror had all there are.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from sandbox.hub.rows import RECORDED, Row

HOST = "index.docker.io"
REGISTRY_HOST = "registry-1.docker.io"
_MOST = 100  # rows of one answer


def search(term: str, limit: int = 25) -> list[Row]:
    """The rows for a term, most stars first: those recorded for it, then all that contain it."""
    wanted = term.strip().casefold()
    if not wanted:
        return []
    rows = list(RECORDED.get(wanted, ()))
    everything = (row for table in RECORDED.values() for row in table)
    rows += [row for row in everything if row not in rows and _contains(row, wanted)]
    rows.sort(key=lambda row: row.stars, reverse=True)  # equal ones stay in the hub's own order
    return rows[: max(0, limit)]


def answer(path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON body for GET `path`."""
    parts = urlsplit(path)
    if parts.path == "/v1/search":
        return _search_answer(parse_qs(parts.query))
    if parts.path in ("/v1/_ping", "/v2/"):
        return 200, {}
    if parts.path.startswith("/v2/"):
        return 403, {"errors": [_denied(parts.path)]}
    return 404, {"detail": "Object not found"}


class SearchIndex:
    """Serves the index at an address while the context lasts.

    port: 0 is any free one, then to be read from `port`. certificate: chain and key, in PEM.
    Raises OSError when the address is taken.
    """

    def __init__(self, host: str, port: int, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server = _TlsServer((host, port), context)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="hub-index", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _TlsServer(ThreadingHTTPServer):
    """Shakes hands in the connection's own thread, so that a slow client holds up nobody."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext) -> None:
        super().__init__(address, _Handler)
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away or does not trust our authority: its own log says so."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        status, body = answer(self.path)
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(text)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _contains(row: Row, wanted: str) -> bool:
    return wanted in row.name.casefold() or wanted in row.description.casefold()


def _search_answer(query: Mapping[str, list[str]]) -> tuple[int, dict[str, Any]]:
    term = query.get("q", [""])[0]
    asked = query.get("n", ["25"])[0]
    if not asked.isdecimal() or not 1 <= int(asked) <= _MOST:
        return 400, {"detail": f"n must be between 1 and {_MOST}"}
    rows = search(term, int(asked))
    return 200, {
        "query": term,
        "page": 1,
        "page_size": int(asked),
        "num_pages": 1,
        "num_results": len(rows),
        "results": [_shown(row) for row in rows],
    }


def _denied(path: str) -> dict[str, object]:
    """What the real registry says of an image that it has not, or shows to nobody. An engine reads
    a refusal without detail as another one."""
    name = path.removeprefix("/v2/").partition("/manifests/")[0]
    return {
        "code": "DENIED",
        "message": "requested access to the resource is denied",
        "detail": [{"Type": "repository", "Class": "", "Name": name, "Action": "pull"}],
    }


def _shown(row: Row) -> dict[str, object]:
    return {
        "name": row.name,
        "description": row.description,
        "star_count": row.stars,
        "is_official": row.is_official,
        "is_automated": row.is_automated,
    }
