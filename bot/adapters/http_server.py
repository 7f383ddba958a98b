"""The HTTP server: `/healthz`, `/metrics`, and in HTTP mode `/slack/events`."""

from __future__ import annotations

import json
import logging
import socket
import threading
from datetime import timedelta

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.adapters.health import Health
from bot.adapters.slack_http import SlackRequests
from bot.metrics import exposition

_log = logging.getLogger(__name__)

DRAIN = timedelta(seconds=5)
_BACKLOG = 512


class HttpServer:
    """Serves in a thread of its own from `start` to `close`.

    slack: answers POST /slack/events; None in Socket Mode. host: by default every interface when
    Slack has to reach us, else only this machine. port: 0 takes a free one.
    """

    def __init__(
        self,
        health: Health,
        *,
        port: int,
        host: str | None = None,
        slack: SlackRequests | None = None,
        drain: timedelta = DRAIN,
    ) -> None:
        self._host = host or ("0.0.0.0" if slack else "127.0.0.1")
        self._port = port
        self._drain_s = drain.total_seconds()
        config = uvicorn.Config(
            asgi(health, slack),
            http="h11",  # the one that is in the lock, also where httptools happens to be there
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=int(self._drain_s),
        )
        self._server = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to answer; returns when the port is open. Raises OSError when it is taken."""
        listener = listen(self._host, self._port)
        self._port = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="http", daemon=True
        )
        self._thread.start()
        _log.info("listening on http://%s:%d", self._host, self._port)

    def close(self) -> None:
        """Take no more requests, finish those begun (at most `drain`), end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._server.should_exit = True
        thread.join(self._drain_s + 1)

    @property
    def port(self) -> int:
        """The port that is served."""
        return self._port

    @property
    def url(self) -> str:
        """Address for this machine, without a slash at its end."""
        host = "127.0.0.1" if self._host == "0.0.0.0" else self._host
        return f"http://{host}:{self._port}"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, for asyncio to serve. Raises OSError when the port is taken.

    Not `socket.create_server`: its protocol number is 0, for which asyncio (3.11, base_events.py
    _set_nodelay) leaves TCP_NODELAY off, and each answer waits 40 ms for the client's ACK.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def asgi(health: Health, slack: SlackRequests | None) -> Starlette:
    """The pages by themselves, for a server other than ours."""

    def healthz(_request: Request) -> Response:
        report = health.report()
        text = json.dumps(report.as_json(), ensure_ascii=False)
        headers = {"Cache-Control": "no-store"}
        status = 200 if report.ok else 503
        return Response(text, status, headers, media_type="application/json")

    def metrics(_request: Request) -> Response:
        return Response(exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    routes = [Route("/healthz", healthz), Route("/metrics", metrics)]
    if slack is not None:
        routes.append(Route("/slack/events", slack.answer, methods=["POST"]))
    return Starlette(routes=routes)
