"""The sandbox's SoftLayer, put together."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from sandbox.softlayer import placing
from sandbox.softlayer.calls import Backend
from sandbox.softlayer.catalogue import DATACENTERS
from sandbox.softlayer.clock import ManualClock, SandboxClock, SpeedClock
from sandbox.softlayer.dispatch import Credentials, Dispatcher, RateLimiter
from sandbox.softlayer.faults import Faults
from sandbox.softlayer.hypervisor import Hypervisor, NoVms
from sandbox.softlayer.lifecycle import Delays, Lifecycle
from sandbox.softlayer.machines import MachineRoom
from sandbox.softlayer.ordering import Spec
from sandbox.softlayer.services import all_services
from sandbox.softlayer.state import Account, Guest, Order
from sandbox.softlayer.views import Views
from sandbox.softlayer.wire import WireServer

_PATH = "/xmlrpc/v3.1"  # as in SoftLayer's own endpoint
_SEED_ADDRESSES = IPv4Address("198.18.0.1")  # benchmarking network, RFC 2544
_IDLE_WAIT_S = 60.0


class SoftLayerSandbox:
    """A SoftLayer of one account, on loopback.

        with SoftLayerSandbox(speed=60) as cloud:
            client = SoftLayer.create_client_from_env(
                username="sandbox", api_key="sandbox-key", endpoint_url=cloud.url, timeout=10)

    port: 0 is any free one. clock: overrides `speed`. rate_limit: calls per second, SoftLayer's is
    50; None: no limit. max_rows: longer pages get "Internal Error"; None: no limit.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        clock: SandboxClock | None = None,
        delays: Delays | None = None,
        hypervisor: Hypervisor | None = None,
        username: str = "sandbox",
        api_key: str = "sandbox-key",
        rate_limit: int | None = None,
        max_rows: int | None = None,
        fault_seed: int = 0,
    ) -> None:
        self.clock = clock or SpeedClock(speed)
        self.delays = delays or Delays()
        self.username, self.api_key = username, api_key
        self.faults = Faults(fault_seed)
        self._address = (host, port)
        self._stopped = threading.Event()
        self._account = Account(self.clock, username)
        self._machines = MachineRoom(self._account, hypervisor or NoVms())
        self._backend = Backend(
            self._account,
            Lifecycle(self._account, self._machines, self.delays),
            Views(self._account),
        )
        self._dispatcher = Dispatcher(
            self._account,
            all_services(self._backend),
            Credentials(username, api_key),
            self.faults,
            RateLimiter(rate_limit),
            max_rows,
            self._stopped,
        )
        self._wire: WireServer | None = None
        self._ticker = threading.Thread(target=self._tick, name="softlayer-agenda", daemon=True)

    # --- running ---

    def start(self) -> Self:
        """Listen and let time run. Once only."""
        self._wire = WireServer(*self._address, self._dispatcher)
        self._ticker.start()
        return self

    def stop(self) -> None:
        """Stop listening, end late answers at once, remove every machine."""
        self._stopped.set()
        with self._account.lock:
            self._account.changed.notify_all()
        if self._wire is not None:
            self._wire.close()
            self._ticker.join()
            self._wire = None
        self._machines.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The endpoint for `endpoint_url`. Raises RuntimeError when not started."""
        if self._wire is None:
            raise RuntimeError("the sandbox is not running")
        return f"http://{self._wire.host}:{self._wire.port}{_PATH}"

    @property
    def slcli_config(self) -> str:
        """What a file named by SLCLI_CONFIG must hold."""
        return (
            f"[softlayer]\nusername = {self.username}\napi_key = {self.api_key}\n"
            f"endpoint_url = {self.url}\ntimeout = 30\n"
        )

    # --- looking, for tests ---

    @property
    def orders(self) -> list[Order]:
        """Every order accepted, in order of arrival, with its request and time."""
        with self._caught_up().lock:
            return [dataclasses.replace(order) for order in self._account.orders.values()]

    def live(self) -> list[Guest]:
        """Copies of the guests that exist and are not cancelled, listed already or not."""
        with self._caught_up().lock:
            guests = self._account.guests.values()
            return [dataclasses.replace(each) for each in guests if each.cancelled_at is None]

    def guest(self, guest_id: int) -> Guest:
        """A copy of one guest, cancelled or not. Raises SoftLayer's not-found fault."""
        with self._caught_up().lock:
            return dataclasses.replace(self._account.guest(guest_id))

    # --- moving, for tests ---

    def advance(self, duration: timedelta) -> None:
        """Move a ManualClock, stopping at every instant at which something happens.

        At each, the machines are waited for, so that the outcome is always the same.
        Raises TimeoutError when one does not come.
        """
        if not isinstance(self.clock, ManualClock):
            raise TypeError("only a ManualClock can be moved by hand")
        self._settle()
        target = self.clock.now() + duration
        while (now := self.clock.now()) < target:
            next_at = self._next_event() or target
            self.clock.advance(max(min(next_at, target) - now, timedelta(0)))
            self._settle()

    def approve(self, order_id: int) -> None:
        """Let an order that was held for approval go on. Raises KeyError for any other."""
        placing.approve(self._backend, order_id)

    def set_load(self, guest_id: int, cpu_percent: float) -> None:
        """What the metrics of a guest show from now on."""
        with self._account.lock:
            self._account.guest(guest_id).cpu_percent = cpu_percent

    def seed(
        self,
        count: int,
        *,
        tags: tuple[str, ...] = (),
        of_each: Callable[[int], tuple[tuple[str, ...], str]] | None = None,
    ) -> None:
        """Add hourly guests `seed-00001` … that are long provisioned and have no machine.

        of_each: the tags and the user data of the guest of a number, in place of `tags`.
        """
        with self._account.lock:
            places = itertools.cycle(DATACENTERS)
            order = Order(self._account.new_id(), "seed", {}, self.clock.now(), self.username, [])
            for number, place in zip(range(1, count + 1), places, strict=False):
                guest = _seeded(number, place).guest(self._account, order)
                guest.provisioned_at = guest.created_at
                guest.public_ip = str(_SEED_ADDRESSES + number)
                guest.private_ip = str(IPv4Address("10.64.0.1") + number)
                guest.power = "RUNNING"
                own = of_each(number) if of_each else (tags, "")
                self._account.set_tags(guest, own[0])
                guest.user_data = (own[1],) if own[1] else ()
                self._account.guests[guest.id] = guest

    # --- within ---

    def _caught_up(self) -> Account:
        self._account.catch_up()
        return self._account

    def _next_event(self) -> datetime | None:
        with self._account.lock:
            return self._account.agenda.next_at

    def _settle(self) -> None:
        self._account.catch_up()
        if not self._machines.wait_idle(_IDLE_WAIT_S):
            raise TimeoutError("a machine is still booting")
        self._account.catch_up()

    def _tick(self) -> None:
        """Let what is due happen even when nobody calls, so that machines boot in time."""
        with self._account.lock:
            while not self._stopped.is_set():
                self._account.catch_up()
                next_at = self._account.agenda.next_at
                wait_s = self.clock.seconds_until(next_at) if next_at else None
                self._account.changed.wait(wait_s)


def _seeded(number: int, place: str) -> Spec:
    return Spec(
        hostname=f"seed-{number:05}",
        domain="sandbox.example",
        datacenter=place,
        is_hourly=True,
        cpus=1,
        memory_mb=1024,
        disks_gb=(25,),
        is_local_disk=True,
        nic_speed=10,
        os_code="UBUNTU_24_64",
    )
