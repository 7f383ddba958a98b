"""An SSH server in this process, at a free port of the loopback, that counts what reaches it."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_SUCCEEDED,
    cMSG_CHANNEL_SUCCESS,
)

from bot.models import HostAccess

Command = Callable[[paramiko.Channel], int]
Route = Callable[[dict[str, str]], tuple[int, Any]]


class LoopbackSshd:
    """Takes one public key. `commands` maps a command line to what it does: it gets the channel
    and returns the exit status."""

    def __init__(self, host_keys: Sequence[paramiko.PKey], authorized: paramiko.PKey) -> None:
        self.host_keys = list(host_keys)
        self.authorized = authorized
        self.commands: dict[str, Command] = {}
        self.connections = 0
        self.auth_attempts = 0
        self.sessions = 0
        self.most_sessions = 0
        self.lock = threading.Lock()
        self._transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def access(self, host_key: paramiko.PKey | None) -> HostAccess:
        """How to reach it, with that key pinned."""
        pinned = None
        if host_key is not None:
            pinned = f"{host_key.get_name()} {host_key.get_base64()} a comment"
        return HostAccess("127.0.0.1", pinned, port=self._listener.getsockname()[1])

    def cut(self) -> None:
        """End every connection, as when the machine reboots; new ones are taken."""
        with self.lock:
            transports, self._transports = self._transports, []
        for transport in transports:
            transport.close()

    def close(self) -> None:
        # shutdown wakes the accepting thread, which closing alone does not
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            transport = _Transport(sock)
            transport.set_log_channel("tests.loopback_sshd")
            for key in self.host_keys:
                transport.add_server_key(key)
            with self.lock:
                self._transports.append(transport)
            # with an event, start_server returns at once, and failures stay in its thread
            transport.start_server(threading.Event(), server=_Session(self, transport))


class _Transport(paramiko.Transport):
    """Begins a command only when the client was told that it is accepted, as OpenSSH does.

    paramiko 5.1 asks the server interface first and answers after that (Channel._handle_request): a
    command begun there could end, and close its channel, before the answer is out.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.accepted: threading.Thread | None = None

    def _send_user_message(self, message: paramiko.Message) -> None:
        super()._send_user_message(message)  # type: ignore[misc]  # not in the stubs
        is_ours = threading.current_thread() is self
        if is_ours and self.accepted and message.asbytes().startswith(cMSG_CHANNEL_SUCCESS):
            self.accepted.start()
            self.accepted = None


class _Session(paramiko.ServerInterface):
    def __init__(self, sshd: LoopbackSshd, transport: _Transport) -> None:
        self._sshd = sshd
        self._transport = transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._sshd.auth_attempts += 1
        is_ours = key.asbytes() == self._sshd.authorized.asbytes()
        return AUTH_SUCCESSFUL if is_ours else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        act = self._sshd.commands.get(command.decode())
        if act is None:
            return False
        with self._sshd.lock:
            self._sshd.sessions += 1
            self._sshd.most_sessions = max(self._sshd.most_sessions, self._sshd.sessions)
        self._transport.accepted = threading.Thread(
            target=self._perform, args=(act, channel), daemon=True
        )
        return True

    def _perform(self, act: Command, channel: paramiko.Channel) -> None:
        try:
            status = act(channel)
            channel.send_exit_status(status)
            channel.close()
        except (OSError, EOFError, paramiko.SSHException):
            return  # the connection was cut, and every channel with it
        finally:
            with self._sshd.lock:
                self._sshd.sessions -= 1


class LoopbackEngine:
    """As much of a Docker Engine as a test needs, behind `docker system dial-stdio`.

    `routes` maps "METHOD /path" (without API version) to what answers, with JSON or as bytes;
    `asked` counts them.
    """

    def __init__(self, sshd: LoopbackSshd) -> None:
        self.api_version = "1.41"
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.hijacked = "/exec/e1/start"  # the end of the path whose answer has no length
        self.routes: dict[str, Route] = {
            "GET /version": lambda query: (200, {"ApiVersion": self.api_version}),
            "GET /containers/json": lambda query: (200, []),
        }
        sshd.commands["docker system dial-stdio"] = self._serve

    def _serve(self, channel: paramiko.Channel) -> int:
        engine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                self.rfile = channel.makefile("rb")  # type: ignore[assignment]
                self.wfile = channel.makefile("wb")  # type: ignore[assignment]

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = engine.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(status)
                if self.path.endswith(engine.hijacked):
                    self.close_connection = True  # the answer ends with its connection
                else:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.close_connection:
                    self.wfile.flush()
                    threading.Event().wait(0.1)  # as a command takes
                self.wfile.write(answer)
                self.wfile.flush()

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        Handler(channel, ("loopback", 0), None)  # type: ignore[arg-type]
        return 0

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes]:
        path = path.partition("?")[0]
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        question = f"{method} {path}"
        self.asked[question] += 1
        self.headers.append(headers)
        route = self.routes.get(question)
        status, answer = route(headers) if route else (404, {"message": f"no {question} here"})
        if answer is None or isinstance(answer, bytes):
            return status, answer or b""
        return status, json.dumps(answer).encode()


@contextmanager
def loopback_sshd(authorized: paramiko.PKey, *host_keys: paramiko.PKey) -> Iterator[LoopbackSshd]:
    """A server that is gone when the context ends."""
    sshd = LoopbackSshd(host_keys, authorized)
    try:
        yield sshd
    finally:
        sshd.close()
