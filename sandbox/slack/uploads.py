"""The addresses that files.* hands out: where bytes are sent, and where they are got."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from aiohttp import web

from sandbox.slack.workspace import Workspace


class Uploads:
    """Takes and gives the bytes of files.

    may_look: whether a request without a token may have a file (the page's own may).
    """

    def __init__(
        self, workspace: Workspace, bot_token: str, may_look: Callable[[web.Request], bool]
    ) -> None:
        self._workspace = workspace
        self._bot_token = bot_token
        self._may_look = may_look

    def routes(self) -> list[web.RouteDef]:
        """The addresses this answers."""
        return [
            web.post("/upload/v1/{secret}", self._upload),
            web.get("/files-pri/{key}/{name}", self._download),
        ]

    async def _upload(self, request: web.Request) -> web.Response:
        secret = request.match_info["secret"]
        file = next((f for f in self._workspace.files.values() if f.secret == secret), None)
        if file is None:
            return web.Response(status=404, text="not found")
        content = await _uploaded_bytes(request)
        if len(content) != file.length:
            return web.Response(status=400, text="file length does not match")
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    async def _download(self, request: web.Request) -> web.Response:
        file = self._workspace.files.get(request.match_info["key"].rpartition("-")[2])
        is_allowed = self._has_token(request) or self._may_look(request)
        if file is None or file.content is None or not is_allowed:
            return web.Response(status=404, text="not found")
        headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
        if "download" in request.query or not file.mimetype.startswith("image/"):
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=file.content, content_type=file.mimetype, headers=headers)

    def _has_token(self, request: web.Request) -> bool:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(token.encode(), self._bot_token.encode())


async def _uploaded_bytes(request: web.Request) -> bytes:
    """The file in a request: the whole body, or the first part of a form."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    part = next(iter((await request.post()).values()), b"")
    if isinstance(part, web.FileField):
        return part.file.read()
    return part.encode() if isinstance(part, str) else bytes(part)
