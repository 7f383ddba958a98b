"""What was seen of a VM, as the store keeps it, and the verdict that follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.activity import (
    Absence,
    ContainerActivity,
    Lease,
    Signal,
    Signals,
    Use,
    Verdict,
    VmActivity,
)
from bot.idle import judge, read_signals, remember
from bot.models import CloudVm, Operation, Text, Vm
from bot.reaping import Mark, Step, next_step
from bot.services.duties import BOT
from bot.services.recorded import Json, text_from_json, text_to_json
from bot.store import LeaseRow, MarkRow, WatchRow
from config.idle import IdlePolicies, IdlePolicy, Subject, Thresholds

_NO_USE = frozenset({"keep", "extend", "vm release", "budget ask"})
"""What is asked about a VM without using it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store says about a VM. there: what the cloud's list does, when it was read."""

    vm: Vm
    watch: WatchRow | None
    lease: LeaseRow
    mark: MarkRow | None  # one that has not ended
    there: CloudVm | None = None


@dataclass(frozen=True, slots=True)
class Assessed:
    """A VM, the verdict over it, and what is to be done. row: to be stored."""

    vm: Vm
    policy: IdlePolicy
    signals: Signals
    lease: Lease
    verdict: Verdict
    mark: MarkRow | None
    step: Step
    row: WatchRow
    there: CloudVm | None


def assessed(
    known: Known,
    seen: VmActivity | None,
    own: Signal,
    policies: IdlePolicies,
    now: datetime,
    *,
    at_work_since: datetime | None = None,
    is_saved: bool = False,
) -> Assessed:
    """What a look at a VM comes to.

    seen: None when the VM could not be looked at. own: what the bot itself knows of its use.
    at_work_since: since the last look the bot has copied the VM's files, all the time: what the VM
    has computed meanwhile tells nothing, and that nobody looked is no gap. is_saved: its work is
    saved for being taken, which may have lasted until another hour of it had begun.
    """
    row = known.watch
    before = activity_from_json(row.activity) if row else None
    billed_from = _billed_from(known)
    images = {known.vm.image} | {one.image for one in (seen and seen.containers) or ()}
    tags = known.there.tags if known.there else _strings(row, "tags")
    policy = policies.of(_subject(known.vm, tags, images if seen else _strings(row, "images")))
    if is_saved:
        policy = policy.model_copy(update={"billing": "exact"})
    if at_work_since is not None:
        policy = _eased(policy, now - at_work_since)
    signs = (*read_signals(before, seen, policy, now), own)
    earlier = _remembered(row) if row else None
    signals = remember(earlier, row.looked_at if row else None, signs, policy, now)
    lease = lease_of(known.vm, known.lease, billed_from, policy)
    verdict = judge(signals, lease, policy, now)
    step = next_step(verdict, lease, mark_of(known.mark), policy, now)
    kept = seen or before
    is_busy = verdict.use is Use.BUSY
    stored = WatchRow(
        vm=known.vm.op_id,
        looked_at=now,
        activity=activity_to_json(kept) if kept else None,
        signals={
            "now": _signals_to_json(signals.now),
            "untouched_since": _written(signals.untouched_since),
            "absences": _absences_to_json(signals.absences),
            "tags": sorted(tags),
            "images": sorted(images),
        },
        idle_since=signals.idle_since,
        blind_since=signals.blind_since,
        busy_at=now if is_busy else row.busy_at if row else None,
        busy_why=text_to_json(verdict.why) if is_busy else row.busy_why if row else None,
        verdict={"use": verdict.use, "why": text_to_json(verdict.why)},
        billed_from=billed_from,
    )
    return Assessed(
        known.vm, policy, signals, lease, verdict, known.mark, step, stored, known.there
    )


def reassessed(known: Known, policies: IdlePolicies, now: datetime) -> Assessed | None:
    """The verdict from the last look, as it is now; None when there was none."""
    row = known.watch
    if row is None or row.signals is None:
        return None
    policy = policies.of(_subject(known.vm, _strings(row, "tags"), _strings(row, "images")))
    signals = signals_of(row)
    lease = lease_of(known.vm, known.lease, row.billed_from, policy)
    verdict = judge(signals, lease, policy, now)
    step = next_step(verdict, lease, mark_of(known.mark), policy, now)
    return Assessed(known.vm, policy, signals, lease, verdict, known.mark, step, row, None)


def policy_of(known: Known, policies: IdlePolicies) -> IdlePolicy:
    """A VM's policy, as far as it is known without a look at it."""
    images = _strings(known.watch, "images") or {known.vm.image}
    return policies.of(_subject(known.vm, _strings(known.watch, "tags"), images))


def policy_for(vm: Vm, policies: IdlePolicies) -> IdlePolicy:
    """The policy of a VM that was not looked at yet."""
    return policies.of(_subject(vm, (), {vm.image}))


def with_absences(
    vm: Vm, row: WatchRow | None, absences: Iterable[Absence], now: datetime
) -> WatchRow:
    """A VM's row with the absences of the VM that it takes the place of."""
    known = row or WatchRow(vm=vm.op_id, looked_at=now)
    written = (known.signals or {}) | {"absences": _absences_to_json(absences)}
    return replace(known, looked_at=now, signals=written)


def own_sign(
    vm: Vm, operations: Iterable[Operation], last_look: datetime | None, now: datetime
) -> Signal:
    """What the bot itself knows: is something under way on the VM, was it used through the bot?"""
    about = [op for op in operations if _is_about(op, vm)]
    if any(not op.state.is_final for op in about):
        return Signal("operation", Use.BUSY, now, Text("The bot is at work on it."))
    last = max((op.requested_at for op in about), default=None)
    if last is None:
        return Signal("operation", Use.IDLE, now, Text("The bot has nothing to do on it."))
    is_new = last_look is None or last > last_look
    return Signal(
        "operation", Use.BUSY if is_new else Use.IDLE, now,
        Text("The last command for it was {age} ago.", age=now - last),
    )  # fmt: skip


def lease_of(vm: Vm, row: LeaseRow, billed_from: datetime | None, policy: IdlePolicy) -> Lease:
    """What is agreed about a VM's life: by its people, else by its policy."""
    ends_at = row.ends_at or (vm.asked_at + policy.lease if policy.lease else None)
    return Lease(vm.asked_at, billed_from, ends_at, row.kept_until, vm.hourly_rate)


def mark_of(row: MarkRow | None) -> Mark | None:
    if row is None:
        return None
    return Mark(row.number, row.marked_at, row.idle_since or row.marked_at, row.delivered_at)


def signals_of(row: WatchRow) -> Signals:
    """The signs of the last look, and what is remembered."""
    signs: Iterable[Json] = (row.signals or {}).get("now", ())
    return replace(_remembered(row), now=tuple(_signal_from_json(each) for each in signs))


def _remembered(row: WatchRow) -> Signals:
    """What the next look needs of the last one: not its signs."""
    written = row.signals or {}
    return Signals(
        (),
        row.idle_since,
        row.blind_since,
        _read(written.get("untouched_since")),
        tuple(
            Absence(datetime.fromisoformat(left), datetime.fromisoformat(back))
            for left, back in written.get("absences", ())
        ),
    )


def activity_to_json(activity: VmActivity) -> Json:
    """A look, to be compared with the next one."""
    written, containers = _fields(activity), activity.containers
    written["at"] = activity.at.isoformat()
    if containers is not None:
        written["containers"] = [_container_to_json(one) for one in containers]
    return written


def activity_from_json(written: Json | None) -> VmActivity | None:
    """The look that was written; None when there was none, or by a version that saw otherwise."""
    if written is None:
        return None
    try:
        containers = written["containers"]
        return VmActivity(
            **written
            | {
                "at": datetime.fromisoformat(written["at"]),
                "containers": None
                if containers is None
                else tuple(_container_from_json(one) for one in containers),
            }
        )
    except (KeyError, TypeError, ValueError):
        return None


def _container_to_json(seen: ContainerActivity) -> Json:
    written = _fields(seen)
    written["started_at"] = seen.started_at.isoformat()
    written["last_used_at"] = _written(seen.last_used_at)
    return written


def _fields(seen: VmActivity | ContainerActivity) -> Json:
    """What `dataclasses.asdict` gives, a tenth of its time."""
    return {name: getattr(seen, name) for name in seen.__slots__}


def _container_from_json(written: Json) -> ContainerActivity:
    return ContainerActivity(
        **written
        | {
            "started_at": datetime.fromisoformat(written["started_at"]),
            "last_used_at": _read(written["last_used_at"]),
        }
    )


def _is_about(op: Operation, vm: Vm) -> bool:
    """Whether somebody asked for something on that VM; without a name, on theirs."""
    if op.caller.team_id == BOT or op.kind in _NO_USE or op.kind.startswith("admin"):
        return False
    named = op.args.get("vm") or op.args.get("name")
    return named == vm.hostname if named else op.caller.user_id == vm.owner_id


def _billed_from(known: Known) -> datetime | None:
    if known.there is not None and known.there.provisioned_at is not None:
        return known.there.provisioned_at
    return known.watch.billed_from if known.watch else None


def _eased(policy: IdlePolicy, time: timedelta) -> IdlePolicy:
    limits = policy.thresholds  # the engine copies, no container does
    eased = Thresholds.model_construct(
        cpu_percent=limits.cpu_percent,
        vm_cpu_percent=math.inf,
        network_bytes_per_s=limits.network_bytes_per_s,
    )
    return policy.model_copy(update={"thresholds": eased, "gap": policy.gap + time})


def _subject(vm: Vm, tags: Iterable[str], images: Iterable[str]) -> Subject:
    return Subject(vm.owner_id, vm.channel_id, frozenset(tags), frozenset(images))


def _strings(row: WatchRow | None, name: str) -> Sequence[str]:
    found: Sequence[str] = ((row.signals if row else None) or {}).get(name, ())
    return found


def _absences_to_json(absences: Iterable[Absence]) -> list[list[str | None]]:
    return [[_written(each.left_at), _written(each.back_at)] for each in absences]


def _signals_to_json(signals: Sequence[Signal]) -> list[Json]:
    """Most are of the same instant, so it is not written anew for each."""
    written: list[Json] = []
    at, text = None, ""
    for each in signals:
        if each.at is not at:
            at, text = each.at, each.at.isoformat()
        why = text_to_json(each.why)
        written.append({"name": each.name, "use": each.use, "at": text, "why": why})
    return written


def _signal_from_json(written: Json) -> Signal:
    return Signal(
        written["name"],
        Use(written["use"]),
        datetime.fromisoformat(written["at"]),
        text_from_json(written["why"]),
    )


def _written(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _read(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
