"""Taking an idle VM: everything read anew, its work saved, then cancelled, and all of it told.

The last look, the decision that nobody can take back, and the cancellation are one step: after a
crash between any two lines it begins again with the look. What was claimed by an operation can be
cancelled by that operation only, and what is kept in the same moment is not claimed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.errors import ChatRefused, CloudError, UserError
from bot.metrics import REAPED
from bot.models import CloudVm, Operation, OperationState, Text, Vm, VmState
from bot.ports import Chat, Clock, Journal
from bot.reaping import StepKind
from bot.services.follow_up import blocked_by
from bot.services.reconcile import is_ending
from bot.services.recorded import Json, text_from_json, text_to_json
from bot.services.release import NO_ANSWER, OPENED, Reaping, has_session
from bot.services.telling import Messenger, News
from bot.services.watching import (
    Assessed,
    Known,
    activity_from_json,
    assessed,
    own_sign,
)
from bot.services.work import CardRules, Failed, Outcome, Watch, Work
from bot.store import MarkRow

log = logging.getLogger(__name__)

LOOKS_APART = timedelta(seconds=10)
"""Between looks whose difference is the last word on whether a VM is in use."""


class Stays(UserError):
    """The VM is not to be taken any more."""


@dataclass(frozen=True, slots=True)
class Reap:
    """The duty "reap": take a VM whose grace is over. Implements `bot.services.duties.Duty`."""

    shared: Reaping
    messenger: Messenger
    news: News
    chat: Chat
    clock: Clock

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        vm = self._vm(op)
        first = journal.step("check", lambda: self._check(op))
        if "stays" in first:
            REAPED.labels("stopped").inc()
            log.info("%s is not taken: %s", vm.hostname, text_from_json(first["stays"]))
            return OperationState.DONE
        spoken = journal.step("language", lambda: self._language(vm))
        stores = self.shared.follow_up.stores
        rules = CardRules(self.messenger.spoken_in)
        work = Work(
            op, journal, self.chat, self.clock, stores.operations, spoken["language"], rules
        )
        try:
            work.open_card(self._title(vm))
        except ChatRefused as error:
            log.warning("%s is not taken: its card is refused: %s", vm.hostname, error.code)
            self._tell_blocked(op, error.text)
            return OperationState.FAILED
        return self._take(work, vm)

    def after_failure(self, op: Operation) -> None:
        """Nobody can tell how far it came: if it was claimed, a person decides."""
        self._give_back(op)
        self._tell_blocked(op, Text("Something unexpected happened."))

    # --- within ---

    def _take(self, work: Work, vm: Vm) -> OperationState:
        limits = self.shared.cancelling.policy.timeouts
        try:
            self.shared.suspend(work, vm)
            rest = work.step("rest", lambda: self.shared.at_rest(vm))
            saved = self.shared.save(work, vm)
            ended = work.phase(
                "cancel",
                Text("Cancel at SoftLayer"),
                limits.cancel,
                lambda watch: self._let_go(watch, work.op, vm, rest),
            )
        except Failed as failure:
            return self._failed(work, vm, failure)
        if "stays" in ended:
            return self._stays(work, vm, text_from_json(ended["stays"]))
        self.shared.cancelling.forget(vm)
        work.step("notices", lambda: self._show_now(work.op))
        work.finish(OperationState.DONE, self.shared.report(vm, saved))
        REAPED.labels("reaped").inc()
        return OperationState.DONE

    def _let_go(self, watch: Watch, op: Operation, vm: Vm, rest: Json) -> Json:
        assert vm.cloud_id is not None
        cancelling = self.shared.cancelling
        try:
            return cancelling.let_go(
                watch, vm, vm.cloud_id, lambda there: self._claim(op, there, rest)
            )
        except Stays as stays:
            return {"stays": text_to_json(stays.text)}

    def _claim(self, op: Operation, there: CloudVm, rest: Json) -> None:
        """The last look, then the word that nobody can take back. Raises Stays."""
        mark = self._mark(op)
        marks = self.shared.notices.marks
        if mark.ended_by == op.id and is_ending(there):
            return  # it was cancelled before the process died
        why = self._forbidden(op, there) or self._used_since(op, there, rest)
        if why is None and not marks.claim(mark.vm, mark.number, op.id, self.clock.now()):
            why = Text("It was kept, or is in use again.")
        if why is not None:
            marks.unclaim(mark.vm, mark.number, op.id)
            raise Stays(why)

    def _check(self, op: Operation) -> Json:
        """Whether to begin at all; before anything is told or saved."""
        vm = self._vm(op)
        assert vm.cloud_id is not None
        if self.shared.saver is None:
            self._tell_blocked(op, Text("This bot cannot save work yet."))
            return {"stays": text_to_json(Text("This bot cannot save work yet."))}
        try:
            there = self.shared.cancelling.cloud.get(vm.cloud_id)
        except CloudError as error:
            return {"stays": text_to_json(error.text)}
        why = self._forbidden(op, there) or self._in_use(op, there)
        if why is not None:
            return {"stays": text_to_json(why)}
        self.shared.notices.show_taking(self._mark(op))
        return {}

    def _forbidden(self, op: Operation, there: CloudVm) -> Text | None:
        """What stands against taking the VM, whether it is in use or not; None: nothing."""
        follow_up, vm, mark = self.shared.follow_up, self._vm(op), self._mark(op)
        is_claimed = mark.ended_by == op.id
        if not follow_up.is_armed:
            return Text("The reaper is off.")
        if mark.ended_at is not None and not is_claimed:
            return Text("It was kept, or is in use again.")
        if is_claimed and vm.state is VmState.CANCELLING:
            vm = replace(vm, state=VmState.READY)
        return blocked_by(vm, there)

    def _in_use(self, op: Operation, there: CloudVm) -> Text | None:
        """Why the VM is in use, by all signs read anew; None: it is not."""
        known = self._known(op, there)
        for _ in range(2):  # rates of two looks that are too near to each other are noise
            self.clock.sleep(LOOKS_APART)
            one = self._assessed(known)
            if one.step.kind is not StepKind.REAP:
                return one.step.why
            known = replace(known, watch=one.row)
        return None

    def _used_since(self, op: Operation, there: CloudVm, rest: Json) -> Text | None:
        """Why it is in use after its work was saved; None: nobody came meanwhile.

        What had been suspended is there again only if somebody opened it.
        """
        known, seen = self._known(op, there), self.shared.seen_at_rest(rest)
        if isinstance(seen, Text):
            return seen
        if known.watch is None:
            return NO_ANSWER
        if has_session(seen):
            return OPENED
        known = replace(known, watch=replace(known.watch, activity=rest["seen"], looked_at=seen.at))
        for since in (seen.at, None):
            self.clock.sleep(LOOKS_APART)
            one = self._assessed(known, since, is_saved=True)
            if one.step.kind is not StepKind.REAP:
                return one.step.why
            if has_session(activity_from_json(one.row.activity)):
                return OPENED
            known = replace(known, watch=one.row)
        return None

    def _known(self, op: Operation, there: CloudVm) -> Known:
        stores, vm, mark = self.shared.follow_up.stores, self._vm(op), self._mark(op)
        open_mark = replace(mark, ended_at=None)
        lease = stores.marks.lease(vm.op_id)
        return Known(vm, stores.watch.get(vm.op_id), lease, open_mark, there)

    def _assessed(
        self, known: Known, at_work_since: datetime | None = None, *, is_saved: bool = False
    ) -> Assessed:
        """By a look now, compared with the one that is known."""
        stores, vm = self.shared.follow_up.stores, known.vm
        known = replace(known, lease=stores.marks.lease(vm.op_id))
        seen, now = self.shared.looks.one(vm), self.clock.now()
        last_look = known.watch.looked_at if known.watch else None
        own = own_sign(vm, stores.operations.since(last_look or now), last_look, now)
        idle = self.shared.notices.policy.idle
        return assessed(known, seen, own, idle, now, at_work_since=at_work_since, is_saved=is_saved)

    def _stays(self, work: Work, vm: Vm, why: Text) -> OperationState:
        """Something spoke against it in the last moment. The next sweep looks at it again."""
        work.step("notices", lambda: self._show_now(work.op))
        text = Text("*{name}* stays: {why}", name=vm.hostname, why=why)
        work.finish(OperationState.DONE, Outcome(text, is_warning=True))
        REAPED.labels("stopped").inc()
        return OperationState.DONE

    def _failed(self, work: Work, vm: Vm, failure: Failed) -> OperationState:
        self._give_back(work.op)
        work.step("notices", lambda: self._show_now(work.op))
        text = Text("*{name}* was not cancelled and still costs money. *{phase}* did not work:"
                    " {why}", name=vm.hostname, phase=failure.title, why=failure.why)  # fmt: skip
        work.finish(OperationState.FAILED, Outcome(text))
        self._tell_blocked(work.op, failure.why)
        REAPED.labels("failed").inc()
        return OperationState.FAILED

    def _give_back(self, op: Operation) -> None:
        """A VM that was claimed, and perhaps not cancelled: somebody must look at it."""
        if self._mark(op).ended_by == op.id:
            self.shared.cancelling.vms.change(
                op.args["vm"],
                unless=frozenset(VmState) - {VmState.CANCELLING},
                state=VmState.ATTENTION,
            )

    def _show_now(self, op: Operation) -> Json:
        """What the notices said before, or how the mark has ended meanwhile."""
        self.shared.notices.show_now(self._mark(op))
        return {}

    def _tell_blocked(self, op: Operation, why: Text) -> None:
        vm = self._vm(op)
        text = Text("*{name}* is idle, and is not cancelled: {why}", name=vm.hostname, why=why)
        fact = f"{op.args['mark']} {why}"
        self.news.once(f"blocked:{vm.op_id}", fact, text, self.news.admins)

    def _language(self, vm: Vm) -> Json:
        return {"language": self.messenger.language(vm.owner_id)}

    def _title(self, vm: Vm) -> Text:
        return Text("Save and cancel VM {name}, which nobody uses", name=vm.hostname)

    def _vm(self, op: Operation) -> Vm:
        return self.shared.cancelling.vms.get(op.args["vm"])

    def _mark(self, op: Operation) -> MarkRow:
        return self.shared.notices.marks.get(op.args["vm"], op.args["mark"])
