"""The bot's own rule on a simulated clock: the real signs, memory, verdict and next step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from bot.activity import Absence, Lease, Signals
from bot.idle import judge, read_signals, remember, with_absence
from bot.reaping import Mark, Step, StepKind, next_step
from bot.replies.texts import plain
from bot.simulate.instruments import Instruments, instant, subject
from bot.simulate.life import Life
from bot.simulate.rules import Stop
from config.idle import IdlePolicies, IdlePolicy

_ACTS = (StepKind.MARK, StepKind.CLEAR, StepKind.REAP)
_LAST_LOOK = 10.0  # seconds between the two looks right before a VM is taken


@dataclass(frozen=True)
class Ours:
    """Looks at a VM as often as the policy says, tells at once, and is never asked to keep one.

    steps_all: look at every instant at which the bot would, instead of leaving out those that
    cannot change anything. The answer is the same.
    """

    policies: IdlePolicies
    every: timedelta
    name: str = "ds-bot"
    is_free: bool = False
    steps_all: bool = False

    def watch(self, life: Life) -> Callable[[Life, float, float], Stop | None]:
        policy = self.policies.of(subject(life))
        absences: tuple[Absence, ...] = ()
        left_at: datetime | None = None

        def stop(life: Life, since: float, horizon: float) -> Stop | None:
            nonlocal absences, left_at
            if left_at is not None:
                back = Absence(left_at, instant(since))
                absences = with_absence(absences, back, policy)
            watched = _Watch(self, policy, life, since, absences)
            found = watched.run(horizon)
            if watched.signals:
                absences = watched.signals.absences
                left_at = watched.signals.idle_since
            return found

        return stop


class _Watch:
    """One lease of a VM, look by look."""

    def __init__(
        self,
        rule: Ours,
        policy: IdlePolicy,
        life: Life,
        since: float,
        absences: tuple[Absence, ...],
    ) -> None:
        self._policy, self._life, self._since = policy, life, since
        self._every, self._steps_all = rule.every.total_seconds(), rule.steps_all
        self._sees = Instruments(life, since)
        start = instant(since)
        lease = policy.lease
        self._lease = Lease(start, start, start + lease if lease else None, hourly_rate=life.rate)
        self._mark: Mark | None = None
        self._marks = 0
        self.signals: Signals | None = Signals((), None, None, None, absences) if absences else None

    def run(self, horizon: float) -> Stop | None:
        at = ceil(self._since / self._every) * self._every
        while at < horizon:
            step = self._look(at, self._every)
            if step.kind is StepKind.MARK:
                self._tell(at)
            elif step.kind is StepKind.CLEAR:
                self._mark = None
            elif step.kind is StepKind.REAP:
                last = self._look(at + _LAST_LOOK, _LAST_LOOK)
                if last.kind is StepKind.REAP:
                    return Stop(at + _LAST_LOOK, plain(last.why, "en"))
            following = self._next(at, step)
            if following is None:
                return None
            at = following
        return None

    def _look(self, at: float, seconds: float) -> Step:
        """Look, with the look before some seconds ago."""
        now, earlier = instant(at), at - seconds
        is_first = earlier < self._since
        before = None if is_first else self._sees.look(earlier)
        signs = read_signals(before, self._sees.look(at), self._policy, now)
        last_look = None if is_first else instant(earlier)
        self.signals = remember(self.signals, last_look, signs, self._policy, now)
        verdict = judge(self.signals, self._lease, self._policy, now)
        return next_step(verdict, self._lease, self._mark, self._policy, now)

    def _tell(self, at: float) -> None:
        assert self.signals
        self._marks += 1
        now = instant(at)
        since = self.signals.idle_since or self.signals.untouched_since or now
        self._mark = Mark(self._marks, now, since, delivered_at=now)

    def _next(self, at: float, step: Step) -> float | None:
        """The next look at which anything may be different: only time passes in between."""
        following = at + self._every
        if self._steps_all or step.kind in _ACTS or self._changed(at):
            return following
        change = self._life.next_change(at)
        instants = [change] if change is not None else []
        if step.at:
            instants.append(step.at.timestamp())
        if not instants:
            return None
        return max(following, ceil(min(instants) / self._every) * self._every)

    def _changed(self, at: float) -> bool:
        """Whether anything has begun or ended so lately that the next look's counters show it."""
        change = self._life.next_change(at - self._every)
        is_young = at - self._every < self._since
        return is_young or (change is not None and change <= at)
