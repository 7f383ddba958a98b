"""A sandbox per test, and stock Bolt apps to talk to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from sandbox.slack import Rules, SlackSandbox


class ManualClock:
    """Time that moves only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def slack(clock: ManualClock) -> Iterator[SlackSandbox]:
    """A sandbox whose lifetimes and rate limits follow the manual clock."""
    with SlackSandbox(rules=Rules(pacing=False, ack_timeout_s=0.5, time=clock)) as sandbox:
        yield sandbox


@pytest.fixture
def client(slack: SlackSandbox) -> WebClient:
    """A stock client without retries, so that each call is one call."""
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def app(client: WebClient, slack: SlackSandbox) -> App:
    return App(client=client, signing_secret=slack.signing_secret, process_before_response=True)


@pytest.fixture
def connect(app: App, slack: SlackSandbox) -> Iterator[Callable[[], SocketModeHandler]]:
    """Opens a builtin Socket Mode connection for the app; closed at the end."""
    handlers: list[SocketModeHandler] = []

    def open_connection() -> SocketModeHandler:
        before = slack.connections
        handler = SocketModeHandler(app, slack.app_token, ping_interval=0.2)
        handlers.append(handler)
        handler.connect()  # type: ignore[no-untyped-call]
        slack.wait_for(lambda: slack.connections > before)
        return handler

    yield open_connection
    for handler in handlers:
        close_quickly(handler, slack)


def close_quickly(handler: SocketModeHandler, slack: SlackSandbox) -> None:
    """Close a builtin client without its wait of up to 3 s for the next frame."""
    assert handler.client is not None
    handler.client.auto_reconnect_enabled = False
    handler.client.default_auto_reconnect_enabled = False
    slack.cut_connections()
    handler.close()  # type: ignore[no-untyped-call]


class HttpApp:
    """The app behind a real HTTP server; keeps the headers and bodies it was sent."""

    def __init__(self, app: App) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        received = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received.append((headers, body))
                request = BoltRequest(body=body.decode(), headers=dict(headers))
                response = app.dispatch(request)
                self.send_response(response.status)
                for name, value in response.first_headers().items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(response.body.encode())

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/slack/events"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def http_app(app: App) -> Iterator[HttpApp]:
    served = HttpApp(app)
    yield served
    served.close()
