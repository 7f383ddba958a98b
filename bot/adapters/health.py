"""Whether the parts of this process work, for `GET /healthz`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

_log = logging.getLogger(__name__)

LIMIT = timedelta(seconds=2)
KEEP = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Check:
    """How one part is. age_s: seconds since its last sign of life, where it has one."""

    ok: bool
    detail: str = ""
    age_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """{ok, detail, age_s}, ages to a tenth of a second."""
        age_s = None if self.age_s is None else round(self.age_s, 1)
        return {"ok": self.ok, "detail": self.detail, "age_s": age_s}


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of one moment."""

    checks: dict[str, Check]

    @property
    def ok(self) -> bool:
        """True when every part works."""
        return all(check.ok for check in self.checks.values())

    def as_json(self) -> dict[str, Any]:
        """{status: "ok" | "failing", checks: {name: …}}."""
        checks = {name: check.as_json() for name, check in self.checks.items()}
        return {"status": "ok" if self.ok else "failing", "checks": checks}


class Health:
    """The checks that the parts have registered, asked together. Safe from any thread.

    limit: how long an evaluation may take; a check that is not done by then counts as failed.
    keep: how long a report is given again before the parts are asked anew.
    """

    def __init__(self, limit: timedelta = LIMIT, keep: timedelta = KEEP) -> None:
        self._limit_s = limit.total_seconds()
        self._keep_s = keep.total_seconds()
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()
        self._report = Report({})
        self._made_at: float | None = None

    def register(self, name: str, check: Callable[[], Check]) -> None:
        """Add a part, or replace it. `check` may block and may raise: that is a failed check.

        The names that operators rely on: database, slack, scheduler, worker, cloud.
        """
        with self._lock:
            self._asked[name] = _Asked(name, check)
            self._made_at = None

    def report(self) -> Report:
        """The present report, at most `keep` old; takes at most `limit`."""
        with self._lock:
            now = time.monotonic()
            if self._made_at is None or now - self._made_at >= self._keep_s:
                self._report = self._ask(now + self._limit_s)
                self._made_at = time.monotonic()
            return self._report

    def _ask(self, deadline: float) -> Report:
        for asked in self._asked.values():
            asked.begin()
        return Report({name: asked.answer(deadline) for name, asked in self._asked.items()})


class _Asked:
    """One check and the thread that runs it. A check that hangs is not started a second time."""

    def __init__(self, name: str, check: Callable[[], Check]) -> None:
        self._name = name
        self._check = check
        self._done = threading.Event()
        self._done.set()
        self._began = 0.0
        self._answer = Check(False)

    def begin(self) -> None:
        if not self._done.is_set():
            return
        self._done.clear()
        self._began = time.monotonic()
        threading.Thread(target=self._run, name=f"health-{self._name}", daemon=True).start()

    def answer(self, deadline: float) -> Check:
        if self._done.wait(max(0.0, deadline - time.monotonic())):
            return self._answer
        waited = time.monotonic() - self._began
        return Check(False, f"no answer for {waited:.0f} s")

    def _run(self) -> None:
        try:
            self._answer = self._check()
        except Exception as error:  # a check asks foreign code: whatever it raises, it has failed
            _log.warning("the health check %s failed", self._name, exc_info=error)
            self._answer = Check(False, type(error).__name__)
        finally:
            self._done.set()
