"""Cancelling a VM: it stops costing money, and all that is on it is deleted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import CloudNotFound, CloudRefused, UserError
from bot.models import CloudVm, HostAccess, Operation, Text, Vm, VmState
from bot.money import cost_of
from bot.ports import Clock, Cloud, ContainerHosts
from bot.replies.blocks import Button
from bot.services.recorded import Json
from bot.services.vm_find import VmFinder
from bot.services.vm_prepare import owned_vm, still_held, worked_on
from bot.services.work import Failed, Outcome, Watch, Work
from bot.store import OperationStore, VmStore
from config.settings import Policy

_BLINK = timedelta(seconds=20)
"""For so long, SoftLayer's "not found" may be a stray answer about a VM that was there before."""

_NOT_CANCELLING = frozenset(VmState) - {VmState.CANCELLING}


@dataclass(frozen=True, slots=True)
class CancelVm:
    """`/ds vm cancel NAME`. Implements `bot.services.operations.Act`."""

    cloud: Cloud
    hosts: ContainerHosts
    vms: VmStore
    operations: OperationStore
    finder: VmFinder
    policy: Policy
    clock: Clock

    def title(self, op: Operation) -> Text:
        return Text("Cancel VM {name}", name=op.args["name"])

    def admit(self, op: Operation) -> Json:
        vm = owned_vm(self.vms, op.args["name"], op.caller, self.policy.access)
        if vm.state is VmState.CANCELLING:
            raise UserError(
                Text("`{name}` is being cancelled already.", name=vm.hostname), instead="vm list"
            )
        return {"vm": vm.op_id, "id": vm.cloud_id}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        vm = self.vms.get(admitted["vm"])
        self.vms.change(vm.op_id, unless=frozenset({VmState.GONE}), state=VmState.CANCELLING)
        limits = self.policy.timeouts
        found: Json = {"id": admitted["id"]}
        if found["id"] is None:
            found = work.phase(
                "find",
                Text("Wait for the end of its order"),
                limits.boot,
                lambda watch: self._settled(watch, vm),
            )
        if found["id"] is not None:
            work.phase(
                "cancel",
                Text("Cancel at SoftLayer"),
                limits.cancel,
                lambda watch: self.let_go(watch, vm, int(found["id"])),
            )
        self.forget(vm)
        return self._told(vm)

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        """The VM goes on costing money: say so, loudly."""
        vm = worked_on(self.vms, op, admitted, self.policy.access)
        if vm is None or vm.state is VmState.GONE:
            return Outcome(Text("There is nothing more to do."))
        self.vms.change(vm.op_id, unless=_NOT_CANCELLING, state=VmState.ATTENTION)
        again = Button(
            Text("Try again"),
            value=f"vm cancel {vm.hostname}",
            style="danger",
            confirm=Text("Cancel {vm}? Everything on it is deleted.", vm=vm.hostname),
        )
        return Outcome(Text("The VM was not cancelled and still costs money."), (again,))

    def _settled(self, watch: Watch, vm: Vm) -> Json:
        """Its id once the order that is under way has ended; None when it ordered nothing."""

        def look() -> Json | None:
            now = self.vms.get(vm.op_id)
            if now.cloud_id is not None:
                return {"id": now.cloud_id}
            return {"id": None} if self._has_ended(vm.op_id) else None

        known = watch.until(look, self.policy.poll.host)
        if known["id"] is None:
            made = self.finder.settle(watch, vm)
            known = {"id": made.id if made else None}
        return known

    def _has_ended(self, op_id: str) -> bool:
        try:
            return self.operations.get(op_id).state.is_final
        except LookupError:  # so long ago that it is forgotten
            return True

    def let_go(
        self, watch: Watch, vm: Vm, cloud_id: int, check: Callable[[CloudVm], None] = lambda _: None
    ) -> Json:
        """Until SoftLayer lets it go: it refuses while a transaction runs on the VM.

        check: called with the VM, read fresh, ahead of each try; it raises to call it off.
        """
        # A new one may be shown late, and any answer be wrong: not found once is not yet gone.
        patience = self.policy.timeouts.settle if vm.address is None else _BLINK
        gone_from = self.clock.monotonic() + patience

        def look() -> Json | None:
            nonlocal gone_from
            try:
                found = self.cloud.get(cloud_id)
            except CloudNotFound:
                if self.clock.monotonic() < gone_from:
                    return None
                self.finder.cancel_twins(vm, cloud_id)
                return {}
            gone_from = self.clock.monotonic() + patience
            if found.hostname != vm.hostname:
                raise CloudRefused(
                    Text(
                        "At SoftLayer, the VM with its id is called {name} now."
                        " An admin must look at it first.",
                        name=found.hostname,
                    )
                )
            check(found)
            self.cloud.cancel(cloud_id)
            self.finder.cancel_twins(vm, cloud_id)
            return {}

        return watch.until(look, self.policy.poll.cloud)

    def forget(self, vm: Vm) -> None:
        """Write down that it is gone."""
        if vm.address is not None:
            self.hosts.forget(HostAccess(vm.address, vm.host_key))
        self.vms.gone(vm.op_id, self.clock.now())

    def _told(self, vm: Vm) -> Outcome:
        ended = self.vms.get(vm.op_id)
        if ended.waits_for_approval:
            return Outcome(still_held(vm))
        cost = cost_of(ended.hourly_rate, vm.asked_at, ended.ended_at or self.clock.now())
        if ended.cloud_id is None or cost is None:
            return Outcome(Text("*{name}* is cancelled.", name=vm.hostname))
        if not cost:
            return Outcome(
                Text("*{name}* is cancelled. It cost less than one cent.", name=vm.hostname)
            )
        return Outcome(
            Text("*{name}* is cancelled. It cost about {cost}.", name=vm.hostname, cost=cost)
        )
