"""Looking at what VMs do: many at once, each with its own time; what fails is unknown."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

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
        self._under_way: set[str] = set()

    def at(self, vms: Sequence[Vm]) -> dict[str, VmActivity | None]:
        """A look at each VM, by op_id. None: nobody can tell."""
        overdue = set(self._under_way)
        waiting = deque(vm for vm in vms if vm.op_id not in overdue)
        rounds = math.ceil(len(waiting) / self._at_once)
        seen: dict[str, VmActivity | None] = dict.fromkeys(vm.op_id for vm in vms)
        done: dict[str, VmActivity | None] = {}
        workers = [
            self._pool.submit(self._work, waiting, done)
            for _ in range(min(self._at_once, len(waiting)))
        ]
        wait(workers, timeout=rounds * self._limit.total_seconds() + _SPARE_S)
        waiting.clear()
        return seen | dict(done)

    def _work(self, waiting: deque[Vm], done: dict[str, VmActivity | None]) -> None:
        """Look at one VM after the other, until none is left."""
        while True:
            try:
                vm = waiting.popleft()
            except IndexError:
                return
            self._under_way.add(vm.op_id)
            try:
                done[vm.op_id] = self.one(vm)
            finally:
                self._under_way.discard(vm.op_id)

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
