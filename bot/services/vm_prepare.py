"""From ordered to ready: booted, verified over SSH, with a Docker Engine that answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.access import Rules, is_owner_or_admin, require_owner
from bot.errors import CloudError, CloudHeld, CloudNotFound, EngineMissing, UserError, WrongName
from bot.models import (
    Caller,
    Engine,
    HostAccess,
    Operation,
    Text,
    Vm,
    VmState,
)
from bot.ports import Clock, Cloud, ContainerHost, ContainerHosts
from bot.replies.blocks import Button
from bot.services.names import near
from bot.services.recorded import Json
from bot.services.vm_find import VmFinder
from bot.services.work import Failed, Outcome, Stopped, Watch, Work
from bot.store import VmStore
from config.settings import Policy

log = logging.getLogger(__name__)

CALLED_OFF = frozenset({VmState.CANCELLING, VmState.GONE})
"""States that preparing must not overwrite: somebody has cancelled the VM meanwhile."""

_LINE = 80  # characters of an installer's output that are shown


class Identity(Protocol):
    """What a VM is given so that the bot can log in, and know it again."""

    def user_data(self, op_id: str) -> str:
        """The user data of the order: our request's id and, if we make it, the SSH host key."""

    def public_user_data(self, op_id: str) -> str | None:
        """The same without what is secret in it; None when there is nothing secret in it."""

    def host_key(self, op_id: str) -> str | None:
        """The host key that the VM will show; None when it makes its own."""

    def public_key(self) -> str:
        """The bot's own SSH public key."""

    def forget(self, op_id: str) -> None:
        """The VM has its host key by now, or is gone: ours is not needed any more."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """The phases after the order, the same for a new VM and for one whose preparation failed."""

    cloud: Cloud
    hosts: ContainerHosts
    vms: VmStore
    identity: Identity
    policy: Policy
    clock: Clock

    def carry_out(self, work: Work, vm: Vm) -> Outcome:
        """Prepare an ordered VM. Raises Failed."""
        limits = self.policy.timeouts
        booted = work.phase(
            "boot", Text("Boot the VM"), limits.boot, lambda watch: self._boot(watch, vm)
        )
        access = HostAccess(booted["address"], vm.host_key)
        shown = work.phase(
            "connect",
            Text("Check the SSH host key"),
            limits.connect,
            lambda watch: self._connect(watch, vm, access),
        )
        work.step("conceal", lambda: self._conceal(vm))
        host = self.hosts.on(HostAccess(access.address, shown["host_key"]))
        work.phase(
            "docker",
            Text("Prepare Docker"),
            limits.docker,
            lambda watch: self._docker(watch, host, vm),
        )
        return Outcome(_ready(vm, access.address), self._next_buttons(vm))

    def after_failure(self, vm: Vm) -> Outcome:
        """What is left of a VM whose order or preparation failed, and what to do about it."""
        if vm.state in CALLED_OFF:
            if vm.waits_for_approval:
                return Outcome(still_held(vm))
            if vm.cloud_id is None:
                return Outcome(Text("Nothing was ordered."))
            return Outcome(Text("There is nothing more to do."))
        if vm.state is VmState.READY and vm.address is not None:
            return Outcome(_ready(vm, vm.address), self._next_buttons(vm))
        self.vms.change(vm.op_id, unless=CALLED_OFF, state=VmState.ATTENTION)
        buttons = (
            Button(Text("Go on"), value=f"vm prepare {vm.hostname}", style="primary"),
            cancel_button(vm),
        )
        if vm.waits_for_approval:
            return Outcome(
                Text("SoftLayer has the order. Have it approved there, then go on: the bot looks"
                     " for the VM and orders nothing. If it is rejected there, cancel it here."),
                buttons,
            )  # fmt: skip
        if vm.cloud_id is None:
            return Outcome(
                Text("It is not known whether the VM was ordered. Go on in a few minutes: the bot"
                     " then looks for it and orders nothing."),
                buttons,
            )  # fmt: skip
        if vm.hourly_rate is None:
            return Outcome(Text("The VM exists and costs money. Go on, or cancel it."), buttons)
        return Outcome(
            Text(
                "The VM exists and costs {rate} per hour. Go on, or cancel it.",
                rate=vm.hourly_rate,
            ),
            buttons,
        )

    def _boot(self, watch: Watch, vm: Vm) -> Json:
        """Until it is provisioned, running, addressed and in no transaction."""
        assert vm.cloud_id is not None
        cloud_id, settle = vm.cloud_id, self.policy.timeouts.settle
        gone_from = self.clock.monotonic() + settle

        def look() -> str | None:
            nonlocal gone_from
            try:
                found = self.cloud.get(cloud_id)
            except CloudNotFound:
                # It may be listed late, and one answer be wrong.
                if self.clock.monotonic() < gone_from:
                    return None
                self.vms.gone(vm.op_id, self.clock.now())
                raise
            gone_from = self.clock.monotonic() + settle
            if found.transaction:
                watch.tell(Text("{transaction}", transaction=found.transaction))
            return (found.public_ip or found.private_ip) if found.is_ready else None

        address = watch.until(look, self.policy.poll.cloud)
        self.vms.change(vm.op_id, address=address)
        watch.conclude(Text("`{address}`", address=address))
        return {"address": address}

    def _connect(self, watch: Watch, vm: Vm, access: HostAccess) -> Json:
        """Until SSH answers. Another host key than ours ends it: nothing is sent to that machine.

        Where no key is pinned (policy: first_use), the one shown now is, from now on.
        """
        host = self.hosts.on(access)
        shown = watch.until(host.host_key, self.policy.poll.host)
        self.vms.change(vm.op_id, host_key=shown)
        return {"host_key": shown}

    def _conceal(self, vm: Vm) -> Json:
        """Take the private half of the VM's host key, which it has by now, out of its user data:
        each container on it can read that. Not a reason to fail: the VM itself is as it should be.
        """
        public = self.identity.public_user_data(vm.op_id)
        if public is None or vm.cloud_id is None:
            return {}
        for wait in (*[self.policy.poll.cloud] * 3, None):
            try:
                self.cloud.replace_user_data(vm.cloud_id, public)
                return {}
            except CloudError as error:
                log.warning("VM %s: its host key is still in its user data: %s", vm.op_id, error)
                if wait is None or not error.is_passing:
                    break
                self.clock.sleep(wait)
        return {}

    def _docker(self, watch: Watch, host: ContainerHost, vm: Vm) -> Json:
        """Until an engine answers; installs one where there is none. Then the VM is ready."""

        def look() -> Engine:
            try:
                return host.engine()
            except EngineMissing:
                watch.tell(Text("installing"))
                host.install_engine(lambda line: watch.tell(_shown(line)))
                return host.engine()

        engine = watch.until(look, self.policy.poll.host)
        watch.conclude(
            Text("{version} on {system}", version=engine.version, system=engine.operating_system)
        )
        self.vms.change(vm.op_id, unless=CALLED_OFF, state=VmState.READY, ready_at=self.clock.now())
        watch.check_stopped()
        return {"version": engine.version}

    def _next_buttons(self, vm: Vm) -> tuple[Button, ...]:
        apps = [
            Button(Text("{app}", app=app.title), value=f"{name} on {vm.hostname}")
            for name, app in self.policy.catalog.items()
            if app.successor is None  # what is no longer made is not proposed
        ]
        return (*apps[:4], cancel_button(vm))


@dataclass(frozen=True, slots=True)
class PrepareVm:
    """`/ds vm prepare NAME`: goes on where the preparation of a VM failed. An `Act`."""

    vms: VmStore
    finder: VmFinder
    preparation: Preparation
    policy: Policy
    clock: Clock

    def title(self, op: Operation) -> Text:
        return Text("VM {name}", name=op.args["name"])

    def admit(self, op: Operation) -> Json:
        vm = owned_vm(self.vms, op.args["name"], op.caller, self.policy.access)
        if vm.state is VmState.READY:
            raise UserError(Text("`{name}` is ready.", name=vm.hostname), instead="ps")
        if vm.state is not VmState.ATTENTION:
            raise UserError(
                Text("`{name}` is being worked on. Wait for its message.", name=vm.hostname),
                instead="vm list",
            )
        return {"vm": vm.op_id}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm = self.vms.get(admitted["vm"])
        work.stop_when(lambda: check_not_cancelled(self.vms, vm.op_id))
        found = work.phase(
            "find",
            Text("Find it at SoftLayer"),
            self.policy.timeouts.settle,
            lambda watch: self._find(watch, self.vms.get(vm.op_id)),
        )
        return self.preparation.carry_out(work, self.vms.get(found["vm"]))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        vm = worked_on(self.vms, op, admitted, self.policy.access)
        if vm is None:
            return Outcome(Text("There is nothing more to do."))
        return self.preparation.after_failure(vm)

    def _find(self, watch: Watch, vm: Vm) -> Json:
        self.vms.change(vm.op_id, unless=CALLED_OFF, state=VmState.PREPARING)
        if vm.cloud_id is None:
            find = self.finder.approved if vm.is_held else self.finder.settle
            found = find(watch, vm)
            if found is None and vm.is_held:
                raise not_approved()
            if found is None:
                self.vms.gone(vm.op_id, self.clock.now())
                raise UserError(Text("SoftLayer has no such VM: it was never ordered."))
            self.vms.change(vm.op_id, cloud_id=found.id, hourly_rate=found.hourly_rate)
        return {"vm": vm.op_id}


def still_held(vm: Vm) -> Text:
    """A VM is called off, and nobody can tell whether one is made all the same."""
    return Text(
        "*{name}* is given up. SoftLayer may still hold its order: reject it there. If somebody"
        " approves it, a VM is made and costs money.",
        name=vm.hostname,
    )


def not_approved() -> CloudHeld:
    """SoftLayer has an order, and nothing has come of it yet."""
    return CloudHeld(Text("SoftLayer holds the order, and nobody has approved it there yet."))


def owned_vm(vms: VmStore, name: str, caller: Caller, rules: Rules) -> Vm:
    """The live VM of that name. Raises WrongName, with the names meant; NotAllowed."""
    vm = vms.named(name)
    if vm is None:
        usable = [each for each in vms.live() if is_owner_or_admin(caller, each.owner_id, rules)]
        raise unknown_vm(vms, name, caller, usable)
    require_owner(caller, vm.owner_id, rules, vm.hostname)
    return vm


def worked_on(vms: VmStore, op: Operation, admitted: Json, rules: Rules) -> Vm | None:
    """The VM that an operation was let in for; by its name when what was admitted is not known.

    The name may be somebody else's by now: then there is none.
    """
    if admitted:
        return vms.get(admitted["vm"])
    vm = vms.named(op.args["name"])
    return vm if vm and is_owner_or_admin(op.caller, vm.owner_id, rules) else None


def unknown_vm(vms: VmStore, name: str, caller: Caller, usable: Sequence[Vm]) -> UserError:
    """There is no VM of that name; what there is. usable: those that may have been meant."""
    meant = near(name, [vm.hostname for vm in usable])
    own = [vm.hostname for vm in vms.live(caller.user_id)]
    if own:
        text = Text("There is no VM `{name}`. Yours are: {names}.", name=name, names=own)
    else:
        text = Text("There is no VM `{name}`, and you have none.", name=name)
    instead = "vm list" if own else f"vm {name}"
    return WrongName(text, "vm", name, [(each, None) for each in meant], instead)


def check_not_cancelled(vms: VmStore, op_id: str) -> None:
    """Raises Stopped when a VM that is being prepared is to be cancelled."""
    if vms.get(op_id).state in CALLED_OFF:
        raise Stopped(Text("The VM was cancelled in the meantime."))


def cancel_button(vm: Vm) -> Button:
    """Cancels a VM, after asking."""
    return Button(
        Text("Cancel VM"),
        value=f"vm cancel {vm.hostname}",
        style="danger",
        confirm=Text("Cancel {vm}? Everything on it is deleted.", vm=vm.hostname),
    )


def _ready(vm: Vm, address: str) -> Text:
    if vm.hourly_rate is None:
        return Text("*{name}* is ready at `{address}`.", name=vm.hostname, address=address)
    return Text(
        "*{name}* is ready at `{address}`. It costs {rate} per hour.",
        name=vm.hostname,
        address=address,
        rate=vm.hourly_rate,
    )


def _shown(line: str) -> Text:
    return Text("{line}", line=line.strip()[:_LINE])
