"""The notice of an idle VM: posted where its people see it, and edited until the matter is over."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.errors import ChatRefused, ChatUnknown
from bot.models import (
    MessageRef,
    Operation,
    OperationState,
    Text,
    Vm,
    VmState,
    counted,
    is_local,
)
from bot.ports import Chat, Clock, Journal
from bot.reaping import cancel_window
from bot.replies.blocks import Reply
from bot.replies.folded import TAKING, notices_reply
from bot.replies.idle import Ended, Notice
from bot.services.mailing import messages_for
from bot.services.recorded import Json, text_from_json
from bot.services.telling import Messenger, News
from bot.services.watching import Known, lease_of, policy_of
from bot.store import MarkRow, MarkStore, VmStore, WatchStore
from bot.store.marks import REAPED
from config.idle import IdlePolicy
from config.quiet import loud_after
from config.settings import Policy

log = logging.getLogger(__name__)

_ROUNDS = 5  # edits until nobody else has changed anything meanwhile


@dataclass(frozen=True, slots=True)
class Notices:
    """What notices say now, and editing them."""

    chat: Chat
    vms: VmStore
    marks: MarkStore
    watch: WatchStore
    policy: Policy
    clock: Clock

    def of(self, told: Sequence[tuple[str, int]], language: str) -> Reply:
        """What a message of these marks says now. told: the VM and the number of each."""
        return self._reply([self.marks.get(vm, number) for vm, number in told], language)

    def show_now(self, mark: MarkRow) -> None:
        """Edit all notices of a mark to what is so now, as when it has ended. Raises ChatUnknown.

        A notice that tells of other marks too is drawn anew with all of them, until none of them
        has changed meanwhile: so it does not matter who edits it last.
        """
        for notice in mark.notices:
            told = self._told_in(notice, mark)
            for _ in range(_ROUNDS):
                drawn = told
                self._edit(notice, self._reply(drawn, notice["language"]))
                told = self._told_in(notice, mark)
                if told == drawn:
                    break

    def show_taking(self, mark: MarkRow) -> None:
        """Edit them while the VM is saved and cancelled: too late for buttons."""
        for notice in mark.notices:
            told = [
                replace(each, how=TAKING, ended_at=self.clock.now())
                if each.vm == mark.vm and each.ended_at is None
                else each
                for each in self._told_in(notice, mark)
            ]
            self._edit(notice, self._reply(told, notice["language"]))

    def idle_policy(self, vm: Vm) -> IdlePolicy:
        """The policy of a VM, as far as it is known without looking at it."""
        known = Known(vm, self.watch.get(vm.op_id), self.marks.lease(vm.op_id), None)
        return policy_of(known, self.policy.idle)

    def _told_in(self, notice: Json, mark: MarkRow) -> list[MarkRow]:
        """All marks that a notice of this one tells of."""
        if mark.batch is None:
            return [mark]
        return [each for each in self.marks.in_batch(mark.batch) if notice in each.notices]

    def _reply(self, told: Sequence[MarkRow], language: str) -> Reply:
        pairs = [(self.vms.get(mark.vm), mark) for mark in told]
        pairs.sort(key=lambda pair: pair[0].hostname)
        return notices_reply([(self._facts(*pair), _ended(*pair)) for pair in pairs], language)

    def _facts(self, vm: Vm, mark: MarkRow) -> Notice:
        why = text_from_json(mark.why)
        return Notice(vm.hostname, vm.owner_id, why, vm.hourly_rate, self._ends_at(vm, mark))

    def _ends_at(self, vm: Vm, mark: MarkRow) -> datetime:
        """When the VM is taken at the earliest; a notice that is not out yet is delivered now."""
        policy, watch, now = self.idle_policy(vm), self.watch.get(vm.op_id), self.clock.now()
        told_at = mark.delivered_at or now
        over = max(now, loud_after(policy.quiet_hours, policy.zone, told_at, policy.grace))
        billed_from = watch.billed_from if watch else None
        lease = lease_of(vm, self.marks.lease(vm.op_id), billed_from, policy)
        begins, _ = cancel_window(lease, policy, over)
        return max(over, begins)

    def _edit(self, notice: Json, reply: Reply) -> None:
        ref = MessageRef(notice["channel"], notice["ts"])
        try:
            self.chat.update(ref, reply.text, reply.blocks)
        except ChatRefused as error:
            log.info("a notice in %s cannot be edited: %s", ref.channel_id, error.code)


@dataclass(frozen=True, slots=True)
class IdleNotice:
    """The duty "idle notice": tell people that a VM is idle, or several at once. Implements `Duty`.

    It counts as delivered when Slack has taken it where somebody sees it: the owner, the channel;
    the admins stand in for an owner who has left. What reaches nobody blocks, and admins are told.
    Of several VMs each place gets one message, or as few as Slack's limits allow.
    """

    messenger: Messenger
    notices: Notices
    news: News

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        plan = journal.step("plan", lambda: self._plan(op))
        told: dict[str, int] = plan["marks"]
        seen = self._post_all(op, journal, plan["messages"], told)
        rest = [each for each in plan["left"] if each not in seen]
        if rest:
            seen |= self._post_all(op, journal, self._for_admins(rest, plan["messages"]), told)
        if len(seen) < len(told):
            self._tell_blocked([vm for vm in told if vm not in seen], op)
        if any(self._mark(*each).ended_at for each in told.items()):
            # kept, or in use again, while it was being posted
            journal.step("end", lambda: self._show_ended(told))
        return OperationState.DONE if seen or not told else OperationState.FAILED

    def after_failure(self, op: Operation) -> None:
        undelivered = [mark.vm for mark in self._marks(op) if mark.delivered_at is None]
        if undelivered:
            self._tell_blocked(undelivered, op)

    # --- what goes where ---

    def _marks(self, op: Operation) -> list[MarkRow]:
        """What the operation is to tell of, as it is now: marks that have not ended."""
        marks = self.notices.marks
        if "batch" in op.args:
            asked = marks.in_batch(op.args["batch"])
        else:
            asked = [marks.get(op.args["vm"], op.args["mark"])]
        return [mark for mark in asked if mark.ended_at is None]

    def _plan(self, op: Operation) -> Json:
        """Which marks, in which messages, and whose owner has left."""
        found = [(self.notices.vms.get(mark.vm), mark) for mark in self._marks(op)]
        found = [(vm, mark) for vm, mark in found if vm.state is VmState.READY]
        found.sort(key=lambda pair: pair[0].hostname)
        of_many = len({vm.owner_id for vm, _ in found}) > 1
        owners = {vm.owner_id: self._owner(vm.owner_id, of_many=of_many) for vm, _ in found}
        gone = {owner for owner, known in owners.items() if known["has_left"]}
        wanted = {vm.op_id: self._places(vm, has_left=vm.owner_id in gone) for vm, _ in found}
        languages = {vm.op_id: owners[vm.owner_id]["language"] for vm, _ in found}
        return {
            "marks": {vm.op_id: mark.number for vm, mark in found},
            "messages": messages_for(wanted, languages),
            "left": [vm.op_id for vm, _ in found if vm.owner_id in gone],
        }

    def _owner(self, owner_id: str, *, of_many: bool) -> Json:
        """of_many: the others must not wait until Slack says whether this one has left."""
        try:
            has_left = is_local(owner_id) or self.messenger.has_left(owner_id)
        except ChatUnknown:
            if not of_many:
                raise
            has_left = False
        return {"has_left": has_left, "language": self.messenger.language(owner_id)}

    def _places(self, vm: Vm, *, has_left: bool) -> list[str]:
        wanted = {"owner": [vm.owner_id], "channel": [vm.channel_id], "admins": self.news.admins}
        places = [place for name in self.notices.idle_policy(vm).notify for place in wanted[name]]
        if has_left:  # where people see it who are still there; not in talks with the owner alone
            direct = {vm.owner_id, *([vm.channel_id] if vm.channel_id.startswith("D") else [])}
            places = [place for place in (vm.channel_id, *places) if place not in direct]
        elif vm.channel_id.startswith("D") and vm.owner_id in places:  # one talk by two names
            places = [place for place in places if place != vm.channel_id]
        return list(dict.fromkeys(places))

    def _for_admins(self, vms: Sequence[str], messages: Sequence[Json]) -> list[Json]:
        tried = {(message["place"], vm) for message in messages for vm in message["vms"]}
        wanted = {
            vm: [admin for admin in self.news.admins if (admin, vm) not in tried] for vm in vms
        }
        had = Counter(message["place"] for message in messages)
        return messages_for(wanted, dict.fromkeys(vms, "en"), had)

    # --- posting ---

    def _post_all(
        self, op: Operation, journal: Journal, messages: Sequence[Json], told: dict[str, int]
    ) -> set[str]:
        """Post them; gives the VMs of which somebody sees it. A terminal is no such place: it may
        be closed. A VM's notice is delivered when all messages that tell of it were tried."""
        seen: set[str] = set()
        last = {vm: at for at, message in enumerate(messages) for vm in message["vms"]}
        for at, message in enumerate(messages):
            if self._post(op, journal, message, [(vm, told[vm]) for vm in message["vms"]]):
                seen.update(message["vms"])
            for vm in message["vms"]:
                if last[vm] == at and vm in seen:
                    self.notices.marks.delivered(vm, told[vm], self.notices.clock.now())
        return seen

    def _post(
        self, op: Operation, journal: Journal, message: Json, told: Sequence[tuple[str, int]]
    ) -> bool:
        place, language = message["place"], message["language"]
        ref = self.messenger.post(
            journal, op, place, language,
            lambda spoken: self.notices.of(told, spoken), part=message["part"],
        )  # fmt: skip
        if ref is None:
            return False
        spoken = self.messenger.spoken_in(place, language)
        notice = {"channel": ref.channel_id, "ts": ref.ts, "language": spoken}
        self.notices.marks.add_notice(notice, *told)
        return not is_local(place)

    def _mark(self, vm: str, number: int) -> MarkRow:
        return self.notices.marks.get(vm, number)

    def _show_ended(self, told: dict[str, int]) -> Json:
        shown: set[str] = set()
        for mark in (self._mark(*each) for each in told.items()):
            fresh = [each for each in mark.notices if each["ts"] not in shown]
            if mark.ended_at is not None and fresh:
                self.notices.show_now(replace(mark, notices=fresh))
                shown.update(each["ts"] for each in fresh)
        return {}

    def _tell_blocked(self, vms: Sequence[str], op: Operation) -> None:
        names = sorted(self.notices.vms.get(vm).hostname for vm in vms)
        day = f"{op.requested_at:%Y-%m-%d}"
        if len(names) == 1:
            text = Text(
                "*{name}* is idle, and its notice reached nobody. It is not cancelled, and goes on"
                " costing money.", name=names[0],
            )  # fmt: skip
            self.news.once(f"notice:{vms[0]}", day, text, self.news.admins)
            return
        text = counted(
            "{count} VM is idle, and its notice reached nobody. It is not cancelled, and goes on"
            " costing money: {names}.",
            "{count} VMs are idle, and their notices reached nobody. They are not cancelled, and go"
            " on costing money: {names}.", len(names), names=names,
        )  # fmt: skip
        self.news.once(f"notices:{op.args['batch']}", day, text, self.news.admins)


@dataclass(frozen=True, slots=True)
class IdleClear:
    """The duty "idle clear": end a mark, and say so on its notice. Implements `Duty`."""

    notices: Notices

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        marks, now = self.notices.marks, self.notices.clock.now()
        mark = marks.end(op.args["vm"], op.args["mark"], op.args["how"], now)
        journal.step("edit", lambda: self._show(mark))
        return OperationState.DONE

    def after_failure(self, op: Operation) -> None:
        """The mark has ended; only its notice still says otherwise, and its buttons tell."""

    def _show(self, mark: MarkRow) -> Json:
        self.notices.show_now(mark)
        return {}


def _ended(vm: Vm, mark: MarkRow) -> Ended | None:
    """How a mark has ended, as it is to be told now."""
    if mark.ended_at is None:
        return None
    how = mark.how or "gone"
    if how == REAPED and vm.state is VmState.CANCELLING:
        how = TAKING
    elif how == REAPED and vm.state is not VmState.GONE:
        how = "failed"
    return Ended(how, mark.ended_by, mark.until)
