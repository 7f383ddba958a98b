"""Docker's HTTP API through SSH: each HTTP connection is one session of the VM's warm connection,
running `docker system dial-stdio` there. No TCP port of any engine is ever opened.

Parts of docker-py that are not public are used in `EngineApi`, as of docker 7.2.0.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import paramiko
import requests
import urllib3
import urllib3.connection
import urllib3.connectionpool
from docker.auth import AuthConfig
from docker.transport.basehttpadapter import BaseHTTPAdapter

from bot.adapters.docker_errors import without_engine
from bot.adapters.ssh import ENGINE_SESSIONS, OPEN_SESSION_TIMEOUT_S, Ssh, begun
from bot.adapters.ssh_errors import ConnectionBroke, breaking
from bot.errors import HostError, HostUnreachable
from bot.models import Text

READ_TIMEOUT_S = 30
# A stream without an end of its own (a pull) may be silent while a large layer is unpacked.
STREAM_SILENCE_S = 300.0
# Every idle session is a `docker` process on the VM, about 20 MB: keep no more than helps.
IDLE_SESSIONS = 2
_WAIT_FOR_SESSION_S = 60.0
_LAST_WORDS_S = 2.0
_DIAL = "docker system dial-stdio"
_OLDEST_API = "1.40"  # Engine 19.03; what a VM's engine must at least speak


class EngineConnection(urllib3.connection.HTTPConnection):
    """One HTTP connection to the engine. Its slot is given back when it is closed."""

    def __init__(self, channels: EngineChannels) -> None:
        super().__init__("localhost")
        self._channels: EngineChannels | None = channels
        self._ssh = channels.ssh
        self._channel: paramiko.Channel | None = None
        self._is_answering = self._is_spent = False

    def connect(self) -> None:
        """Open the session. Raises HostUnreachable, HostKeyMismatch, ConnectionBroke."""
        transport = self._ssh.transport()
        with breaking(self._ssh.access.address):
            deadline = time.monotonic() + OPEN_SESSION_TIMEOUT_S
            try:
                self._channel = begun(transport, _DIAL, deadline)
            except EOFError:
                transport.close()  # it is still reading what came before its peer was gone
                raise
            silence_s = self.timeout if isinstance(self.timeout, int | float) else READ_TIMEOUT_S
            self._channel.settimeout(silence_s)
        self.sock = self._channel  # it has all that http.client asks of a socket

    def request(self, *args: Any, **kwargs: Any) -> None:
        with self._explained():
            super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        """As urllib3's. Of a long body the engine may refuse the first part, answer and hang up."""
        try:
            super().send(data)
        except OSError as error:
            if self._channel is not None and self._channel.recv_ready():
                raise BrokenPipeError from error  # upon which urllib3 reads the answer
            raise

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        if self.timeout is None:  # docker 7.2.0, api/image.py: pull() asks for no limit at all
            self.timeout = STREAM_SILENCE_S
        self._is_answering = True
        try:
            with self._explained():
                return super().getresponse()
        finally:
            self._is_answering = False

    @property
    def is_reusable(self) -> bool:
        """Whether the session still stands, with the engine at its other end."""
        channel = self._channel
        return (
            channel is not None
            and not self._is_spent
            and self.sock is not None
            and not (channel.closed or channel.eof_received or channel.exit_status_ready())
        )

    def close(self) -> None:
        """End the session; but where the connection ends with its answer, http.client asks for that
        before anybody has read the answer (Python 3.11, http/client.py, getresponse)."""
        if self._is_answering:
            self._is_spent = True
            return
        super().close()
        if self._channel is not None:
            self._channel.close()
        channels, self._channels = self._channels, None
        if channels is not None:
            channels.give_back_slot()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say why the engine's end is dead: docker is not there, or the connection broke."""
        try:
            yield
        except (TimeoutError, BrokenPipeError):
            raise
        except (OSError, EOFError, http.client.HTTPException) as error:
            raise self._last_words() from error

    def _last_words(self) -> HostError:
        address = self._ssh.access.address
        broke = ConnectionBroke(
            Text("The connection to the VM at {address} broke.", address=address)
        )
        channel = self._channel
        if channel is None or not channel.status_event.wait(_LAST_WORDS_S):
            return broke
        stderr = channel.recv_stderr(4096) if channel.recv_stderr_ready() else b""
        return (
            without_engine(channel.exit_status, stderr.decode(errors="replace"), address) or broke
        )


class EngineChannels(urllib3.connectionpool.HTTPConnectionPool):
    """The sessions of one VM: at most `limit` at once, whoever comes later waits.

    urllib3's own pool would ask each idle socket for its file descriptor, of which a paramiko
    channel makes a new pair of pipes; so, as docker-py does, `_get_conn` is replaced.
    """

    def __init__(self, ssh: Ssh, limit: int = ENGINE_SESSIONS) -> None:
        super().__init__("localhost", retries=False)
        self.ssh = ssh
        self._changed = threading.Condition(threading.RLock())
        self._idle: list[EngineConnection] = []
        self._free_slots = limit
        self._waiting = 0

    def _get_conn(self, timeout: float | None = None) -> EngineConnection:
        deadline = time.monotonic() + (timeout or _WAIT_FOR_SESSION_S)
        with self._changed:
            self._waiting += 1
            try:
                return self._wait_for_connection(deadline)
            finally:
                self._waiting -= 1

    def _wait_for_connection(self, deadline: float) -> EngineConnection:
        while True:
            while self._idle:
                connection = self._idle.pop()
                if connection.is_reusable:
                    return connection
                connection.close()
            if self._free_slots:
                self._free_slots -= 1
                return EngineConnection(self)
            if not self._changed.wait(deadline - time.monotonic()):
                raise HostUnreachable(
                    Text("The VM at {address} is too busy.", address=self.ssh.access.address)
                )

    def _put_conn(self, conn: object) -> None:
        if not isinstance(conn, EngineConnection):
            return  # closed by urllib3 already, its slot is back
        with self._changed:
            wanted = len(self._idle) < max(IDLE_SESSIONS, self._waiting)
            if wanted and conn.is_reusable:
                self._idle.append(conn)
                self._changed.notify()
                return
        conn.close()

    def give_back_slot(self) -> None:
        """A connection was closed: another may be opened."""
        with self._changed:
            self._free_slots += 1
            self._changed.notify()

    def close(self) -> None:
        """Close what is idle; what is in use is closed when it comes back."""
        with self._changed:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        super().close()


class _ChannelsAdapter(BaseHTTPAdapter):
    """Lets a requests session send everything through one `EngineChannels`."""

    def __init__(self, channels: EngineChannels) -> None:
        super().__init__()
        self._channels = channels

    def get_connection(self, url: object, proxies: object = None) -> EngineChannels:
        return self._channels


class EngineApi(docker.APIClient):
    """docker-py's low-level client over our sessions, speaking the version that both sides know.

    Nothing of this machine reaches the VM: no proxy settings, no registry passwords of
    ~/.docker/config.json.
    """

    def __init__(self, channels: EngineChannels) -> None:
        super().__init__("http://localhost:1", version=_OLDEST_API, timeout=READ_TIMEOUT_S)
        # docker 7.2.0, api/client.py: an ssh:// URL would make docker-py read ~/.ssh/config and
        # connect by itself, so the steps of its constructor are taken here with our adapter.
        self._custom_adapter = _ChannelsAdapter(channels)
        self.adapters.clear()
        self.mount("http+docker://", self._custom_adapter)
        self.base_url = "http+docker://ssh"
        self._auth_configs = AuthConfig({})
        self.trust_env = False

    def agree_on_version(self) -> None:
        """Ask the engine which API version it speaks, and speak that from now on."""
        # Not docker-py's version="auto": it hides the cause in a DockerException.
        self._version = self.version(api_version=False)["ApiVersion"]

    def opened(
        self, path: str, name: str, params: dict[str, Any], silence_s: float = STREAM_SILENCE_S
    ) -> requests.Response:
        """GET whose body has not been read: close it.

        path: of the API, with "{0}" for the name, which must have been checked. silence_s: how
        long the engine may say nothing, before and between the parts of its answer.
        """
        url = self._url(path, name)  # type: ignore[attr-defined]
        return self._unread(self.get(url, params=params, stream=True, timeout=silence_s))

    def executed(self, exec_id: str, silence_s: float) -> requests.Response:
        """Start what `exec_create` has prepared; the body is its output, in frames: close it."""
        url = self._url("/exec/{0}/start", exec_id)  # type: ignore[attr-defined]
        asked = {"Detach": False, "Tty": False}
        return self._unread(self.post(url, json=asked, stream=True, timeout=silence_s))

    def _unread(self, answer: requests.Response) -> requests.Response:
        try:
            self._raise_for_status(answer)  # type: ignore[attr-defined]
        except BaseException:
            answer.close()
            raise
        return answer

    def unpack(self, name: str, path: str, tar: Iterator[bytes]) -> None:
        """PUT a tar of any length into a container's folder, piece by piece as they come.

        name: must have been checked. docker-py's own would not wait long enough for a disk.
        """
        url = self._url("/containers/{0}/archive", name)  # type: ignore[attr-defined]
        answer = self.put(url, params={"path": path}, data=tar, timeout=STREAM_SILENCE_S)
        self._raise_for_status(answer)  # type: ignore[attr-defined]

    def changes(self, name: str) -> list[dict[str, Any]]:
        """GET /containers/{id}/changes; some storage drivers compare all files for that."""
        url = self._url("/containers/{0}/changes", name)  # type: ignore[attr-defined]
        answer = self.get(url, timeout=STREAM_SILENCE_S)
        found: list[dict[str, Any]] | None = self._result(  # type: ignore[attr-defined]
            answer, json=True
        )
        return found or []

    def running(self, timeout_s: float) -> list[dict[str, Any]]:
        """GET /containers/json in the engine's own API version, answered within that time."""
        answer = self.get(f"{self.base_url}/containers/json", timeout=timeout_s)
        found: list[dict[str, Any]] = self._result(answer, json=True)  # type: ignore[attr-defined]
        return found

    def head_status(self, path: str, name: str, params: dict[str, Any]) -> int:
        """The status with which HEAD is answered."""
        url = self._url(path, name)  # type: ignore[attr-defined]
        return self.head(url, params=params, timeout=READ_TIMEOUT_S).status_code

    def disk_usage(self) -> dict[str, Any]:
        """GET /system/df; docker-py's own gives the engine too little time to count."""
        url = self._url("/system/df")  # type: ignore[attr-defined]
        answer = self.get(url, timeout=STREAM_SILENCE_S)
        found: dict[str, Any] = self._result(answer, json=True)  # type: ignore[attr-defined]
        return found
