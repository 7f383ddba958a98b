"""What VMs cost in a span, by the started hour and by the second."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.costs import Costs, Life, Span, Taken, costs, joined, paid_hours, saved
from bot.models import Vm, VmState

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
WEEK = Span(NOON - 7 * 24 * HOUR, NOON)


def vm(name: str = "a", rate: str | None = "0.05", state: VmState = VmState.READY) -> Vm:
    return Vm(
        op_id=f"op-{name}",
        hostname=name,
        domain="example.com",
        owner_id="U0JANE",
        channel_id="C0",
        team_id="T0",
        state=state,
        image="docker",
        cpus=1,
        memory_mb=1024,
        datacenter="dal10",
        asked_at=NOON - HOUR,
        hourly_rate=None if rate is None else Decimal(rate),
    )


def lived(minutes: int, **details: object) -> Life:
    """A VM that has been paid for so long until noon."""
    return Life(vm(**details), Span(NOON - minutes * MINUTE, NOON))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minutes", "started", "exact"),
    [(1, 1, "0.02"), (59, 1, "0.98"), (60, 1, "1.00"), (61, 2, "1.02"), (120, 2, "2.00")],
)
def test_an_hour_that_has_begun_is_paid(minutes: int, started: int, exact: str) -> None:
    paid = Span(NOON - minutes * MINUTE, NOON)

    assert paid_hours(paid, WEEK, by_started_hour=True) == started
    assert round(paid_hours(paid, WEEK, by_started_hour=False), 2) == Decimal(exact)


INSTANTS = st.integers(-10_000, 10_000).map(lambda minutes: NOON + minutes * MINUTE)
SPANS = st.tuples(INSTANTS, INSTANTS).filter(lambda pair: pair[0] < pair[1]).map(lambda p: Span(*p))


@given(SPANS, st.lists(INSTANTS, min_size=2, max_size=8, unique=True), st.booleans())
def test_spans_that_follow_one_another_add_up(
    paid: Span, edges: list[datetime], by_started_hour: bool
) -> None:
    edges = sorted([*edges, paid.begin, paid.end])
    parts = [Span(a, b) for a, b in pairwise(edges) if a < b]

    whole = paid_hours(paid, Span(edges[0], edges[-1]), by_started_hour=by_started_hour)
    summed = sum(paid_hours(paid, part, by_started_hour=by_started_hour) for part in parts)

    assert abs(summed - whole) < Decimal("0.0001")


@given(SPANS, SPANS)
def test_by_the_started_hour_is_never_cheaper_nor_an_hour_dearer(paid: Span, span: Span) -> None:
    """Over a whole life; within a part of it, an hour may belong to the part before."""
    whole = Span(min(paid.begin, span.begin), max(paid.end, span.end))
    started = paid_hours(paid, whole, by_started_hour=True)
    exact = paid_hours(paid, whole, by_started_hour=False)

    assert exact <= started < exact + 1


@given(st.lists(SPANS, max_size=8))
def test_joined_spans_do_not_overlap_and_cover_the_same(spans: list[Span]) -> None:
    result = joined(spans)

    assert all(a.end < b.begin for a, b in pairwise(result))
    for span in spans:
        assert any(each.begin <= span.begin and span.end <= each.end for each in result)
    assert {each.begin for each in result} <= {each.begin for each in spans}


def test_what_nobody_used_is_part_of_the_amount_and_never_more() -> None:
    idle = (Span(NOON - 90 * MINUTE, NOON - 30 * MINUTE), Span(NOON - 60 * MINUTE, NOON))
    life = Life(vm(rate="1"), Span(NOON - 120 * MINUTE, NOON), idle)

    [row] = costs([life], WEEK).rows

    assert (row.amount, row.idle) == (Decimal("2.00"), Decimal("1.50"))
    beyond = Life(life.vm, life.paid, (Span(NOON - 900 * MINUTE, NOON + 900 * MINUTE),))
    assert costs([beyond], WEEK).idle == Decimal("2.00")


def test_a_rate_that_is_not_known_is_counted_and_in_no_sum() -> None:
    found = costs([lived(60, rate=None), lived(60, name="b")], WEEK)

    assert found.unknown == 1
    assert found.total == Decimal("0.05")
    assert [row.vm.hostname for row in found.rows] == ["b", "a"]


def test_the_month_counts_only_what_lives() -> None:
    gone = lived(600, name="gone", state=VmState.GONE)

    assert costs([lived(60), gone], WEEK).per_month == Decimal("36.50")


def test_what_was_over_before_is_left_out() -> None:
    life = Life(vm(state=VmState.GONE), Span(WEEK.begin - 5 * HOUR, WEEK.begin))

    assert costs([life], WEEK) == Costs(WEEK, (), Decimal(0), Decimal(0), Decimal("0.00"), 0)


def taken(minutes_ago: int, back: int | None = None, **details: object) -> Taken:
    """A VM that was paid for ten hours until it was cancelled so many minutes before noon."""
    end = NOON - minutes_ago * MINUTE
    back_at = None if back is None else NOON - back * MINUTE
    return Taken(vm(**details), Span(end - 10 * HOUR, end), back_at)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "amount"),
    [
        (taken(600), "0.50"),  # ten hours would have been paid
        (taken(600, back=300), "0.25"),  # there again after five
        (taken(600, back=-60), "0.50"),  # only after the week
        (taken(0), "0.00"),
        (taken(-60), "0.00"),
        (taken(600, rate=None), "0.00"),
    ],
)
def test_what_a_cancelled_vm_saves_is_what_it_would_have_cost(one: Taken, amount: str) -> None:
    assert saved([one], NOON) == Decimal(amount)


@given(st.integers(1, 5_000), st.integers(0, 5_000), st.booleans())
def test_what_is_saved_and_what_was_paid_are_the_cost_of_an_uncancelled_vm(
    paid: int, unpaid: int, by_started_hour: bool
) -> None:
    end = NOON - unpaid * MINUTE
    span = Span(end - paid * MINUTE, end)
    one = Taken(vm(), span, None, by_started_hour)
    kept = Life(vm(), Span(span.begin, NOON), by_started_hour=by_started_hour)
    gone = Life(vm(), span, by_started_hour=by_started_hour)
    whole = Span(span.begin, NOON)

    total = costs([gone], whole).total + saved([one], NOON)
    assert abs(total - costs([kept], whole).total) <= Decimal("0.01")
