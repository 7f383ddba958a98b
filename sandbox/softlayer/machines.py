"""Runs the hypervisor off the request threads and reports back to the account."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from sandbox.softlayer.hypervisor import Hypervisor, Machine
from sandbox.softlayer.state import Account, Guest

_LOG = logging.getLogger(__name__)
_WORKERS = 4


class MachineRoom:
    """The machines behind the guests."""

    def __init__(self, account: Account, hypervisor: Hypervisor) -> None:
        self._account = account
        self._hypervisor = hypervisor
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="softlayer-machines")
        self._running: dict[str, str] = {}  # machine id -> fqdn
        self._busy = 0
        self._is_closed = False

    def boot(self, guest: Guest, booted: Callable[[Machine], None]) -> None:
        """Boot the guest's machine; `booted` is called under the lock when it has an address."""
        known = self._account.ssh_keys
        keys = [known[each].key for each in guest.ssh_key_ids if each in known]
        start = partial(
            self._hypervisor.boot,
            f"{guest.hostname}-{guest.id}",
            image=guest.image,
            cpus=guest.cpus,
            memory_mb=guest.memory_mb,
            user_data="\n".join(guest.user_data),
            authorized_keys=keys,
            labels={"softlayer.guest": str(guest.id), "softlayer.fqdn": guest.fqdn},
        )
        self._submit(f"boot {guest.fqdn}", lambda: self._boot(guest, start, booted))

    def destroy(self, guest: Guest) -> None:
        self._on_machine("destroy", guest, self._destroy)

    def power_off(self, guest: Guest) -> None:
        self._on_machine("power off", guest, self._hypervisor.power_off)

    def power_on(self, guest: Guest) -> None:
        self._on_machine("power on", guest, self._hypervisor.power_on)

    def wait_idle(self, timeout_s: float) -> bool:
        """Whether everything asked for so far was done within `timeout_s` real seconds."""
        with self._account.lock:
            return self._account.changed.wait_for(lambda: self._busy == 0, timeout_s)

    def close(self) -> None:
        """Finish what is under way, then remove every machine that is left."""
        with self._account.lock:
            self._is_closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        for machine_id in list(self._running):
            self._attempt(f"destroy {machine_id}", partial(self._destroy, machine_id))

    def _boot(
        self, guest: Guest, start: Callable[[], Machine], booted: Callable[[Machine], None]
    ) -> None:
        machine = start()
        with self._account.lock:
            self._running[machine.id] = guest.fqdn
            if guest.cancelled_at is None:
                guest.machine_id = machine.id
                booted(machine)
                return
        self._destroy(machine.id)  # cancelled in a gap between two transactions

    def _destroy(self, machine_id: str) -> None:
        self._hypervisor.destroy(machine_id)
        with self._account.lock:
            self._running.pop(machine_id, None)

    def _on_machine(self, act: str, guest: Guest, do: Callable[[str], None]) -> None:
        if guest.machine_id is not None:
            self._submit(f"{act} {guest.fqdn}", partial(do, guest.machine_id))

    def _submit(self, what: str, act: Callable[[], None]) -> None:
        with self._account.lock:
            if self._is_closed:
                return
            self._busy += 1
        self._pool.submit(self._run, what, act)

    def _run(self, what: str, act: Callable[[], None]) -> None:
        self._attempt(what, act)
        with self._account.lock:
            self._busy -= 1
            self._account.changed.notify_all()

    def _attempt(self, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            # Whatever a hypervisor raises, the guest hangs in its transaction, as a real one does.
            _LOG.exception("hypervisor failed to %s", what)
