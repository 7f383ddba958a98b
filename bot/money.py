"""Money: exact, in US dollars. A rate that is not known makes an amount that is not known."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

_SECONDS_PER_HOUR = Decimal(3600)
_CENT = Decimal("0.01")


def cost_of(rate: Decimal | None, since: datetime, until: datetime) -> Decimal | None:
    """What a VM has cost: its hourly rate for the time between two instants, to the cent.

    An estimate: how SoftLayer rounds started hours is the account's business.
    """
    if rate is None:
        return None
    hours = Decimal(max(0, int((until - since).total_seconds()))) / _SECONDS_PER_HOUR
    return (rate * hours).quantize(_CENT)


def dollars(amount: Decimal) -> str:
    """The amount as people write it: at least two decimals, more only where they matter."""
    rounded = amount.quantize(_CENT)
    if rounded == amount:
        return f"${rounded:,}"
    return f"${amount.normalize():,f}"
