"""What the sandbox's SoftLayer sells: places, sizes, systems and their prices.

Prices are the sandbox's own, in USD, of a real order of magnitude; 1 CPU, 1 GB and 25 GB of local
disk come to .053 per hour. dal09 is closing (SLDN release note of 2024-08-09), so are some others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

CLOSING = "CLOSURE_ANNOUNCED"
PACKAGE_IDS = {
    "CLOUD_SERVER": 46,
    "PUBLIC_CLOUD_SERVER": 835,
    "TRANSIENT_CLOUD_SERVER": 1105,
    "SUSPEND_CLOUD_SERVER": 883,
}
_HOURS_BILLED_PER_MONTH = 500  # a month costs less than 730 single hours


@dataclass(frozen=True, slots=True)
class Datacenter:
    id: int
    name: str
    long_name: str
    pods: tuple[tuple[str, bool], ...]  # (pod name, is it closing)


_PLACES = (
    ("ams03", "Amsterdam 3", 1, 0),
    ("che01", "Chennai 1", 1, 0),
    ("dal05", "Dallas 5", 2, 2),
    ("dal09", "Dallas 9", 4, 4),
    ("dal10", "Dallas 10", 3, 0),
    ("dal12", "Dallas 12", 2, 0),
    ("dal13", "Dallas 13", 3, 0),
    ("fra02", "Frankfurt 2", 2, 0),
    ("fra04", "Frankfurt 4", 1, 0),
    ("fra05", "Frankfurt 5", 1, 0),
    ("lon04", "London 4", 1, 0),
    ("lon05", "London 5", 1, 0),
    ("lon06", "London 6", 2, 0),
    ("mil01", "Milan 1", 1, 1),
    ("mon01", "Montreal 1", 1, 0),
    ("osa21", "Osaka 21", 1, 0),
    ("par01", "Paris 1", 1, 0),
    ("sao01", "Sao Paulo 1", 1, 0),
    ("seo01", "Seoul 1", 1, 0),
    ("sjc03", "San Jose 3", 2, 1),
    ("sjc04", "San Jose 4", 1, 0),
    ("sng01", "Singapore 1", 3, 0),
    ("syd04", "Sydney 4", 1, 0),
    ("tok02", "Tokyo 2", 2, 0),
    ("tor01", "Toronto 1", 1, 0),
    ("wdc04", "Washington 4", 2, 0),
    ("wdc06", "Washington 6", 1, 0),
    ("wdc07", "Washington 7", 2, 0),
)
_KNOWN_IDS = {"dal09": 449494, "dal10": 1441195, "dal13": 1854895}


def _datacenters() -> Iterator[Datacenter]:
    for number, (name, long_name, pods, closing) in enumerate(_PLACES):
        named = tuple((f"{name}.pod{at + 1:02}", at < closing) for at in range(pods))
        yield Datacenter(_KNOWN_IDS.get(name, 1600000 + number), name, long_name, named)


DATACENTERS = {place.name: place for place in _datacenters()}


@dataclass(frozen=True, slots=True)
class Price:
    """One thing that can be ordered, and what it costs."""

    id: int
    item_id: int
    key: str
    description: str
    category: str
    capacity: int
    hourly: Decimal
    reference_code: str = ""
    local: bool = False  # disks: on the host itself, not on the SAN

    @property
    def monthly(self) -> Decimal:
        return (self.hourly * _HOURS_BILLED_PER_MONTH).quantize(Decimal("0.01"))

    def as_container(self) -> dict[str, Any]:
        """The price as orders and templates carry it."""
        return {
            "id": self.id,
            "hourlyRecurringFee": self.hourly,
            "recurringFee": self.monthly,
            "setupFee": Decimal(0),
            "laborFee": Decimal(0),
            "oneTimeFee": Decimal(0),
            "item": {"id": self.item_id, "keyName": self.key, "description": self.description},
            "categories": [{"categoryCode": self.category}],
        }


CPUS = (1, 2, 4, 8, 12, 16, 32, 48, 56)
MEMORY_MB = tuple(gb * 1024 for gb in (1, 2, 4, 6, 8, 12, 16, 32, 48, 64, 128, 242))
FIRST_DISK_GB = (25, 100)
OTHER_DISK_GB = (
    10,
    20,
    25,
    30,
    40,
    50,
    75,
    100,
    125,
    150,
    175,
    200,
    250,
    300,
    400,
    500,
    1000,
    2000,
)
PORT_SPEEDS_MBPS = (10, 100, 1000)
_SYSTEMS = (
    ("UBUNTU_24_64", "Ubuntu Linux 24.04 LTS Noble Numbat Minimal Install (64 bit)", "0"),
    ("UBUNTU_22_64", "Ubuntu Linux 22.04 LTS Jammy Jellyfish Minimal Install (64 bit)", "0"),
    ("UBUNTU_20_64", "Ubuntu Linux 20.04 LTS Focal Fossa Minimal Install (64 bit)", "0"),
    ("DEBIAN_12_64", "Debian GNU/Linux 12.x Bookworm/Stable - Minimal Install (64 bit)", "0"),
    ("DEBIAN_11_64", "Debian GNU/Linux 11.x Bullseye/Stable - Minimal Install (64 bit)", "0"),
    ("CENTOS_7_64", "CentOS 7.x - Minimal Install (64 bit)", "0"),
    ("ROCKYLINUX_9_64", "Rocky Linux 9.x - Minimal Install (64 bit)", "0"),
    ("REDHAT_9_64", "Red Hat Enterprise Linux 9.x - Minimal Install (64 bit)", ".06"),
    ("REDHAT_8_64", "Red Hat Enterprise Linux 8.x - Minimal Install (64 bit)", ".06"),
    ("WIN_2022-STD_64", "Windows Server 2022 Standard Edition (64 bit)", ".04"),
)
_INCLUDED = (
    ("remote_management", "REBOOT_REMOTE_CONSOLE", "Reboot / Remote Console"),
    ("bandwidth", "BANDWIDTH_0_GB_2", "0 GB Bandwidth Allotment"),
    ("pri_ip_addresses", "1_IP_ADDRESS", "1 IP Address"),
    ("monitoring", "MONITORING_HOST_PING", "Host Ping"),
    ("notification", "NOTIFICATION_EMAIL_AND_TICKET", "Email and Ticket"),
    ("response", "AUTOMATED_NOTIFICATION", "Automated Notification"),
    ("vpn_management", "UNLIMITED_SSL_VPN_USERS", "Unlimited SSL VPN Users"),
)


def _prices() -> Iterator[Price]:
    numbers = itertools.count(1640)
    items = itertools.count(500)

    def price(key: str, text: str, category: str, capacity: int, hourly: str, **more: Any) -> Price:
        fee = Decimal(hourly)
        return Price(next(numbers), next(items), key, text, category, capacity, fee, **more)

    for cpus in CPUS:
        text = f"{cpus} x 2.0 GHz or higher Core{'s' if cpus > 1 else ''}"
        fee = str(Decimal("0.03") * cpus)
        yield price(f"GUEST_CORES_{cpus}", text, "guest_core", cpus, fee)
    for memory in MEMORY_MB:
        gb = memory // 1024
        yield price(f"RAM_{gb}_GB", f"{gb} GB", "ram", gb, str(Decimal("0.018") * gb))
    for code, text, fee in _SYSTEMS:
        yield price(f"OS_{code}", text, "os", 0, fee, reference_code=code)
    for local, gb in itertools.product((True, False), OTHER_DISK_GB):
        where = "LOCAL" if local else "SAN"
        fee = str(Decimal("0.0002") * gb)
        for category in ("guest_disk0", "guest_disk1"):
            if category == "guest_disk1" or gb in FIRST_DISK_GB:
                key = f"GUEST_DISK_{gb}_GB_{where}"
                yield price(key, f"{gb} GB ({where})", category, gb, fee, local=local)
    for speed in PORT_SPEEDS_MBPS:
        text = f"{speed} Mbps Public & Private Network Uplinks"
        key = f"{speed}_MBPS_PUBLIC_PRIVATE_NETWORK_UPLINKS"
        yield price(key, text, "port_speed", speed, {1000: ".027"}.get(speed, "0"))
    for category, key, text in _INCLUDED:
        yield price(key, text, category, 0, "0")


PRICES = {price.id: price for price in _prices()}
INCLUDED = tuple(price for price in PRICES.values() if price.category in {c for c, *_ in _INCLUDED})
SYSTEMS = {price.reference_code: price for price in PRICES.values() if price.category == "os"}


@cache
def price_of(category: str, capacity: int, local: bool = False) -> Price | None:
    """The price of a size, or None if it is not sold."""
    for price in PRICES.values():
        if (price.category, price.capacity, price.local) == (category, capacity, local):
            return price
    return None


def system(code: str) -> Price | None:
    """The system a reference code means; `<NAME>_LATEST[_64]` is the newest of its name."""
    if code in SYSTEMS:
        return SYSTEMS[code]
    family, latest, _ = code.partition("_LATEST")
    newest = [price for known, price in SYSTEMS.items() if known.startswith(f"{family}_")]
    return newest[0] if latest and newest else None


@dataclass(frozen=True, slots=True)
class Preset:
    """A public virtual server profile: a fixed size sold under one name."""

    id: int
    key: str
    cpus: int
    memory_mb: int
    disk_gb: int
    local: bool
    transient: bool = False

    @property
    def prices(self) -> tuple[Price, ...]:
        sized = (
            price_of("guest_core", self.cpus),
            price_of("ram", self.memory_mb // 1024),
            price_of("guest_disk0", self.disk_gb, self.local),
        )
        return tuple(price for price in sized if price)

    @property
    def hourly(self) -> Decimal:
        return sum((price.hourly for price in self.prices), Decimal(0))


def _presets() -> Iterator[Preset]:
    numbers = itertools.count(405)
    for family, per_cpu, disks in (("B1", 4, (25, 100)), ("C1", 1, (25,)), ("M1", 8, (25,))):
        for cpus, disk in itertools.product((1, 2, 4, 8), disks):
            gb = 2 if (family, cpus) == ("B1", 1) else per_cpu * cpus
            for suffix in ("", "_TRANSIENT"):
                key = f"{family}_{cpus}X{gb}X{disk}{suffix}"
                yield Preset(next(numbers), key, cpus, gb * 1024, disk, False, bool(suffix))
    for cpus in (1, 2, 4, 8):
        yield Preset(next(numbers), f"BL1_{cpus}X{4 * cpus}X100", cpus, 4096 * cpus, 100, True)


PRESETS = {preset.key: preset for preset in _presets()}
