"""What follows when cloud and store differ: put right where that is sure, told where it is not.

Each finding is seen to by itself, and again in every sweep until it is over. Nothing here waits: a
VM is taken for gone when the cloud has said so twice, in sweeps that lie the settle time apart.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from bot.errors import CloudNotFound
from bot.models import (
    CloudVm,
    HostAccess,
    Operation,
    OperationState,
    Person,
    Text,
    Vm,
    VmState,
)
from bot.money import cost_of
from bot.ports import Clock, Cloud, ContainerHosts, Journal
from bot.replies.blocks import Button
from bot.services.reconcile import Finding, Kind, ListLost, compare, is_ending, tags_of
from bot.services.recorded import Json
from bot.services.telling import News
from bot.services.vm_find import VmFinder
from bot.services.vm_prepare import cancel_button
from bot.store import FindingStore, VmStore
from config.settings import Policy

log = logging.getLogger(__name__)

_UNSTEADY = frozenset(VmState) - {VmState.READY, VmState.ATTENTION}
_NOT_GONE = frozenset(VmState) - {VmState.GONE}


@dataclass(frozen=True, slots=True)
class Repair:
    """Compares the cloud's list with the store, and sees to what differs."""

    cloud: Cloud
    hosts: ContainerHosts
    vms: VmStore
    findings: FindingStore
    news: News
    policy: Policy
    clock: Clock

    def see_to(self, listed: Sequence[CloudVm]) -> Counter[str]:
        """Put right what can be; gives how many there were of each kind.

        listed: the whole list, of which nothing was missing. Raises ListLost: nothing was done.
        """
        rows = self.vms.live() + self.vms.named_by(
            {vm.request_id for vm in listed if vm.request_id}, {vm.id for vm in listed}
        )
        reaper, now = self.policy.reaper, self.clock.now()
        try:
            found = compare(
                listed, rows, now, settle=self.policy.timeouts.settle,
                ending=self.policy.timeouts.cancel, lost_from=reaper.lost_from,
                lost_percent=reaper.lost_percent,
            )  # fmt: skip
        except ListLost as lost:
            self._tell_lost(lost)
            raise
        self.findings.keep_only({"list", *Kind}, {each.key for each in found})
        for each in found:
            self._see_to_one(each)
        return Counter(each.kind for each in found)

    def _see_to_one(self, finding: Finding) -> None:
        try:
            match finding:
                case Finding(Kind.ORPHAN, None, (vm,)):
                    self._orphan(finding, vm)
                case Finding(_, Vm() as row, ()):
                    self._ghost(finding, row)
                case Finding(_, Vm() as row, (vm, *_)):
                    self._differs(finding, row, vm)
        except Exception:  # one VM's trouble is not the next one's
            log.exception("%s could not be seen to", finding.key)

    def _differs(self, finding: Finding, row: Vm, vm: CloudVm) -> None:
        match finding.kind:
            case Kind.TWINS:
                self._twins(finding, row, vm)
            case Kind.UNTAGGED:
                self._label(row, vm)
            case Kind.RENAMED:
                self._renamed(finding, row, vm)
            case Kind.RETURNED:
                self._returned(finding, row, vm)
            case Kind.FOUND:
                self._found(finding, row, vm)

    # --- one kind each ---

    def _ghost(self, finding: Finding, row: Vm) -> None:
        """Gone, when the cloud itself says so twice; then its owner is told, once."""
        assert row.cloud_id is not None
        now = self.clock.now()
        try:
            self.cloud.get(row.cloud_id)
        except CloudNotFound:
            noted = self.findings.note(finding.key, finding.fact, now)
        else:
            self.findings.over(finding.key)
            return
        if now - noted.first_at < self.policy.timeouts.settle:
            return
        self._tell_owner(finding, row, _vanished(row, cost_of(row.hourly_rate, row.asked_at, now)))
        if self.vms.change(row.op_id, unless=_UNSTEADY, state=VmState.GONE, ended_at=now):
            if row.address is not None:
                self.hosts.forget(HostAccess(row.address, row.host_key))

    def _orphan(self, finding: Finding, vm: CloudVm) -> None:
        """Nobody's, as far as we know: a person decides."""
        text = Text(
            "At SoftLayer there is a VM *{name}* (id {id}) that is marked as the bot's, and the bot"
            " does not know it. It costs money, and is left alone until an admin decides.",
            name=vm.hostname, id=str(vm.id),
        )  # fmt: skip
        self._tell_admins(finding, text, [_adopt_button(vm), _cancel_button(vm)])

    def _twins(self, finding: Finding, row: Vm, kept: CloudVm) -> None:
        """One request, two VMs: the others go, if they carry the request's id."""
        text = Text(
            "There are two VMs for the order of *{name}*. The one with id {id} stays, the other is"
            " cancelled.", name=row.hostname, id=str(kept.id),
        )  # fmt: skip
        self._tell_owner(finding, row, text, self.news.admins)
        hour = self.clock.now().strftime("%Y-%m-%dT%H")  # one that fails is tried again
        args = {"vm": row.op_id, "kept": kept.id}
        self.news.errands.ask("cancel twins", args, f"{finding.key}:{finding.fact}:{hour}")

    def _label(self, row: Vm, vm: CloudVm) -> None:
        notes = vm.notes or json.dumps({"by": "ds-bot", "owner": row.owner_id, "op": row.op_id})
        try:
            self.cloud.label(vm.id, tags_of(row) | vm.tags, notes)
        except ValueError:  # somebody's own tags or notes, such as cannot be sent back
            self.cloud.label(vm.id, tags_of(row), "")
        log.warning("VM %s (%s) has its tags again", vm.id, vm.hostname)

    def _renamed(self, finding: Finding, row: Vm, vm: CloudVm) -> None:
        text = Text(
            "The VM *{name}* (id {id}) is called {now} at SoftLayer now. The bot cancels no VM"
            " under another name, so look at it there.",
            name=row.hostname, id=str(vm.id), now=vm.hostname,
        )  # fmt: skip
        self._tell_admins(finding, text)

    def _returned(self, finding: Finding, row: Vm, vm: CloudVm) -> None:
        """It costs money and nobody knows: it is live again, if its name is free, and told."""
        now = self.cloud.get(vm.id)
        if is_ending(now) or (now.transaction is not None and not now.is_running):
            return
        rival = self.vms.named(row.hostname)
        if rival is not None and rival.op_id != row.op_id:
            text = Text(
                "The VM *{name}* of {owner} (id {id}) should be gone, but it runs and costs money."
                " There is another VM of this name by now, so an admin must decide.",
                name=row.hostname, owner=Person(row.owner_id), id=str(vm.id),
            )  # fmt: skip
            self._tell_admins(finding, text, [_cancel_button(vm)])
            return
        text = Text(
            "*{name}* should be gone, but it runs and costs money. Cancel it, or go on with it.",
            name=row.hostname,
        )
        self._tell_owner(finding, row, text, self.news.admins, _decide_buttons(row))
        self._adopt(row, vm, _NOT_GONE)

    def _found(self, finding: Finding, row: Vm, vm: CloudVm) -> None:
        """An order whose answer was lost has made a VM after all, or its twin is what is left."""
        if row.cloud_id is not None:
            try:
                self.cloud.get(row.cloud_id)
                return
            except CloudNotFound:
                noted = self.findings.note(finding.key, finding.fact, self.clock.now())
                if self.clock.now() - noted.first_at < self.policy.timeouts.settle:
                    return
        text = Text(
            "The VM that was ordered as *{name}* was found. It costs money: go on with it, or"
            " cancel it.", name=row.hostname,
        )  # fmt: skip
        self._tell_owner(finding, row, text, buttons=_decide_buttons(row))
        self._adopt(row, vm, _UNSTEADY)

    # --- within ---

    def _adopt(self, row: Vm, vm: CloudVm, unless: frozenset[VmState]) -> None:
        try:
            self.vms.change(
                row.op_id, unless=unless, state=VmState.ATTENTION, cloud_id=vm.id, address=None,
                ended_at=None, hourly_rate=vm.hourly_rate or row.hourly_rate,
            )  # fmt: skip
        except IntegrityError:  # somebody took the name in this moment; the next sweep tells it
            log.warning("%s cannot be live again: its name is taken", row.hostname)

    def _tell_lost(self, lost: ListLost) -> None:
        text = Text(
            "SoftLayer's list has only {listed} of the {known} VMs that are known. Until it has"
            " them again, nothing is taken for idle or gone. Those that are really gone can be"
            " cancelled with `vm cancel`.", listed=lost.listed, known=lost.known,
        )  # fmt: skip
        self.news.once("list", "lost", text, self.news.admins)

    def _tell_owner(
        self, finding: Finding, row: Vm, text: Text, besides: Sequence[str] = (),
        buttons: Sequence[Button] = (),
    ) -> None:  # fmt: skip
        places = [*self.news.owner_of(row), *besides]
        self.news.once(finding.key, finding.fact, text, places, row.owner_id, buttons)

    def _tell_admins(self, finding: Finding, text: Text, buttons: Sequence[Button] = ()) -> None:
        self.news.once(finding.key, finding.fact, text, self.news.admins, buttons=buttons)


@dataclass(frozen=True, slots=True)
class CancelTwins:
    """The duty "cancel twins": whatever else a request has made. Implements `Duty`."""

    vms: VmStore
    finder: VmFinder

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        journal.step("cancel", lambda: self._cancel(op.args["vm"], op.args["kept"]))
        return OperationState.DONE

    def after_failure(self, op: Operation) -> None:
        """The next sweep finds them again."""

    def _cancel(self, vm: str, kept: int) -> Json:
        row = self.vms.get(vm)
        if row.cloud_id == kept:
            self.finder.cancel_twins(row, kept)
        return {}


def _vanished(row: Vm, cost: object) -> Text:
    if cost:
        return Text(
            "*{name}* does not exist at SoftLayer any more: the bot did not cancel it. It cost"
            " about {cost}.", name=row.hostname, cost=cost,
        )  # fmt: skip
    return Text(
        "*{name}* does not exist at SoftLayer any more: the bot did not cancel it.",
        name=row.hostname,
    )


def _decide_buttons(row: Vm) -> list[Button]:
    go_on = Button(Text("Go on"), value=f"vm prepare {row.hostname}", style="primary")
    return [go_on, cancel_button(row)]


def _adopt_button(vm: CloudVm) -> Button:
    return Button(Text("Adopt it"), value=f"admin adopt {vm.id}")


def _cancel_button(vm: CloudVm) -> Button:
    return Button(
        Text("Cancel it"), value=f"admin cancel {vm.id}", style="danger",
        confirm=Text("Cancel {vm}? Everything on it is deleted.", vm=vm.hostname),
    )  # fmt: skip
