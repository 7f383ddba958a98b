"""The real clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.clock import ClockStopped, SteadyClock, SystemClock
from bot.ports import Clock
from tests.fakes.clock import FakeClock
from tests.services.simulation import Simulation

A_MOMENT = timedelta(seconds=5)


def test_a_steady_clock_begins_with_the_right_time_and_goes_on_evenly() -> None:
    ticks = [100.0]
    clock = SteadyClock(lambda: ticks[0])
    began = clock.now()
    assert abs(began - datetime.now(UTC)) < A_MOMENT
    ticks[0] += 90  # whatever the machine's clock says meanwhile
    assert clock.now() - began == timedelta(seconds=90)


@pytest.mark.parametrize("clock", [SystemClock(), SteadyClock()], ids=["system", "steady"])
def test_who_sleeps_when_the_process_ends_is_woken(clock: SystemClock) -> None:
    clock.sleep(timedelta(0))
    clock.stop()
    with pytest.raises(ClockStopped):
        clock.sleep(timedelta(hours=1))


@pytest.mark.parametrize(
    "clock",
    [SystemClock(), SteadyClock(), FakeClock(), Simulation()],
    ids=lambda c: type(c).__name__,
)
def test_what_passes_between_two_looks_is_at_least_what_was_slept(clock: Clock) -> None:
    began = clock.monotonic()
    clock.sleep(timedelta(milliseconds=20))
    assert clock.monotonic() - began >= timedelta(milliseconds=20)


def test_setting_the_clock_lets_no_time_pass() -> None:
    clock = FakeClock()
    began = clock.monotonic()
    clock.set(clock.now() + timedelta(days=1))
    clock.advance(timedelta(seconds=1))
    assert clock.monotonic() - began == timedelta(seconds=1)
