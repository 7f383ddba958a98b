"""A trace of VMs from outside: `vm,at,event` as CSV, and what our policy does with it as JSON."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from bot.simulate.instruments import instant, subject
from bot.simulate.life import Kind, Life, Span
from bot.simulate.ours import Ours
from bot.simulate.run import NOTHING, LeaseRun, leases_of, totals_of

COLUMNS = ("vm", "at", "event")
DEFAULT_RATE = Decimal("0.053")
"""USD an hour, of an order that names none: the smallest VM's."""

_MAX_RATE = Decimal(1000)
_YEARS = (1971, 2999)
_MOST_SHOWN = 20
_KINDS = {
    "compute": Kind.COMPUTE,
    "session": Kind.SESSION,
    "tab": Kind.TAB,
    "viewer": Kind.VIEWER,
}
_BEGINS = {"compute_start", "session_start", "tab_open", "viewer_start"}
_ENDS = {"compute_stop", "session_stop", "tab_close", "viewer_stop"}
_EVENTS = "order hourly_rate=0.053, release, " + ", ".join(sorted(_BEGINS | _ENDS))


class TraceError(ValueError):
    """A trace is wrong. The text has a line for each mistake, with its number in the file."""

    def __init__(self, mistakes: list[str]) -> None:
        shown = mistakes[:_MOST_SHOWN]
        if len(mistakes) > len(shown):
            shown.append(f"and {len(mistakes) - len(shown)} more mistakes")
        super().__init__("\n".join(shown))


class _Row(NamedTuple):
    at: float
    line: int
    vm: str
    event: str


@dataclass
class _Story:
    """A VM's events so far."""

    rate: Decimal
    wanted: list[tuple[float, float]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    open: dict[Kind, list[float]] = field(default_factory=dict)

    def life(self, vm: str) -> Life:
        unended = [Span(kind, begin) for kind, begins in self.open.items() for begin in begins]
        return Life(vm, self.rate, tuple(self.wanted), (*self.spans, *unended))


def read_trace(path: Path) -> list[Life]:
    """The lives in a file, in the order of their first lines.

    Rows may be in any order; those of one instant happen in the order of the file.
    Raises TraceError with every mistake.
    """
    mistakes: list[str] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(file, mistakes))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError([f"{path}: cannot be read: {error}"]) from None
    names = dict.fromkeys(row.vm for row in rows)
    stories: dict[str, _Story] = {}
    for row in sorted(rows):
        try:
            _tell(stories, row)
        except ValueError as error:
            mistakes.append(f"line {row.line}: {error}")
    if not mistakes and not names:
        mistakes.append("line 1: there is no event in this file")
    if mistakes:
        mistakes.sort(key=lambda mistake: int(mistake.split()[1].rstrip(":")))
        raise TraceError(mistakes)
    return [stories[name].life(name) for name in names]


def run_trace(lives: Iterable[Life], rule: Ours) -> dict[str, Any]:
    """What our policy does with the VMs, until nothing can change any more; fit for JSON."""
    lives = list(lives)
    leases = {life.name: leases_of(rule, life, inf) for life in lives}
    ends = [end for each in leases.values() for run in each if (end := run.cancelled) is not None]
    events = [
        at
        for life in lives
        for at in (*life.changes, *(end for times in life.wanted for end in times))
        if at < inf
    ]
    until, total = max(ends + events), NOTHING
    for life in lives:
        by_started_hour = rule.policies.of(subject(life)).billing == "started_hour"
        total += totals_of(life, leases[life.name], until, by_started_hour)
    return {
        "vms": {name: [_told(run) for run in each] for name, each in leases.items()},
        "totals": {
            "dollars": float(total.dollars.quantize(Decimal("0.0001"))),
            "hours": float(total.hours.quantize(Decimal("0.0001"))),
            "leases": total.leases,
            "busy_killed": total.busy_killed,
            "interrupted": total.interrupted,
            "until": iso(until),
        },
    }


def iso(at: float) -> str:
    """An instant as traces write it: 2026-01-05T09:00:00Z."""
    return instant(at).isoformat().replace("+00:00", "Z")


def _told(run: LeaseRun) -> dict[str, Any]:
    cancelled = None if run.cancelled is None else iso(run.cancelled)
    return {"ordered": iso(run.ordered), "cancelled": cancelled, "reason": run.reason}


def _rows(lines: Iterable[str], mistakes: list[str]) -> Iterator[_Row]:
    reader = csv.reader(lines)
    header = next(reader, [])
    if tuple(name.strip().lower() for name in header) != COLUMNS:
        mistakes.append("line 1: the columns must be vm,at,event")
        return
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        try:
            yield _row(values, reader.line_num)
        except ValueError as error:
            mistakes.append(f"line {reader.line_num}: {error}")


def _row(values: list[str], line: int) -> _Row:
    if len(values) != len(COLUMNS):
        raise ValueError(f"{len(values)} values instead of vm,at,event")
    vm, at, event = (value.strip() for value in values)
    if not vm:
        raise ValueError("the name of the VM is missing")
    return _Row(_instant(at), line, vm, event)


def _instant(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no instant; write it like 2026-01-05T09:00:00Z") from None
    if not _YEARS[0] <= at.year <= _YEARS[1]:
        raise ValueError(f"{text!r} is not in the years {_YEARS[0]} to {_YEARS[1]}")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _tell(stories: dict[str, _Story], row: _Row) -> None:
    """Raises ValueError when the event cannot happen."""
    word, _, options = row.event.partition(" ")
    if word == "order":
        _order(stories, row, options.strip())
        return
    if word not in _BEGINS | _ENDS | {"release"} or options.strip():
        raise ValueError(f"{row.event!r} is no event; known are {_EVENTS}")
    story = stories.get(row.vm)
    if story is None:
        raise ValueError(f"{row.vm} has not been ordered yet")
    if word == "release":
        _release(story, row)
        return
    begins = story.open.setdefault(_KINDS[word.partition("_")[0]], [])
    if word in _BEGINS:
        begins.append(row.at)
    elif begins:
        _end(story, _KINDS[word.partition("_")[0]], row.at)
    else:
        raise ValueError(f"{word} of {row.vm}, which had no {_opposite(word)} before")


def _order(stories: dict[str, _Story], row: _Row, options: str) -> None:
    rate = _rate(options)
    story = stories.setdefault(row.vm, _Story(rate))
    if story.wanted and story.wanted[-1][1] == inf:
        raise ValueError(f"{row.vm} is ordered already and was not released")
    story.wanted.append((row.at, inf))


def _release(story: _Story, row: _Row) -> None:
    begin, end = story.wanted[-1]
    if end < inf:
        raise ValueError(f"{row.vm} is released already")
    story.wanted[-1] = (begin, row.at)


def _end(story: _Story, kind: Kind, at: float) -> None:
    begin = story.open[kind].pop(0)
    if at > begin:
        story.spans.append(Span(kind, begin, at))


def _rate(options: str) -> Decimal:
    if not options:
        return DEFAULT_RATE
    name, _, value = options.partition("=")
    try:
        rate = Decimal(value.strip())
    except InvalidOperation:
        rate = Decimal("NaN")
    if name.strip() != "hourly_rate" or not rate.is_finite() or not 0 <= rate <= _MAX_RATE:
        raise ValueError(f"{options!r} is no rate; write it like order hourly_rate=0.053")
    return rate


def _opposite(end: str) -> str:
    return "tab_open" if end == "tab_close" else end.replace("_stop", "_start")
