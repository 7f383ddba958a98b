"""The hidden truth of a VM's life: who needed it when. Instants are seconds since 1970."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import IntEnum
from itertools import accumulate
from math import inf


class Kind(IntEnum):
    """What goes on; also the place of its figures."""

    COMPUTE = 0  # R works, whether or not anybody watches
    SESSION = 1  # a person at work
    TAB = 2  # a page lies open and nobody is there
    VIEWER = 3  # somebody looks at a Shiny app


NEEDS = (Kind.COMPUTE, Kind.SESSION, Kind.VIEWER)


@dataclass(frozen=True, slots=True)
class Span:
    """Something that goes on from `begin` until just before `end`."""

    kind: Kind
    begin: float
    end: float = inf
    tries: int = 0  # of a job: how often it was killed before


@dataclass(frozen=True)
class Life:
    """One VM: when it is wanted, and what goes on there while it exists."""

    name: str
    rate: Decimal  # USD per hour
    wanted: tuple[tuple[float, float], ...]  # from an order until its release, inf for none
    spans: tuple[Span, ...]
    changes: tuple[float, ...] = field(init=False)  # instants at which anything begins or ends
    has_shiny: bool = field(init=False)
    _levels: tuple[tuple[int, ...], ...] = field(init=False, repr=False)
    _sums: tuple[tuple[float, ...], ...] = field(init=False, repr=False)
    _touches: tuple[float, ...] = field(init=False, repr=False)
    _needs: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        instants = {span.begin for span in self.spans} | {span.end for span in self.spans}
        changes = sorted(instants - {inf})
        touches = {
            at for span in self.spans if span.kind is Kind.SESSION for at in (span.begin, span.end)
        }
        needs = {span.begin for span in self.spans if span.kind in NEEDS}
        values: dict[str, object] = {
            "changes": tuple(changes),
            "has_shiny": any(span.kind is Kind.VIEWER for span in self.spans),
            "_levels": tuple(self._levels_from(changes)),
            "_touches": tuple(sorted(touches - {inf})),
            "_needs": tuple(sorted(needs)),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_sums", tuple(self._sums_until(changes)))

    @property
    def ordered_at(self) -> float:
        return self.wanted[0][0]

    def level(self, at: float) -> tuple[int, ...]:
        """How many of each kind go on at an instant."""
        place = bisect_right(self.changes, at) - 1
        return self._levels[place] if place >= 0 else _NONE

    def sums(self, at: float) -> tuple[float, ...]:
        """Seconds of each kind until an instant; two at the same time count twice."""
        place = bisect_right(self.changes, at) - 1
        if place < 0:
            return (0.0,) * len(Kind)
        past = at - self.changes[place]
        (a, b, c, d), (e, f, g, h) = self._sums[place], self._levels[place]
        return a + past * e, b + past * f, c + past * g, d + past * h

    def touched_at(self, at: float) -> float | None:
        """When a session last began or ended."""
        place = bisect_right(self._touches, at) - 1
        return self._touches[place] if place >= 0 else None

    def is_busy(self, at: float) -> bool:
        level = self.level(at)
        return any(level[kind] for kind in NEEDS)

    def next_need(self, at: float) -> float | None:
        """The first instant from `at` on at which it is needed and wanted; None: never again."""
        if self._is_wanted(at) and self.is_busy(at):
            return at
        later = (
            self._needs[place] for place in range(bisect_left(self._needs, at), len(self._needs))
        )
        ordered = (begin for begin, _ in self.wanted if begin >= at)
        return min(
            (need for need in (*ordered, *(n for n in later if self._is_wanted(n)))), default=None
        )

    def is_order(self, at: float) -> bool:
        """Whether its owner orders it at that instant, so that nobody is kept waiting."""
        return any(begin == at for begin, _ in self.wanted)

    def next_change(self, at: float) -> float | None:
        """The first instant after `at` at which anything begins or ends."""
        place = bisect_right(self.changes, at)
        return self.changes[place] if place < len(self.changes) else None

    def last_end(self) -> float:
        """When the last need ends; inf when one never does."""
        return max((span.end for span in self.spans if span.kind in NEEDS), default=self.ordered_at)

    def killed(self, at: float, again_at: float | None) -> Life:
        """Its life after all jobs that ran were killed and begun anew, the second time for good."""
        spans: list[Span] = []
        for span in self.spans:
            if span.kind is not Kind.COMPUTE or not span.begin <= at < span.end:
                spans.append(span)
                continue
            if span.begin < at:
                spans.append(replace(span, end=at))
            if again_at is not None and span.tries < _MAX_TRIES:
                end = again_at + (span.end - span.begin)
                spans.append(Span(Kind.COMPUTE, again_at, end, span.tries + 1))
        return replace(self, spans=tuple(spans))

    def _is_wanted(self, at: float) -> bool:
        return any(begin <= at < end for begin, end in self.wanted)

    def _levels_from(self, changes: Iterable[float]) -> Iterable[tuple[int, ...]]:
        steps: dict[float, list[int]] = {at: [0] * len(Kind) for at in changes}
        for span in self.spans:
            steps[span.begin][span.kind] += 1
            if span.end != inf:
                steps[span.end][span.kind] -= 1
        return accumulate(
            (tuple(step) for step in steps.values()),
            lambda level, step: tuple(a + b for a, b in zip(level, step, strict=True)),
        )

    def _sums_until(self, changes: list[float]) -> Iterable[tuple[float, ...]]:
        sums = (0.0,) * len(Kind)
        for place, at in enumerate(changes):
            if place:
                past, levels = at - changes[place - 1], self._levels[place - 1]
                sums = tuple(a + past * b for a, b in zip(sums, levels, strict=True))
            yield sums


_NONE = (0,) * len(Kind)
_MAX_TRIES = 2
