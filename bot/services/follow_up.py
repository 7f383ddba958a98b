"""What follows from a sweep: marks, notices, cancellations and calls for help are begun.

Nothing is done here that takes time: each is a duty of its own (`bot.services.duties`), under a key
that is the same in every sweep until the matter is over.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.models import CloudVm, OperationState, Text, Vm, VmState, counted
from bot.ports import Clock
from bot.reaping import StepKind
from bot.replies.blocks import Button
from bot.services.duties import Errands
from bot.services.operations import operation_id
from bot.services.reconcile import is_tagged, tags_of
from bot.services.recorded import text_to_json
from bot.services.telling import News
from bot.services.watching import Assessed
from bot.store import (
    FindingStore,
    MarkRow,
    MarkStore,
    OperationStore,
    SwitchStore,
    VmStore,
    WatchStore,
)
from config.settings import Policy

log = logging.getLogger(__name__)

REAPER, ALLOWANCE = "reaper", "reaper: many at once"
"""Switches: whether it may act at all, and since when it may take more at once than its cap."""

ALLOWED_FOR = timedelta(hours=2)

TOLD_ALONE = 3
"""VMs that become idle in one sweep and have a notice each; more are told together."""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Stores:
    """What is remembered of use and idleness."""

    vms: VmStore
    operations: OperationStore
    watch: WatchStore
    marks: MarkStore
    findings: FindingStore
    switches: SwitchStore


@dataclass(frozen=True, slots=True)
class Told:
    """Marks of which people are to be told. batch: of those that this sweep makes."""

    batch: str | None
    marks: dict[str, list[tuple[Vm, MarkRow]]] = field(default_factory=dict)  # by what is one act

    def add(self, vm: Vm, mark: MarkRow) -> None:
        key = mark.batch or f"{vm.op_id}:{mark.number}"
        self.marks.setdefault(key, []).append((vm, mark))


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Begins what is to be done about VMs that were looked at."""

    stores: Stores
    errands: Errands
    news: News
    policy: Policy
    clock: Clock
    can_save: bool

    @property
    def is_armed(self) -> bool:
        """Whether anything may be done. Until somebody turns the switch, what the policy says.

        Never where no work can be saved: nobody is told of an end that does not come.
        """
        if not self.can_save:
            return False
        switch = self.stores.switches.get(REAPER)
        return self.policy.reaper.is_armed if switch is None else switch.is_on

    def act(
        self, found: Sequence[Assessed], ours: int, counts: Counter[str], *, is_sure: bool
    ) -> None:
        """Begin it. found: VMs from which something follows, of `ours`. is_sure: the cloud's list
        was read whole and is believed."""
        self._clear_those_gone(counts)
        if self.is_armed:
            self._act_all(found, ours, is_sure, counts)
        else:
            self._stand_down(found, counts)

    def clear(self, vm: Vm, mark: MarkRow, how: str) -> None:
        """End a mark; its notice says so."""
        key = f"{vm.op_id}:{mark.number}"
        args = {"vm": vm.op_id, "mark": mark.number, "how": how}
        if self.errands.ask("idle clear", args, key, vm.channel_id) is not None:
            return
        if self._state("idle clear", key) is OperationState.FAILED:  # a mark must not stay for ever
            self.stores.marks.end(vm.op_id, mark.number, how, self.clock.now())

    def _act_all(
        self, found: Sequence[Assessed], ours: int, is_sure: bool, counts: Counter[str]
    ) -> None:
        reaps = [each for each in found if each.step.kind is StepKind.REAP]
        may_reap = is_sure and self._is_within_cap(reaps, ours)
        told = Told(self._batch(found))
        for each in found:
            try:
                self._act(each, is_sure, may_reap, told, counts)
            except Exception:
                counts["failed"] += 1
                log.exception("%s: nothing could be done about it", each.vm.hostname)
        self._deliver(told, counts)
        keys = {_escalation(each) for each in found if each.step.about}
        self.stores.findings.keep_only({"blind", "age"}, keys)

    def _act(
        self, one: Assessed, is_sure: bool, may_reap: bool, told: Told, counts: Counter[str]
    ) -> None:
        match one.step.kind:
            case StepKind.MARK if is_sure:
                self._mark(one, told, counts)
            case StepKind.CLEAR if one.mark is not None:
                self.clear(one.vm, one.mark, "busy")
                counts["cleared"] += 1
            case StepKind.REAP if may_reap:
                self._reap(one, counts)
            case StepKind.REAP | StepKind.MARK:
                counts["blocked"] += 1
            case StepKind.ESCALATE:
                self._escalate(one)
                counts["escalated"] += 1
        if one.mark is not None and one.mark.delivered_at is None:
            told.add(one.vm, one.mark)

    def _batch(self, found: Sequence[Assessed]) -> str | None:
        """What the notices of this sweep are told together as, when there are many.

        Marks carry it, so that whoever goes on after a crash tells the same ones together.
        """
        new = [each.vm.op_id for each in found if each.step.kind is StepKind.MARK]
        if len(new) <= TOLD_ALONE:
            return None
        return operation_id(f"batch:{self.clock.now().isoformat()}:{min(new)}")

    def _mark(self, one: Assessed, told: Told, counts: Counter[str]) -> None:
        if blocked(one):
            counts["blocked"] += 1
            return
        last = self.stores.marks.newest(one.vm.op_id)
        now = self.clock.now()
        if last is not None and last.how == "undelivered" and now - (last.ended_at or now) < _HOUR:
            return
        why = text_to_json(one.verdict.why)
        mark = self.stores.marks.mark(one.vm.op_id, one.verdict.since, why, now, told.batch)
        if mark is not None:
            counts["marked"] += 1
            told.add(one.vm, mark)

    def _deliver(self, told: Told, counts: Counter[str]) -> None:
        """Have notices posted, those of a batch all in one. A mark whose notice has reached nobody
        ends: it starts anew."""
        for key, marks in told.marks.items():
            try:
                self._deliver_one(key, marks, counts)
            except Exception:
                counts["failed"] += len(marks)
                log.exception("the notice %s could not be asked for", key)

    def _deliver_one(
        self, key: str, marks: Sequence[tuple[Vm, MarkRow]], counts: Counter[str]
    ) -> None:
        vm, mark = marks[0]
        args = {"batch": key} if mark.batch else {"vm": vm.op_id, "mark": mark.number}
        if self.errands.ask("idle notice", args, key, vm.channel_id) is not None:
            return
        state = self._state("idle notice", key)
        if state is None or not state.is_final:
            return
        for vm, mark in marks:
            fresh = self.stores.marks.get(vm.op_id, mark.number)
            if fresh.delivered_at is None and fresh.ended_at is None:
                counts["undelivered"] += 1
                self.clear(vm, mark, "undelivered")

    def _reap(self, one: Assessed, counts: Counter[str]) -> None:
        assert one.mark is not None and one.mark.delivered_at is not None
        if blocked(one):
            counts["blocked"] += 1
            return
        # One try per hour of a mark: the hour is paid in any case, and what failed is told once.
        hour = (self.clock.now() - one.mark.delivered_at) // _HOUR
        seen_in = [each["channel"] for each in one.mark.notices]
        place = next((each for each in seen_in if each == one.vm.channel_id), seen_in[0])
        args = {"vm": one.vm.op_id, "mark": one.mark.number}
        mark = f"{one.vm.op_id}:{one.mark.number}"
        if self._state("reap", f"{mark}:{hour - 1}") is OperationState.REQUESTED:
            return  # the try of the hour before is still at work
        key = f"{mark}:{hour}"
        if self.errands.ask("reap", args, key, place, one.vm.owner_id) is not None:
            counts["reaping"] += 1

    def _state(self, kind: str, key: str) -> OperationState | None:
        """How far a duty is; None when nobody has asked for it, or it is forgotten."""
        try:
            return self.stores.operations.get(operation_id(f"{kind}:{key}")).state
        except LookupError:
            return None

    def _is_within_cap(self, reaps: Sequence[Assessed], ours: int) -> bool:
        """Whether so many may be taken in one sweep; if not, none is, and the admins are asked."""
        reaper = self.policy.reaper
        most = max(reaper.cap_count, int(ours * reaper.cap_percent / 100))
        allowance = self.stores.switches.get(ALLOWANCE)
        is_allowed = (
            allowance is not None
            and allowance.is_on
            and self.clock.now() - allowance.changed_at < ALLOWED_FOR
        )
        if len(reaps) <= most or is_allowed:
            return True
        names = [each.vm.hostname for each in reaps]
        text = Text(
            "{count} VMs are to be cancelled at once, more than the cap of {most}: {names}. None of"
            " them is touched until an admin allows it.", count=len(names), most=most, names=names,
        )  # fmt: skip
        allow = Button(
            Text("Allow it for 2 h"), value="admin reaper allow", style="danger",
            confirm=Text("Let the bot cancel more VMs at once than its cap?"),
        )  # fmt: skip
        day = f"{self.clock.now():%Y-%m-%d}"
        self.news.once(
            "cap", " ".join([day, *sorted(names)]), text, self.news.admins, buttons=[allow]
        )
        return False

    def _escalate(self, one: Assessed) -> None:
        text = Text("*{name}*: {why}", name=one.vm.hostname, why=one.step.why)
        places = [*self.news.owner_of(one.vm), *self.news.admins]
        why = Button(Text("Why?"), value=f"why {one.vm.hostname}")
        self.news.once(_escalation(one), "", text, places, one.vm.owner_id, [why])

    def _clear_those_gone(self, counts: Counter[str]) -> None:
        """Marks of VMs that were cancelled otherwise."""
        for op_id, mark in self.stores.marks.all_current().items():
            vm = self.stores.vms.get(op_id)
            if vm.state is VmState.GONE:
                self.clear(vm, mark, "gone")
                counts["cleared"] += 1

    def _stand_down(self, found: Sequence[Assessed], counts: Counter[str]) -> None:
        """A dry run: what would be done is logged, and told to the admins when it is news."""
        would = [each for each in found if each.step.kind in (StepKind.MARK, StepKind.REAP)]
        counts["would mark"] = len(would)
        for each in found:
            if each.mark is not None:
                self.clear(each.vm, each.mark, "off")
                counts["cleared"] += 1
        for each in would:
            log.info("dry run: %s would be marked: %s", each.vm.hostname, each.verdict.why)
        names = sorted(each.vm.hostname for each in would)
        if not names:
            return
        text = counted(
            "The reaper is off. If it were on, the owner of {count} idle VM would be told now:"
            " {names}.",
            "The reaper is off. If it were on, the owners of {count} idle VMs would be told now:"
            " {names}.", len(names), names=names,
        )  # fmt: skip
        buttons = [Button(Text("Turn it on"), value="admin reaper on")]
        day = f"{self.clock.now():%Y-%m-%d}"  # once a day, whoever comes and goes meanwhile
        self.news.once("would", day, text, self.news.admins, buttons=buttons)


def blocked(one: Assessed) -> Text | None:
    """Why a VM must not be taken now, whatever its verdict; None when nothing forbids it."""
    return blocked_by(one.vm, one.there)


def blocked_by(vm: Vm, there: CloudVm | None) -> Text | None:
    """The belts: our row, our tag, hourly, idle at the cloud, and under the name that we know."""
    if vm.state is not VmState.READY:
        return Text("The bot has not finished preparing it.")
    if there is None or there.id != vm.cloud_id:
        return Text("SoftLayer's list does not have it.")
    if there.hostname.casefold() != vm.hostname.casefold():
        return Text("It has another name at SoftLayer.")
    if not is_tagged(there, tags_of(vm)):
        return Text("Its tags at SoftLayer do not say that it is the bot's.")
    if not there.is_hourly:
        return Text("It is billed by the month.")
    if there.transaction is not None or there.provisioned_at is None:
        return Text("SoftLayer is at work on it.")
    return None


def _escalation(one: Assessed) -> str:
    return f"{one.step.about}:{one.vm.op_id}"
