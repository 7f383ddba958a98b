"""The simulation: the bot's own rule in it is the real one, and those of others are as they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simulate.life import NEEDS, Kind, Life, Span
from bot.simulate.model import lives
from bot.simulate.ours import Ours
from bot.simulate.report import Fleet, report
from bot.simulate.rules import (
    HOUR,
    Coder,
    IdleCuller,
    KnowsTheLast,
    KnowsTheNext,
    Never,
    OffHours,
    Rule,
    hours_paid,
)
from bot.simulate.run import leases_of, totals, totals_of
from config.idle import IdlePolicies
from config.settings import load_policy
from tests.unit.looks import policy

START = datetime(2026, 11, 2, tzinfo=UTC).timestamp()  # a Monday, midnight
NINE = START + 9 * HOUR
DAY = 24 * HOUR
RATE = Decimal("0.10")
LOOK = timedelta(minutes=2)


def span(kind: Kind, begin: float, end: float = inf) -> Span:
    """From an hour of the first day until another; beyond 24 is the next day."""
    return Span(kind, START + begin * HOUR, START + end * HOUR)


def life(*spans: Span, ordered: float = 9, released: float = inf) -> Life:
    times = ((START + ordered * HOUR, START + released * HOUR),)
    return Life("vm-1", RATE, times, spans)


def ours(*, steps_all: bool = False, every: timedelta = LOOK, **changes: Any) -> Ours:
    idle = IdlePolicies(default=policy(**changes), rules=())
    return Ours(idle, every, steps_all=steps_all)


def ends(rule: Rule, lived: Life, days: float = 10) -> list[float | None]:
    """The hours of the first day at which the leases end."""
    runs = leases_of(rule, lived, START + days * DAY)
    return [None if run.cancelled is None else (run.cancelled - START) / HOUR for run in runs]


# --- our own rule ---

PLAIN: dict[str, Any] = {"idle_after": "2h", "grace": "30m", "billing": "exact"}


def test_an_idle_vm_is_taken_after_idle_time_and_grace() -> None:
    (end,) = ends(ours(**PLAIN), life(span(Kind.SESSION, 9, 11)))

    assert end and 13.5 <= end < 13.7


def test_a_silent_computation_is_waited_for() -> None:
    (end,) = ends(ours(**PLAIN), life(span(Kind.SESSION, 9, 10), span(Kind.COMPUTE, 9.9, 40)))

    assert end and 42.5 <= end < 42.7


def test_an_open_page_is_not_waited_for() -> None:
    (end,) = ends(ours(**PLAIN), life(span(Kind.SESSION, 9, 11), span(Kind.TAB, 11)))

    assert end and 13.5 <= end < 13.7


def test_a_viewer_is_waited_for() -> None:
    (end,) = ends(ours(**PLAIN), life(span(Kind.VIEWER, 10, 30)))

    assert end and 32.5 <= end < 32.7


def test_a_vm_is_taken_in_the_last_minutes_of_its_hour() -> None:
    (end,) = ends(ours(billing="started_hour"), life(span(Kind.SESSION, 9, 11)))

    assert end and 13.8 <= end < 14


def test_a_vm_that_is_needed_again_is_restored_at_that_moment_and_costs_again() -> None:
    lived = life(span(Kind.SESSION, 9, 11), span(Kind.SESSION, 33, 34))

    runs = leases_of(ours(**PLAIN), lived, START + 10 * DAY)

    assert [run.ordered for run in runs] == [NINE, NINE + DAY]
    assert [run.is_restored for run in runs] == [False, True]


def test_nobody_is_interrupted_after_the_release() -> None:
    lived = life(span(Kind.SESSION, 9, 11), span(Kind.SESSION, 33, 34), released=12)

    assert len(leases_of(ours(**PLAIN), lived, START + 10 * DAY)) == 1


def test_a_computation_that_begins_in_the_last_seconds_is_seen() -> None:
    """It has used next to no CPU time by then; that R executes is seen at once."""
    quiet = life(span(Kind.SESSION, 9, 11))
    (end,) = ends(ours(**PLAIN), quiet)
    assert end

    lived = life(span(Kind.SESSION, 9, 11), span(Kind.COMPUTE, end - 0.5 / 3600, end + 5))

    (later,) = ends(ours(**PLAIN), lived)
    assert later and later > end + 7


def test_the_habit_is_learned_from_leases_before() -> None:
    habit = {
        "of_last": 3,
        "used_for": "30d",
        "longest": "16h",
        "costs_at_most": "5",
        "margin": "1h",
    }
    mornings = [span(Kind.SESSION, 9 + 24 * day, 18 + 24 * day) for day in range(4)]

    runs = leases_of(ours(**PLAIN, habit=habit), life(*mornings), START + 5 * DAY)

    assert sum(run.is_restored for run in runs) == 1  # the first night; not the second and third


INSTANTS = st.integers(0, 200).map(lambda tenth: START + 8 * HOUR + tenth * 700.0)


@st.composite
def any_lives(draw: st.DrawFn) -> Life:
    spans = []
    for _ in range(draw(st.integers(0, 6))):
        begin, length = draw(INSTANTS), draw(st.sampled_from([1.0, 30.0, 400.0, 5000.0, 40000.0]))
        spans.append(Span(draw(st.sampled_from(list(Kind))), begin, begin + length))
    return Life("vm-1", RATE, ((START + 8 * HOUR, inf),), tuple(spans))


ANY_POLICY = st.fixed_dictionaries(
    {
        "idle_after": st.sampled_from(["20m", "1h", "3h"]),
        "grace": st.sampled_from(["1m", "30m"]),
        "lease": st.sampled_from([None, "4h"]),
        "untouched": st.sampled_from(["30m", "5h"]),
        "quiet_hours": st.sampled_from([(), ("daily 12:00-16:00", "tue 22:00-06:00")]),
        "billing": st.sampled_from(["exact", "started_hour"]),
        "habit": st.sampled_from(
            [
                None,
                {
                    "of_last": 3,
                    "used_for": "2h",
                    "longest": "16h",
                    "costs_at_most": "1.00",
                    "margin": "30m",
                },
            ]
        ),
    }
)


@settings(max_examples=40, deadline=None)
@given(any_lives(), ANY_POLICY)
def test_leaving_out_looks_that_change_nothing_changes_nothing(
    lived: Life, rules: dict[str, Any]
) -> None:
    horizon, every = START + 3 * DAY, timedelta(minutes=5)

    short = leases_of(ours(every=every, **rules), lived, horizon)

    assert short == leases_of(ours(every=every, steps_all=True, **rules), lived, horizon)


@settings(max_examples=60, deadline=None)
@given(any_lives(), ANY_POLICY)
def test_our_rule_kills_nothing_that_is_busy_and_leaves_nothing_that_is_idle(
    lived: Life, rules: dict[str, Any]
) -> None:
    horizon = START + 9 * DAY

    runs = leases_of(ours(**rules), lived, horizon)

    assert not any(run.was_busy for run in runs)
    assert not any(lived.is_busy(run.cancelled) for run in runs if run.cancelled is not None)
    assert runs[-1].cancelled is not None  # every life ends within two days or so
    if rules["billing"] == "started_hour":
        minutes = [(run.cancelled - run.ordered) / 60 % 60 for run in runs if run.cancelled]
        assert all(48 <= minute < 57 for minute in minutes)


# --- the rules of others ---


def test_the_culler_kills_a_silent_computation() -> None:
    """jupyterhub-idle-culler#10: the loop ran on while the laptop was closed."""
    lived = life(span(Kind.SESSION, 9, 10), span(Kind.COMPUTE, 10, 20))
    runs = leases_of(IdleCuller(), lived, START + 9 * DAY)

    assert (runs[0].cancelled, runs[0].was_busy) == (START + 11 * HOUR, True)


def test_the_culler_never_stops_what_has_a_page_open() -> None:
    assert ends(IdleCuller(), life(span(Kind.SESSION, 9, 10), span(Kind.TAB, 10))) == [None]


def test_the_culler_looks_at_half_its_timeout() -> None:
    assert ends(IdleCuller(), life(span(Kind.SESSION, 9, 10.1))) == [11.5]


def test_a_job_that_was_killed_is_begun_anew_when_its_owner_is_back() -> None:
    lived = life(
        span(Kind.SESSION, 9, 10), span(Kind.COMPUTE, 10, 14), span(Kind.SESSION, 33, 33.5)
    )

    first, second = leases_of(OffHours(stops_at=13), lived, START + 5 * DAY)[:2]

    assert (first.was_busy, second.is_restored, second.ordered) == (True, True, NINE + DAY)
    again = lived.killed(START + 13 * HOUR, NINE + DAY)
    assert again.sums(START + 9 * DAY)[Kind.COMPUTE] == (3 + 4) * HOUR


def test_coders_deadline_is_put_off_by_connections_and_by_nothing_else() -> None:
    coder = Coder(8 * HOUR, 8 * HOUR, "8 h")

    assert ends(coder, life(span(Kind.SESSION, 9, 12))) == [20]
    assert ends(coder, life(span(Kind.SESSION, 9, 12), span(Kind.COMPUTE, 12, 19))) == [20]
    assert ends(coder, life(span(Kind.SESSION, 9, 12), span(Kind.TAB, 12, 30))) == [38]


def test_coders_short_bump_keeps_the_first_deadline() -> None:
    coder = Coder(8 * HOUR, HOUR, "1 h")

    assert ends(coder, life(span(Kind.SESSION, 9, 12))) == [17]
    assert ends(coder, life(span(Kind.SESSION, 9, 18))) == [19]


def test_the_nightly_stop_takes_all() -> None:
    lived = life(span(Kind.SESSION, 9, 11), span(Kind.COMPUTE, 19, 21))

    (run,) = leases_of(OffHours(), lived, START + 9 * DAY)

    assert (run.cancelled, run.was_busy) == (START + 20 * HOUR, True)


def test_what_is_started_each_workday_costs_each_workday() -> None:
    runs = leases_of(OffHours(starts_at=8), life(span(Kind.SESSION, 9, 11)), START + 7 * DAY)

    assert [(run.ordered - START) / DAY for run in runs[1:]] == [
        pytest.approx(day + 8 / 24) for day in (1, 2, 3, 4)
    ]
    assert not any(run.is_restored for run in runs)


def test_the_clairvoyants_are_bounds() -> None:
    lived = life(span(Kind.SESSION, 9, 11), span(Kind.SESSION, 33, 34))
    horizon = START + 9 * DAY

    assert ends(KnowsTheLast(), lived) == [34]
    assert ends(KnowsTheNext(), lived) == [11, 34]
    assert totals(KnowsTheNext(), [lived], horizon, by_started_hour=True).interrupted == 0
    assert ends(Never(), lived) == [None]


def test_a_vm_is_kept_by_the_clairvoyant_where_its_hour_is_paid_anyway() -> None:
    lived = life(span(Kind.SESSION, 9, 9.5), span(Kind.SESSION, 9.8, 11))

    assert ends(KnowsTheNext(), lived) == [11]


# --- counting ---


@pytest.mark.parametrize(
    ("seconds", "started", "exact"),
    [(1, "1", "0.0002777777777777777777777777778"), (3600, "1", "1"), (3601, "2", None)],
)
def test_hours_are_paid_by_the_start_or_exactly(
    seconds: int, started: str, exact: str | None
) -> None:
    assert hours_paid(START, START + seconds, True) == Decimal(started)
    if exact:
        assert hours_paid(START, START + seconds, False) == Decimal(exact)


def test_a_lease_that_still_runs_is_paid_until_the_end() -> None:
    lived = life(span(Kind.SESSION, 9, 11))
    horizon = START + 2 * DAY

    total = totals_of(lived, leases_of(Never(), lived, horizon), horizon, True)

    assert (total.hours, total.dollars) == (Decimal(39), Decimal("3.90"))


def test_a_seed_gives_the_same_team_again_and_another_seed_another() -> None:
    assert lives(7, 20) == lives(7, 20)
    assert lives(7, 20) != lives(8, 20)


def test_the_team_has_all_that_the_simulation_is_about() -> None:
    team = lives(1, 300)
    kinds = {each.kind for lived in team for each in lived.spans}
    nights = [
        span
        for lived in team
        for span in lived.spans
        if span.kind is Kind.COMPUTE and span.end - span.begin > 8 * HOUR
    ]
    forgotten = [
        lived
        for lived in team
        if any(
            each.kind is Kind.TAB
            and each.begin >= max(s.end for s in lived.spans if s.kind in NEEDS)
            for each in lived.spans
        )
    ]

    assert kinds == set(Kind)
    assert len(nights) > 20
    assert len(forgotten) > 20


@pytest.mark.slow
def test_the_shipped_policy_is_cheaper_than_each_peer_and_interrupts_no_more() -> None:
    """The claim of docs/reaper.md, on the very lives that its table is about."""
    found = report(load_policy(), Fleet((1, 2, 3), 500, 30))

    assert found.ours.busy_killed == 0
    for peer in found.peers[:4]:
        assert found.ours.beats(peer), peer.name
