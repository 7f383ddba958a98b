"""VMs that are marked as ours and that no row knows: an admin takes one in, or cancels it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.access import require_admin
from bot.errors import CloudNotFound, UserError
from bot.models import CloudVm, Operation, Person, Text, Vm, VmState
from bot.ports import Clock, Cloud
from bot.replies.blocks import Button
from bot.services.reconcile import TAG, is_ending, is_tagged
from bot.services.recorded import Json
from bot.services.work import Failed, Outcome, Watch, Work
from bot.store import NameInUse, VmStore
from config.settings import Policy

_OWNER = re.compile(r"ds-owner-([uw][a-z0-9]{1,30})", re.IGNORECASE)
_NO_QUOTA = 1_000_000


@dataclass(frozen=True, slots=True)
class AdoptVm:
    """`/ds admin adopt ID`. Implements `bot.services.operations.Act`."""

    cloud: Cloud
    vms: VmStore
    policy: Policy
    clock: Clock

    def title(self, op: Operation) -> Text:
        return Text("Adopt VM {id}", id=op.args["id"])

    def admit(self, op: Operation) -> Json:
        require_admin(op.caller, self.policy.access)
        vm = orphan(self.cloud, self.vms, int(op.args["id"]))
        rival = self.vms.named(vm.hostname)
        if rival is not None:
            raise UserError(Text("There already is a VM `{name}`.", name=vm.hostname))
        return {}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        made = work.phase(
            "adopt",
            Text("Take it in"),
            self.policy.timeouts.query,
            lambda watch: self._take_in(work.op),
        )
        vm = self.vms.get(made["vm"])
        go_on = Button(Text("Go on"), value=f"vm prepare {vm.hostname}", style="primary")
        text = Text(
            "*{name}* is known now, and belongs to {owner}. Prepare it before it is used.",
            name=vm.hostname, owner=Person(vm.owner_id),
        )  # fmt: skip
        return Outcome(text, (go_on,))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(Text("Nothing was changed."))

    def _take_in(self, op: Operation) -> Json:
        """A row that says what the cloud says. After a crash it may be there already."""
        vm = self.cloud.get(int(op.args["id"]))
        row = Vm(
            op_id=vm.request_id or op.id,
            hostname=vm.hostname.lower(),
            domain=vm.domain,
            owner_id=_owner_of(vm) or op.caller.user_id,
            channel_id=op.caller.channel_id,
            team_id=op.caller.team_id,
            state=VmState.ATTENTION,
            image=self.policy.vm.image,
            cpus=vm.cpus,
            memory_mb=vm.memory_mb,
            datacenter=vm.datacenter,
            asked_at=vm.ordered_at,
            cloud_id=vm.id,
            hourly_rate=vm.hourly_rate,
        )
        try:
            self.vms.reserve(row, _NO_QUOTA)
        except NameInUse as taken:
            raise UserError(
                Text("There already is a VM `{name}`.", name=taken.vm.hostname)
            ) from None
        return {"vm": row.op_id}


@dataclass(frozen=True, slots=True)
class CancelOrphan:
    """`/ds admin cancel ID`. Implements `bot.services.operations.Act`."""

    cloud: Cloud
    vms: VmStore
    policy: Policy

    def title(self, op: Operation) -> Text:
        return Text("Cancel VM {name}", name=op.args["id"])

    def admit(self, op: Operation) -> Json:
        require_admin(op.caller, self.policy.access)
        return {"name": orphan(self.cloud, self.vms, int(op.args["id"])).hostname}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        work.phase(
            "cancel",
            Text("Cancel at SoftLayer"),
            self.policy.timeouts.cancel,
            lambda watch: self._cancel(watch, int(work.op.args["id"]), admitted["name"]),
        )
        return Outcome(Text("*{name}* is cancelled.", name=admitted["name"]))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        again = Button(Text("Try again"), value=f"admin cancel {op.args['id']}", style="danger")
        return Outcome(Text("The VM was not cancelled and still costs money."), (again,))

    def _cancel(self, watch: Watch, vm_id: int, name: str) -> Json:
        """Until SoftLayer lets it go; as long as it is what the admin meant, and nobody's."""

        def look() -> Json | None:
            try:
                vm = orphan(self.cloud, self.vms, vm_id)
            except UserError:
                if watch.is_repeat and _is_gone(self.cloud, vm_id):
                    return {}
                raise
            if vm.hostname != name:
                raise UserError(Text("That VM is called {name} now.", name=vm.hostname))
            self.cloud.cancel(vm_id)
            return {}

        return watch.until(look, self.policy.poll.cloud)


def orphan(cloud: Cloud, vms: VmStore, vm_id: int) -> CloudVm:
    """A VM that is marked as ours and that no row knows. Raises UserError when it is not that."""
    try:
        vm = cloud.get(vm_id)
    except CloudNotFound:
        raise UserError(Text("SoftLayer has no VM {id}.", id=str(vm_id))) from None
    if is_ending(vm):
        raise UserError(Text("That VM is cancelled already."))
    known = [row for row in vms.live() if vm_id == row.cloud_id or vm.request_id == row.op_id]
    if known:
        raise UserError(
            Text("That VM is `{name}`, which the bot knows.", name=known[0].hostname), "vm list"
        )
    if vm.request_id is None and not is_tagged(vm, {TAG}):
        raise UserError(Text("That VM is not marked as the bot's: it is left alone."))
    if not vm.is_hourly:
        raise UserError(Text("That VM is billed by the month: it is left alone."))
    return vm


def _is_gone(cloud: Cloud, vm_id: int) -> bool:
    try:
        return is_ending(cloud.get(vm_id))
    except CloudNotFound:
        return True


def _owner_of(vm: CloudVm) -> str | None:
    """Whom its tags name. SoftLayer may have changed their case; Slack's ids are upper-case."""
    found = (_OWNER.fullmatch(tag) for tag in sorted(vm.tags))
    return next((match[1].upper() for match in found if match), None)
