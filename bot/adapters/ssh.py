"""One warm SSH connection per VM: our key, the pinned host key, nothing of this machine's ~/.ssh.

`paramiko.Transport` is used directly rather than `SSHClient`, because here the host key is compared
before authentication begins, so that a wrong machine gets to see nothing.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import paramiko

from bot.adapters.ssh_errors import (
    ConnectionBroke,
    breaking,
    broke,
    mismatch,
    no_such_key,
    too_slow,
    unreachable,
)
from bot.errors import HostUnreachable
from bot.models import HostAccess, Text

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = timedelta(seconds=10)
# sshd's default MaxSessions is 10 per connection: one marks it as ours, the others are shared.
COMMAND_SESSIONS = 2
ENGINE_SESSIONS = 7
OPEN_SESSION_TIMEOUT_S = 15.0
_KEEPALIVE_S = 15
# paramiko's keepalive asks for no answer, so by itself it never notices a silent peer. The kernel
# does: unacknowledged bytes end the connection after this long (tcp(7), TCP_USER_TIMEOUT).
_UNACKNOWLEDGED_MS = 30_000
_REMEMBERED_LINES = 200
# By this process, named so for as long as the connection stands, the VM's other visitors can be
# told from the bot and its replicas (vm_activity.sh): sshd does not say who somebody is.
MARK = "exec sh -c 'printf ds-bot >/proc/$$/comm; read -r _' ds-bot"

# Everything paramiko would log about a failure is raised by us, with its cause.
_PARAMIKO_LOG = f"{__name__}.paramiko"
logging.getLogger(_PARAMIKO_LOG).setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended, and the last lines it printed (both streams, in order)."""

    exit_status: int
    lines: tuple[str, ...]


class Ssh:
    """The connection to one VM: made at first use, made again when it broke. For many threads."""

    def __init__(
        self, access: HostAccess, key: paramiko.PKey, timeout: timedelta = CONNECT_TIMEOUT
    ) -> None:
        self.access = access
        self._key = key
        self._timeout = timeout
        self._lock = threading.Lock()
        self._transport: paramiko.Transport | None = None
        self._mark: paramiko.Channel | None = None
        self._attempt: Future[paramiko.Transport] | None = None
        self._host_key = access.host_key and _without_comment(access.host_key)
        self._closed = False
        self._commands = threading.BoundedSemaphore(COMMAND_SESSIONS)

    def transport(self) -> paramiko.Transport:
        """The open, verified and authenticated connection.

        Threads that ask while one of them is connecting share that attempt and its outcome, so a
        dead VM costs all of them one timeout. Raises HostUnreachable, HostKeyMismatch.
        """
        with self._lock:
            if self._closed:
                raise HostUnreachable(
                    Text(
                        "The connection to the VM at {address} was given up.",
                        address=self.access.address,
                    )
                )
            if self._transport is not None and self._transport.is_active():
                return self._transport
            attempt, is_mine = self._attempt, self._attempt is None
            if attempt is None:
                attempt = self._attempt = Future()
        if is_mine:
            self._settle(attempt)
        return attempt.result()

    def host_key(self) -> str:
        """The key that the VM shows ("ssh-ed25519 AAAA…"), verified by connecting."""
        return _spelled(self.transport().get_remote_server_key())

    def run(
        self, command: str, timeout: timedelta, tell: Callable[[str], None] = lambda line: None
    ) -> CommandResult:
        """Run a shell command to its end; `tell` gets each line of output as it comes.

        Raises CommandTimeout, ConnectionBroke when the connection is lost before it ended.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        with self._running(command, deadline, with_stderr=True) as channel:
            remembered: deque[str] = deque(maxlen=_REMEMBERED_LINES)
            for line in self._lines(channel, deadline):
                remembered.append(line)
                tell(line)
            return CommandResult(self._exit_status(channel, deadline), tuple(remembered))

    def output(self, command: str, timeout: timedelta, most_bytes: int) -> bytes:
        """What a shell command prints on its standard output, cut at `most_bytes`.

        Raises CommandTimeout, ConnectionBroke when the connection is lost before it ended.
        """
        deadline = time.monotonic() + timeout.total_seconds()
        printed = bytearray()
        with self._running(command, deadline, with_stderr=False) as channel:
            while len(printed) < most_bytes and (chunk := self._receive(channel, deadline)):
                printed += chunk
            if len(printed) < most_bytes:
                self._exit_status(channel, deadline)
        return bytes(printed[:most_bytes])

    def close(self) -> None:
        """Drop the connection for good; later calls raise HostUnreachable."""
        with self._lock:
            self._closed = True
            transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    @contextmanager
    def _running(
        self, command: str, deadline: float, *, with_stderr: bool
    ) -> Iterator[paramiko.Channel]:
        """A session in which the command has begun."""
        transport = self.transport()
        if not self._commands.acquire(timeout=_remaining(deadline)):
            raise too_slow(self.access.address)
        try:
            try:
                with breaking(self.access.address):
                    channel = begun(transport, command, deadline, with_stderr)
            except ConnectionBroke as error:
                if time.monotonic() < deadline:
                    raise
                raise too_slow(self.access.address) from error
            with channel:
                yield channel
        finally:
            self._commands.release()

    def _settle(self, attempt: Future[paramiko.Transport]) -> None:
        """Connect, and give the outcome to every thread that waits for this attempt."""
        try:
            transport = self._connect()
        except BaseException as error:
            with self._lock:
                self._attempt = None
            attempt.set_exception(error)
            return
        with self._lock:
            self._attempt = None
            self._transport = transport
            closed = self._closed
        if closed:
            transport.close()
        attempt.set_result(transport)

    def _connect(self) -> paramiko.Transport:
        deadline = time.monotonic() + self._timeout.total_seconds()
        with unreachable(self.access.address):
            transport = self._open(deadline)
        try:
            shown = self._verified_key(transport, deadline)
            with unreachable(self.access.address):
                transport.auth_timeout = _remaining(deadline)
                transport.auth_publickey(self.access.user, self._key)
                transport.set_keepalive(_KEEPALIVE_S)
            self._host_key = shown  # if none was pinned: for the life of this object it must stay
            self._mark = self._marked(transport, deadline)
        except BaseException:
            transport.close()
            raise
        return transport

    def _marked(self, transport: paramiko.Transport, deadline: float) -> paramiko.Channel | None:
        """The session that shows whose connection it is; a machine that refuses it may go on."""
        try:
            return begun(transport, MARK, deadline)
        except (paramiko.SSHException, OSError, EOFError) as error:
            log.info("the connection to %s is not marked: %r", self.access.address, error)
            return None

    def _open(self, deadline: float) -> paramiko.Transport:
        address = (self.access.address, self.access.port)
        sock = socket.create_connection(address, timeout=_remaining(deadline))
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)
            transport = paramiko.Transport(sock)
        except BaseException:
            sock.close()
            raise
        transport.set_log_channel(_PARAMIKO_LOG)
        return transport

    def _verified_key(self, transport: paramiko.Transport, deadline: float) -> str:
        """Agree on keys; the host key that the machine proved to have, if it is the pinned one."""
        if self._host_key is not None:
            # A host has keys of several types; only the one of the pinned type can be compared.
            transport.get_security_options().key_types = _algorithms(self._host_key)
        with unreachable(self.access.address), no_such_key(self.access.address):
            transport.banner_timeout = _remaining(deadline)
            transport.start_client(timeout=_remaining(deadline))
            shown = _spelled(transport.get_remote_server_key())
        if self._host_key not in (None, shown):
            raise mismatch(self.access.address)
        return shown

    def _lines(self, channel: paramiko.Channel, deadline: float) -> Iterator[str]:
        rest = b""
        while chunk := self._receive(channel, deadline):
            *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            yield from (line.decode(errors="replace") for line in lines if line.strip())
        if rest.strip():
            yield rest.decode(errors="replace")

    def _receive(self, channel: paramiko.Channel, deadline: float) -> bytes:
        channel.settimeout(_remaining(deadline))
        try:
            return channel.recv(32_768)
        except TimeoutError as error:
            raise too_slow(self.access.address) from error

    def _exit_status(self, channel: paramiko.Channel, deadline: float) -> int:
        if not channel.status_event.wait(_remaining(deadline)):
            raise too_slow(self.access.address)
        if channel.exit_status < 0 and not channel.get_transport().is_active():
            raise broke(self.access.address)
        return channel.exit_status  # -1 when a signal ended the command


def begun(
    transport: paramiko.Transport, command: str, deadline: float, with_stderr: bool = False
) -> paramiko.Channel:
    """A new session that runs the command."""
    timeout = min(OPEN_SESSION_TIMEOUT_S, _remaining(deadline))
    channel = transport.open_session(timeout=timeout)
    channel.set_combine_stderr(with_stderr)
    # paramiko 5.1 waits for the answer to exec_command for ever, unless the channel is closed.
    watch = threading.Timer(_remaining(deadline), channel.close)
    watch.daemon = True
    watch.start()
    try:
        channel.exec_command(command)
    except BaseException:
        channel.close()
        raise
    finally:
        watch.cancel()
    return channel


def _algorithms(host_key: str) -> tuple[str, ...]:
    """The signature algorithms that go with a key's type (RFC 8332 for RSA)."""
    key_type = host_key.split()[0]
    return ("rsa-sha2-512", "rsa-sha2-256") if key_type == "ssh-rsa" else (key_type,)


def _without_comment(host_key: str) -> str:
    return " ".join(host_key.split()[:2])


def _spelled(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def _remaining(deadline: float) -> float:
    return max(0.05, deadline - time.monotonic())
