"""An invented team for a month: who orders VMs, works, computes, forgets, and comes back.

All of it is drawn from a seed; docs/reaper.md says in words what the figures mean. Nobody cancels a
VM by hand and nobody clicks Keep: who does costs the same under every rule, or less under ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from bot.simulate.life import Kind, Life, Span

START = datetime(2026, 11, 2, tzinfo=UTC).timestamp()  # a Monday
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

_RATES = {Decimal("0.053"): 5, Decimal("0.106"): 3, Decimal("0.212"): 2}  # USD an hour: weight


@dataclass(frozen=True, slots=True)
class Person:
    """When somebody works. Hours of the day; one in three works late."""

    begins: float
    pause: float
    ends: float

    @classmethod
    def drawn(cls, rng: Random) -> Person:
        if rng.random() < 1 / 3:
            return cls(rng.gauss(13.5, 0.5), rng.gauss(18.5, 0.3), rng.gauss(22.5, 0.7))
        return cls(rng.gauss(9.0, 0.4), rng.gauss(12.0, 0.2), rng.gauss(17.8, 0.5))


class _Script:
    """Writes a life down while it goes on."""

    def __init__(self, rng: Random, person: Person) -> None:
        self.rng, self.person, self.spans = rng, person, list[Span]()

    def add(self, kind: Kind, begin: float, end: float) -> None:
        if end > begin:
            self.spans.append(Span(kind, float(round(begin)), float(round(end))))

    def works(self, begin: float, end: float, until: float | None = None) -> None:
        """A person at work from begin to end, with now and then a meeting in between.

        until: when they come back, if they do; a page may lie open until then.
        """
        at = begin
        while at < end:
            stretch = self.rng.uniform(0.7, 3) * HOUR
            self.add(Kind.SESSION, at, min(end, at + stretch))
            if at + stretch >= end:
                break
            away = self.rng.choice((0.1, 0.2, 0.4, 1, 1.5)) * self.rng.uniform(0.7, 1.3) * HOUR
            self.leaves(at + stretch, at + stretch + away, 0.6)
            at += stretch + away
        self.leaves(end, until, 0.35)

    def leaves(self, at: float, back_at: float | None, chance: float) -> None:
        """Perhaps with a page open: until the return, or until that computer is restarted."""
        if self.rng.random() < chance:
            forgotten = at + self.rng.expovariate(1 / (5 * DAY))
            self.add(Kind.TAB, at, forgotten if back_at is None else min(back_at, forgotten))

    def works_a_day(self, day: float, back_at: float | None, begins: float | None = None) -> float:
        """A whole working day with its pause; gives when it ended."""
        rng, person = self.rng, self.person
        begin = day + (person.begins + rng.gauss(0, 0.5) if begins is None else begins) * HOUR
        pause = day + (person.pause + rng.gauss(0, 0.2)) * HOUR
        resumes = pause + rng.uniform(0.6, 1.3) * HOUR
        end = day + (person.ends + rng.gauss(0, 0.8)) * HOUR
        if begin < pause:
            self.works(begin, pause, resumes)
            begin = resumes
        self.works(begin, max(end, begin + HOUR / 2), back_at)
        return max(end, begin + HOUR / 2)

    def next_morning(self, day: float) -> float:
        """When this person begins on the next workday."""
        day += DAY
        while _weekday(day) > 4:
            day += DAY
        return day + (self.person.begins + self.rng.gauss(0, 0.5)) * HOUR


def lives(seed: int, count: int = 500, days: int = 30) -> list[Life]:
    """The lives of so many VMs, which are ordered in the course of so many days."""
    rng = Random(seed)
    people = [Person.drawn(rng) for _ in range(max(1, count // 5))]
    return [_life(rng, number, rng.choice(people), days) for number in range(count)]


def _life(rng: Random, number: int, person: Person, days: int) -> Life:
    script = _Script(rng, person)
    workdays = [day for day in range(days) if _weekday(START + day * DAY) < 5]
    day = START + rng.choice(workdays or [0]) * DAY
    kind = rng.choices(list(_STORIES), weights=list(_STORIES.values()))[0]
    kind(script, day)
    ordered_at = min(span.begin for span in script.spans)
    rate = rng.choices(list(_RATES), weights=list(_RATES.values()))[0]
    return Life(f"vm-{number + 1}", rate, ((ordered_at, float("inf")),), tuple(script.spans))


def _project(script: _Script, day: float) -> None:
    """Used on most workdays for up to three weeks, now and then for a job by night; forgotten."""
    rng = script.rng
    left, begins = rng.randint(3, 15), None
    while left > 0:
        is_last = left == 1
        back_at = None if is_last else script.next_morning(day)
        end = script.works_a_day(day, back_at, begins)
        if rng.random() < 0.2:
            script.add(Kind.COMPUTE, end - 10 * MINUTE, end + rng.uniform(1, 13) * HOUR)
        if back_at is None:
            return
        left -= 1
        day = back_at // DAY * DAY
        begins = (back_at - day) / HOUR
        if rng.random() < 0.12:  # a day elsewhere: the page may have been closed meanwhile
            day = script.next_morning(day) // DAY * DAY
            begins = None


def _once(script: _Script, day: float) -> None:
    """Tried out for some hours of one day, then forgotten."""
    begin = _some_time(script, day)
    script.works(begin, begin + script.rng.uniform(0.5, 4) * HOUR)


def _next_day(script: _Script, day: float) -> None:
    """Used in the second half of a day and once more the next morning, then forgotten."""
    rng, person = script.rng, script.person
    end = day + (person.ends + rng.gauss(0, 0.8)) * HOUR
    back_at = script.next_morning(day)
    script.works(end - rng.uniform(1, 3.5) * HOUR, end, back_at)
    script.works(back_at, back_at + rng.uniform(0.5, 3) * HOUR)


def _job(script: _Script, day: float) -> None:
    """A silent computation of hours or days; most look at its result in the next working hours."""
    rng = script.rng
    begin = _some_time(script, day)
    ready = begin + rng.uniform(0.3, 1) * HOUR
    done = ready + min(60.0, rng.lognormvariate(1.9, 0.8)) * HOUR
    script.works(begin, ready, done)
    script.add(Kind.COMPUTE, ready - 5 * MINUTE, done)
    if rng.random() < 0.7:
        looked_at = _working_hour(script, done)
        script.works(looked_at, looked_at + rng.uniform(0.2, 1) * HOUR)


def _demo(script: _Script, day: float) -> None:
    """A Shiny app that is shown around for some days, then forgotten."""
    rng = script.rng
    begin = _some_time(script, day)
    script.works(begin, begin + rng.uniform(0.5, 2) * HOUR)
    for ahead in range(rng.randint(1, 5)):
        if _weekday(day + ahead * DAY) > 4:
            continue
        for _ in range(rng.randint(1, 4)):
            at = day + ahead * DAY + rng.uniform(9, 18) * HOUR
            if at > begin:
                script.add(Kind.VIEWER, at, at + rng.uniform(3, 30) * MINUTE)


_STORIES: dict[Callable[[_Script, float], None], int] = {
    _project: 30,
    _once: 28,
    _next_day: 10,
    _job: 22,
    _demo: 10,
}


def _some_time(script: _Script, day: float) -> float:
    """A moment of a person's working hours."""
    person = script.person
    return day + script.rng.uniform(person.begins, person.ends - 1) * HOUR


def _working_hour(script: _Script, at: float) -> float:
    """The first moment from `at` on at which that person works."""
    rng, person = script.rng, script.person
    day, hour = at // DAY * DAY, at % DAY / HOUR
    if _weekday(day) < 5 and hour < person.ends - 0.5:
        return max(at + rng.uniform(0.1, 1) * HOUR, day + person.begins * HOUR)
    return script.next_morning(day)


def _weekday(at: float) -> int:
    return datetime.fromtimestamp(at, UTC).weekday()
