"""Durations: what people write, and what they get to read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.durations import format_duration, parse_duration

SECOND = timedelta(seconds=1)
LONGEST_DAYS = 3649


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("15m", 900),
        ("4h", 14_400),
        ("2d", 172_800),
        ("1h30m", 5_400),
        ("1d2h3m4s", 93_784),
        ("007m", 420),
        ("  4H ", 14_400),
        ("2h 00m", 7_200),
    ],
)
def test_a_duration_is_understood(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "4",
        "h",
        "h4",
        "-4h",
        "+4h",
        "1.5h",
        "4 hours",
        "4w",
        "1h30",
        "1h,30m",
        "4h;ls",
        "٤h",
    ],
)
def test_what_is_no_duration_is_refused_with_the_allowed_form(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_duration(text)

    assert repr(text) in str(caught.value)
    assert "90s, 15m, 1h30m or 2d" in str(caught.value)


@pytest.mark.parametrize("text", ["3651d", "999999999d", "9" * 5000 + "s", "9d" * 1000])
def test_an_absurd_duration_is_refused_like_any_other(text: str) -> None:
    """A typo must not end as an overflow, here or where the duration is added to a date."""
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m 00s"),
        (65, "1m 05s"),
        (3_599, "59m 59s"),
        (3_600, "1h 00m"),
        (7_260, "2h 01m"),
        (86_399, "23h 59m"),
        (86_400, "1d 0h"),
        (273_600, "3d 4h"),
        (-5, "0s"),
        (0.4, "0s"),
        (59.6, "1m 00s"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(seconds: float, text: str) -> None:
    """Below zero is shown as nothing: a clock that is off must not look like an error."""
    assert format_duration(timedelta(seconds=seconds)) == text


@given(st.timedeltas(timedelta(0), timedelta(days=LONGEST_DAYS)))
def test_what_is_shown_can_be_typed_again(duration: timedelta) -> None:
    """Shown text is cut to two units: it reads back as the same duration but for the rest."""
    read = parse_duration(format_duration(duration))

    allowed = {"d": 3600, "h": 60, "m": 1, "s": 1}[_largest_unit(duration)]
    assert -SECOND <= duration - read < timedelta(seconds=allowed)
    assert format_duration(read) == format_duration(duration)


@given(st.integers(0, LONGEST_DAYS), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_every_written_part_counts(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)

    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == expected
    assert parse_duration(f"{seconds}s {minutes}m {hours}h {days}d") == expected


def _largest_unit(duration: timedelta) -> str:
    return format_duration(duration).split()[0][-1]
