"""Asking one VM's engine: quick questions, acts, and streams of any length."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import paramiko
import requests

from bot.adapters.docker_channels import STREAM_SILENCE_S, EngineApi, EngineChannels
from bot.adapters.docker_errors import engine_errors
from bot.adapters.ssh import ENGINE_SESSIONS, Ssh
from bot.adapters.ssh_errors import ConnectionBroke

T = TypeVar("T")

# A pull keeps its session for minutes; fetching files or stopping a container keeps it for seconds.
# Saving and loading takes minutes too, and the disk is its bound: two at once would be no faster.
# Of the sessions some stay free for quick questions.
PULLS_AT_ONCE = ENGINE_SESSIONS // 2
_LONG_CALLS_AT_ONCE = 2
_SAVES_AT_ONCE = 1
_CHUNK_BYTES = 262_144
_MOMENT_S = 0.1  # even a question that is late already may be answered at once


class EngineCalls:
    """Raises only errors of ours."""

    def __init__(self, ssh: Ssh) -> None:
        self.ssh = ssh
        self._channels = EngineChannels(ssh)
        self._lock = threading.Lock()
        self._api: EngineApi | None = None
        self._api_transport: paramiko.Transport | None = None
        self.long_calls = threading.BoundedSemaphore(_LONG_CALLS_AT_ONCE)
        self.saves = threading.BoundedSemaphore(_SAVES_AT_ONCE)

    @property
    def address(self) -> str:
        return self.ssh.access.address

    def read(self, ask: Callable[[EngineApi], T]) -> T:
        """A quick question, asked once more when the connection broke under it."""
        return self.again(lambda: self.act(ask))

    def act(self, ask: Callable[[EngineApi], T]) -> T:
        """Asked once."""
        api = self.api()
        with engine_errors(self.address):
            return ask(api)

    def act_long(self, ask: Callable[[EngineApi], T]) -> T:
        """Asked once; takes seconds, so few go on at once (`long_calls`)."""
        with self.long_calls:
            return self.act(ask)

    def running(self, timeout_s: float) -> list[dict[str, Any]]:
        """What the engine says that runs; asked again when the connection broke."""

        def ask() -> list[dict[str, Any]]:
            with engine_errors(self.address):  # `api` may wait longer for the API's version
                return EngineApi(self._channels).running(timeout_s)

        return self.again(ask)

    @contextmanager
    def stream(
        self, path: str, name: str, params: dict[str, Any], *, until: float | None = None
    ) -> Iterator[Iterator[bytes]]:
        """The chunks of a GET, of which no more is read than is taken.

        path: of the API, with "{0}" for the name, which must have been checked. until: by
        `time.monotonic`, when it is to have ended; HostUnreachable is raised soon after that.
        """

        def ask(api: EngineApi, silence_s: float) -> requests.Response:
            return api.opened(path, name, params, silence_s)

        with self.streaming(ask, until=until) as chunks:
            yield chunks

    @contextmanager
    def streaming(
        self, ask: Callable[[EngineApi, float], requests.Response], *, until: float | None = None
    ) -> Iterator[Iterator[bytes]]:
        """The same of any question. `ask` is told for how long the engine may say nothing."""
        api = self.api()
        silence_s = STREAM_SILENCE_S if until is None else max(until - time.monotonic(), _MOMENT_S)
        with engine_errors(self.address), closing(ask(api, silence_s)) as answer:
            yield self._in_time(answer.iter_content(_CHUNK_BYTES), until)

    @staticmethod
    def _in_time(chunks: Iterator[bytes], until: float | None) -> Iterator[bytes]:
        for chunk in chunks:
            if until is not None and time.monotonic() > until:
                raise TimeoutError("the answer takes too long")
            yield chunk

    @staticmethod
    def again(read: Callable[[], T]) -> T:
        """Read, and once more when the connection broke meanwhile."""
        try:
            return read()
        except ConnectionBroke:
            return read()

    def api(self) -> EngineApi:
        """The client, on one API version per SSH connection: the engine may have been upgraded."""
        transport = self.ssh.transport()
        with self._lock:
            if self._api is None or self._api_transport is not transport:
                self._api = self._negotiated()
                self._api_transport = transport
            return self._api

    def close(self) -> None:
        """Drop the connection for good."""
        self._channels.close()
        self.ssh.close()

    def _negotiated(self) -> EngineApi:
        with engine_errors(self.address):
            api = EngineApi(self._channels)
            api.agree_on_version()
            return api
