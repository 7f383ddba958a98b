"""The account: everything the sandbox remembers, and the agenda of what will happen to it."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sandbox.softlayer import errors
from sandbox.softlayer.catalogue import Preset, Price
from sandbox.softlayer.clock import SandboxClock
from sandbox.softlayer.hypervisor import Image
from sandbox.softlayer.image_templates import Template, public_templates

ACCOUNT_ID = 307608
USER_ID = 167758
Power = Literal["RUNNING", "HALTED", "PAUSED"]


@dataclass(frozen=True, slots=True)
class Transaction:
    """Something SoftLayer is doing to a guest."""

    id: int
    name: str
    friendly_name: str
    group: str
    started_at: datetime


@dataclass(slots=True)
class Guest:
    """A virtual guest. Ten thousand of them must fit in memory, so: slots and shared parts."""

    id: int
    guid: str
    hostname: str
    domain: str
    cpus: int
    memory_mb: int
    disks_gb: tuple[int, ...]
    datacenter: str
    prices: tuple[Price, ...]
    is_hourly: bool
    order_id: int
    created_at: datetime
    modified_at: datetime
    os_code: str | None = None
    template: Template | None = None
    preset: Preset | None = None
    is_local_disk: bool = True
    is_private: bool = False
    is_transient: bool = False
    nic_speed: int = 10
    notes: str | None = None
    post_install: str | None = None
    tags: tuple[str, ...] = ()
    user_data: tuple[str, ...] = ()
    ssh_key_ids: tuple[int, ...] = ()
    provisioned_at: datetime | None = None
    public_ip: str | None = None
    private_ip: str | None = None
    power: Power = "HALTED"
    transaction: Transaction | None = None
    last_transaction: Transaction | None = None
    listed_at: datetime | None = None  # not in any list before that
    cancelled_at: datetime | None = None
    machine_id: str | None = None
    halted_at: datetime | None = None
    halted_for: timedelta = timedelta(0)  # of past halts, for suspend billing
    cpu_percent: float = 1.5  # what the metrics show

    @property
    def fqdn(self) -> str:
        return f"{self.hostname}.{self.domain}"

    @property
    def image(self) -> Image:
        return self.template.kind if self.template else "plain"

    @property
    def is_suspend_capable(self) -> bool:
        """Hourly, on the SAN, ordered by profile (softlayer.md A5)."""
        return self.is_hourly and self.preset is not None and not self.preset.local


@dataclass(slots=True)
class SshKey:
    id: int
    label: str
    key: str
    fingerprint: str
    notes: str | None
    created_at: datetime
    modified_at: datetime


OrderStatus = Literal["PENDING_APPROVAL", "APPROVED"]


@dataclass(slots=True)
class Order:
    """One accepted order, with the request as it came."""

    id: int
    method: str  # "Virtual_Guest.createObject" or "Product_Order.placeOrder"
    request: dict[str, Any]
    created_at: datetime
    username: str
    names: list[tuple[str, str]]  # (hostname, domain) of what was ordered
    status: OrderStatus = "APPROVED"
    guest_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the audit log."""

    id: int
    name: str
    label: str
    object_id: int
    object_name: str
    created_at: datetime
    username: str


class Agenda:
    """What is to happen and when; the earliest first, in order of entry at the same instant."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._numbers = itertools.count()

    def add(self, when: datetime, act: Callable[[datetime], None]) -> None:
        heapq.heappush(self._entries, (when, next(self._numbers), act))

    @property
    def next_at(self) -> datetime | None:
        return self._entries[0][0] if self._entries else None

    def pop_due(self, now: datetime) -> tuple[datetime, Callable[[datetime], None]] | None:
        if not self._entries or self._entries[0][0] > now:
            return None
        when, _, act = heapq.heappop(self._entries)
        return when, act


class Account:
    """All state. Whoever reads or changes it holds `lock` (reentrant)."""

    def __init__(self, clock: SandboxClock, username: str) -> None:
        self.clock = clock
        self.username = username
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.agenda = Agenda()
        self.guests: dict[int, Guest] = {}
        self.templates: dict[int, Template] = {each.id: each for each in public_templates()}
        self.ssh_keys: dict[int, SshKey] = {}
        self.orders: dict[int, Order] = {}
        self.held: dict[int, list[Any]] = {}  # order id -> its specs, until it is approved
        self.events: list[Event] = []
        self.tag_ids: dict[str, int] = {}
        self._ids = itertools.count(120_000_001)

    def new_id(self) -> int:
        return next(self._ids)

    def now(self) -> datetime:
        return self.clock.now()

    def at(self, when: datetime, act: Callable[[datetime], None]) -> None:
        """Have `act(when)` called, under the lock, once `when` has come."""
        self.agenda.add(when, act)
        self.changed.notify_all()

    def catch_up(self) -> None:
        """Let everything happen that is due by now."""
        with self.lock:
            while (due := self.agenda.pop_due(self.now())) is not None:
                when, act = due
                act(when)
                self.changed.notify_all()

    def guest(self, identifier: object) -> Guest:
        """A guest by id or GUID. Raises the not-found fault."""
        found = self.guests.get(_as_int(identifier))
        if found is None:
            wanted = str(identifier).casefold()
            found = next((g for g in self.guests.values() if g.guid.casefold() == wanted), None)
        if found is None:
            raise errors.not_found(identifier)
        return found

    def listed_guests(self) -> list[Guest]:
        """The guests that lists show by now, oldest first."""
        now = self.now()
        return [g for g in self.guests.values() if g.listed_at is None or g.listed_at <= now]

    def template(self, identifier: object) -> Template:
        """An image template by id or GUID. Raises the not-found fault."""
        found = self.templates.get(_as_int(identifier)) or self.template_by_guid(str(identifier))
        if found is None:
            raise errors.not_found(identifier)
        return found

    def template_by_guid(self, guid: str) -> Template | None:
        wanted = guid.upper()
        return next((each for each in self.templates.values() if each.guid == wanted), None)

    def set_tags(self, guest: Guest, names: Iterable[str]) -> None:
        """Replace a guest's tags."""
        guest.tags = tuple(dict.fromkeys(names))
        for name in guest.tags:
            if name not in self.tag_ids:
                self.tag_ids[name] = self.new_id()

    def record(self, event: str, guest: Guest, username: str) -> None:
        """Write a row about a guest to the audit log."""
        row = Event(
            self.new_id(), event, guest.fqdn, guest.id, "CCI", self.now(), username or self.username
        )
        self.events.append(row)


def _as_int(identifier: object) -> int:
    text = str(identifier)
    return int(text) if text.isascii() and text.isdigit() else -1
