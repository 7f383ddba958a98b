"""The Web API over HTTP: tokens, scopes, rate limits and faults around each method.

Also the response URLs that payloads carry.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from sandbox.slack.errors import SlackError
from sandbox.slack.faults import Call, Fault, FaultKind, Faults
from sandbox.slack.methods.arguments import Arguments, read_arguments
from sandbox.slack.methods.context import Api
from sandbox.slack.methods.table import METHODS, Method
from sandbox.slack.pacing import Pacing
from sandbox.slack.records import Json
from sandbox.slack.response_urls import ResponseUrls

MAX_BODY = 20 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the app authenticates with."""

    bot: str
    app: str


class WebApi:
    """Serves /api/METHOD, and /commands and /actions (response URLs)."""

    def __init__(
        self,
        api: Api,
        tokens: Tokens,
        pacing: Pacing,
        faults: Faults,
        response_urls: ResponseUrls,
        on_call: Callable[[], None],
    ) -> None:
        self._api = api
        self._tokens = tokens
        self._pacing = pacing
        self._faults = faults
        self._response_urls = response_urls
        self._on_call = on_call
        self.calls: list[Call] = []

    def routes(self) -> list[web.RouteDef]:
        """The addresses this answers."""
        return [
            web.route("*", "/api/{method}", self._call),
            web.post("/{kind:commands|actions}/{team}/{number}/{key}", self._respond),
        ]

    # --- methods ---------------------------------------------------------------------------------

    async def _call(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]
        try:
            raw = await read_arguments(request)
        except SlackError as refusal:
            return self._answer(refusal.body())
        header_token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        token = header_token or str(raw.pop("token", ""))
        raw.pop("token", None)
        fault = self._faults.take(name)
        if fault is not None and fault.kind not in (FaultKind.SLOW, FaultKind.DROPPED_AFTER):
            self._note(name, raw, fault.kind.value)
            return self._spoilt(request, fault)
        answer = self._perform(name, raw, token)
        return await self._delayed(request, fault, answer)

    def _perform(self, name: str, raw: Json, token: str) -> web.Response:
        try:
            method = self._permitted(name, token)
            wait_s = self._pacing.admit(name, str(raw.get("channel", "")))
            if wait_s:
                self._note(name, raw, "ratelimited")
                return _rate_limited(wait_s)
            body = {"ok": True} | method.act(self._api, Arguments(raw))
        except SlackError as refusal:
            self._note(name, raw, refusal.code)
            return self._answer(refusal.body())
        self._note(name, raw, "ok")
        return self._answer(body)

    def _permitted(self, name: str, token: str) -> Method:
        """The method, if this token may call it.

        Raises SlackError: unknown_method, not_authed, invalid_auth, not_allowed_token_type,
        missing_scope.
        """
        method = METHODS.get(name)
        if method is None:
            raise SlackError("unknown_method", req_method=name)
        if method.token == "none":
            return method
        if not token:
            raise SlackError("not_authed")
        kind = self._kind_of(token)
        if kind is None:
            raise SlackError("invalid_auth")
        if kind != method.token:
            raise SlackError("not_allowed_token_type")
        self._check_scope(method)
        return method

    def _kind_of(self, token: str) -> str | None:
        for kind, known in (("bot", self._tokens.bot), ("app", self._tokens.app)):
            if hmac.compare_digest(token.encode(), known.encode()):
                return kind
        return None

    def _check_scope(self, method: Method) -> None:
        granted = self._api.workspace.manifest.scopes
        if method.token == "app" or granted is None or not method.scopes:
            return
        if not granted & set(method.scopes):
            needed, provided = ",".join(method.scopes), ",".join(sorted(granted))
            raise SlackError("missing_scope", needed=needed, provided=provided)

    def _answer(self, body: Json) -> web.Response:
        scopes = ",".join(sorted(self._api.workspace.manifest.scopes or ()))
        return web.json_response(body, headers={"X-OAuth-Scopes": scopes})

    def _note(self, name: str, args: Json, outcome: str) -> None:
        self.calls.append(Call(name, args, self._api.workspace.time(), outcome))
        self._on_call()

    # --- faults ----------------------------------------------------------------------------------

    def _spoilt(self, request: web.Request, fault: Fault) -> web.Response:
        if fault.kind is FaultKind.RATE_LIMITED:
            return _rate_limited(int(fault.seconds))
        if fault.kind is FaultKind.SERVER_ERROR:
            return web.Response(status=500, text="Internal Server Error")
        if fault.kind is FaultKind.REFUSED:
            return self._answer(SlackError(fault.code).body())
        return _cut(request)

    async def _delayed(
        self, request: web.Request, fault: Fault | None, answer: web.Response
    ) -> web.Response:
        if fault is None:
            return answer
        if fault.kind is FaultKind.DROPPED_AFTER:
            return _cut(request)
        await asyncio.sleep(fault.seconds)
        return answer

    # --- response URLs ---------------------------------------------------------------------------

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        fault = self._faults.take("response_url")
        if fault is not None and fault.kind not in (FaultKind.SLOW, FaultKind.DROPPED_AFTER):
            self._note("response_url", {}, fault.kind.value)
            return self._spoilt(request, fault)
        return await self._delayed(request, fault, self._use_response_url(request.path, raw))

    def _use_response_url(self, path: str, raw: bytes) -> web.Response:
        body: object = None
        try:
            body = _json_or_none(raw)
            self._response_urls.answer(path, body)
        except SlackError as refusal:
            self._note("response_url", _as_args(body), refusal.code)
            status = 404 if refusal.code in ("used_url", "expired_url") else 400
            return web.json_response(refusal.body(), status=status)
        self._note("response_url", _as_args(body), "ok")
        return web.Response(text="ok")


def _rate_limited(wait_s: int) -> web.Response:
    return web.json_response(
        SlackError("ratelimited").body(), status=429, headers={"Retry-After": str(wait_s)}
    )


def _cut(request: web.Request) -> web.Response:
    """Drop the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _json_or_none(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _as_args(body: object) -> Json:
    return body if isinstance(body, dict) else {}
