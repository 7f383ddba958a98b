"""Every call that services make to the outside, counted; any one of them can be made to go wrong.

meddling = Meddling(sim)
cloud = meddling.with_(FakeCloud(sim), "cloud")
meddling.plan[Point("cloud.order", 1)] = Strike.DEATH_AFTER      # the first order: done, then dead
meddling.seen                                                    # every Point so far, in order
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from bot.adapters.slack_errors import refused
from bot.errors import (
    ChatUnknown,
    CloudRefused,
    CloudUnknown,
    EngineRefused,
    HostUnreachable,
)
from tests.fakes.durable import Killed
from tests.services.simulation import Simulation

ON_ITS_WAY = timedelta(seconds=40)
"""How long a request that outlives its sender takes; with every list_lag below the settle time."""


class Strike(StrEnum):
    """What goes wrong at a call."""

    ERROR_BEFORE = "no answer, not done"
    ERROR_AFTER = "done, but the answer is lost"
    REFUSED = "the answer is no"
    DEATH_BEFORE = "killed, not done"
    DEATH_AFTER = "done, then killed"
    LATE_ERROR = "no answer, done later"
    LATE_DEATH = "killed, done later"

    @property
    def is_death(self) -> bool:
        return self in (Strike.DEATH_BEFORE, Strike.DEATH_AFTER, Strike.LATE_DEATH)


@dataclass(frozen=True, order=True)
class Point:
    """The call number `number` (from 1) of `effect`, such as "cloud.order"."""

    effect: str
    number: int

    def __str__(self) -> str:
        return f"{self.effect}#{self.number}"


NEVER_RAISES = frozenset(
    {
        "chat.update_soon",
        "web.answers",
        "hosts.on",
        "hosts.forget",
        "hosts.public_key",
        "identity.user_data",
        "identity.public_user_data",
        "identity.host_key",
        "identity.public_key",
        "identity.forget",
    }
)
"""Calls that promise not to raise; the process can still die there."""

ACTS = frozenset(
    {
        "cloud.register_key",
        "cloud.order",
        "cloud.label",
        "cloud.replace_user_data",
        "cloud.cancel",
        "host.install_engine",
        "host.pull",
        "host.run",
        "host.create",
        "host.start",
        "host.stop",
        "host.remove",
        "host.remove_image",
        "host.archive",
        "hosts.forget",
        "identity.forget",
        "chat.post",
        "chat.update",
        "chat.respond",
        "chat.publish_home",
        "chat.upload",
        "chat.share",
        "operations.posted",
        "operations.finish",
        "vms.reserve",
        "vms.change",
        "vms.gone",
    }
)
"""Calls with an effect; all others only read."""


OUTLIVES_ITS_SENDER = frozenset({"cloud.order", "host.run", "host.create"})
"""Acts that may be done when nobody waits for them any more. Not host.start: no engine starts only
what never ran, and a request that is 40 s late on one SSH channel was never seen."""


class Meddling:
    """Counts calls and strikes where `plan` says so."""

    def __init__(self, sim: Simulation) -> None:
        self.seen: list[Point] = []
        self.plan: dict[Point, Strike] = {}
        self.outages: dict[str, datetime] = {}  # first part of an effect -> when it ends
        self.struck: list[tuple[Point, Strike]] = []
        self.is_off = False
        self._sim = sim
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def off(self) -> Iterator[None]:
        """Calls meanwhile are neither counted nor struck."""
        was_off, self.is_off = self.is_off, True
        try:
            yield
        finally:
            self.is_off = was_off

    def with_(self, target: object, name: str, before: Callable[[], None] = lambda: None) -> Any:
        """`target`, watched. before: done ahead of every call, struck or not."""
        return _Meddled(target, name, self, before)

    def call(self, effect: str, act: Callable[[], Any]) -> Any:
        """One call of an effect, as planned."""
        if self.is_off:
            return act()
        with self._lock:
            self._counts[effect] += 1
            point = Point(effect, self._counts[effect])
            self.seen.append(point)
            strike = self.plan.pop(point, None)
        family = effect.split(".")[0]
        if strike is None and self._sim.now() < self.outages.get(family, self._sim.now()):
            strike = Strike.ERROR_BEFORE
        if strike is None or (effect in NEVER_RAISES and not strike.is_death):
            return act()
        self.struck.append((point, strike))
        return self._struck(effect, strike, act)

    def _struck(self, effect: str, strike: Strike, act: Callable[[], Any]) -> Any:
        if strike is Strike.REFUSED:
            raise _refusal(effect)
        if strike in (Strike.ERROR_AFTER, Strike.DEATH_AFTER):
            _regardless(act)
        if strike in (Strike.LATE_ERROR, Strike.LATE_DEATH):
            self._sim.spawn(lambda: _regardless(act), ON_ITS_WAY, is_mortal=False)
        raise Killed(f"{strike}: {effect}") if strike.is_death else _no_answer(effect)


class _Meddled:
    def __init__(
        self, target: object, name: str, meddling: Meddling, before: Callable[[], None]
    ) -> None:
        self._target = target
        self._name = name
        self._meddling = meddling
        self._before = before

    def __getattr__(self, attribute: str) -> Any:
        method = getattr(self._target, attribute)
        if not callable(method):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self._before()
            return self._meddling.call(f"{self._name}.{attribute}", lambda: method(*args, **kwargs))

        return call


def strikes_for(point: Point) -> list[Strike]:
    """Everything that can go wrong at a call."""
    deaths = [Strike.DEATH_BEFORE]
    if point.effect in ACTS:
        deaths.append(Strike.DEATH_AFTER)
    if point.effect in NEVER_RAISES:
        return deaths
    errors = [Strike.ERROR_BEFORE]
    if point.effect in ACTS:
        errors.append(Strike.ERROR_AFTER)
        if not point.effect.startswith(("operations.", "vms.")):
            errors.append(Strike.REFUSED)
    if point.effect in OUTLIVES_ITS_SENDER:
        deaths.append(Strike.LATE_DEATH)
        errors.append(Strike.LATE_ERROR)
    return deaths + errors


def worth_striking(seen: list[Point]) -> list[Point]:
    """Every act (of those done again and again the first, second and last), and of what only reads
    the first and last call, of our own store the first: they stand for all."""
    last: dict[str, int] = {point.effect: point.number for point in seen}
    return [point for point in seen if point.number in _telling(point.effect, last[point.effect])]


def _telling(effect: str, last: int) -> set[int]:
    if effect in ACTS:
        return set(range(1, last + 1)) if last <= 6 else {1, 2, last}
    family = effect.split(".")[0]
    return {1} if family in ("vms", "operations", "hosts", "identity") else {1, last}


def _no_answer(effect: str) -> Exception:
    family = effect.split(".")[0]
    if family == "cloud":
        return CloudUnknown("SoftLayer does not answer")
    if family == "host":
        return HostUnreachable("the VM does not answer")
    if family == "chat":
        return ChatUnknown("Slack does not answer")
    return sa.exc.OperationalError(effect, None, Exception("the database went away"))


def _refusal(effect: str) -> Exception:
    family = effect.split(".")[0]
    if family == "cloud":
        return CloudRefused("SoftLayer says no")
    if family == "host":
        return EngineRefused("the engine says no")
    return refused("not_in_channel")


def _regardless(act: Callable[[], Any]) -> None:
    """Nobody is there any more to be told of an error."""
    try:
        act()
    except Exception:
        return
