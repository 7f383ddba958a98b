"""Which VM a command means, and waiting for it: the same for everything that runs on a VM."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import UserError
from bot.models import Caller, Choice, Text, Vm, VmState
from bot.ports import ContainerHost
from bot.replies.answers import choices_of
from bot.services.fleet import Fleet
from bot.services.recorded import Json
from bot.services.vm_prepare import check_not_cancelled, owned_vm
from bot.services.work import Stopped, Watch, Work
from bot.store import VmStore
from config.settings import Policy

_WAITING = frozenset({VmState.ORDERING, VmState.PREPARING})


@dataclass(frozen=True, slots=True)
class VmUse:
    """The VM named, else the person's only one; they choose among several."""

    fleet: Fleet
    vms: VmStore
    policy: Policy

    def choose(self, caller: Caller, name: str | None, command: str) -> Vm:
        """The VM that is meant, in whatever state. command: what the buttons do, without `on VM`.

        Raises UserError with buttons to choose from, NotAllowed.
        """
        if name is not None:
            return owned_vm(self.vms, name, caller, self.policy.access)
        own = [vm for vm in self.vms.live(caller.user_id) if vm.state is not VmState.CANCELLING]
        if len(own) == 1:
            return own[0]
        if own:
            raise UserError(Text("On which VM?"), choices=choices_of(own, command))
        suggested = self._free_name(command.split()[0])
        raise UserError(
            Text("You have no VM yet. Order one first, then ask again."),
            instead=f"vm {suggested}",
            choices=[Choice(Text("Order VM {name}", name=suggested), f"vm {suggested}")],
        )

    def ready(self, caller: Caller, name: str | None, command: str) -> Vm:
        """The VM that is meant, which must be ready now: for questions. Raises UserError."""
        vm = self.choose(caller, name, command)
        _require_usable(vm)
        if vm.state in _WAITING:
            raise UserError(Text("`{name}` is not ready yet.", name=vm.hostname), "vm list")
        return vm

    def admit(self, caller: Caller, name: str | None, command: str) -> Json:
        """What `reach` needs to know. Raises UserError."""
        vm = self.choose(caller, name, command)
        _require_usable(vm)
        return {"vm": vm.op_id, "wait": vm.state in _WAITING}

    def reach(self, work: Work, admitted: Json) -> tuple[Vm, ContainerHost]:
        """The VM and its engine, once it is ready. Raises Failed."""
        vm = self.vms.get(admitted["vm"])
        work.stop_when(lambda: check_not_cancelled(self.vms, vm.op_id))
        work.add_fact(Text("on {vm}", vm=vm.hostname))
        if admitted["wait"]:
            limits = self.policy.timeouts
            work.phase(
                "vm",
                Text("Wait for the VM"),
                limits.boot + limits.connect + limits.docker,
                lambda watch: self._wait(watch, vm),
            )
        vm = self.vms.get(vm.op_id)
        return vm, self.fleet.host(vm)

    def _wait(self, watch: Watch, vm: Vm) -> Json:
        """Until the VM is ready, or somebody has to do something about it."""

        def look() -> Json | None:
            state = self.vms.get(vm.op_id).state
            if state is VmState.READY:
                return {}
            if state in _WAITING:
                return None
            raise Stopped(Text("The VM did not become ready. Its own message says why."))

        return watch.until(look, self.policy.poll.host)

    def _free_name(self, stem: str) -> str:
        number = 1
        while self.vms.named(f"{stem}-{number}") is not None:
            number += 1
        return f"{stem}-{number}"


def _require_usable(vm: Vm) -> None:
    if vm.state is VmState.ATTENTION:
        raise UserError(
            Text("`{name}` needs attention first: its preparation failed.", name=vm.hostname),
            instead=f"vm prepare {vm.hostname}",
        )
    if vm.state is VmState.CANCELLING:
        raise UserError(Text("`{name}` is being cancelled.", name=vm.hostname), instead="vm list")
