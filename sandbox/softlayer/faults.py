"""Trouble on demand: what goes wrong, where, how often, before or after the call has its effect."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from fnmatch import fnmatchcase

from sandbox.softlayer import errors


class Drop(Enum):
    """The connection is cut without an answer."""

    DROP = "drop"


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """An HTTP status in place of an answer."""

    status: int
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class ApiFault:
    """A SoftLayer fault in place of the answer."""

    code: str
    text: str


Trouble = Drop | HttpStatus | ApiFault | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble.

    trouble: what the client gets in place of its answer; None: the answer itself (then only late).
    method: which calls, "Service.method" without the SoftLayer_ prefix; shell wildcards allowed.
    is_after: the call has its effect first, then the trouble comes.
    late_s: real seconds by which the client waits longer.
    times: how often; None: for ever. probability: of each call that matches.
    effect_after: the call has its effect only this much later (sandbox time), client gone or not.
    list_lag: guests ordered by the call are listed only this much later (sandbox time).
    is_held: the order is taken but waits for a person's approval; no guest comes of it yet.
    """

    trouble: Trouble = None
    method: str = "*"
    is_after: bool = False
    late_s: float = 0.0
    times: int | None = 1
    probability: float = 1.0
    effect_after: timedelta | None = None
    list_lag: timedelta | None = None
    is_held: bool = False


def late(seconds: float, method: str = "*", *, is_after: bool = True) -> Fault:
    """The answer is late by real seconds, done before or after the wait."""
    return Fault(method=method, late_s=seconds, is_after=is_after)


def dropped(method: str = "*", *, is_after: bool = False) -> Fault:
    """The connection breaks before or after the effect."""
    return Fault(Drop.DROP, method, is_after)


def http(status: int, method: str = "*", *, is_after: bool = False) -> Fault:
    """An HTTP status, such as 500, 502, 503 or 429 (with Retry-After)."""
    return Fault(HttpStatus(status, 1 if status == 429 else None), method, is_after)


def rate_limited(method: str = "*", *, is_after: bool = False) -> Fault:
    """The rate limit's own fault."""
    error = errors.rate_limited()
    return Fault(ApiFault(error.faultCode, error.faultString), method, is_after)


def internal_error(method: str = "*", *, is_after: bool = False) -> Fault:
    """ "Internal Error", which tells nothing of whether it was done."""
    error = errors.internal_error()
    return Fault(ApiFault(error.faultCode, error.faultString), method, is_after)


def done_later(
    effect_after: timedelta,
    list_lag: timedelta | None = None,
    method: str = "Virtual_Guest.createObject",
) -> Fault:
    """The connection breaks; the order is taken after that, and may be listed later still."""
    return Fault(Drop.DROP, method, effect_after=effect_after, list_lag=list_lag)


def listed_late(list_lag: timedelta, method: str = "Virtual_Guest.createObject") -> Fault:
    """The order is answered as ever, but lists show the guest late."""
    return Fault(method=method, list_lag=list_lag)


def held(method: str = "Virtual_Guest.createObject") -> Fault:
    """The order waits for approval: `SoftLayerSandbox.approve` lets it go on."""
    return Fault(method=method, is_held=True)


def tagging_fails() -> Fault:
    """setTags fails: the guest is there, untagged."""
    return rate_limited("Virtual_Guest.setTags")


class Faults:
    """The faults that are set. Safe for use by many threads."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._set: list[tuple[Fault, int | None]] = []

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._set.extend((fault, fault.times) for fault in faults)

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    @property
    def pending(self) -> list[Fault]:
        """What has not struck as often as it shall."""
        with self._lock:
            return [fault for fault, _ in self._set]

    def take(self, method: str) -> list[Fault]:
        """The faults that strike this call, in the order they were added; each counts down."""
        with self._lock:
            struck = [fault for fault, _ in self._set if self._strikes(fault, method)]
            self._set = list(self._counted_down(struck))
            return struck

    def _strikes(self, fault: Fault, method: str) -> bool:
        return fnmatchcase(method, fault.method) and self._random.random() < fault.probability

    def _counted_down(self, struck: list[Fault]) -> Iterable[tuple[Fault, int | None]]:
        for fault, left in self._set:
            if any(fault is each for each in struck) and left is not None:
                left -= 1
            if left is None or left > 0:
                yield fault, left
