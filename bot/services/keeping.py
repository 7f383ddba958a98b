"""What people say about a VM's life: keep it for a while, extend its lease.

And what admins say about the reaper as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.access import require_admin, require_owner
from bot.durations import parse_duration
from bot.errors import BotError, UserError
from bot.metrics import KEPT
from bot.models import Caller, Operation, Text, Vm
from bot.ports import Chat, Clock
from bot.services.follow_up import ALLOWANCE, ALLOWED_FOR, REAPER, FollowUp, Stores
from bot.services.idle_questions import is_on
from bot.services.notices import Notices
from bot.services.recorded import Json
from bot.services.vm_prepare import owned_vm, unknown_vm
from bot.services.watching import lease_of
from bot.services.work import Failed, Outcome, Work
from bot.store import TooLate
from config.settings import Policy

_LONGEST = timedelta(days=7)
_KEEP = timedelta(hours=4)
_DAY = timedelta(days=1)
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")


@dataclass(frozen=True, slots=True)
class KeepVm:
    """`/ds keep NAME [4h|until 9:00]`. Implements `bot.services.operations.Act`.

    For the owner and admins; and for everybody in the channel in which the VM was ordered, who may
    be those that use it.
    """

    stores: Stores
    notices: Notices
    chat: Chat
    policy: Policy
    clock: Clock

    def title(self, op: Operation) -> Text:
        return Text("Keep VM {name}", name=op.args["name"])

    def admit(self, op: Operation) -> Json:
        vm = self.stores.vms.named(op.args["name"])
        if vm is None:
            own = self.stores.vms.live(op.caller.user_id)
            raise unknown_vm(self.stores.vms, op.args["name"], op.caller, own)
        if op.caller.channel_id != vm.channel_id:
            require_owner(op.caller, vm.owner_id, self.policy.access, vm.hostname)
        now = self.clock.now()
        zone = self._zone(op.caller, vm)
        until = until_of(op.args.get("time", []), zone, now, f"keep {vm.hostname} 4h")
        oldest = vm.asked_at + self.notices.idle_policy(vm).max_age
        until = min(until, now + _LONGEST, oldest)
        if until <= now:
            raise _too_old(vm, oldest)
        return {"vm": vm.op_id, "until": until.isoformat()}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm, until = self.stores.vms.get(admitted["vm"]), datetime.fromisoformat(admitted["until"])
        kept = work.step("keep", lambda: self._keep(work.op.caller, vm, until))
        if "late" in kept:
            raise Failed("keep", self.title(work.op), _LATE)
        if kept["mark"] is not None:
            work.step("notices", lambda: self._show_end(vm, kept["mark"]))
        return Outcome(Text("*{name}* is kept until {until}.", name=vm.hostname, until=until))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(Text("Nothing was changed."))

    def _keep(self, caller: Caller, vm: Vm, until: datetime) -> Json:
        try:
            mark = self.stores.marks.keep(vm.op_id, until, caller.user_id, self.clock.now())
        except TooLate:
            return {"late": True}
        KEPT.labels("kept").inc()
        if mark is None:  # ended already, perhaps by this very step before a crash
            mark = self.stores.marks.newest(vm.op_id)
            is_ours = mark is not None and mark.how == "kept" and mark.until == until
            return {"mark": mark.number if mark is not None and is_ours else None}
        return {"mark": mark.number}

    def _show_end(self, vm: Vm, number: int) -> Json:
        self.notices.show_now(self.stores.marks.get(vm.op_id, number))
        return {}

    def _zone(self, caller: Caller, vm: Vm) -> ZoneInfo:
        """The channel's time zone, where the policy names one; else the person's."""
        policy = self.notices.idle_policy(vm)
        if policy.tz != "UTC":
            return policy.zone
        try:
            return ZoneInfo(self.chat.member(caller.user_id).tz)
        except (BotError, ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class ExtendVm:
    """`/ds extend NAME 4h`: its lease ends so much later. An `Act`."""

    stores: Stores
    notices: Notices
    policy: Policy
    clock: Clock

    def title(self, op: Operation) -> Text:
        return Text("Extend the lease of VM {name}", name=op.args["name"])

    def admit(self, op: Operation) -> Json:
        vm = owned_vm(self.stores.vms, op.args["name"], op.caller, self.policy.access)
        now, policy = self.clock.now(), self.notices.idle_policy(vm)
        lease = lease_of(vm, self.stores.marks.lease(vm.op_id), None, policy)
        oldest = vm.asked_at + policy.max_age
        ends_at = min(max(now, lease.ends_at or now) + _length(op.args["time"]), oldest)
        if ends_at <= max(now, lease.ends_at or now):
            raise _too_old(vm, oldest)
        return {"vm": vm.op_id, "ends_at": ends_at.isoformat()}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm, ends_at = (
            self.stores.vms.get(admitted["vm"]),
            datetime.fromisoformat(admitted["ends_at"]),
        )
        extended = work.step("extend", lambda: self._extend(work.op.caller, vm, ends_at))
        if "late" in extended:
            raise Failed("extend", self.title(work.op), _LATE)
        return Outcome(
            Text("The lease of *{name}* ends at {until}.", name=vm.hostname, until=ends_at)
        )

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(Text("Nothing was changed."))

    def _extend(self, caller: Caller, vm: Vm, ends_at: datetime) -> Json:
        try:
            self.stores.marks.extend(vm.op_id, ends_at, caller.user_id)
        except TooLate:
            return {"late": True}
        KEPT.labels("extended").inc()
        return {}


@dataclass(frozen=True, slots=True)
class SwitchReaper:
    """`/ds admin reaper on|off|allow`. An `Act`."""

    stores: Stores
    follow_up: FollowUp
    policy: Policy
    clock: Clock

    def title(self, op: Operation) -> Text:
        return Text("The reaper")

    def admit(self, op: Operation) -> Json:
        require_admin(op.caller, self.policy.access)
        if op.args["word"] == "on" and not self.follow_up.can_save:
            raise UserError(
                Text("This bot cannot save work yet, so it cancels nothing for being idle.")
            )
        return {}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        word = work.op.args["word"]
        work.step("turn", lambda: self._turn(word, work.op.caller))
        if word == "allow":
            return Outcome(
                Text("For {time}, more VMs than the cap may be cancelled at once.",
                     time=ALLOWED_FOR)
            )  # fmt: skip
        return Outcome(is_on(word == "on"))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(Text("Nothing was changed."))

    def _turn(self, word: str, caller: Caller) -> Json:
        name = ALLOWANCE if word == "allow" else REAPER
        self.stores.switches.set(name, word != "off", caller.user_id, self.clock.now())
        return {}


def until_of(words: Sequence[str], zone: ZoneInfo, now: datetime, instead: str) -> datetime:
    """The instant that is typed: nothing, `4h`, `until 9:00`, `until tomorrow 9:00`.

    A time of day is the next one in `zone`; tomorrow's is of the next day there. One that does not
    exist on the day on which clocks change is the instant that it would have been.
    """
    typed = [word.lower() for word in words]
    if not typed:
        return now + _KEEP
    if typed[0] == "for":
        typed = typed[1:]
    if typed[:1] != ["until"]:
        return now + _length(" ".join(typed))
    is_tomorrow = typed[1:2] == ["tomorrow"]
    rest = typed[2:] if is_tomorrow else typed[1:]
    found = _CLOCK.fullmatch(rest[0]) if len(rest) == 1 else None
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        raise UserError(
            Text("`{words}` is no time. Type it like `4h`, `until 9:00` or `until tomorrow 9:00`.",
                 words=" ".join(words)[:60]), instead=instead,
        )  # fmt: skip
    at = time(int(found[1]), int(found[2]))
    today = now.astimezone(zone).date()
    days = [today + _DAY] if is_tomorrow else [today, today + _DAY, today + 2 * _DAY]
    instants = [datetime.combine(day, at, zone).astimezone(UTC) for day in days]
    return next(instant for instant in instants if instant > now)


_LATE = Text("It is being cancelled already.")


def _length(text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except ValueError:
        length = timedelta(0)
    if length <= timedelta(0):
        raise UserError(
            Text("`{words}` is no time. Type it like `4h`, `until 9:00` or `until tomorrow 9:00`.",
                 words=text[:60])
        )  # fmt: skip
    return length


def _too_old(vm: Vm, oldest: datetime) -> UserError:
    return UserError(
        Text("`{name}` can be kept until {until} and no longer: it is as old then as a VM may get.",
             name=vm.hostname, until=oldest)
    )  # fmt: skip
