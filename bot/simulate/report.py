"""All rules over an invented month: the table, what it says, and the curve of a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.simulate.life import Life
from bot.simulate.model import DAY, START, lives
from bot.simulate.ours import Ours
from bot.simulate.rules import BOUNDS, PEERS, Rule
from bot.simulate.run import NOTHING, Totals, totals
from config.settings import Policy

IDLE_AFTER = tuple(timedelta(minutes=m) for m in (30, 60, 90, 120, 180, 240, 480, 720, 1440, 2880))
"""The idle times of the curve."""

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Fleet:
    """The same team for as many seeds."""

    seeds: tuple[int, ...]
    vms: int
    days: int

    def lives(self) -> list[list[Life]]:
        return [lives(seed, self.vms, self.days) for seed in self.seeds]

    @property
    def horizon(self) -> float:
        return START + self.days * DAY


@dataclass(frozen=True, slots=True)
class Row:
    """What a rule costs, for each seed."""

    name: str
    by_seed: tuple[Totals, ...]

    @property
    def total(self) -> Totals:
        return sum(self.by_seed, NOTHING)

    @property
    def dollars(self) -> Decimal:
        """The mean of the seeds."""
        return (self.total.dollars / len(self.by_seed)).quantize(_CENT)

    @property
    def busy_killed(self) -> float:
        return round(self.total.busy_killed / len(self.by_seed), 1)

    @property
    def interrupted(self) -> float:
        return round(self.total.interrupted / len(self.by_seed), 1)

    def beats(self, other: Row) -> bool:
        """Whether it costs fewer dollars and interrupts no more often."""
        mine, theirs = self.total, other.total
        return mine.dollars < theirs.dollars and mine.interrupted <= theirs.interrupted

    def told(self) -> dict[str, Any]:
        return {
            "rule": self.name,
            "dollars": float(self.dollars),
            "busy_killed": self.busy_killed,
            "interrupted": self.interrupted,
            "seeds": [
                {
                    "dollars": float(each.dollars.quantize(_CENT)),
                    "busy_killed": each.busy_killed,
                    "interrupted": each.interrupted,
                }
                for each in self.by_seed
            ],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Our row, those of the others, and those of whom nobody can be."""

    fleet: Fleet
    ours: Row
    peers: tuple[Row, ...]
    bounds: tuple[Row, ...]


def report(policy: Policy, fleet: Fleet) -> Report:
    """All rules over the same lives."""
    people = fleet.lives()

    def row(rule: Rule) -> Row:
        return row_of(rule, people, fleet.horizon, _by_started_hour(policy))

    ours = row(Ours(policy.idle, policy.reaper.look))
    return Report(fleet, ours, tuple(map(row, PEERS)), tuple(map(row, BOUNDS)))


def row_of(
    rule: Rule, people: Iterable[Sequence[Life]], horizon: float, by_started_hour: bool
) -> Row:
    """A rule over the lives of each seed."""
    runs = (totals(rule, each, horizon, by_started_hour=by_started_hour) for each in people)
    return Row(rule.name, tuple(runs))


def curve(
    policy: Policy, fleet: Fleet, *, with_habit: bool, told: Callable[[Row], None]
) -> list[Row]:
    """Our policy with other idle times, named by them."""
    people, rows = fleet.lives(), []
    for idle_after in IDLE_AFTER:
        default = policy.idle.default.model_copy(
            update={"idle_after": idle_after} | ({} if with_habit else {"habit": None})
        )
        idle = policy.idle.model_copy(update={"default": default})
        name = f"{idle_after.total_seconds() / 3600:g} h"
        rule = Ours(idle, policy.reaper.look, name=name)
        rows.append(row_of(rule, people, fleet.horizon, _by_started_hour(policy)))
        told(rows[-1])
    return rows


def table(found: Report) -> str:
    """The report as people read it in a terminal."""
    fleet = found.fleet
    seeds = ", ".join(map(str, fleet.seeds))
    lines = [
        f"{fleet.vms} VMs in {fleet.days} days, mean of the seeds {seeds}",
        "",
        f"{'rule':40}{'dollars':>12}{'busy killed':>14}{'interrupted':>14}",
    ]
    for row in (found.ours, *found.peers, *found.bounds):
        dollars = f"{row.dollars:,.2f}"
        lines.append(f"{row.name:40}{dollars:>12}{row.busy_killed:>14g}{row.interrupted:>14g}")
    return "\n".join([*lines, "", *(_against(found.ours, peer) for peer in found.peers)])


def _against(ours: Row, peer: Row) -> str:
    part = (ours.total.dollars / peer.total.dollars - 1) * 100 if peer.total.dollars else Decimal(0)
    more = ours.interrupted - peer.interrupted
    verdict = "better in both" if ours.beats(peer) else "not better in both"
    return f"against {peer.name}: {part:+.0f} % dollars, {more:+g} interruptions: {verdict}"


def _by_started_hour(policy: Policy) -> bool:
    return policy.idle.default.billing == "started_hour"
