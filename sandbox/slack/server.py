"""A local Slack workspace in a thread of its own.

with SlackSandbox() as slack:
    client = WebClient(slack.bot_token, base_url=slack.api_url)
    client.chat_postMessage(channel="C0GENERAL", text="hello")
    assert slack.messages("C0GENERAL")[-1].text == "hello"
"""

from __future__ import annotations

import asyncio
import copy
import socket
import threading
import time as clocks
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from aiohttp import web

from sandbox.slack import seed
from sandbox.slack.delivery import EVENT_RETRY_DELAYS_S, Delivery
from sandbox.slack.faults import AckRecord, Call, Faults
from sandbox.slack.http_mode import HttpMode
from sandbox.slack.interactions import Interactions
from sandbox.slack.manifest import Manifest
from sandbox.slack.methods.context import Api
from sandbox.slack.pacing import Pacing
from sandbox.slack.page import Page
from sandbox.slack.page_state import PageState
from sandbox.slack.person import Person
from sandbox.slack.pulse import Pulse
from sandbox.slack.records import Message, View
from sandbox.slack.response_urls import ResponseUrls
from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.triggers import Triggers
from sandbox.slack.uploads import Uploads
from sandbox.slack.web_api import MAX_BODY, Tokens, WebApi
from sandbox.slack.workspace import Cast, Workspace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rules:
    """How strict the sandbox is. `time` gives epoch seconds for lifetimes and rate limits."""

    pacing: bool = True
    ack_timeout_s: float = 3.0
    event_retry_delays_s: tuple[float, ...] = EVENT_RETRY_DELAYS_S
    time: Callable[[], float] = clocks.time


class LoopThread:
    """An event loop in a thread, to which other threads hand their work."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="slack-sandbox", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine run on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call(self, act: Callable[[], T]) -> T:
        """The result of a function called on the loop's thread."""
        if threading.current_thread() is self._thread:
            return act()

        async def work() -> T:
            return act()

        return self.run(work())

    def close(self) -> None:
        """Stop the loop and wait for its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


class SlackSandbox:
    """One workspace with one app installed, its Web API, its transports and its page.

    manifest: the app's manifest, default: one for ds-bot with `/ds`.
    port: 0 takes a free one. request_url: deliver by signed HTTP instead of Socket Mode.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        request_url: str | None = None,
        rules: Rules | None = None,
        cast: Cast | None = None,
    ) -> None:
        rules = rules or Rules()
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.port}"
        self.bot_token = "xoxb-sandbox-bot"
        self.app_token = "xapp-sandbox-app"
        self.signing_secret = "sandbox-signing-secret"
        self.faults = Faults()
        self.pacing = Pacing(rules.time, is_on=rules.pacing)
        self._pulse = Pulse()
        self._workspace = Workspace(Manifest(manifest), rules.time, cast)
        self._workspace.listen(lambda _change: self._pulse.beat())
        self._build(host, request_url, rules)
        self._loop: LoopThread | None = None

    def _build(self, host: str, request_url: str | None, rules: Rules) -> None:
        workspace, beat = self._workspace, self._pulse.beat
        triggers = Triggers(rules.time)
        response_urls = ResponseUrls(workspace, rules.time)
        sockets = SocketMode(seed.APP_ID, rules.ack_timeout_s, beat)
        http = HttpMode(self.signing_secret, rules.time, rules.ack_timeout_s)
        http.request_url = request_url
        self._delivery = Delivery(sockets, http, rules.event_retry_delays_s, beat)
        self._interactions = Interactions(
            workspace, self._delivery, triggers, response_urls, self.url
        )
        api = Api(workspace, triggers, sockets, self.url)
        tokens = Tokens(self.bot_token, self.app_token)
        self._web_api = WebApi(api, tokens, self.pacing, self.faults, response_urls, beat)
        self._page = Page(workspace, self._interactions, PageState(api), host)
        self._uploads = Uploads(workspace, self.bot_token, self._page.has_cookie)

    # --- life ------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Begin to answer. Returns when the port is served."""
        self._loop = LoopThread()
        self._loop.run(self._serve())
        return self

    def stop(self) -> None:
        """Close all connections and end the thread; stopped already is success."""
        if self._loop is None:
            self._listener.close()
            return
        loop, self._loop = self._loop, None
        loop.run(self._close())
        loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point a bot at this sandbox."""
        return {
            "SLACK_API_URL": self.api_url,
            "SLACK_BOT_TOKEN": self.bot_token,
            "SLACK_APP_TOKEN": self.app_token,
            "SLACK_SIGNING_SECRET": self.signing_secret,
        }

    @property
    def api_url(self) -> str:
        """Base of the Web API, with a slash at its end, as slack_sdk's `base_url` wants it."""
        return f"{self.url}/api/"

    # --- transports ------------------------------------------------------------------------------

    def use_http(self, request_url: str) -> None:
        """Deliver to a request URL from now on.

        Raises ValueError when it does not answer Slack's url_verification, like Slack's own form.
        """
        if not self._on_loop(lambda: self._delivery.http.verify(request_url)):
            raise ValueError(f"{request_url} did not answer the url_verification challenge")
        self._delivery.http.request_url = request_url

    def use_socket_mode(self) -> None:
        """Deliver over Socket Mode from now on."""
        self._delivery.http.request_url = None

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the app has open."""
        return self._delivery.socket.count

    @property
    def connections_opened(self) -> int:
        """How many Socket Mode connections the app has opened since the start."""
        return self._delivery.socket.opened

    def disconnect(self, reason: str = "refresh_requested") -> int:
        """Send a `disconnect` frame to every connection; gives their number."""
        return self._on_loop(lambda: self._delivery.socket.disconnect(reason))

    def cut_connections(self) -> int:
        """Drop every Socket Mode connection without a word; gives their number."""
        return self._call(self._delivery.socket.cut)

    @property
    def acks(self) -> list[AckRecord]:
        """(kind, seconds) of every payload that the app took in time."""
        return list(self._delivery.acks)

    # --- what can be seen ------------------------------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        """Every call that the app has made, answers to response URLs ("response_url") too."""
        return list(self._web_api.calls)

    def calls_to(self, method: str) -> list[Call]:
        """The calls to one method."""
        return [call for call in self.calls if call.method == method]

    def messages(self, channel_id: str) -> list[Message]:
        """All messages of a conversation that everybody in it sees, oldest first."""
        return self._call(lambda: copy.deepcopy(self._workspace.messages(channel_id)))

    def ephemerals(self, user_id: str) -> list[Message]:
        """The messages that only this person sees, in all conversations, oldest first."""
        return self._call(lambda: copy.deepcopy(self._workspace.ephemerals(user_id)))

    def modals(self, user_id: str) -> list[View]:
        """The person's open modals, the one on top last."""
        return self._call(lambda: copy.deepcopy(self._workspace.views.stack(user_id)))

    def home(self, user_id: str) -> View | None:
        """The App Home published for a person."""
        return self._call(lambda: copy.deepcopy(self._workspace.views.home(user_id)))

    def direct(self, user_id: str) -> str:
        """Id of the person's direct conversation with the app."""
        return self._call(lambda: self._workspace.direct(user_id, self._workspace.bot.id).id)

    def user(self, user_id: str) -> Person:
        """A person to act as. Raises SlackError user_not_found."""
        if self._loop is None:
            raise RuntimeError("the sandbox has not been started")
        return Person(user_id, self._loop, self._workspace, self._interactions)

    def page_url(self, user_id: str = seed.JANE, channel_id: str = seed.GENERAL) -> str:
        """The page as this person, with this conversation open."""
        return f"{self.url}/?user={user_id}&channel={channel_id}"

    def wait_for(self, predicate: Callable[[], T], timeout: float = 10.0) -> T:
        """The first true value of `predicate`, asked again whenever something has changed.

        timeout: seconds. Raises TimeoutError.
        """
        return self._pulse.wait_for(predicate, timeout)

    # --- inside ----------------------------------------------------------------------------------

    async def _serve(self) -> None:
        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes(self._web_api.routes())
        app.add_routes(self._uploads.routes())
        app.add_routes([web.get("/link/", self._delivery.socket.serve)])
        app.add_routes(self._page.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener).start()

    async def _close(self) -> None:
        await self._delivery.close()
        await self._page.close()
        await self._runner.cleanup()

    def _call(self, act: Callable[[], T]) -> T:
        return act() if self._loop is None else self._loop.call(act)

    def _on_loop(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if self._loop is None:
            raise RuntimeError("the sandbox has not been started")
        return self._loop.run(work())
