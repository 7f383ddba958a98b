"""The notice of an idle VM: posted where its people see it, and edited until the matter is over."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import ChatRefused
from bot.models import MessageRef, Operation, OperationState, Text, Vm, VmState, is_local
from bot.ports import Chat, Clock, Journal
from bot.reaping import cancel_window
from bot.replies.blocks import Reply
from bot.replies.idle import Ended, Notice, ended_reply, notice_reply, taking_reply
from bot.services.recorded import Json, text_from_json
from bot.services.telling import Messenger, News
from bot.services.watching import Known, lease_of, policy_of
from bot.store import MarkRow, MarkStore, VmStore, WatchStore
from config.idle import IdlePolicy
from config.quiet import loud_after
from config.settings import Policy

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Notices:
    """What notices say now, and editing them."""

    chat: Chat
    vms: VmStore
    marks: MarkStore
    watch: WatchStore
    policy: Policy
    clock: Clock

    def new(self, vm: Vm, mark: MarkRow, language: str) -> Reply:
        """The notice, as it is posted now."""
        return notice_reply(self._facts(vm, mark), language)

    def show_end(self, mark: MarkRow) -> None:
        """Edit all notices of a mark that has ended. Raises ChatUnknown."""
        ended = Ended(mark.how or "gone", mark.ended_by, mark.until)
        facts = self._facts(self.vms.get(mark.vm), mark)
        for notice in mark.notices:
            self._edit(notice, ended_reply(facts, ended, notice["language"]))

    def show_again(self, mark: MarkRow) -> None:
        """Edit them back: the mark has not ended. Raises ChatUnknown."""
        vm = self.vms.get(mark.vm)
        for notice in mark.notices:
            self._edit(notice, self.new(vm, mark, notice["language"]))

    def show_taking(self, mark: MarkRow) -> None:
        """Edit them while the VM is saved and cancelled: too late for buttons."""
        facts = self._facts(self.vms.get(mark.vm), mark)
        for notice in mark.notices:
            self._edit(notice, taking_reply(facts, notice["language"]))

    def idle_policy(self, vm: Vm) -> IdlePolicy:
        """The policy of a VM, as far as it is known without looking at it."""
        known = Known(vm, self.watch.get(vm.op_id), self.marks.lease(vm.op_id), None)
        return policy_of(known, self.policy.idle)

    def _facts(self, vm: Vm, mark: MarkRow) -> Notice:
        why = text_from_json(mark.why)
        return Notice(vm.hostname, vm.owner_id, why, vm.hourly_rate, self._ends_at(vm))

    def _ends_at(self, vm: Vm) -> datetime:
        """When the VM is taken at the earliest, if its notice is delivered now."""
        policy, watch = self.idle_policy(vm), self.watch.get(vm.op_id)
        over = loud_after(policy.quiet_hours, policy.zone, self.clock.now(), policy.grace)
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
    """The duty "idle notice": tell a VM's people that it is idle. Implements `Duty`.

    It counts as delivered when Slack has taken it where somebody sees it: the owner, the channel;
    the admins stand in for an owner who has left. What reaches nobody blocks, and admins are told.
    """

    messenger: Messenger
    notices: Notices
    news: News

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        marks, vms = self.notices.marks, self.notices.vms
        vm, mark = vms.get(op.args["vm"]), marks.get(op.args["vm"], op.args["mark"])
        if mark.ended_at is not None or vm.state is not VmState.READY:
            return OperationState.DONE
        plan = journal.step("plan", lambda: self._plan(vm))
        is_told = self._post_all(op, journal, plan["places"], plan["language"])
        if not is_told and plan["has_left"]:
            is_told = self._post_all(op, journal, self.news.admins, "en")
        if is_told:
            marks.delivered(mark.vm, mark.number, self.notices.clock.now())
        else:
            self._tell_blocked(vm, mark)
        mark = marks.get(mark.vm, mark.number)
        if mark.ended_at is not None:  # kept, or in use again, while it was being posted
            journal.step("end", lambda: self._show_end(mark))
        return OperationState.DONE if is_told else OperationState.FAILED

    def after_failure(self, op: Operation) -> None:
        vm = self.notices.vms.get(op.args["vm"])
        self._tell_blocked(vm, self.notices.marks.get(vm.op_id, op.args["mark"]))

    def _plan(self, vm: Vm) -> Json:
        wanted = {"owner": [vm.owner_id], "channel": [vm.channel_id], "admins": self.news.admins}
        places = [place for name in self.notices.idle_policy(vm).notify for place in wanted[name]]
        has_left = is_local(vm.owner_id) or self.messenger.has_left(vm.owner_id)
        if has_left:  # where people see it who are still there; not in talks with the owner alone
            direct = {vm.owner_id, *([vm.channel_id] if vm.channel_id.startswith("D") else [])}
            places = [place for place in (vm.channel_id, *places) if place not in direct]
        return {
            "places": list(dict.fromkeys(places)),
            "has_left": has_left,
            "language": self.messenger.language(vm.owner_id),
        }

    def _post_all(
        self, op: Operation, journal: Journal, places: Sequence[str], language: str
    ) -> bool:
        """Post it everywhere; gives whether somebody sees it. A terminal is no such place: it may
        be closed. So is what was posted already to a place that two names lead to."""
        seen: set[str] = set()
        for place in places:
            vm = self.notices.vms.get(op.args["vm"])
            mark = self.notices.marks.get(vm.op_id, op.args["mark"])
            ref = self.messenger.post(
                journal, op, place, language,
                lambda spoken, vm=vm, mark=mark: self.notices.new(vm, mark, spoken),  # type: ignore[misc]
            )  # fmt: skip
            if ref is not None:
                spoken = self.messenger.spoken_in(place, language)
                notice = {"channel": ref.channel_id, "ts": ref.ts, "language": spoken}
                self.notices.marks.add_notice(mark.vm, mark.number, notice)
                seen.add(place)
        return any(not is_local(place) for place in seen)

    def _show_end(self, mark: MarkRow) -> Json:
        self.notices.show_end(mark)
        return {}

    def _tell_blocked(self, vm: Vm, mark: MarkRow) -> None:
        text = Text(
            "*{name}* is idle, and its notice reached nobody. It is not cancelled, and goes on"
            " costing money.", name=vm.hostname,
        )  # fmt: skip
        day = f"{mark.marked_at:%Y-%m-%d}"
        self.news.once(f"notice:{vm.op_id}", day, text, self.news.admins)


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
        self.notices.show_end(mark)
        return {}
