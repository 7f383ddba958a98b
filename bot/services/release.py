"""Saving the work on a VM and cancelling it: what a person asks for, and what the reaper shares."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from bot.activity import Use, VmActivity
from bot.errors import BotError, UserError
from bot.metrics import REAPED
from bot.models import Operation, Text, Vm, VmState
from bot.money import cost_of
from bot.replies.blocks import Button
from bot.services.follow_up import FollowUp
from bot.services.looking import Looks
from bot.services.notices import Notices
from bot.services.recorded import Json
from bot.services.vm_cancel import CancelVm
from bot.services.vm_prepare import owned_vm, worked_on
from bot.services.watching import activity_from_json, activity_to_json, own_sign
from bot.services.work import Failed, Outcome, Work
from config.idle import IdlePolicy

NO_ANSWER = Text("The VM does not answer.")
OPENED = Text("Somebody has opened RStudio on it.")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Saved:
    """That a VM's work is saved, and was read again. buttons: such as one that restores it."""

    text: Text
    buttons: tuple[Button, ...] = ()


class Saver(Protocol):
    """Saves the work on a VM before it is cancelled. Done already is success: each may be called
    again after a crash."""

    def suspend(self, work: Work, vm: Vm) -> None:
        """Have what is at rest on the VM write down what it has, and end. Raises Failed when
        something is at work."""

    def save(self, work: Work, vm: Vm, policy: IdlePolicy) -> Saved:
        """Save everything that would be lost, and read it again. Nothing to be saved is success.
        Raises Failed."""


@dataclass(frozen=True, slots=True)
class Reaping:
    """What taking and releasing a VM share."""

    cancelling: CancelVm
    follow_up: FollowUp
    looks: Looks
    notices: Notices
    saver: Saver | None

    def suspend(self, work: Work, vm: Vm) -> None:
        """Raises Failed when something is at work on the VM."""
        self._saver().suspend(work, vm)

    def save(self, work: Work, vm: Vm) -> Saved:
        """What was suspended. Raises Failed when the work is not surely saved."""
        return self._saver().save(work, vm, self.notices.idle_policy(vm))

    def _saver(self) -> Saver:
        if self.saver is None:
            raise Failed("save", Text("Save the work"), Text("This bot cannot save work yet."))
        return self.saver

    def at_rest(self, vm: Vm) -> Json:
        """A look at the VM whose sessions have just been suspended; what follows is compared with
        it, as suspending and saving look like use."""
        seen = self.looks.one(vm)
        return {"seen": activity_to_json(seen) if seen else None}

    def seen_at_rest(self, rest: Json) -> VmActivity | Text:
        """That look, or why nothing can be compared with it: a bot that was down for longer than a
        save may take has not watched the VM."""
        seen, limits = activity_from_json(rest["seen"]), self.cancelling.policy.timeouts
        if seen is None:
            return NO_ANSWER
        if self.notices.clock.now() - seen.at > limits.suspend + 2 * limits.save:
            return Text("It was saved too long ago.")
        return seen

    def report(self, vm: Vm, saved: Saved) -> Outcome:
        """What it cost, and where the work is."""
        now = self.notices.clock.now()
        cost = cost_of(vm.hourly_rate, vm.asked_at, now)
        text = Text("*{name}* is saved and cancelled. {saved}", name=vm.hostname, saved=saved.text)
        facts = [Text("cost about {cost}", cost=cost)] if cost else []
        if vm.hourly_rate is not None:
            facts.append(Text("saves {rate} per hour from now on", rate=vm.hourly_rate))
        return Outcome(text, saved.buttons, tuple(facts))


@dataclass(frozen=True, slots=True)
class ReleaseVm:
    """`/ds vm release NAME`: save the work and cancel, now, as its owner wishes. An `Act`."""

    shared: Reaping

    def title(self, op: Operation) -> Text:
        return Text("Save and cancel VM {name}", name=op.args["name"])

    def admit(self, op: Operation) -> Json:
        cancelling = self.shared.cancelling
        vm = owned_vm(cancelling.vms, op.args["name"], op.caller, cancelling.policy.access)
        if vm.state is not VmState.READY or vm.cloud_id is None:
            raise UserError(
                Text("`{name}` is not ready, so there is nothing to save on it.", name=vm.hostname),
                instead=f"vm cancel {vm.hostname}",
            )
        if self.shared.saver is None:
            raise UserError(
                Text("This bot cannot save work yet. Cancelling deletes everything."),
                instead=f"vm cancel {vm.hostname}",
            )
        return {"vm": vm.op_id, "id": vm.cloud_id}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        cancelling = self.shared.cancelling
        vm = cancelling.vms.get(admitted["vm"])
        self.shared.suspend(work, vm)
        rest = work.step("rest", lambda: self.shared.at_rest(vm))
        saved = self.shared.save(work, vm)
        if vm.state is VmState.READY:
            self._require_rest(work.op, vm, rest)
        cancelling.vms.change(vm.op_id, unless=frozenset({VmState.GONE}), state=VmState.CANCELLING)
        work.phase(
            "cancel",
            Text("Cancel at SoftLayer"),
            cancelling.policy.timeouts.cancel,
            lambda watch: cancelling.let_go(watch, vm, int(admitted["id"])),
        )
        cancelling.forget(vm)
        work.step("notices", lambda: self._show_end(work.op, vm))
        REAPED.labels("released").inc()
        return self.shared.report(vm, saved)

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        cancelling = self.shared.cancelling
        vm = worked_on(cancelling.vms, op, admitted, cancelling.policy.access)
        if vm is not None and vm.state is VmState.READY:
            again = Button(Text("Try again"), value=f"vm release {vm.hostname}")
            return Outcome(Text("The VM was not cancelled and still costs money."), (again,))
        return cancelling.after_failure(op, admitted, failure)

    def _require_rest(self, op: Operation, vm: Vm, rest: Json) -> None:
        """Raises Failed when somebody came after it was suspended. No step: after a restart of the
        bot, which may have been down for hours, it is looked at anew."""
        operations, now = self.shared.follow_up.stores.operations, self.shared.notices.clock.now()
        own = own_sign(vm, operations.since(op.requested_at), op.requested_at, now)
        before, after = self.shared.seen_at_rest(rest), self.shared.looks.one(vm)
        if isinstance(before, Text):
            why = before
        elif after is None:
            why = NO_ANSWER
        elif own.use is Use.BUSY or _has_news(before, after):
            why = Text("Something was begun on it meanwhile, which is not saved.")
        elif has_session(after):
            why = OPENED
        else:
            return
        raise Failed("cancel", Text("Cancel at SoftLayer"), why)

    def _show_end(self, op: Operation, vm: Vm) -> Json:
        notices = self.shared.notices
        mark = notices.marks.current(vm.op_id)
        if mark is not None:
            now, by = notices.clock.now(), op.caller.user_id
            ended = notices.marks.end(vm.op_id, mark.number, "released", now, by)
            try:
                notices.show_now(ended)
            except BotError as error:
                log.info("the notices of %s are not edited: %s", vm.hostname, error)
        return {}


def has_session(seen: VmActivity | None) -> bool:
    """Whether RStudio is open; what was suspended is there again only if somebody opened it."""
    return any(one.sessions for one in (seen and seen.containers) or ())


def _has_news(before: VmActivity, after: VmActivity) -> bool:
    """Whether somebody has logged in, or a container is new, was started or was used."""
    if after.containers is None or before.containers is None or after.boot_id != before.boot_id:
        return True
    known = {(one.id, one.started_at, one.last_used_at) for one in before.containers}
    seen = {(one.id, one.started_at, one.last_used_at) for one in after.containers}
    return bool(seen - known) or (after.logins or 0) > (before.logins or 0)
