"""How fast a slash command is acknowledged over HTTP: stock Bolt beside ours.

    python -m bench.ack [--seconds 5] [NAME …]      every set-up, or those named
    python -m bench.ack --url http://127.0.0.1:3000/slack/events --secret S [--text ps]

The second form measures a bot that runs already, such as `ds-bot serve --transport http`. Each
set-up is a process of its own; the load comes from this one, over loopback.
"""

from __future__ import annotations

import argparse
import socketserver
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from slack_bolt import Ack, App
from slack_bolt.adapter.starlette import SlackRequestHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler as WsgiHandler
from slack_sdk import WebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.load import Target, measure
from bot.adapters.bolt import Identity, bolt_app
from bot.adapters.health import Health
from bot.adapters.http_server import HttpServer, listen
from bot.adapters.slack_http import THREADS, SlackRequests
from sandbox.slack import SlackSandbox

CLIENTS = (1, 50)
SECONDS = 5.0
_START_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a set-up is given to work with."""

    api_url: str
    token: str
    secret: str
    directory: Path

    @property
    def client(self) -> WebClient:
        """The Web API of the local Slack."""
        return WebClient(self.token, base_url=self.api_url)


Serve = Callable[[Place], None]


def empty(app: App) -> App:
    """A listener that only acks."""

    @app.command("/ds")
    def answer(ack: Ack) -> None:
        ack("ok")

    return app


def stock(place: Place, **options: Any) -> App:
    """Bolt as its documentation writes it."""
    return empty(App(client=place.client, signing_secret=place.secret, **options))


def stock_uvicorn(place: Place) -> None:
    """Stock Bolt behind Starlette and uvicorn."""
    _uvicorn(place, stock(place))


def stock_inline(place: Place) -> None:
    """The same with process_before_response."""
    _uvicorn(place, stock(place, process_before_response=True))


def stock_wsgi(place: Place) -> None:
    """Stock Bolt as WSGI, a thread per connection."""

    class Server(socketserver.ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 128

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    handler = WsgiHandler(stock(place))
    server = make_server("127.0.0.1", 0, handler, server_class=Server, handler_class=Quiet)
    _tell(place, server.server_port)
    server.serve_forever()


def ours(threads: int, synchronous: str | None) -> Serve:
    """Our server and app; a listener that stores a row per command, as an operation is stored."""

    def serve(place: Place) -> None:
        app = bolt_app(place.client, place.secret, lambda: Identity("T0BENCH", "B0BENCH", "U0BOT"))
        if synchronous is None:
            empty(app)
        else:
            _storing(app, place.directory / "bench.db", synchronous)
        slack = SlackRequests(app, place.secret, threads=threads)
        server = HttpServer(Health(), port=0, host="127.0.0.1", slack=slack)
        server.start()
        _tell(place, server.port)
        threading.Event().wait()

    return serve


SETUPS: dict[str, Serve] = {
    "stock-uvicorn": stock_uvicorn,
    "stock-wsgi-threads": stock_wsgi,
    "stock-uvicorn-process-before-response": stock_inline,
    "ours": ours(THREADS, None),
    "ours-sqlite-full": ours(THREADS, "FULL"),
    "ours-sqlite-normal": ours(THREADS, "NORMAL"),
    "ours-inline-sqlite-full": ours(0, "FULL"),
    "ours-inline-sqlite-normal": ours(0, "NORMAL"),
    "ours-16-threads-sqlite-full": ours(16, "FULL"),
}


def _storing(app: App, path: Path, synchronous: str) -> None:
    local = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            opened = sqlite3.connect(path, timeout=10, isolation_level=None)
            opened.execute("PRAGMA journal_mode=WAL")
            opened.execute(f"PRAGMA synchronous={synchronous}")
            opened.execute("CREATE TABLE IF NOT EXISTS operation (key TEXT PRIMARY KEY, text TEXT)")
            local.connection = opened
        found: sqlite3.Connection = local.connection
        return found

    connection()

    @app.command("/ds")
    def answer(ack: Ack, command: dict[str, Any]) -> None:
        row = (command["trigger_id"], command["text"])
        store = connection()
        store.execute("BEGIN IMMEDIATE")
        store.execute("INSERT INTO operation VALUES (?, ?)", row)
        store.execute("COMMIT")
        ack("ok")


def _uvicorn(place: Place, app: App) -> None:
    handler = SlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    api = Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])
    listener = listen("127.0.0.1", 0)
    _tell(place, listener.getsockname()[1])
    uvicorn.Server(uvicorn.Config(api)).run(sockets=[listener])


def _tell(place: Place, port: int) -> None:
    """Say which port is served; whole or not at all."""
    draft = place.directory / "port.draft"
    draft.write_text(str(port))
    draft.rename(place.directory / "port")


def run(names: list[str], seconds: float) -> None:
    """Measure set-ups one after another and print a line for each number of clients."""
    with SlackSandbox() as slack, tempfile.TemporaryDirectory() as directory:
        for name in names:
            place = Place(
                slack.api_url, slack.bot_token, slack.signing_secret, Path(directory, name)
            )
            place.directory.mkdir()
            _run_one(name, place, seconds)


def _run_one(name: str, place: Place, seconds: float) -> None:
    words = [place.api_url, place.token, place.secret, str(place.directory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ack", "--serve", name, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        target = Target(f"http://127.0.0.1:{_port_of(place)}/slack/events", place.secret)
        measure(target, 1, 0.3)  # imports and connections are not part of it
        for clients in CLIENTS:
            print(f"{name:38} {measure(target, clients, seconds)}", flush=True)
    finally:
        process.kill()
        process.wait()


def _port_of(place: Place) -> int:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if (place.directory / "port").exists():
            return int((place.directory / "port").read_text())
        time.sleep(0.02)
    raise SystemExit("the set-up did not start")


def main(argv: list[str] | None = None) -> None:
    """The command line; see above."""
    parser = argparse.ArgumentParser(prog="bench.ack")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SETUPS))
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--url", help="the /slack/events of a bot that runs")
    parser.add_argument("--secret", default="", help="its signing secret")
    parser.add_argument("--text", default="ps", help="what follows /ds")
    parser.add_argument("--serve", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.serve:
        name, api_url, token, secret, directory = options.serve
        SETUPS[name](Place(api_url, token, secret, Path(directory)))
    elif options.url:
        target = Target(options.url, options.secret, text=options.text)
        for clients in CLIENTS:
            print(measure(target, clients, options.seconds), flush=True)
    else:
        run(options.names or list(SETUPS), options.seconds)


if __name__ == "__main__":
    main()
