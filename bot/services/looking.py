"""Looking at what VMs do: many at once, each with its own time; what fails is unknown."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from bot.activity import VmActivity
from bot.models import HostAccess, Vm
from bot.ports import ContainerHosts
from config.idle import ReaperPolicy

log = logging.getLogger(__name__)

_SPARE_S = 5


class Looks:
    """Asks VMs. For one sweep at a time; `one` for any thread."""

    def __init__(self, hosts: ContainerHosts, policy: ReaperPolicy) -> None:
        self._hosts = hosts
        self._limit = policy.look_limit
        self._at_once = policy.at_once
        self._pool = ThreadPoolExecutor(policy.at_once, thread_name_prefix="looks")
        # Looks that hang are not begun anew, or they would take one thread after the other.
        self._overdue: dict[str, Future[VmActivity | None]] = {}

    def at(self, vms: Sequence[Vm]) -> dict[str, VmActivity | None]:
        """A look at each VM, by op_id. None: nobody can tell."""
        self._overdue = {vm: look for vm, look in self._overdue.items() if not look.done()}
        asked = {
            vm.op_id: self._pool.submit(self.one, vm) for vm in vms if vm.op_id not in self._overdue
        }
        rounds = math.ceil(len(asked) / self._at_once)
        wait(asked.values(), timeout=rounds * self._limit.total_seconds() + _SPARE_S)
        seen: dict[str, VmActivity | None] = {}
        for vm in vms:
            look = asked.get(vm.op_id)
            seen[vm.op_id] = look.result() if look is not None and look.done() else None
        for op_id, look in asked.items():
            if not look.done() and not look.cancel():
                self._overdue[op_id] = look
        return seen

    def one(self, vm: Vm) -> VmActivity | None:
        """A look at one VM; None when nobody can tell."""
        if vm.address is None or vm.host_key is None:
            return None
        try:
            host = self._hosts.on(HostAccess(vm.address, vm.host_key))
            return host.activity(self._limit)
        except Exception as error:
            log.info("%s could not be looked at: %s", vm.hostname, error)
            return None

    def close(self) -> None:
        """End the threads; what still waits for a dead VM ends with the process."""
        self._pool.shutdown(wait=False, cancel_futures=True)
