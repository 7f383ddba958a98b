"""What follows from a verdict: tell, wait, take back, take, or call for help. Pure, by instants.

A VM is taken in two phases. It is marked and its owner told; the grace counts from the moment at
which Slack had taken the notice, and stands still in quiet hours; then it is taken in the last
minutes of the hour that is paid anyway. Nothing here acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.activity import Lease, Use, Verdict
from bot.models import Text
from config.idle import IdlePolicy
from config.quiet import loud_after, quiet_until

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A VM that was found idle, and its notice. One that has ended is none."""

    number: int  # of this VM's, from 1
    marked_at: datetime
    idle_since: datetime
    delivered_at: datetime | None  # when Slack had taken the notice


class StepKind(StrEnum):
    """What is to be done with a VM now."""

    NOTHING = "nothing"
    MARK = "mark"  # it is due: write the mark down and tell its people
    WAIT = "wait"
    CLEAR = "clear"  # the mark's reason is gone: end it and edit the notice
    REAP = "reap"  # save its work and cancel it
    ESCALATE = "escalate"  # tell its owner and the admins, once


@dataclass(frozen=True, slots=True)
class Step:
    """The next step, its reason in words, and when it may be another one if nothing changes."""

    kind: StepKind
    why: Text
    at: datetime | None = None  # NOTHING, WAIT: not before; None: only when something changes
    about: str = ""  # ESCALATE: "blind" or "age"; to be told once per VM and matter


def next_step(
    verdict: Verdict, lease: Lease, mark: Mark | None, policy: IdlePolicy, now: datetime
) -> Step:
    """What is to be done with a VM after a look. A mark that has ended is given as None."""
    if verdict.use is Use.UNKNOWN:
        return _unknown(verdict, policy, now)
    if verdict.use is Use.BUSY:
        if mark:
            return Step(StepKind.CLEAR, verdict.why)
        return _busy(verdict, lease, policy, now)
    if mark is None:
        return _unmarked(verdict, policy, now)
    if not verdict.is_due or (verdict.since or now) > mark.marked_at:
        return Step(StepKind.CLEAR, verdict.why)
    return _marked(verdict, lease, mark, policy, now)


def cancel_window(lease: Lease, policy: IdlePolicy, now: datetime) -> tuple[datetime, datetime]:
    """Between which instants a VM is taken that may be taken now: this window or the next one.

    By the started hour: in the last minutes of its billing hour, at the end of which room is left
    for saving. Where nothing is known of its hours, or time is billed exactly: from now on.
    """
    if policy.billing == "exact" or lease.billed_from is None:
        return now, now + _HOUR
    room = policy.billing_margin / 3
    ends = lease.billed_from + _HOUR * max(1, (now - lease.billed_from) // _HOUR + 1)
    if now >= ends - room:
        ends += _HOUR
    return ends - policy.billing_margin, ends - room


def _unknown(verdict: Verdict, policy: IdlePolicy, now: datetime) -> Step:
    told_at = (verdict.since or now) + policy.blind_after
    if now >= told_at:
        return Step(StepKind.ESCALATE, verdict.why, about="blind")
    return Step(StepKind.WAIT, verdict.why, at=told_at)


def _busy(verdict: Verdict, lease: Lease, policy: IdlePolicy, now: datetime) -> Step:
    old_at = lease.ordered_at + policy.max_age
    if now < old_at:
        return Step(StepKind.NOTHING, verdict.why, at=min(old_at, verdict.due_at or old_at))
    why = Text(
        "{why} It is older than {age}, and it is not taken while it is in use.",
        why=verdict.why,
        age=policy.max_age,
    )
    return Step(StepKind.ESCALATE, why, about="age")


def _unmarked(verdict: Verdict, policy: IdlePolicy, now: datetime) -> Step:
    if not verdict.is_due:
        return Step(StepKind.NOTHING, verdict.why, at=verdict.due_at)
    quiet = quiet_until(policy.quiet_hours, policy.zone, now)
    if quiet:
        return Step(StepKind.WAIT, _quiet(verdict, quiet), at=quiet)
    return Step(StepKind.MARK, verdict.why)


def _marked(verdict: Verdict, lease: Lease, mark: Mark, policy: IdlePolicy, now: datetime) -> Step:
    if mark.delivered_at is None:
        return Step(StepKind.WAIT, Text("{why} Its notice is not posted yet.", why=verdict.why))
    zone = policy.zone
    over = loud_after(policy.quiet_hours, zone, mark.delivered_at, policy.grace)
    if now < over:
        until, _ = cancel_window(lease, policy, over)
        why = Text("{why} Its people have until {until} to keep it.", why=verdict.why,
                   until=max(over, until))  # fmt: skip
        return Step(StepKind.WAIT, why, at=over)
    quiet = quiet_until(policy.quiet_hours, zone, now)
    if quiet:
        return Step(StepKind.WAIT, _quiet(verdict, quiet), at=quiet)
    begins, _ = cancel_window(lease, policy, now)
    if now < begins:
        why = Text(
            "{why} Its hour is paid: it is stopped at {until}.", why=verdict.why, until=begins
        )
        return Step(StepKind.WAIT, why, at=begins)
    return Step(StepKind.REAP, verdict.why)


def _quiet(verdict: Verdict, until: datetime) -> Text:
    return Text("{why} These are quiet hours, until {until}.", why=verdict.why, until=until)
