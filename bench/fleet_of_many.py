"""Ten thousand VMs without machines: at the sandbox's SoftLayer, in the bot's store, at a look.

    python -m bench.fleet_of_many VMS       # SoftLayer in a process of its own, until stdin ends

Each is as the bot leaves it: tagged, with the request's id in its user data, READY in the store.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

import sqlalchemy as sa

from bot.activity import ContainerActivity, VmActivity
from bot.adapters.cloud_config import user_data_for
from bot.adapters.softlayer import SoftLayerCloud
from bot.adapters.softlayer_client import SoftLayerAccount
from bot.errors import HostUnreachable
from bot.models import CloudVm, HostAccess, Vm, VmState
from bot.ports import Clock
from bot.services.reconcile import tags_of
from bot.store.tables import vms
from sandbox.softlayer.server import SoftLayerSandbox

CHANNEL, TEAM = "C0GENERAL", "T0BENCH"
VMS_EACH = 10  # of one owner
SLOW, DEAD = 1_000, 5
LOOK_S = 0.05
"""The first 1,000 VMs answer after 50 ms, as over a warm connection; 5 of them never; the others at
once."""
_BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def op_id(number: int) -> str:
    """Of the VM of that number, from 1."""
    return f"bench-{number:05}"


def vm_of(number: int, there: CloudVm, asked_at: datetime, owner_id: str = "") -> Vm:
    """The VM's row."""
    return Vm(
        op_id=op_id(number),
        hostname=there.hostname,
        domain=there.domain,
        owner_id=owner_id or f"U{(number - 1) // VMS_EACH:06}",
        channel_id=CHANNEL,
        team_id=TEAM,
        state=VmState.READY,
        image="docker",
        cpus=1,
        memory_mb=1024,
        datacenter="dal10",
        asked_at=asked_at,
        cloud_id=there.id,
        address=there.public_ip,
        host_key="ssh-ed25519 AAAA",
        hourly_rate=Decimal(".053"),
        ready_at=asked_at,
    )


def remember(database: sa.Engine, listed: Sequence[CloudVm], asked_at: datetime) -> None:
    """Have the store know them all."""
    rows = []
    for vm in listed:
        row = vm_of(int(vm.hostname.removeprefix("seed-")), vm, asked_at)
        values = {name: getattr(row, name) for name in Vm.__slots__}
        rows.append(values | {"is_live": True})
    with database.begin() as connection:
        connection.execute(vms.insert(), rows)


@contextmanager
def softlayer(count: int, clock: Clock) -> Iterator[SoftLayerCloud]:
    """The adapter, over the wire to a SoftLayer with so many VMs in another process."""
    command = [sys.executable, "-m", "bench.fleet_of_many", str(count)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stdout is not None and process.stdin is not None
    url, username, key = process.stdout.readline().split()
    cloud = SoftLayerCloud(SoftLayerAccount(username, key, url), clock)
    try:
        yield cloud
    finally:
        cloud.close()
        process.stdin.close()
        process.wait()


class CountedHosts:
    """A `ContainerHosts` whose VMs have two containers each, at rest. Counts who is asked at once.

    is_quick: all answer at once.
    """

    def __init__(self, first_address: str) -> None:
        self._first = _number(first_address)
        self._lock = Lock()
        self._asked = 0
        self.most_at_once = 0
        self.is_quick = False

    def on(self, access: HostAccess) -> Any:
        return _Host(self, _number(access.address) - self._first + 1)

    def forget(self, access: HostAccess) -> None:
        """Nothing is kept."""

    def public_key(self) -> str:
        return "ssh-ed25519 AAAA ds-bot"

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self._asked += 1
            self.most_at_once = max(self.most_at_once, self._asked)
        try:
            yield
        finally:
            with self._lock:
                self._asked -= 1


class _Host:
    def __init__(self, hosts: CountedHosts, number: int) -> None:
        self._hosts = hosts
        self._number = number

    def activity(self, timeout: timedelta) -> VmActivity:
        with self._hosts.counted():
            is_slow = self._number <= SLOW and not self._hosts.is_quick
            if is_slow and self._number % (SLOW // DEAD) == 0:
                time.sleep(timeout.total_seconds())
                raise HostUnreachable("it does not answer")
            if is_slow:
                time.sleep(LOOK_S)
            return at_rest(self._number, datetime.now(UTC))


def at_rest(number: int, now: datetime) -> VmActivity:
    """A look at a VM with RStudio and Shiny on it, at which nobody is at work."""
    return VmActivity(
        at=now,
        boot_id=f"boot-{number}",
        cpu_s=1234.5,
        logins=0,
        containers=(
            ContainerActivity(
                f"{number:064x}", "rstudio", "rocker/rstudio:4.4", "rstudio", _BEGAN, 100.0, 1000,
                0, sessions=0, session_cpu_s=0.0, is_executing=False,
            ),
            ContainerActivity(
                f"{number + 1:064x}", "shiny", "rocker/shiny:4.4", "shiny", _BEGAN, 50.0, 1000, 0,
                viewers=0,
            ),
        ),
    )  # fmt: skip


def _number(address: str | None) -> int:
    from ipaddress import IPv4Address

    return int(IPv4Address(address or "0.0.0.0"))


def _of_each(number: int) -> tuple[tuple[str, ...], str]:
    """Its tags and user data, as the bot has set them."""
    name = op_id(number)
    row = Vm(name, "", "", f"U{(number - 1) // VMS_EACH:06}", CHANNEL, TEAM, VmState.READY,
             "docker", 1, 1024, "dal10", datetime.now(UTC))  # fmt: skip
    return tuple(sorted(tags_of(row))), user_data_for(name)


def main() -> None:
    """Serve SoftLayer until whoever has started this is gone."""
    sandbox = SoftLayerSandbox()
    sandbox.seed(int(sys.argv[1]), of_each=_of_each)
    with sandbox:
        print(sandbox.url, sandbox.username, sandbox.api_key, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
