"""Talking to SoftLayer over XML-RPC: one request per call, always with a time limit.

Only XML-RPC: over REST the package loses the fault codes, and urllib3 re-sends deletes and power
switches, which are GET requests there.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlsplit

import requests
from SoftLayer import BaseClient
from SoftLayer.auth import BasicAuthentication
from SoftLayer.transports import XmlRpcTransport
from SoftLayer.transports.transport import SoftLayerListResult

from bot.adapters.softlayer_errors import renamed, understanding
from bot.errors import CloudUnknown
from bot.ports import Clock

_CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class SoftLayerAccount:
    """Where SoftLayer answers, and as whom we ask. The user `apikey` goes with an IAM key."""

    username: str
    api_key: str = field(repr=False)
    endpoint_url: str

    def __post_init__(self) -> None:
        if "/rest" in self.endpoint_url:
            raise ValueError(f"{self.endpoint_url} is a REST endpoint; XML-RPC is needed")


@dataclass(frozen=True, slots=True)
class ReadRetry:
    """How often and how fast a read is asked again. An act never is.

    The package's own retry (decoration.py, 6.2.9) blocks for up to 50 s, and knows neither network
    trouble nor the rate limit.
    """

    tries: int = 3
    first_pause: timedelta = timedelta(milliseconds=500)
    spread: Callable[[], float] = random.random  # 0 to 1: so that threads do not come back as one

    def pauses(self) -> Iterator[timedelta]:
        """The pauses between the tries, each about twice as long as the one before."""
        for number in range(self.tries - 1):
            yield self.first_pause * 2**number * (1 + self.spread())


class SoftLayerApi:
    """Calls for many threads at once, with our errors. Each raises CloudUnknown besides refusals.

    read_timeout, act_timeout: the longest silence before SoftLayer's answer.
    """

    def __init__(
        self,
        account: SoftLayerAccount,
        clock: Clock,
        *,
        read_timeout: timedelta,
        act_timeout: timedelta,
        retry: ReadRetry,
        page_size: int,
    ) -> None:
        self._clock = clock
        self._retry = retry
        self._page_size = page_size
        # Two pools, so that slow orders do not keep quick questions waiting.
        self._readers = _ClientPool(lambda: _client(account, read_timeout))
        self._actors = _ClientPool(lambda: _client(account, act_timeout))

    def act(
        self, service: str, method: str, *args: Any, about_vm: bool = False, **options: Any
    ) -> Any:
        """Call once: one request, whatever comes of it."""
        with renamed(about_vm=about_vm), self._actors.client() as client:
            return client.call(service, method, *args, **options)

    def read(
        self, service: str, method: str, *args: Any, about_vm: bool = False, **options: Any
    ) -> Any:
        """Call, and again a bounded number of times while no usable answer comes."""
        for pause in self._retry.pauses():
            try:
                return self.read_once(service, method, *args, about_vm=about_vm, **options)
            except CloudUnknown:
                self._clock.sleep(pause)
        return self.read_once(service, method, *args, about_vm=about_vm, **options)

    def read_once(
        self, service: str, method: str, *args: Any, about_vm: bool = False, **options: Any
    ) -> Any:
        """Call with a read's time limit, without another try."""
        with renamed(about_vm=about_vm), self._readers.client() as client:
            return client.call(service, method, *args, **options)

    def rows(
        self,
        service: str,
        method: str,
        *,
        mask: str,
        root: str | None = None,
        matching: Mapping[str, Any] | None = None,
        order_by: str = "id",
    ) -> Iterator[dict[str, Any]]:
        """Every row of a list, page by page; each page is retried like any other read.

        root: the property that the filter starts from (`virtualGuests`); None for lists that take
        bare properties. A filter at a wrong root is ignored in silence, and without an order pages
        may overlap (SLDN, object filters).
        The package's `iter_call` is not used: a page that fails ends it, and without the header
        `softlayer-total-items` it stops after its first page and says nothing.
        """
        wanted = {**(matching or {}), order_by: _ASCENDING}
        tree = {root: wanted} if root else wanted
        offset = 0
        while True:
            page = self.read(
                service, method, mask=mask, filter=tree, limit=self._page_size, offset=offset
            )
            with understanding():
                if not isinstance(page, SoftLayerListResult):
                    raise TypeError(f"not a list: {type(page).__name__}")
            yield from page
            offset += len(page)
            is_short = len(page) < self._page_size
            if not page or (offset >= page.total_count if page.total_count else is_short):
                return

    def close(self) -> None:
        """Drop the connections that are idle."""
        self._readers.close()
        self._actors.close()


_ASCENDING = {"operation": "orderBy", "options": [{"name": "sort", "value": ["ASC"]}]}


class _OneRequest(XmlRpcTransport):  # type: ignore[misc]  # the package is untyped
    """The package's transport on a session of ours, which sends every request once.

    The package's own session re-sends after failed connects, and takes `https_proxy` for every
    address, `NO_PROXY` or not (config.py and transports/transport.py of 6.2.9).
    """

    def __init__(self, endpoint_url: str, timeout: timedelta) -> None:
        super().__init__(endpoint_url, timeout=(_CONNECT_TIMEOUT_S, timeout.total_seconds()))
        self._session = requests.Session()  # its adapters never retry (requests, max_retries=0)
        self._session.max_redirects = 0
        self._session.trust_env = not _is_loopback(endpoint_url)

    @property
    def client(self) -> requests.Session:
        return self._session


def _client(account: SoftLayerAccount, timeout: timedelta) -> BaseClient:
    """A client of this account alone: nobody's ~/.softlayer has a say."""
    return BaseClient(
        auth=BasicAuthentication(account.username, account.api_key),
        transport=_OneRequest(account.endpoint_url, timeout),
        config_file=os.devnull,
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _ClientPool:
    """At most ten clients, each with one thread at a time; whoever comes next waits for one.

    requests promises nothing about sessions shared by threads; and thousands of calls at once made
    SoftLayer's connections time out (softlayer.github.io#87).
    """

    SIZE = 10

    def __init__(self, opened: Callable[[], BaseClient]) -> None:
        self._opened = opened
        self._slots = BoundedSemaphore(self.SIZE)
        self._idle: deque[BaseClient] = deque()

    @contextmanager
    def client(self) -> Iterator[BaseClient]:
        with self._slots:
            try:
                client = self._idle.pop()  # the one used last: its connection is the warmest
            except IndexError:
                client = self._opened()
            try:
                yield client
            finally:
                self._idle.append(client)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().transport.client.close()
