"""Whether a VM is in use: signs of two looks, what is remembered of them, and the verdict.

Pure: no clock, no network. Any sign of use makes a VM busy; what cannot be told is unknown, and
unknown is never idle; only when every sign says idle the time begins to count. Traffic and
connections are no use where a page that lies open makes them (RStudio's polls for ever, `POST
/events/get_events`; Shiny's sends heartbeats), and silence is no idleness where R computes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import NamedTuple

from bot.activity import Absence, Lease, Signal, Signals, Use, Verdict, VmActivity
from bot.models import Text
from bot.signs import UNTOUCHED, signs_of
from config.idle import Habit, IdlePolicy

_WORKDAYS = 5
_DAY = timedelta(days=1)


class _State(Enum):
    """What all signs of a look come to."""

    BUSY = auto()
    UNTOUCHED = auto()  # nothing but open pages and connections on which nothing moves
    IDLE = auto()
    UNKNOWN = auto()


class _Reason(NamedTuple):
    """An idle time that the policy limits."""

    due_at: datetime
    since: datetime


def read_signals(
    before: VmActivity | None, after: VmActivity | None, policy: IdlePolicy, now: datetime
) -> tuple[Signal, ...]:
    """The signs of the look `after`, counters compared with the last look that succeeded.

    No look, or one that is older than the policy's gap, gives one sign: unknown.
    """
    if after is None:
        return (Signal("look", Use.UNKNOWN, now, Text("The VM does not answer.")),)
    if now - after.at > policy.gap:
        why = Text("The VM was last looked at {age} ago.", age=now - after.at)
        return (Signal("look", Use.UNKNOWN, after.at, why),)
    return signs_of(before, after, policy.thresholds)


def remember(
    earlier: Signals | None,
    last_look: datetime | None,
    signs: tuple[Signal, ...],
    policy: IdlePolicy,
    now: datetime,
) -> Signals:
    """The signs of this look with what is remembered of those before.

    earlier, last_look: what the last look gave, and when it was; None at the first.
    Store the answer. The idle time begins anew after a time without good looks that was longer than
    the policy's gap.
    """
    old = earlier or Signals((), None, None)
    told_at = old.blind_since or last_look
    if told_at is None or now - told_at > policy.gap:
        old = Signals((), None, old.blind_since, None, old.absences)
    match _state(signs, policy, now):
        case _State.UNKNOWN:
            is_watched = last_look is not None and now - last_look <= policy.gap
            blind_since = old.blind_since or (last_look if is_watched else now)
            return Signals(signs, old.idle_since, blind_since, old.untouched_since, old.absences)
        case _State.IDLE:
            idle_since, untouched_since = old.idle_since or now, old.untouched_since or now
            return Signals(signs, idle_since, None, untouched_since, old.absences)
        case _State.UNTOUCHED:
            return Signals(
                signs, None, None, old.untouched_since or now, _absences(old, policy, now)
            )
        case _State.BUSY:
            return Signals(signs, None, None, None, _absences(old, policy, now))


def with_absence(
    absences: Iterable[Absence], new: Absence, policy: IdlePolicy
) -> tuple[Absence, ...]:
    """The absences with a new one, such as that of a VM that was taken and is restored now."""
    if policy.habit is None or new.back_at - new.left_at < policy.idle_after:
        return tuple(absences)
    return (*absences, new)[-policy.habit.of_last :]


def judge(signals: Signals, lease: Lease, policy: IdlePolicy, now: datetime) -> Verdict:
    """Whether the VM is in use, since when not, why, and whether its owner is to be told."""
    match _state(signals.now, policy, now):
        case _State.BUSY:
            return Verdict(Use.BUSY, None, _first(signals.now, Use.BUSY), is_due=False)
        case _State.UNKNOWN:
            return Verdict(
                Use.UNKNOWN,
                signals.blind_since or now,
                _unknown(signals, policy, now),
                is_due=False,
            )
        case _State.UNTOUCHED:
            until = (signals.untouched_since or now) + policy.untouched
            if now < until:
                return Verdict(Use.BUSY, None, _first(signals.now, Use.BUSY), False, until)
    reasons = _reasons(signals, policy)
    if not reasons:  # no look has been remembered yet
        return Verdict(Use.UNKNOWN, now, Text("The VM was not looked at yet."), is_due=False)
    return _idle(min(reasons), signals, lease, policy, now)


def kept_until(lease: Lease, policy: IdlePolicy) -> datetime | None:
    """Until when the VM is not taken for idle: lease or Keep, but not beyond its maximum age."""
    ends = [end for end in (lease.ends_at, lease.kept_until) if end is not None]
    return min(max(ends), lease.ordered_at + policy.max_age) if ends else None


def _idle(
    reason: _Reason, signals: Signals, lease: Lease, policy: IdlePolicy, now: datetime
) -> Verdict:
    due_at, since = reason.due_at, reason.since
    why = Text("Nothing has been in use for {time}.", time=now - since)
    kept = kept_until(lease, policy)
    if kept and kept > due_at:
        due_at = kept
        if kept > now:
            why = Text("{why} It is kept until {until}.", why=why, until=kept)
    awaited = _awaited(signals.absences, lease, policy, since)
    if awaited and awaited[0] > due_at:
        due_at = awaited[0]
        if due_at > now:
            why = Text("{why} {habit}", why=why, habit=awaited[1])
    return Verdict(Use.IDLE, since, why, now >= due_at, due_at)


def _reasons(signals: Signals, policy: IdlePolicy) -> list[_Reason]:
    reasons = []
    if signals.idle_since is not None:
        reasons.append(_Reason(signals.idle_since + policy.idle_after, signals.idle_since))
    if signals.untouched_since is not None:
        longer = max(policy.untouched, policy.idle_after)
        reasons.append(_Reason(signals.untouched_since + longer, signals.untouched_since))
    return reasons


def _awaited(
    absences: tuple[Absence, ...], lease: Lease, policy: IdlePolicy, since: datetime
) -> tuple[datetime, Text] | None:
    """Until when the next use is waited for, and why; None when none is expected soon."""
    habit = policy.habit
    if habit is None:
        return None
    last = absences[-habit.of_last :]
    uses = [each.back_at for each in last if each.back_at - each.left_at <= habit.longest]
    returns = len(uses)
    used = since - lease.ordered_at
    if habit.used_for <= used <= _DAY:
        uses.append(lease.ordered_at)
    may_weekend = any(_is_weekend(use, policy) for use in uses)
    expected = [
        at
        for at in (_next_at(policy, use, since) for use in uses)
        if _is_worth_it(at - since, habit, lease.hourly_rate)
        and (may_weekend or not _is_weekend(at, policy))
    ]
    if not expected:
        return None
    until = max(expected) + habit.margin
    if not returns:
        return until, Text(
            "It was in use until {time} after its order, so its next use is waited for until "
            "{until}.",
            time=used,
            until=until,
        )
    return until, Text(
        "It was used again after {returns} of its last {count} absences, so its next use is waited "
        "for until {until}.",
        returns=returns,
        count=len(last),
        until=until,
    )


def _is_worth_it(wait: timedelta, habit: Habit, hourly_rate: Decimal | None) -> bool:
    if wait > habit.longest:
        return False
    hours = Decimal(wait // timedelta(seconds=1)) / 3600
    return hourly_rate is None or hourly_rate * hours <= habit.costs_at_most


def _is_weekend(at: datetime, policy: IdlePolicy) -> bool:
    return at.astimezone(policy.zone).weekday() >= _WORKDAYS


def _next_at(policy: IdlePolicy, pattern: datetime, since: datetime) -> datetime:
    """The first instant after `since` at which it is as late in the day as at `pattern`."""
    local, start = pattern.astimezone(policy.zone), since.astimezone(policy.zone)
    for ahead in (0, 1, 2):
        day = start.date() + ahead * _DAY
        at = datetime.combine(day, local.time(), policy.zone).astimezone(since.tzinfo)
        if at > since:
            return at
    return since


def _absences(old: Signals, policy: IdlePolicy, now: datetime) -> tuple[Absence, ...]:
    if old.idle_since is None:
        return old.absences
    return with_absence(old.absences, Absence(old.idle_since, now), policy)


def _state(signs: tuple[Signal, ...], policy: IdlePolicy, now: datetime) -> _State:
    """Busy if any sign says so, else unknown if any is or is stale, else idle. No sign: unknown."""
    fresh_from = now - policy.gap
    is_open, is_unknown = False, not signs
    for sign in signs:
        if sign.at < fresh_from or sign.use is Use.UNKNOWN:
            is_unknown = True
        elif sign.use is Use.BUSY:
            if sign.name not in UNTOUCHED:
                return _State.BUSY
            is_open = True
    if is_unknown:
        return _State.UNKNOWN
    return _State.UNTOUCHED if is_open else _State.IDLE


def _unknown(signals: Signals, policy: IdlePolicy, now: datetime) -> Text:
    if any(now - sign.at > policy.gap for sign in signals.now):
        oldest = min(sign.at for sign in signals.now)
        return Text("The VM was last looked at {age} ago.", age=now - oldest)
    return _first(signals.now, Use.UNKNOWN)


def _first(signs: tuple[Signal, ...], use: Use) -> Text:
    """The reason of the sign that tells most: what is done where, rather than that the VM is at
    work, and that rather than what a page left open gives."""
    of_use = [sign for sign in signs if sign.use is use]
    of_use.sort(key=lambda sign: (sign.name in UNTOUCHED, sign.name == "cpu"))
    return of_use[0].why if of_use else Text("The VM was not looked at yet.")
