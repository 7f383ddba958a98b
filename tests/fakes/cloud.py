"""A cloud in memory, held to the same contract as SoftLayer (tests/contracts/test_cloud.py).

cloud = FakeCloud(clock, list_lag=timedelta(seconds=30))
cloud.lose_answer("order")          # the VM is ordered, CloudUnknown is raised
cloud.fail("quote", CloudRefused("no"))                     # nothing is done
cloud.fail("label", CloudUnknown("lost"), after=True, times=3)
clock.advance(cloud.provisioning)   # every VM ordered so far is ready
cloud.busy(vm.id, "Capture")        # until cloud.idle(vm.id)
assert cloud.orders == [order]      # every order that was taken
assert cloud.live == []             # nothing is left that costs money
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address

from bot.adapters.cloud_config import request_id_of
from bot.adapters.softlayer_guests import check_label
from bot.errors import (
    BotError,
    CloudBusy,
    CloudHeld,
    CloudNotFound,
    CloudRefused,
    CloudUnknown,
)
from bot.models import Captured, CloudVm, Offers, VmOrder, VmSpec
from bot.ports import Clock

DOCKER_GUID = "8B1D0F0C-5B3A-4C0E-9B1E-2A6F4D1C7E55"
_FIRST_PUBLIC_IP = IPv4Address("192.0.2.1")  # documentation network, RFC 5737
_FIRST_PRIVATE_IP = IPv4Address("10.120.0.1")


@dataclass
class FakeVm:
    """A VM and where it is in its life."""

    vm: CloudVm  # as it is when ready and idle
    ready_at: datetime
    listed_at: datetime
    transaction: str | None = None
    captured_at: datetime | None = None  # until when it is being captured, or was
    cancelled_at: datetime | None = None
    user_data: str = ""  # which whatever runs on it can read

    def seen(self, now: datetime) -> CloudVm:
        """The VM as the cloud describes it at `now`. Addresses come before it is provisioned."""
        if self.cancelled_at is not None:
            text = "Cloud Instance Network Reclaim"
            return replace(self.vm, transaction=text, is_running=False, hourly_rate=None)
        if now >= self.ready_at:
            running = self.transaction
            if self.captured_at is not None and now < self.captured_at:
                running = "Create Archive Template"
            return replace(self.vm, provisioned_at=self.ready_at, transaction=running)
        text = "Setup provision configuration"
        early = replace(self.vm, transaction=text, provisioned_at=None)
        if now < self.vm.ordered_at + (self.ready_at - self.vm.ordered_at) / 2:
            return replace(early, public_ip=None, private_ip=None, is_running=False)
        return early


@dataclass
class FakeImage:
    """A private image, captured from a VM."""

    guid: str
    name: str
    notes: str
    vm_id: int
    ready_at: datetime
    size_bytes: int = 25 * 2**30


@dataclass
class _Fault:
    error: BotError
    is_after: bool
    times: int


class FakeCloud:
    """Implements `bot.ports.Cloud`. Its public attributes may be changed at any time.

    provisioning: from order to ready. list_lag: from order until lists show the VM. capturing: from
    a capture to its image. reclaim: how long a cancelled VM can still be read.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        provisioning: timedelta = timedelta(minutes=3),
        list_lag: timedelta = timedelta(0),
        capturing: timedelta = timedelta(minutes=5),
        reclaim: timedelta = timedelta(seconds=90),
    ) -> None:
        self.provisioning = provisioning
        self.list_lag = list_lag
        self.capturing = capturing
        self.reclaim = reclaim
        self.on_offer = Offers(
            open_datacenters=("dal10", "seo01"),
            closing_datacenters=("dal09",),
            cpus=(1, 2, 4, 8, 16),
            memory_mb=(1024, 2048, 4096, 8192, 16384, 32768, 65536),
        )
        self.public_images = {"Ubuntu with LAMP and Docker": DOCKER_GUID}  # name -> GUID, by age
        self.private_images: set[str] = set()  # GUIDs
        self.images: list[FakeImage] = []  # captured and not deleted, the oldest first
        self.keys: dict[int, tuple[str, str]] = {}  # id -> (label, public key)
        self.machines: dict[int, FakeVm] = {}  # by VM id, until they are reclaimed
        self.holds_orders = False  # until `approve`: each raises CloudHeld
        self.held: list[VmOrder] = []
        self.orders: list[VmOrder] = []  # every one that was taken, in order
        self.calls: Counter[str] = Counter()  # by method, failed ones included
        self._clock = clock
        self._lock = threading.RLock()
        self._ids = itertools.count(120_000_001)
        self._faults: dict[str, list[_Fault]] = {}

    # --- knobs ---

    def fail(self, method: str, error: BotError, *, after: bool = False, times: int = 1) -> None:
        """Have the next `times` calls of `method` raise, before or after they have their effect."""
        with self._lock:
            self._faults.setdefault(method, []).append(_Fault(error, after, times))

    def lose_answer(self, method: str) -> None:
        """Have the next call of `method` done, and its answer lost."""
        self.fail(method, CloudUnknown("the answer was lost"), after=True)

    def busy(self, vm_id: int, transaction: str) -> None:
        """Begin a transaction on a VM that is ready."""
        self.machines[vm_id].transaction = transaction

    def idle(self, vm_id: int) -> None:
        """End it."""
        self.machines[vm_id].transaction = None

    def approve(self) -> None:
        """Somebody approves what is held: the VMs are made now."""
        with self._lock:
            for order in self.held:
                self._make(order)
            self.held.clear()

    def put(self, vm: CloudVm) -> None:
        """Add a VM that was not ordered here: somebody else's, a monthly one, an old one."""
        with self._lock:
            self.machines[vm.id] = FakeVm(vm, vm.provisioned_at or vm.ordered_at, vm.ordered_at)

    @property
    def live(self) -> list[CloudVm]:
        """Every VM that costs money now, listed already or not, oldest first."""
        with self._lock:
            now = self._clock.now()
            uncancelled = [each for each in self.machines.values() if each.cancelled_at is None]
            return [each.seen(now) for each in uncancelled]

    # --- Cloud ---

    def offers(self) -> Offers:
        with self._called("offers"):
            return self.on_offer

    def find_template(self, name: str) -> str:
        with self._called("find_template"):
            wanted = name.casefold()
            guids = [
                guid for named, guid in self.public_images.items() if wanted in named.casefold()
            ]
            if not guids:
                raise CloudNotFound(f"no public image is named like {name}")
            return guids[-1]

    def template_exists(self, guid: str) -> bool:
        with self._called("template_exists"):
            return self._has_image(guid)

    def quote(self, spec: VmSpec) -> Decimal:
        with self._called("quote"):
            self._check(spec)
            return _price(spec)

    def register_key(self, label: str, public_key: str) -> int:
        with self._called("register_key"):
            wanted = public_key.split()[:2]
            if len(wanted) < 2 or not wanted[0].startswith(("ssh-", "ecdsa-")):
                raise CloudRefused("that is not a public key")
            for key_id, (_, known) in self.keys.items():
                if known.split()[:2] == wanted:
                    return key_id
            key_id = next(self._ids)
            self.keys[key_id] = (label, public_key)
            return key_id

    def order(self, order: VmOrder) -> CloudVm:
        with self._called("order"):
            self._check(order.spec)
            if not set(order.ssh_key_ids) <= self.keys.keys():
                raise CloudRefused("there is no such SSH key")
            self.orders.append(order)
            if self.holds_orders:
                self.held.append(order)
                raise CloudHeld("the order waits for approval")
            made = self._make(order).seen(self._clock.now())
            return replace(made, transaction=None, hourly_rate=None)

    def find(self, hostname: str, domain: str) -> list[CloudVm]:
        with self._called("find"):
            wanted = (hostname.casefold(), domain.casefold())
            named = [
                vm
                for vm in self._listed()
                if (vm.hostname.casefold(), vm.domain.casefold()) == wanted
            ]
            return sorted(named, key=lambda vm: (vm.ordered_at, vm.id))

    def get(self, vm_id: int) -> CloudVm:
        with self._called("get"):
            return self._machine(vm_id).seen(self._clock.now())

    def vms(self) -> Iterator[CloudVm]:
        with self._called("vms"):
            return iter(sorted(self._listed(), key=lambda vm: vm.id))

    def label(self, vm_id: int, tags: frozenset[str], notes: str) -> None:
        check_label(tags, notes)
        with self._called("label"):
            machine = self._machine(vm_id)
            machine.vm = replace(machine.vm, tags=tags, notes=notes)

    def replace_user_data(self, vm_id: int, user_data: str) -> None:
        with self._called("replace_user_data"):
            machine = self._machine(vm_id)
            machine.user_data = user_data
            machine.vm = replace(machine.vm, request_id=request_id_of(user_data))

    def capture(self, vm_id: int, name: str, notes: str) -> None:
        check_label(frozenset(), notes)
        check_label(frozenset(), name)
        with self._called("capture"):
            machine, now = self._machine(vm_id), self._clock.now()
            seen = machine.seen(now)
            if seen.transaction is not None or seen.provisioned_at is None:
                raise CloudBusy("there is currently an active transaction")
            machine.captured_at = now + self.capturing
            guid = f"{next(self._ids):08x}-0000-4000-8000-000000000000"
            self.images.append(FakeImage(guid, name, notes, vm_id, machine.captured_at))

    def captured(self, name: str) -> Captured | None:
        with self._called("captured"):
            named = [image for image in self.images if image.name == name]
            if not named:
                return None
            is_ready = named[-1].ready_at <= self._clock.now()
            size = named[-1].size_bytes if is_ready else None
            return Captured(named[-1].guid, is_ready, size)

    def delete_image(self, guid: str) -> None:
        with self._called("delete_image"):
            wanted = guid.casefold()
            found = [image for image in self.images if image.guid.casefold() == wanted]
            if any(image.ready_at > self._clock.now() for image in found):
                raise CloudBusy("there is currently an active transaction")
            if wanted in {each.casefold() for each in self.public_images.values()}:
                raise CloudRefused("access denied")
            self.images = [image for image in self.images if image not in found]

    def cancel(self, vm_id: int) -> None:
        with self._called("cancel"):
            now = self._clock.now()
            try:
                machine = self._machine(vm_id)
            except CloudNotFound:
                return
            if machine.cancelled_at is not None:
                return
            if machine.seen(now).transaction is not None:
                raise CloudBusy("there is currently an active transaction")
            machine.cancelled_at = now

    # --- within ---

    def _make(self, order: VmOrder) -> FakeVm:
        now = self._clock.now()
        vm = self._new_vm(order, now)
        self.machines[vm.id] = FakeVm(
            vm, now + self.provisioning, now + self.list_lag, user_data=order.user_data
        )
        return self.machines[vm.id]

    @contextmanager
    def _called(self, method: str) -> Iterator[None]:
        with self._lock:
            self.calls[method] += 1
            self._strike(method, is_after=False)
            yield
            self._strike(method, is_after=True)

    def _strike(self, method: str, *, is_after: bool) -> None:
        for fault in self._faults.get(method, []):
            if fault.is_after == is_after and fault.times > 0:
                fault.times -= 1
                raise fault.error

    def _machine(self, vm_id: int) -> FakeVm:
        self._forget_reclaimed()
        if vm_id not in self.machines:
            raise CloudNotFound(f"there is no VM {vm_id}")
        return self.machines[vm_id]

    def _listed(self) -> list[CloudVm]:
        self._forget_reclaimed()
        now = self._clock.now()
        return [each.seen(now) for each in self.machines.values() if each.listed_at <= now]

    def _forget_reclaimed(self) -> None:
        until = self._clock.now() - self.reclaim
        for vm_id, machine in list(self.machines.items()):
            if machine.cancelled_at is not None and machine.cancelled_at <= until:
                del self.machines[vm_id]

    def _has_image(self, guid: str) -> bool:
        now = self._clock.now()
        captured = {image.guid for image in self.images if image.ready_at <= now}
        known = {*self.public_images.values(), *self.private_images, *captured}
        return guid.casefold() in {each.casefold() for each in known}

    def _check(self, spec: VmSpec) -> None:
        places = (*self.on_offer.open_datacenters, *self.on_offer.closing_datacenters)
        if spec.datacenter not in places:
            raise CloudRefused(f"there is no datacenter {spec.datacenter}")
        if spec.cpus not in self.on_offer.cpus or spec.memory_mb not in self.on_offer.memory_mb:
            raise CloudRefused("that size is not sold")
        if (spec.os_code is None) == (spec.template_guid is None):
            raise CloudRefused("either an operating system or a template is needed")
        if spec.template_guid is not None and not self._has_image(spec.template_guid):
            raise CloudRefused("there is no such template")

    def _new_vm(self, order: VmOrder, now: datetime) -> CloudVm:
        number = len(self.orders) - 1
        return CloudVm(
            id=next(self._ids),
            hostname=order.spec.hostname,
            domain=order.spec.domain,
            request_id=request_id_of(order.user_data),
            public_ip=str(_FIRST_PUBLIC_IP + number),
            private_ip=str(_FIRST_PRIVATE_IP + number),
            ordered_at=now,
            provisioned_at=None,
            transaction=None,
            is_running=True,
            is_hourly=True,
            hourly_rate=_price(order.spec),
            tags=frozenset(),
            cpus=order.spec.cpus,
            memory_mb=order.spec.memory_mb,
            datacenter=order.spec.datacenter,
        )


def _price(spec: VmSpec) -> Decimal:
    """USD per hour; the smallest VM costs .053."""
    memory_gb = Decimal(spec.memory_mb) / 1024
    return (
        Decimal("0.03") * spec.cpus
        + Decimal("0.018") * memory_gb
        + Decimal("0.0002") * spec.disk_gb
    )
