"""From a request to an answer: who calls, what strikes, what the service says, how it is cut."""

from __future__ import annotations

import base64
import binascii
import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sandbox.softlayer import errors, filters, masks
from sandbox.softlayer.calls import PREFIX, Call, Service
from sandbox.softlayer.faults import ApiFault, Drop, Fault, Faults, HttpStatus
from sandbox.softlayer.schema import Answer, One, Raw, Rows
from sandbox.softlayer.state import Account

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user that may call."""

    username: str
    api_key: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire. total: rows there are in all, for lists."""

    value: Any
    total: int | None = None


class WireTrouble(Exception):
    """Not an answer of SoftLayer's: a cut connection or a bare HTTP status."""

    def __init__(self, trouble: Drop | HttpStatus) -> None:
        super().__init__(repr(trouble))
        self.trouble = trouble


class RateLimiter:
    """At most `limit` calls in any second of real time; None: no limit."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()

    def check(self) -> None:
        """Count a call. Raises the rate limit's fault."""
        if self._limit is None:
            return
        now = time.monotonic()
        with self._lock:
            while self._recent and self._recent[0] <= now - 1.0:
                self._recent.popleft()
            if len(self._recent) >= self._limit:
                raise errors.rate_limited(self._limit)
            self._recent.append(now)


class Dispatcher:
    """Answers calls. Used by many threads at once."""

    def __init__(
        self,
        account: Account,
        services: Mapping[str, Service],
        credentials: Credentials,
        faults: Faults,
        limiter: RateLimiter,
        max_rows: int | None,
        stopped: threading.Event,
    ) -> None:
        self._account = account
        self._services = services
        self._credentials = credentials
        self._faults = faults
        self._limiter = limiter
        self._max_rows = max_rows
        self._stopped = stopped

    def __call__(self, request: Any) -> Reply:
        """Answer a `SoftLayer.transports.Request`. Raises SoftLayer's faults and WireTrouble."""
        call = _call_of(request)
        call.username = self._caller(request)
        self._limiter.check()
        struck = self._faults.take(call.name)
        for fault in struck:
            call.list_lag = fault.list_lag or call.list_lag
            call.is_held = fault.is_held or call.is_held
        self._strike((each for each in struck if not each.is_after), call)
        reply = self._reply(call)
        self._strike((each for each in struck if each.is_after), call)
        return reply

    def _caller(self, request: Any) -> str:
        given = request.headers.get("authenticate") or _basic(request.transport_headers)
        if not given:
            raise errors.access_denied()
        wanted = {"username": self._credentials.username, "apiKey": self._credentials.api_key}
        if given not in (wanted, {**wanted, "username": "apikey"}):
            raise errors.invalid_token()
        return self._credentials.username

    def _strike(self, faults: Iterable[Fault], call: Call) -> None:
        for fault in faults:
            if fault.late_s:
                self._stopped.wait(fault.late_s)
            if fault.effect_after is not None:
                self._do_later(call, self._account.now() + fault.effect_after)
            if isinstance(fault.trouble, ApiFault):
                raise errors.fault(fault.trouble.code, fault.trouble.text)
            if fault.trouble is not None:
                raise WireTrouble(fault.trouble)

    def _do_later(self, call: Call, when: datetime) -> None:
        with self._account.lock:
            self._account.at(when, partial(self._done_late, call))

    def _done_late(self, call: Call, _when: datetime) -> None:
        try:
            self._service(call).answer(call)
        except errors.ApiError as refusal:
            _LOG.info("%s, done after its client had gone, was refused: %s", call.name, refusal)

    def _reply(self, call: Call) -> Reply:
        with self._account.lock:
            self._account.catch_up()
            answer = self._service(call).answer(call)
            return self._shaped(answer, call)

    def _service(self, call: Call) -> Service:
        service = self._services.get(call.service)
        if service is None:
            raise errors.no_service()
        return service

    def _shaped(self, answer: Answer, call: Call) -> Reply:
        if isinstance(answer, Raw):
            value = masks.to_wire(answer.value)
            return Reply(value, len(value) if isinstance(value, list) else None)
        mask = masks.parse(call.mask or "")
        if isinstance(answer, One):
            return Reply(masks.renderer(answer.kind, mask)(answer.value))
        return self._page(answer, call, mask)

    def _page(self, answer: Rows, call: Call, mask: masks.Mask) -> Reply:
        rows = filters.select(answer.kind, answer.values, call.filter, answer.root)
        page = rows[call.offset :] if call.limit is None else rows[call.offset :][: call.limit]
        if self._max_rows is not None and len(page) > self._max_rows:
            raise errors.internal_error()
        render = masks.renderer(answer.kind, mask)
        return Reply([render(row) for row in page], len(rows))


def _call_of(request: Any) -> Call:
    service = str(request.service).rsplit("/", 1)[-1]
    if not service.startswith(PREFIX):
        service = PREFIX + service
    mask = request.mask
    return Call(
        service=service,
        method=str(request.method),
        args=tuple(request.args),
        id=request.identifier,
        mask=mask if isinstance(mask, str) else None,
        filter=request.filter,
        limit=request.limit or None,
        offset=request.offset or 0,
    )


def _basic(headers: Mapping[str, str]) -> dict[str, str] | None:
    """HTTP basic credentials, as the package sends them for an IAM key (auth.py)."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        username, _, api_key = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return {"username": username, "apiKey": api_key}
