"""What the tracking objects show: made-up but steady rows, one per period, late by a lag."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.softlayer import errors
from sandbox.softlayer.clock import parse_time
from sandbox.softlayer.state import Guest

PERIODS_S = (300, 600, 1800, 3600, 43200, 86400)
_MAX_ROWS = 5000
_OFFSET = 500_000_000  # tracking object id = guest id + this
_MEMORY_SHARE = 0.4
_OCTETS_PER_S = {
    "publicIn_net_octet": 40.0,
    "publicOut_net_octet": 25.0,
    "privateIn_net_octet": 12.0,
    "privateOut_net_octet": 8.0,
}


def tracking_id(guest: Guest) -> int | None:
    """None while nothing is tracked: not provisioned yet, or suspended (softlayer.md A6)."""
    if guest.provisioned_at is None or guest.cancelled_at is not None:
        return None
    if guest.is_suspend_capable and guest.power == "HALTED":
        return None
    return guest.id + _OFFSET


def guest_id(tracking: int) -> int:
    """The guest behind a tracking object."""
    return tracking - _OFFSET


def data_types(guest: Guest) -> list[dict[str, Any]]:
    """What can be asked of getSummaryData."""
    keys = [f"CPU{number}" for number in range(guest.cpus)] + ["MEMORY_USAGE"]
    keys += [name.upper() for name in _OCTETS_PER_S]
    return [
        {"id": number, "keyName": key, "name": key.lower(), "summaryType": "average"}
        for number, key in enumerate(keys, start=1)
    ]


def summary(
    guest: Guest, types: list[dict[str, Any]], span: tuple[datetime, datetime], period_s: int
) -> list[dict[str, Any]]:
    """Rows for each type asked for. Raises the fault for an unknown type."""
    known = {each["keyName"]: each for each in data_types(guest)}
    rows = []
    for asked in types:
        key = str(asked.get("keyName", "")).upper()
        if key not in known:
            raise errors.invalid_value("keyName", f"'{key}' is not a valid metric data type.")
        rows += [_row(guest, key, at) for at in _times(span, period_s)]
    return rows


def bandwidth(
    guest: Guest, span: tuple[datetime, datetime], direction: str | None, period_s: int
) -> list[dict[str, Any]]:
    """Octets per period; direction "public", "private" or None for both."""
    names = [name for name in _OCTETS_PER_S if name.startswith(direction or "p")]
    rows = []
    for at in _times(span, period_s):
        for name in names:
            counter = _OCTETS_PER_S[name] * period_s * _wobble(guest, at)
            rows.append({"counter": counter, "dateTime": at, "type": name})
    return rows


def span_of(
    guest: Guest, start: object, end: object, known_until: datetime
) -> tuple[datetime, datetime]:
    """The part of the asked span for which there are rows."""
    try:
        low, high = parse_time(str(start)), parse_time(str(end))
    except ValueError as error:
        raise errors.fault(errors.PUBLIC, f"Invalid date: {error}") from error
    born = guest.provisioned_at or known_until
    return max(low, born), min(high, known_until)


def check_period(value: object) -> int:
    """The period in seconds; none means an hour. Raises the fault for one that is not kept."""
    if value in (None, ""):
        return 3600
    if value not in PERIODS_S:
        raise errors.invalid_value("summaryPeriod", f"'{value}' is not a valid period.")
    return int(str(value))


def _times(span: tuple[datetime, datetime], period_s: int) -> Iterator[datetime]:
    first = -(-int(span[0].timestamp()) // period_s)
    last = int(span[1].timestamp()) // period_s
    if last - first > _MAX_ROWS:
        raise errors.fault(errors.PUBLIC, "The expected result is too large.")
    step = timedelta(seconds=period_s)
    start = datetime.fromtimestamp(first * period_s, UTC)
    return (start + step * number for number in range(last - first))


def _row(guest: Guest, key: str, at: datetime) -> dict[str, Any]:
    base = guest.cpu_percent
    if key == "MEMORY_USAGE":
        base = guest.memory_mb * 2**20 * _MEMORY_SHARE
    elif not key.startswith("CPU"):
        base = {name.upper(): rate for name, rate in _OCTETS_PER_S.items()}[key]
    return {"counter": base * _wobble(guest, at), "dateTime": at, "type": key.lower()}


def _wobble(guest: Guest, at: datetime) -> float:
    """0.9 to 1.1, the same for the same guest and instant."""
    return 0.9 + (hash((guest.id, int(at.timestamp()))) % 1000) / 5000
