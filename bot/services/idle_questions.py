"""Answers about idleness: why a VM is judged as it is, what is agreed, and how the reaper is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.access import require_admin
from bot.activity import Use
from bot.models import Caller, Person, Text, Vm, counted
from bot.ports import Clock
from bot.reaping import StepKind
from bot.replies.idle import Explained
from bot.services.follow_up import REAPER, FollowUp, Stores
from bot.services.vm_prepare import unknown_vm
from bot.services.watching import Assessed, Known, lease_of, policy_of, reassessed
from bot.store import LeaseRow
from config.settings import Policy


@dataclass(frozen=True, slots=True)
class IdleQuestions:
    """Answers about idleness, from what the last sweep has seen."""

    stores: Stores
    follow_up: FollowUp
    policy: Policy
    clock: Clock

    def why(self, caller: Caller, name: str) -> Explained:
        """Everything that decides over a VM. Raises UserError."""
        vm = self.stores.vms.named(name)
        if vm is None:
            raise unknown_vm(self.stores.vms, name, caller, self.stores.vms.live())
        now, marks = self.clock.now(), self.stores.marks
        row, lease_row = self.stores.watch.get(vm.op_id), marks.lease(vm.op_id)
        known = Known(vm, row, lease_row, marks.current(vm.op_id))
        one = reassessed(known, self.policy.idle, now)
        facts = self._facts(known, now)
        if one is None:
            why = Text("The VM was not looked at yet.")
            return Explained(vm.hostname, Use.UNKNOWN, why, (), Text("Nothing follows."), facts)
        return Explained(
            vm.hostname, one.verdict.use, one.verdict.why, one.signals.now, self._next(one), facts
        )

    def agreed(self, vms: Sequence[Vm]) -> dict[str, Text]:
        """What is agreed about the ends of VMs, of those about which anything is, by op_id."""
        now, marks = self.clock.now(), self.stores.marks.all_current()
        leases, watch = self.stores.marks.leases(), self.stores.watch.all()
        found = {}
        for vm in vms:
            row = leases.get(vm.op_id, LeaseRow(vm.op_id))
            known = Known(vm, watch.get(vm.op_id), row, marks.get(vm.op_id))
            lease = lease_of(vm, row, None, policy_of(known, self.policy.idle))
            if known.mark is not None:
                found[vm.op_id] = Text("idle, to be cancelled")
            elif row.kept_until is not None and row.kept_until > now:
                found[vm.op_id] = Text("kept until {until}", until=row.kept_until)
            elif lease.ends_at is not None and lease.ends_at > now:
                found[vm.op_id] = Text("lease until {until}", until=lease.ends_at)
        return found

    def status(self, caller: Caller) -> Sequence[Text]:
        """`/ds admin reaper status`, a sentence each. Raises NotAllowed."""
        require_admin(caller, self.policy.access)
        switch, now = self.stores.switches.get(REAPER), self.clock.now()
        told = [is_on(self.follow_up.is_armed)]
        if switch is not None:
            told.append(Text("{person} turned it {when}.", person=Person(switch.changed_by),
                             when=switch.changed_at))  # fmt: skip
        looks = [row.looked_at for row in self.stores.watch.all().values()]
        if looks:
            told.append(counted("{count} VM is watched; the last look was {age} ago.",
                                "{count} VMs are watched; the last look was {age} ago.",
                                len(looks), age=now - max(looks)))  # fmt: skip
        marks = self.stores.marks.all_current()
        names = [self.stores.vms.get(op_id).hostname for op_id in sorted(marks)]
        if names:
            told.append(Text("Idle, and told about: {names}.", names=names))
        return told

    def _next(self, one: Assessed) -> Text:
        if not self.follow_up.is_armed:
            return Text("The reaper is off, so nothing follows.")
        step = one.step
        match step.kind:
            case StepKind.MARK:
                return Text("Its people are told next.")
            case StepKind.CLEAR:
                return Text("Its notice is taken back next.")
            case StepKind.REAP:
                return Text("It is saved and cancelled next.")
            case StepKind.ESCALATE:
                return Text("Its owner and the admins are told.")
            case _ if step.why != one.verdict.why:
                return step.why
            case _ if step.at is not None:
                return Text("Nothing follows before {at}, if nothing changes.", at=step.at)
            case _:
                return Text("Nothing follows.")

    def _facts(self, known: Known, now: datetime) -> list[Text]:
        vm, row, agreed = known.vm, known.watch, known.lease
        policy = policy_of(known, self.policy.idle)
        lease = lease_of(vm, agreed, None, policy)
        facts = [
            Text("told after {idle} without use, {grace} to keep it", idle=policy.idle_after,
                 grace=policy.grace),
        ]  # fmt: skip
        if row is not None and row.busy_at is not None:
            facts.append(Text("in use last {age} ago", age=now - row.busy_at))
        if lease.ends_at is not None and lease.ends_at > now:
            facts.append(Text("lease until {until}", until=lease.ends_at))
        if agreed.kept_until is not None and agreed.kept_until > now:
            facts.append(Text("kept until {until} by {person}", until=agreed.kept_until,
                              person=Person(agreed.kept_by or "")))  # fmt: skip
        facts.append(Text("no Keep goes beyond {until}", until=vm.asked_at + policy.max_age))
        return facts


def is_on(is_armed: bool) -> Text:
    """The reaper's state as a sentence."""
    if is_armed:
        return Text("The reaper is on: idle VMs are told about, saved and cancelled.")
    return Text("The reaper is off: it looks and says what it would do, and does nothing.")
