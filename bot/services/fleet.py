"""The containers of many VMs at once; a dead VM never delays the others."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from bot.access import Rules, is_owner_or_admin, require_owner
from bot.errors import BotError, HostError, UserError, WrongName
from bot.models import Caller, Container, HostAccess, Text, Vm
from bot.ports import ContainerHost, ContainerHosts
from bot.services.names import near
from bot.store import VmStore

OWNER, OPERATION, APP, CHANNEL = (
    "ds-bot.owner",
    "ds-bot.operation",
    "ds-bot.app",
    "ds-bot.channel",
)
"""Labels of the containers that the bot starts."""

SECRET = "PASSWORD"
"""The variable in which the bot hands a program the password that it has made."""

_AT_ONCE = 64

_SURE_DIGITS = 12
"""Of an id, as they are shown everywhere: no two containers have them in common."""


def new_secret() -> str:
    """A password for one container: it lives in its environment and nowhere else."""
    return secrets.token_urlsafe(15)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A VM's containers, or why they are not known."""

    vm: Vm
    containers: Sequence[Container] = ()
    trouble: Text | None = None


@dataclass(frozen=True, slots=True)
class Located:
    """A container and the VM it is on."""

    vm: Vm
    container: Container


class Fleet:
    """Reaches the VMs that the store knows."""

    def __init__(
        self, hosts: ContainerHosts, vms: VmStore, rules: Rules, host_timeout: timedelta
    ) -> None:
        self._hosts = hosts
        self._vms = vms
        self._rules = rules
        self._host_timeout = host_timeout
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fleet")
        # Questions that had no answer in time and still wait for one. A VM that hangs is not asked
        # anew meanwhile: it would take one thread after the other, until none is left for the rest.
        self._overdue: dict[tuple[str, bool], Future[list[Container]]] = {}

    def host(self, vm: Vm) -> ContainerHost:
        """The VM's engine. Raises UserError when the VM is not that far."""
        if vm.address is None or vm.host_key is None:
            raise UserError(Text("`{name}` is not ready yet.", name=vm.hostname), "vm list")
        return self._hosts.on(HostAccess(vm.address, vm.host_key))

    def survey(self, vms: Sequence[Vm], *, all: bool = False) -> list[Surveyed]:
        """Ask all VMs at the same time; each has the same few seconds to answer."""
        asked = [(vm, self._asked(vm, all)) for vm in vms]
        wait([future for _, future in asked], timeout=self._host_timeout.total_seconds())
        return [self._surveyed(vm, all, future) for vm, future in asked]

    def locate(self, ids: Sequence[str], vm_name: str | None, caller: Caller) -> list[Located]:
        """The containers meant by ids, beginnings of ids, or names; all that the person may stop.

        Raises UserError when one is unknown or ambiguous, NotAllowed.
        """
        surveyed = self.survey(self._candidates(vm_name), all=True)
        located = [Located(each.vm, one) for each in surveyed for one in each.containers]
        silent = [each.vm.hostname for each in surveyed if each.trouble is not None]
        found = [self._meant(name, located, silent, caller) for name in ids]
        for one in found:
            self._require_rights(one, caller)
        return list({one.container.id: one for one in found}.values())

    def may_stop(self, container: Container, vm: Vm, caller: Caller) -> bool:
        """Whether it is the person's container, or on their VM, or they are an admin."""
        owners = (container.labels.get(OWNER), vm.owner_id)
        return any(is_owner_or_admin(caller, owner, self._rules) for owner in owners)

    def close(self) -> bool:
        """End the threads. False: some still wait for a dead VM, and end with the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return all(future.done() for future in self._overdue.values())

    def _containers(self, vm: Vm, all: bool) -> list[Container]:
        return self.host(vm).containers(all=all)

    def _asked(self, vm: Vm, all: bool) -> Future[list[Container]]:
        overdue = self._overdue.get((vm.op_id, all))
        if overdue is not None and not overdue.done():
            return overdue
        self._overdue.pop((vm.op_id, all), None)
        return self._pool.submit(self._containers, vm, all)

    def _surveyed(self, vm: Vm, all: bool, future: Future[list[Container]]) -> Surveyed:
        if not future.done():
            if not future.cancel():  # under way
                self._overdue[vm.op_id, all] = future
            return Surveyed(vm, trouble=Text("{vm} does not answer", vm=vm.hostname))
        try:
            return Surveyed(vm, future.result())
        except (HostError, BotError) as error:
            return Surveyed(vm, trouble=error.text)

    def _candidates(self, vm_name: str | None) -> list[Vm]:
        reachable = [vm for vm in self._vms.live() if vm.address and vm.host_key]
        if vm_name is None:
            return reachable
        named = [vm for vm in reachable if vm.hostname == vm_name]
        if not named:
            meant = [(each, None) for each in near(vm_name, [vm.hostname for vm in reachable])]
            text = Text("No VM `{name}` can be reached.", name=vm_name)
            raise WrongName(text, "vm", vm_name, meant, "vm list")
        return named

    def _meant(
        self, name: str, located: Sequence[Located], silent: Sequence[str], caller: Caller
    ) -> Located:
        exact = [one for one in located if name in (one.container.id, one.container.name)]
        meant = exact or [one for one in located if one.container.id.startswith(name)]
        if len(meant) == 1:
            if silent and not exact and len(name) < _SURE_DIGITS:
                raise _unsure(name, meant[0], silent)
            return meant[0]
        if meant:
            raise _ambiguous(name, meant)
        own = [one for one in located if self.may_stop(one.container, one.vm, caller)]
        raise _unknown(name, own, silent)

    def _require_rights(self, one: Located, caller: Caller) -> None:
        if not self.may_stop(one.container, one.vm, caller):
            owner = one.container.labels.get(OWNER)
            require_owner(caller, owner, self._rules, one.container.short_id)


def _ambiguous(name: str, meant: Sequence[Located]) -> WrongName:
    return WrongName(
        Text(
            "`{name}` matches {count} containers. Which one?",
            name=name,
            count=len(meant),
        ),
        "container",
        name,
        [
            (
                one.container.short_id,
                Text("{id} {name}", id=one.container.short_id, name=one.container.name),
            )
            for one in meant[:10]
        ],
    )


def _unsure(name: str, found: Located, silent: Sequence[str]) -> WrongName:
    """A few digits mean one container of those that are known, and perhaps another one."""
    container = found.container
    text = Text(
        "`{name}` is only the beginning of an id, and may mean a container on a VM that does not"
        " answer now, too: {vms}. Did you mean `{container}` on {vm}?",
        name=name,
        vms=list(silent),
        container=container.name,
        vm=found.vm.hostname,
    )
    label = Text("{id} {name}", id=container.short_id, name=container.name)
    return WrongName(text, "container", name, [(container.short_id, label)])


def _unknown(name: str, own: Sequence[Located], silent: Sequence[str]) -> UserError:
    if silent:
        return UserError(
            Text(
                "No container `{name}` was found. No answer came from: {vms}.",
                name=name,
                vms=list(silent),
            ),
            "ps",
        )
    # An id is mostly typed by its beginning, so it is compared with beginnings.
    known = {one.container.short_id[: len(name)]: one.container.short_id for one in own}
    known |= {one.container.name: one.container.name for one in own}
    meant = dict.fromkeys(known[each] for each in near(name, known))
    text = Text("There is no container `{name}`.", name=name)
    return WrongName(text, "container", name, [(each, None) for each in meant], "ps")
