"""How much of a budget is spent, and what follows from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.budgets import LEVELS, Budget
from bot.costs import Span
from bot.errors import ConfigError
from config.money import BudgetPolicy
from config.settings import load_policy

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH = Span(NOON - 300 * HOUR, NOON + 300 * HOUR)


def budget(spent: str, limit: str = "100", allowed_until: datetime | None = None) -> Budget:
    return Budget("U0JANE", Decimal(limit), Decimal(spent), MONTH, allowed_until)


@pytest.mark.parametrize(
    ("spent", "percent", "level", "is_used_up"),
    [
        ("0", 0, 0, False),
        ("49.99", 49, 0, False),
        ("50.00", 50, 50, False),
        ("79.99", 79, 50, False),
        ("80.00", 80, 80, False),
        ("99.99", 99, 80, False),
        ("100.00", 100, 100, True),
        ("1234.56", 1234, 100, True),
    ],
)
def test_levels_are_reached_to_the_cent(
    spent: str, percent: int, level: int, is_used_up: bool
) -> None:
    found = budget(spent)

    assert (found.percent, found.level, found.is_used_up(NOON)) == (percent, level, is_used_up)


@pytest.mark.parametrize(("hours", "is_used_up"), [(1, False), (0, True), (-1, True)])
def test_an_allowance_counts_until_its_end(hours: int, is_used_up: bool) -> None:
    assert budget("100", allowed_until=NOON + hours * HOUR).is_used_up(NOON) is is_used_up


CENTS = st.integers(0, 10**9).map(lambda cents: Decimal(cents) / 100)


@given(CENTS, CENTS.filter(lambda amount: amount > 0), CENTS)
def test_more_money_never_lowers_a_level(spent: Decimal, limit: Decimal, more: Decimal) -> None:
    before = Budget("U0JANE", limit, spent, MONTH)
    after = Budget("U0JANE", limit, spent + more, MONTH)

    assert before.level <= after.level
    assert before.level in (0, *LEVELS)
    assert before.level <= max(before.percent, 0)
    assert (before.level == 100) == (spent >= limit)


def policy(**over: Any) -> BudgetPolicy:
    shipped = load_policy().budgets.model_dump()
    return BudgetPolicy.model_validate(shipped | over)


@pytest.mark.parametrize(
    ("over", "who", "limit"),
    [
        ({}, "U1", None),
        ({"per_user": 100}, "U1", "100"),
        ({"per_user": 100}, "W1", "100"),
        ({"per_user": 100}, "local:ops", "100"),
        ({"per_user": 100}, "C1", None),
        ({"per_user": 100, "users": {"U1": 250}}, "U1", "250"),
        ({"per_user": 100, "users": {"U1": None}}, "U1", None),
        ({"users": {"U1": 250}}, "U2", None),
        ({"per_channel": 500}, "C1", "500"),
        ({"per_channel": 500}, "G1", "500"),
        ({"per_channel": 500}, "D1", None),  # a conversation with one person
        ({"channels": {"D1": 5}}, "D1", "5"),
        ({"per_channel": 500, "channels": {"C1": None}}, "C1", None),
    ],
)
def test_whose_budget_is_what(over: dict[str, Any], who: str, limit: str | None) -> None:
    found = policy(**over)

    assert found.limit(who) == (None if limit is None else Decimal(limit))
    assert found.has_any is any(
        each is not None
        for each in (found.per_user, found.per_channel, *found.users.values(),
                     *found.channels.values())
    )  # fmt: skip


def test_nobody_has_one_as_shipped() -> None:
    assert not load_policy().budgets.has_any


@pytest.mark.parametrize(
    ("over", "mistake"),
    [
        ({"budgets": {"per_user": 0}}, "budgets.per_user"),
        ({"budgets": {"per_user": "much"}}, "budgets.per_user"),
        ({"budgets": {"users": {"jane": 5}}}, "budgets.users.jane"),
        ({"budgets": {"tz": "Mars/Base"}}, "budgets.tz"),
        ({"budgets": {"per_users": 5}}, "budgets.per_users"),
        ({"budgets": {"per_user": 5}, "keep": {"operations": "30d"}}, "keep.operations"),
        ({"keep": {"operations": "1d"}}, "keep.operations"),
        ({"digest": {"day": "monday"}}, "digest.day"),
        ({"digest": {"at": 630}}, "in quotes"),  # 10:30, as YAML reads it
        ({"digest": {"at": "24:00"}}, "digest.at"),
        ({"digest": {"every": "day"}}, "digest.every"),
        ({"channels": {"C0A": {"digest": "often"}}}, "channels.C0A.digest"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, over: dict[str, Any], mistake: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(over))

    with pytest.raises(ConfigError, match=mistake):
        load_policy(path)
