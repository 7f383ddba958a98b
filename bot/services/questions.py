"""Questions: answered to the one who asks; nothing is changed, so nothing is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import ContainerNotFound, NotAllowed, UserError
from bot.models import Caller, Choice, Container, Text, Title, Vm, VmState
from bot.ports import Clock
from bot.replies.answers import ShownContainer, VmReport
from bot.services.fleet import APP, OWNER, SECRET, Fleet
from bot.services.vm_prepare import unknown_vm
from bot.store import VmStore
from config.settings import Policy


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in to a program in a container."""

    title: Title
    url: str
    login: str
    password: str


@dataclass(frozen=True, slots=True)
class Questions:
    """Reads the store and the VMs."""

    fleet: Fleet
    vms: VmStore
    policy: Policy
    clock: Clock

    def containers(
        self, caller: Caller, vm_name: str | None, *, all: bool = False, latest: bool = False
    ) -> list[VmReport]:
        """The running containers on one VM, or on all of the person's.

        all: also those that have ended. latest: only the newest of each VM, running or not.
        Raises UserError when there is no such VM, or none at all.
        """
        return self._reports(self._wanted(caller, vm_name), caller, all=all, latest=latest)

    def owned(self, caller: Caller) -> list[VmReport]:
        """The running containers on all of the person's VMs; empty when there is no VM."""
        return self._reports(self.vms.live(caller.user_id), caller)

    def virtual_machines(self, caller: Caller, *, everyones: bool) -> list[Vm]:
        """The person's live VMs, or everyone's. Raises UserError when there are none."""
        found = self.vms.live(None if everyones else caller.user_id)
        if not found:
            raise self._no_vm()
        return found

    def ready(self, caller: Caller) -> list[Vm]:
        """The person's VMs on which something can be run now."""
        return [vm for vm in self.vms.live(caller.user_id) if vm.state is VmState.READY]

    def free_name(self) -> str:
        """A name that no VM has."""
        taken = {vm.hostname for vm in self.vms.live()}
        names = ("my-vm", *(f"my-vm-{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)

    def credentials(self, caller: Caller, vm_id: str, container_id: str) -> Credentials:
        """Login and password of a container, read from the VM now, for its owner alone.

        Raises NotAllowed, UserError, HostError.
        """
        try:
            vm = self.vms.get(vm_id)
            host = self.fleet.host(vm)
            container = host.get(container_id)
        except (LookupError, ContainerNotFound):
            raise UserError(Text("That container is gone.")) from None
        if container.labels.get(OWNER) != caller.user_id:
            raise NotAllowed(Text("Only the person who started it can see its password."))
        app = self.policy.catalog.get(container.labels.get(APP, ""))
        password = host.environment(container.id).get(SECRET)
        if app is None or app.login is None or password is None:
            raise UserError(Text("That container has no password."))
        url = _url(vm, container, app.port, app.path) or ""
        return Credentials(app.title, url, app.login, password)

    def _reports(
        self, wanted: Sequence[Vm], caller: Caller, *, all: bool = False, latest: bool = False
    ) -> list[VmReport]:
        ready = [vm for vm in wanted if vm.address and vm.host_key]
        surveyed = {each.vm.op_id: each for each in self.fleet.survey(ready, all=all or latest)}
        reports = []
        for vm in wanted:
            answer = surveyed.get(vm.op_id)
            if answer is None:
                reports.append(VmReport(vm))
            else:
                listed = answer.containers[:1] if latest else answer.containers
                shown = [self._shown(vm, one, caller) for one in listed]
                reports.append(VmReport(vm, shown, answer.trouble))
        return reports

    def _wanted(self, caller: Caller, vm_name: str | None) -> Sequence[Vm]:
        if vm_name is not None:
            vm = self.vms.named(vm_name)
            if vm is None:
                raise unknown_vm(self.vms, vm_name, caller, self.vms.live())
            return [vm]
        own = self.vms.live(caller.user_id)
        if not own:
            raise self._no_vm()
        return own

    def _shown(self, vm: Vm, container: Container, caller: Caller) -> ShownContainer:
        app = self.policy.catalog.get(container.labels.get(APP, ""))
        owner_id = container.labels.get(OWNER)
        return ShownContainer(
            container=container,
            owner_id=owner_id,
            url=_url(vm, container, app.port, app.path) if app else _first_url(vm, container),
            has_password=bool(app and app.login and owner_id == caller.user_id),
            is_mine=self.fleet.may_stop(container, vm, caller),
        )

    def _no_vm(self) -> UserError:
        name = self.free_name()
        return UserError(
            Text("There is no VM yet."),
            instead=f"vm {name}",
            choices=[Choice(Text("Order VM {name}", name=name), f"vm {name}")],
        )


def _first_url(vm: Vm, container: Container) -> str | None:
    """Of a program that nobody described: what a published port shows, if one is."""
    ports = sorted(each.container_port for each in container.ports)
    return _url(vm, container, ports[0], "/") if ports else None


def _url(vm: Vm, container: Container, port: int, path: str) -> str | None:
    """The page of the port that the program listens on, as a browser reaches it."""
    outside = (each.host_port for each in container.ports if each.container_port == port)
    host_port = next(outside, None)
    return None if host_port is None else f"http://{vm.address}:{host_port}{path}"
