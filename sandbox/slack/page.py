"""The web page: a workspace to look at and to type in.

One WebSocket per tab carries changes to the page and what the visitor does from it. It is opened
only with the page's own cookie and origin, so that no other web site can act through a visitor's
browser; addresses by name other than localhost are refused (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import jinja2
from aiohttp import WSMsgType, web

from sandbox.slack import wording
from sandbox.slack.errors import SlackError
from sandbox.slack.interactions import Click, Interactions, Outcome
from sandbox.slack.page_state import PageState, outcome_body
from sandbox.slack.records import Channel, Json, Message, User, View
from sandbox.slack.workspace import Change, Workspace

HERE = Path(__file__).parent
COOKIE = "sandbox_page"
# What went wrong before the app was asked, as the person reads it.
REFUSALS = {
    "message_not_found": "message_gone",
    "not_found": "view_gone",
    "is_archived": "is_archived",
    "not_in_channel": "not_in_channel",
}
POLICY = (
    "default-src 'self'; img-src 'self' data: http: https:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(eq=False, slots=True)
class Tab:
    """One open page of one person; `outbox` is what it has still to be told."""

    user: User
    socket: web.WebSocketResponse
    outbox: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)


class Page:
    """Serves the page, its files, and the WebSocket of each tab."""

    def __init__(
        self, workspace: Workspace, interactions: Interactions, state: PageState, host: str
    ) -> None:
        self._workspace = workspace
        self._interactions = interactions
        self._state = state
        self._host = host
        self._secret = secrets.token_urlsafe(24)
        self._tabs: set[Tab] = set()
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True
        )
        workspace.listen(self._tell_tabs)
        self._acts: dict[str, Callable[[User, Json], Awaitable[Outcome]]] = {
            "type": self._type,
            "click": self._click,
            "submit": self._submit,
            "close": self._close,
            "open_app": self._open_app,
            "open_direct": self._open_direct,
            "read": self._read,
            "react": self._react,
            "dismiss": self._dismiss,
            "join": self._join,
        }

    def routes(self) -> list[web.AbstractRouteDef]:
        """The addresses this answers."""
        return [
            web.get("/", self._index),
            web.get("/archives/{channel}/p{ts:[0-9]+}", self._permalink),
            web.get("/page/socket", self._socket),
            web.get("/static/{name:[a-z_]+[.](?:js|css|json|svg)}", self._static),
        ]

    def has_cookie(self, request: web.Request) -> bool:
        """Whether a request comes from a browser that has opened the page."""
        given = request.cookies.get(_cookie_name(request), "")
        return hmac.compare_digest(given.encode(), self._secret.encode())

    async def close(self) -> None:
        """Close the sockets of all tabs."""
        for tab in list(self._tabs):
            await tab.socket.close()

    # --- pages -----------------------------------------------------------------------------------

    async def _index(self, request: web.Request) -> web.Response:
        self._check_host(request)
        people = {person.id: person for person in self._state.people()}
        user = people.get(request.query.get("user", ""), next(iter(people.values())))
        language = wording.language_of(user.locale)
        html = self._templates.get_template("page.html").render(
            language=language,
            words=wording.table(language),
            team=self._workspace.team.name,
            start={
                "user": user.id,
                "channel": request.query.get("channel", ""),
                "ts": request.query.get("ts", ""),
                "tab": request.query.get("tab", ""),
                "words": wording.table(language),
            },
        )
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        response = web.Response(text=html, content_type="text/html", headers=headers)
        name = _cookie_name(request)
        response.set_cookie(name, self._secret, httponly=True, samesite="Strict")
        return response

    async def _static(self, request: web.Request) -> web.StreamResponse:
        path = HERE / "static" / request.match_info["name"]
        if not path.is_file():
            raise web.HTTPNotFound
        # Browsers ask each time whether it has changed: no page runs on yesterday's scripts.
        return web.FileResponse(path, headers={"Cache-Control": "no-cache"})

    async def _permalink(self, request: web.Request) -> web.Response:
        digits = request.match_info["ts"]
        query = {"channel": request.match_info["channel"], "ts": f"{digits[:-6]}.{digits[-6:]}"}
        raise web.HTTPFound("/?" + urlencode(query))

    # --- the socket of a tab ---------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self._check_host(request)
        origin = urlsplit(request.headers.get("Origin", "")).netloc
        user = self._workspace.users.get(request.query.get("user", ""))
        if user is None or origin != request.host or not self.has_cookie(request):
            raise web.HTTPForbidden(text="only from the page itself")
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        tab = Tab(user, socket)
        tab.outbox.put_nowait(self._state.everything(user))
        self._tabs.add(tab)
        sender = asyncio.create_task(_send_all(tab))
        try:
            await self._listen(tab)
        finally:
            self._tabs.discard(tab)
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        return socket

    async def _listen(self, tab: Tab) -> None:
        async with asyncio.TaskGroup() as acts:
            async for frame in tab.socket:
                if frame.type is WSMsgType.TEXT:
                    acts.create_task(self._act(tab, json.loads(frame.data)))

    async def _act(self, tab: Tab, request: Json) -> None:
        """Do what the visitor did; the page gets the outcome under the request's id."""
        try:
            outcome = await self._acts[request["do"]](tab.user, request)
        except (SlackError, LookupError) as error:
            outcome = Outcome("not_done", _refusal(tab.user, error))
        tab.outbox.put_nowait({"type": "reply", "id": request.get("id")} | outcome_body(outcome))

    def _tell_tabs(self, change: Change) -> None:
        for tab in self._tabs:
            if tab.user.id in change.users:
                told = self._state.change(change, tab.user.id)
                if told is not None:
                    tab.outbox.put_nowait(told)

    # --- what a visitor can do -------------------------------------------------------------------

    async def _type(self, user: User, request: Json) -> Outcome:
        """Type a line: a message, or a command when it begins with a slash."""
        channel, text = self._writable(user, request), str(request["text"])
        thread_ts = request.get("thread_ts")
        if not text.startswith("/"):
            self._interactions.say(user, channel, text, thread_ts)
            return Outcome()
        name, _, rest = text.partition(" ")
        if thread_ts:
            return Outcome("in_thread", wording.say(user.locale, "no_thread_command", command=name))
        return await self._interactions.command(user, channel, name, rest.strip())

    async def _click(self, user: User, request: Json) -> Outcome:
        click = Click(
            request["action_id"], request.get("reading"), request["block_id"], request["form"]
        )
        return await self._interactions.click(user, self._target(user, request), click)

    async def _submit(self, user: User, request: Json) -> Outcome:
        return await self._interactions.submit(user, self._view(user, request), request["form"])

    async def _close(self, user: User, request: Json) -> Outcome:
        view = self._view(user, request)
        await self._interactions.close(user, view, all_views=bool(request.get("all")))
        return Outcome()

    async def _open_app(self, user: User, request: Json) -> Outcome:
        self._interactions.open_app(user, str(request["tab"]))
        return Outcome()

    async def _open_direct(self, user: User, request: Json) -> Outcome:
        channel = self._workspace.direct(user.id, self._workspace.user(request["user"]).id)
        return Outcome(text=channel.id)

    async def _read(self, user: User, request: Json) -> Outcome:
        self._workspace.mark_read(user.id, self._channel(user, request).id)
        return Outcome()

    async def _react(self, user: User, request: Json) -> Outcome:
        message = self._workspace.message(self._channel(user, request).id, request["ts"])
        name = str(request["name"])
        if user.id in message.reactions.get(name, ()):
            self._workspace.unreact(message, user.id, name)
        else:
            self._workspace.react(message, user.id, name)
        return Outcome()

    async def _dismiss(self, user: User, request: Json) -> Outcome:
        message = self._shown(user, request)
        if message.is_ephemeral:
            self._workspace.remove(message)
        return Outcome()

    async def _join(self, user: User, request: Json) -> Outcome:
        self._workspace.join(self._channel(user, request), user.id)
        return Outcome()

    # --- finding what is meant -------------------------------------------------------------------

    def _channel(self, user: User, request: Json) -> Channel:
        channel = self._workspace.channel(str(request["channel"]))
        if channel not in self._workspace.visible_channels(user.id):
            raise SlackError("channel_not_found")
        return channel

    def _writable(self, user: User, request: Json) -> Channel:
        channel = self._channel(user, request)
        if channel.is_archived:
            raise SlackError("is_archived")
        if user.id not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def _shown(self, user: User, request: Json) -> Message:
        channel = self._channel(user, request)
        message = self._workspace.shown(user.id, channel.id, str(request["ts"]))
        if message is None:
            raise SlackError("message_not_found")
        return message

    def _view(self, user: User, request: Json) -> View:
        view = self._workspace.views.find(str(request["view"]))
        if view.user != user.id:
            raise SlackError("not_found")
        return view

    def _target(self, user: User, request: Json) -> Message | View:
        return self._view(user, request) if request.get("view") else self._shown(user, request)

    def _check_host(self, request: web.Request) -> None:
        name = urlsplit(f"//{request.host}").hostname or ""
        if name not in ("localhost", self._host) and not _is_address(name):
            raise web.HTTPForbidden(text="this address is not the sandbox's")


async def _send_all(tab: Tab) -> None:
    while True:
        await tab.socket.send_json(await tab.outbox.get())


def _cookie_name(request: web.Request) -> str:
    """Browsers share cookies between ports, so each sandbox of a machine has its own name."""
    return f"{COOKIE}_{urlsplit(f'//{request.host}').port or 80}"


def _refusal(user: User, error: Exception) -> str:
    """Why something was not done, in the person's language."""
    code = error.code if isinstance(error, SlackError) else str(error)
    if code in REFUSALS:
        return wording.say(user.locale, REFUSALS[code])
    return wording.say(user.locale, "not_done", error=code)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
