"""What a guest costs: rates, hours used, charges. Money in USD.

Hours are counted in the billing cycle (the calendar month here), running or stopped, every begun
one whole; a halted suspend-capable guest counts at least a quarter (softlayer.md A5).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sandbox.softlayer.catalogue import PACKAGE_IDS
from sandbox.softlayer.state import Guest

SUSPEND_FLOOR = Decimal("0.25")
_HOUR = timedelta(hours=1)


def hourly_rate(guest: Guest) -> Decimal:
    """The whole rate, parent and children."""
    return sum((price.hourly for price in guest.prices), Decimal(0))


def monthly_rate(guest: Guest) -> Decimal:
    return sum((price.monthly for price in guest.prices), Decimal(0))


def hours_used(guest: Guest, now: datetime) -> int:
    """Begun hours of this cycle, since provisioning."""
    if guest.provisioned_at is None:
        return 0
    since = max(guest.provisioned_at, _cycle_start(now))
    hours = Decimal(math.ceil((now - since) / _HOUR))
    if guest.is_suspend_capable:
        halted = guest.halted_for + (now - guest.halted_at if guest.halted_at else timedelta(0))
        awake = Decimal(math.ceil((now - since - halted) / _HOUR))
        hours = max(awake, hours * SUSPEND_FLOOR)
    return math.ceil(max(hours, Decimal(1)))


def charge(rate: Decimal, guest: Guest, now: datetime) -> Decimal:
    """What a part of the guest has cost this cycle at an hourly rate."""
    return rate * hours_used(guest, now)


def total(guest: Guest, now: datetime) -> Decimal:
    """What the guest has cost this cycle."""
    return charge(hourly_rate(guest), guest, now) if guest.is_hourly else monthly_rate(guest)


def package(guest: Guest) -> dict[str, object]:
    """The product package the guest was ordered from."""
    key = "CLOUD_SERVER"
    if guest.is_transient:
        key = "TRANSIENT_CLOUD_SERVER"
    elif guest.is_suspend_capable:
        key = "SUSPEND_CLOUD_SERVER"
    elif guest.preset:
        key = "PUBLIC_CLOUD_SERVER"
    return {"id": PACKAGE_IDS[key], "keyName": key}


def _cycle_start(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
