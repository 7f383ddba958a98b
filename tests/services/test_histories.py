"""Random histories: two people, everything that can be asked for, and whatever can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.models import VmState
from tests.services.laws import check_laws
from tests.services.meddling import ACTS, NEVER_RAISES, OUTLIVES_ITS_SENDER, Point, Strike
from tests.services.world import JANE, JIHOON, World

EXAMPLES = 100
COSTLY = (
    "cloud.order", "host.create", "host.start", "cloud.cancel", "chat.post", "vms.change",
    "vms.gone",
)  # fmt: skip
READS = ("cloud.get", "cloud.find", "cloud.offers", "host.containers", "host.engine", "chat.member")
OUTAGE = timedelta(seconds=50)  # shorter than the engine's tries, and than the settle time


@dataclass(frozen=True)
class Wish:
    """Somebody types one of the lines that make sense, some time after the one before."""

    number: int
    who: str
    after: timedelta


@dataclass(frozen=True)
class Trouble:
    """What goes wrong besides, at a call or at a time."""

    act: Callable[[World], None]
    name: str

    def __repr__(self) -> str:
        return self.name


seconds = st.sampled_from([0, 1, 5, 20, 60, 200, 900]).map(lambda n: timedelta(seconds=n))
wishes = st.builds(Wish, st.integers(0, 11), st.sampled_from([JANE, JANE, JIHOON]), seconds)
points = st.one_of(
    st.builds(Point, st.sampled_from(COSTLY), st.integers(min_value=1, max_value=3)),
    st.builds(Point, st.sampled_from([*sorted(ACTS), *READS]), st.integers(1, 8)),
)


def _strike(point: Point, strike: Strike) -> Trouble:
    def plan(world: World) -> None:
        world.meddling.plan[point] = strike

    return Trouble(plan, f"{point}: {strike}")


def _death(after: timedelta) -> Trouble:
    return Trouble(lambda world: world.later(after, world.die), f"killed after {after}")


def _outage(family: str, after: timedelta) -> Trouble:
    def begin(world: World) -> None:
        world.meddling.outages[family] = world.sim.now() + OUTAGE

    return Trouble(
        lambda world: world.later(after, lambda: begin(world)), f"{family} away after {after}"
    )


def _fits(trouble: tuple[Point, Strike]) -> bool:
    """Not asked of the bot: a call that promises not to raise raises; an act done later than its
    sender may wait, other than an order; Slack or the store saying no."""
    point, strike = trouble
    if point.effect in NEVER_RAISES:
        return strike in (Strike.DEATH_BEFORE, Strike.DEATH_AFTER)
    if strike in (Strike.LATE_ERROR, Strike.LATE_DEATH):
        return point.effect in OUTLIVES_ITS_SENDER
    return strike is not Strike.REFUSED or point.effect.startswith(("cloud.", "host."))


troubles = st.one_of(
    st.tuples(points, st.sampled_from(Strike)).filter(_fits).map(lambda pair: _strike(*pair)),
    st.builds(_death, seconds),
    st.builds(_outage, st.sampled_from(["cloud", "host"]), seconds),
)


def _lines(world: World, who: str) -> list[str]:
    """What somebody might sensibly ask for now, and an order for a name that may be taken."""
    lines = ["vm web", "vm db --image plain"]
    running = [one.short_id for host in world.machines() for one in host._list(True, None)]
    for vm in world.vms():
        name = vm.hostname
        if vm.state is VmState.ATTENTION:
            lines += [f"vm prepare {name}"] * 2
        elif vm.owner_id == who:
            lines += [f"rstudio on {name}", f"shiny on {name}"]
        lines.append(f"vm cancel {name}")
    if running:
        lines += [f"kill {running[0]}", f"kill {' '.join(running[:3])}"]
    return lines


def _type(world: World, wish: Wish) -> None:
    lines = _lines(world, wish.who)
    try:
        world.ask(lines[wish.number % len(lines)], wish.who)
    except UserError as error:
        raise AssertionError(f"{lines} is not understood") from error


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    wished=st.lists(wishes, min_size=3, max_size=12),
    trouble=st.lists(troubles, min_size=1, max_size=5),
    lag=st.sampled_from([timedelta(0), timedelta(seconds=30)]),
)
def test_every_history_keeps_the_laws(
    wished: list[Wish], trouble: list[Trouble], lag: timedelta
) -> None:
    with TemporaryDirectory(prefix="ds-bot-history-") as home:
        world = World(Path(home), list_lag=lag)
        try:
            for each in trouble:
                each.act(world)
            at = timedelta(0)
            for wish in wished:
                at += wish.after
                world.later(at, lambda wish=wish: _type(world, wish))  # type: ignore[misc]
            world.run()
            check_laws(world, may_be_given_up=len(trouble) > 1)
            _what_is_left_can_be_cleaned_up(world)
        finally:
            world.close()


def _what_is_left_can_be_cleaned_up(world: World) -> None:
    """Its owner can cancel every VM that is left; then nothing costs money any more."""
    world.meddling.plan.clear()
    world.meddling.outages.clear()
    world.sim.advance(world.policy.timeouts.settle)
    for vm in world.vms():
        assert vm.state in (VmState.READY, VmState.ATTENTION)
        world.done(f"vm cancel {vm.hostname}", vm.owner_id)
    assert world.cloud.live == []
    check_laws(world, may_be_given_up=True)
