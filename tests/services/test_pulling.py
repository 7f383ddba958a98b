"""`/ds pull IMAGE…`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.models import Pulled, PullProgress, Text
from bot.services import pulling
from bot.services.work import Stopped, TimedOut, Watch
from tests.fakes.clock import FakeClock
from tests.services.laws import check_laws
from tests.services.world import World


class Trickle:
    """A host whose pull goes on for ten hours, a byte a minute."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def pull(self, image: str, tell: Callable[[PullProgress], None]) -> Pulled:
        for done in range(600):
            self._clock.sleep(timedelta(minutes=1))
            tell(PullProgress(done, 600, 0, 1))
        raise AssertionError("nobody gave up")


def _watch(clock: FakeClock, check_stopped: Callable[[], None]) -> Watch:
    limit = timedelta(minutes=30)
    return Watch(clock, limit, is_repeat=False, show=lambda note: None, check_stopped=check_stopped)


def test_an_image_that_is_named_twice_is_pulled_once(world: World) -> None:
    world.has_vm("web")
    world.done("pull rocker/shiny rocker/shiny")
    (host,) = world.machines()
    assert [method for method, _ in host.calls].count("pull") == 1
    check_laws(world)


def test_a_pull_that_only_trickles_is_given_up_in_time() -> None:
    clock = FakeClock()
    began = clock.now()
    with pytest.raises(TimedOut):
        pulling.pull(_watch(clock, lambda: None), Trickle(clock), "rocker/shiny")  # type: ignore[arg-type]
    assert clock.now() - began == timedelta(minutes=30)


def test_a_pull_ends_when_its_vm_is_cancelled() -> None:
    def cancelled() -> None:
        raise Stopped(Text("The VM was cancelled in the meantime."))

    clock = FakeClock()
    with pytest.raises(Stopped):
        pulling.pull(_watch(clock, cancelled), Trickle(clock), "rocker/shiny")  # type: ignore[arg-type]
