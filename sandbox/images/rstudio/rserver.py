"""The stand-in's web server on port 8787: sign in, then type R code that is really run."""

from __future__ import annotations

import crypt
import hmac
import html
import json
import os
import secrets
import signal
import spwd
import threading
from collections.abc import Callable
from http import cookies
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .r_session import USER, RSession

PORT = 8787
_HERE = Path(__file__).parent
_COOKIE = "user-id"
_MAX_BODY = 1_000_000
_WRONG = "Incorrect or invalid username/password"  # RStudio's own words
_POLL_S = 50.0  # that a page's question for events is held open (ServerSessionProxy.cpp)


class Server(ThreadingHTTPServer):
    """One R session, and the sign-ins that may use it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("", PORT), Handler)
        self.session = RSession()
        self.needs_sign_in = os.environ.get("DISABLE_AUTH", "").lower() != "true"
        self._signed_in: set[str] = set()
        self._lock = threading.Lock()

    def sign_in(self, user: str, password: str) -> str | None:
        """A new cookie's value if the system knows this user by this password."""
        if user != USER:
            return None
        stored = spwd.getspnam(USER).sp_pwdp
        if not hmac.compare_digest(crypt.crypt(password, stored) or "", stored):
            return None
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._signed_in.add(token)
        return token

    def sign_out(self, token: str) -> None:
        with self._lock:
            self._signed_in.discard(token)

    def knows(self, token: str) -> bool:
        with self._lock:
            return not self.needs_sign_in or token in self._signed_in


class Handler(BaseHTTPRequestHandler):
    """Answers one connection. A page opens the session, gives it code, and waits for events all
    the time, as RStudio's does."""

    server: Server
    _questions: dict[str, Callable[[RSession, dict[str, Any]], dict[str, Any]]] = {
        "/rpc/client_init": lambda session, _: {"process": session.open()},
        "/rpc/console_input": lambda session, asked: {"code": session.submit(asked["code"]).code},
        "/rpc/interrupt": lambda session, _: {"is_asked": session.interrupt()},
        "/events/get_events": lambda session, asked: {
            "events": session.events(int(asked.get("after", 0)), _POLL_S)
        },
        "/console": lambda session, asked: {"output": session.submit(asked["code"]).output()},
    }
    protocol_version = "HTTP/1.1"
    timeout = 3600

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/auth-sign-in":
            self._page("sign_in.html", message=_WRONG if "error" in parse_qs(query) else "")
        elif path == "/auth-sign-out":
            self.server.sign_out(self._token())
            self._go("/auth-sign-in")
        elif not self.server.knows(self._token()):
            self._go("/auth-sign-in")
        elif path == "/":
            self._page("page.html", message=os.uname().nodename)
        else:
            self._send(404, "text/plain", b"Not found\n")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self._body()
        answer = self._questions.get(self.path)
        if self.path == "/auth-do-sign-in":
            self._sign_in(parse_qs(body))
        elif answer is None:
            self._send(404, "text/plain", b"Not found\n")
        elif not self.server.knows(self._token()):
            self._send(401, "text/plain", b"Sign in first\n")
        else:
            found = answer(self.server.session, json.loads(body or "{}"))
            self._send(200, "application/json", json.dumps(found).encode())

    def _sign_in(self, form: dict[str, list[str]]) -> None:
        user, password = (form.get(name, [""])[0] for name in ("username", "password"))
        token = self.server.sign_in(user, password)
        if token is None:
            self._go("/auth-sign-in?error=1")
        else:
            self._go("/", f"{_COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/")

    def _body(self) -> str:
        size = min(int(self.headers.get("Content-Length") or 0), _MAX_BODY)
        return self.rfile.read(size).decode("utf-8", "replace")

    def _token(self) -> str:
        found = cookies.SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        return found.value if found else ""

    def _page(self, name: str, message: str) -> None:
        text = (_HERE / name).read_text("utf-8").replace("@MESSAGE@", html.escape(message))
        self._send(200, "text/html; charset=utf-8", text.encode())

    def _go(self, where: str, cookie: str = "") -> None:
        self._send(302, "text/plain", b"", {"Location": where} | _cookie(cookie))

    def _send(
        self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the container's log is for what went wrong."""


def _cookie(value: str) -> dict[str, str]:
    return {"Set-Cookie": value} if value else {}


def _end(_number: int, _frame: object) -> None:
    """The first process of a container gets no signal that it does not ask for."""
    raise SystemExit(0)


if __name__ == "__main__":
    Path("/proc/self/comm").write_text("rserver")  # what RStudio's server is called in `ps`
    signal.signal(signal.SIGTERM, _end)
    Server().serve_forever()
