"""Our own Bolt app behind both transports, with a local Slack at the other end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.adapters.bolt import Identity, bolt_app
from bot.adapters.health import Health
from bot.adapters.http_server import HttpServer
from bot.adapters.slack_http import SlackRequests
from bot.adapters.slack_socket import SlackSocket
from sandbox.slack import Rules, SlackSandbox

GENERAL, JANE = "C0GENERAL", "U0JANE"
US = Identity("T0SANDBOX", "B0DSBOT", "U0DSBOT")
WITHIN = timedelta(seconds=10)


@dataclass
class Listeners:
    """What the app's listeners got. A command "wait" is held until `release` is set."""

    commands: list[dict[str, Any]] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def listen(self, app: App) -> None:
        @app.command("/ds")
        def answer(ack: Ack, command: dict[str, Any]) -> None:
            self.commands.append(command)
            match command["text"]:
                case "wait":
                    self.held.set()
                    assert self.release.wait(10)
                case "fail":
                    raise RuntimeError("not this time")
                case "long":
                    ack("x" * 70_000)
                    return
            ack(f"you said {command['text']}")


def until(holds: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Return as soon as it holds; for what the sandbox gets no word of."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.005)


@pytest.fixture
def slack() -> Iterator[SlackSandbox]:
    with SlackSandbox(rules=Rules(pacing=False)) as sandbox:
        yield sandbox


@pytest.fixture
def client(slack: SlackSandbox) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def listeners() -> Listeners:
    return Listeners()


@pytest.fixture
def app(client: WebClient, slack: SlackSandbox, listeners: Listeners) -> App:
    app = bolt_app(client, slack.signing_secret, lambda: US)
    listeners.listen(app)
    return app


@pytest.fixture
def socket(app: App, slack: SlackSandbox) -> Iterator[SlackSocket]:
    """Connected over Socket Mode."""
    socket = SlackSocket(app, slack.app_token)
    socket.start()
    assert socket.wait_connected(WITHIN)
    yield socket
    socket.close()


@pytest.fixture
def health() -> Health:
    return Health(keep=timedelta(0))


@pytest.fixture
def http(app: App, slack: SlackSandbox, health: Health) -> Iterator[HttpServer]:
    """Serving HTTP mode; Slack does not deliver to it unless a test says so."""
    requests = SlackRequests(app, slack.signing_secret, read_timeout=timedelta(seconds=0.3))
    server = HttpServer(health, port=0, host="127.0.0.1", slack=requests)
    server.start()
    yield server
    server.close()


@pytest.fixture(params=["socket", "http"])
def connected(request: pytest.FixtureRequest, slack: SlackSandbox) -> str:
    """The app behind one transport after the other; its name."""
    part = request.getfixturevalue(request.param)
    if isinstance(part, HttpServer):
        slack.use_http(f"{part.url}/slack/events")
    return str(request.param)


@pytest.fixture
def later() -> Iterator[Callable[..., Any]]:
    """Runs something in another thread; gives its future."""
    with ThreadPoolExecutor(64) as pool:
        yield pool.submit
