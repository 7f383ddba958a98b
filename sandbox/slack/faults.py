"""Faults that a test can put in Slack's way, and the record of what was called."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class FaultKind(StrEnum):
    """What goes wrong with a call."""

    RATE_LIMITED = "rate_limited"  # 429, nothing done
    SERVER_ERROR = "server_error"  # 500, nothing done
    DROPPED_BEFORE = "dropped_before"  # connection cut, nothing done
    DROPPED_AFTER = "dropped_after"  # done, then the connection is cut
    SLOW = "slow"  # done, answered late
    REFUSED = "refused"  # ok: false with a code, nothing done


@dataclass(slots=True)
class Fault:
    """One fault that hits the next `times` calls of a method."""

    kind: FaultKind
    times: int
    seconds: float = 0  # Retry-After, or how late the answer is
    code: str = ""


class Faults:
    """Faults waiting per method ("response_url" counts as one). Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Fault]] = {}

    def rate_limit(self, method: str, *, times: int = 1, retry_after_s: int = 1) -> None:
        """Answer 429 with Retry-After."""
        self._add(method, Fault(FaultKind.RATE_LIMITED, times, retry_after_s))

    def server_error(self, method: str, *, times: int = 1) -> None:
        """Answer HTTP 500 without doing anything."""
        self._add(method, Fault(FaultKind.SERVER_ERROR, times))

    def drop_before(self, method: str, *, times: int = 1) -> None:
        """Cut the connection before anything is done."""
        self._add(method, Fault(FaultKind.DROPPED_BEFORE, times))

    def drop_after(self, method: str, *, times: int = 1) -> None:
        """Do it, then cut the connection instead of answering."""
        self._add(method, Fault(FaultKind.DROPPED_AFTER, times))

    def slow(self, method: str, seconds: float, *, times: int = 1) -> None:
        """Do it at once and answer `seconds` later."""
        self._add(method, Fault(FaultKind.SLOW, times, seconds))

    def refuse(self, method: str, code: str, *, times: int = 1) -> None:
        """Answer `ok: false` with the code, such as internal_error."""
        self._add(method, Fault(FaultKind.REFUSED, times, code=code))

    def clear(self) -> None:
        """Forget all faults still waiting."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str) -> Fault | None:
        """The fault that hits this call, if one is waiting; uses it up by one."""
        with self._lock:
            waiting = self._waiting.get(method)
            if not waiting:
                return None
            fault = waiting[0]
            fault.times -= 1
            if fault.times <= 0:
                waiting.pop(0)
            return fault

    def _add(self, method: str, fault: Fault) -> None:
        with self._lock:
            self._waiting.setdefault(method, []).append(fault)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the app made. `outcome` is "ok", Slack's error code or the fault's kind."""

    method: str
    args: dict[str, Any]  # without the token
    time: float  # epoch seconds, sandbox clock
    outcome: str


class AckRecord(NamedTuple):
    """How long the app took to take one payload.

    kind: slash_commands, interactive or events_api. seconds: measured by the monotonic clock.
    """

    kind: str
    seconds: float
