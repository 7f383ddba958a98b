"""Each channel is told once a week what its VMs have cost, in its own hours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.slack_errors import refused
from bot.errors import ChatUnknown
from bot.models import OperationState, local_id
from bot.periods import last_weekly
from bot.services.operations import operation_id
from config.idle import IdlePolicies
from config.quiet import quiet_until
from config.settings import load_policy
from tests.fakes.durable import Moment
from tests.replies.block_kit import check_message
from tests.services.meddling import Point, Strike
from tests.services.spent import HOUR, digest_tick, digests, known_vm
from tests.services.world import GENERAL, JANE, JIHOON, World

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # when a World begins, and a digest is due
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
OTHER = "C0OTHER"

Made = Callable[..., World]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A World under a policy that is laid over the shipped one."""
    worlds: list[World] = []

    def make(**over: object) -> World:
        overlay = tmp_path / "overlay.yaml"
        overlay.write_text(yaml.safe_dump(over))
        worlds.append(World(tmp_path / "store", policy=load_policy(overlay)))
        return worlds[-1]

    yield make
    for each in worlds:
        each.close()


def with_a_week(world: World) -> None:
    """Two VMs in the week before: ten hours in use; twenty, the last two of them not."""
    known_vm(world, "web", MONDAY - 5 * DAY, ended_at=MONDAY - 5 * DAY + 10 * HOUR)
    known_vm(world, "db", MONDAY - 4 * DAY, ended_at=MONDAY - 4 * DAY + 20 * HOUR, how="reaped")


def test_a_channel_is_told_what_its_week_cost(world: World) -> None:
    with_a_week(world)
    known_vm(world, "elsewhere", MONDAY - 3 * DAY, channel=OTHER)

    messages = digest_tick(world)

    [told] = [each for each in messages if each.ref.channel_id == GENERAL]
    assert "from 2026-02-23 to 2026-03-01: about $3.00" in told.text
    assert "2 VMs, 30 hours. Paid while nothing was in use: $0.20" in told.text
    # From Friday 5:00 to Sunday's midnight, each hour that begins then.
    assert "1 idle VM was cancelled, which saved about $6.70." in told.text
    assert "Nothing costs money now." in told.text
    blocks = str(told.blocks)
    assert "*web*" in blocks and "*db*" in blocks and "elsewhere" not in blocks
    assert blocks.index("*db*") < blocks.index("*web*")
    check_message(told.text, told.blocks)
    [picture] = [each for each in told.blocks if each["type"] == "image"]
    file = world.chat.files[picture["slack_file"]["id"]]
    assert file.content.startswith(b"\x89PNG")
    assert "2026-02-25: $1.00, of it unused $0.00." in file.alt_text
    assert picture["alt_text"] == file.alt_text


def test_it_is_told_once_whoever_looks_and_however_often(world: World) -> None:
    with_a_week(world)

    for _ in range(3):
        digest_tick(world)
    world.restart()
    assert len(digest_tick(world)) == 1
    world.sim.advance(DAY - HOUR)
    assert len(digest_tick(world)) == 1


def test_the_next_week_is_told_again_and_only_if_there_was_a_vm(world: World) -> None:
    with_a_week(world)
    known_vm(world, "lasts", MONDAY + DAY, channel=OTHER)
    digest_tick(world)

    world.sim.advance(WEEK)

    assert [each.ref.channel_id for each in digest_tick(world)] == [GENERAL, OTHER]
    world.sim.advance(WEEK)
    assert [each.ref.channel_id for each in digest_tick(world)] == [GENERAL, OTHER, OTHER]


def test_one_that_was_missed_is_told_for_a_day(world: World) -> None:
    with_a_week(world)
    world.sim.advance(DAY)

    [told] = digest_tick(world)

    assert "from 2026-02-23 to 2026-03-01" in told.text


def test_after_a_day_it_is_too_late(world: World) -> None:
    with_a_week(world)
    world.sim.advance(DAY + timedelta(seconds=1))

    assert digest_tick(world) == []


def test_a_vm_of_this_morning_is_none_of_last_week(world: World) -> None:
    known_vm(world, "new", MONDAY - HOUR)

    assert digest_tick(world) == []
    assert world.core.operation_store.unfinished() == []


@pytest.mark.parametrize("over", [{"digest": None}, {"channels": {GENERAL: {"digest": False}}}])
def test_it_can_be_switched_off(made: Made, over: dict[str, object]) -> None:
    world = made(**over)
    with_a_week(world)

    assert digest_tick(world) == []


def test_terminals_have_none(world: World) -> None:
    known_vm(world, "web", MONDAY - 5 * DAY, who=local_id("ops"), channel=local_id("ops"))

    assert digest_tick(world) == []


@pytest.mark.parametrize(
    ("zone", "first", "hours_later"),
    [("Asia/Seoul", "2026-02-23", 15), ("America/New_York", "2026-02-23", 5)],
)
def test_the_hours_are_those_of_the_channel(
    made: Made, zone: str, first: str, hours_later: int
) -> None:
    """At nine in UTC it is not nine there: it was told long before, or is not yet."""
    rule = {"name": "team", "match": {"channel": [GENERAL]}, "tz": zone}
    world = made(idle={"rules": [rule]})
    with_a_week(world)
    if zone == "America/New_York":
        assert digest_tick(world) == []
        world.sim.advance(5 * HOUR - timedelta(seconds=1))
        assert digest_tick(world) == []
        world.sim.advance(timedelta(seconds=1))

    [told] = digest_tick(world)

    assert f"from {first}" in told.text


def test_it_waits_for_the_end_of_quiet_hours(made: Made) -> None:
    world = made(idle={"default": {"quiet_hours": ["daily 20:00-10:30"]}})
    with_a_week(world)

    assert digest_tick(world) == []
    world.sim.advance(timedelta(hours=1, minutes=29))
    assert digest_tick(world) == []
    world.sim.advance(timedelta(minutes=1))
    assert len(digest_tick(world)) == 1


def test_what_was_missed_is_not_told_in_quiet_hours(made: Made) -> None:
    world = made(idle={"default": {"quiet_hours": ["daily 20:00-08:00"]}})
    with_a_week(world)
    world.sim.advance(12 * HOUR)

    assert digest_tick(world) == []
    world.sim.advance(11 * HOUR)
    assert len(digest_tick(world)) == 1


def test_it_speaks_the_language_of_the_channel(made: Made) -> None:
    world = made(channels={GENERAL: {"language": "ko"}})
    with_a_week(world)

    [told] = digest_tick(world)

    assert "2026-02-23" in told.text and "이 채널" in told.text
    assert "2026-02-25" in str([each for each in told.blocks if each["type"] == "image"])


def test_without_one_it_speaks_that_of_whose_vm_is_the_dearest(world: World) -> None:
    known_vm(world, "web", MONDAY - 5 * DAY, who=JANE, ended_at=MONDAY - 5 * DAY + HOUR)
    known_vm(world, "db", MONDAY - 4 * DAY, who=JIHOON)

    [told] = digest_tick(world)

    assert "이 채널" in told.text
    assert "지금 비용이 드는 VM: 1대" in told.text


@pytest.mark.parametrize(("back_after", "amount"), [(None, "$6.70"), (10, "$1.00"), (500, "$6.70")])
def test_what_is_saved_ends_with_the_week_or_when_it_is_there_again(
    world: World, back_after: int | None, amount: str
) -> None:
    with_a_week(world)
    if back_after is not None:
        again = MONDAY - 4 * DAY + (20 + back_after) * HOUR
        known_vm(world, "db", again, channel=OTHER)

    told = [each for each in digest_tick(world) if each.ref.channel_id == GENERAL]

    assert f"1 idle VM was cancelled, which saved about {amount}." in told[0].text


@pytest.mark.parametrize("how", ["released", "kept", "gone"])
def test_what_people_cancelled_is_not_counted_as_saved(world: World, how: str) -> None:
    known_vm(world, "db", MONDAY - 4 * DAY, ended_at=MONDAY - 3 * DAY, how=how)

    [told] = digest_tick(world)

    assert "cancelled" not in told.text


def test_at_most_five_are_named(world: World) -> None:
    for number in range(9):
        began = MONDAY - 5 * DAY
        known_vm(world, f"vm-{number}", began, ended_at=began + (number + 1) * HOUR)

    [told] = digest_tick(world)

    named = [name for name in (f"*vm-{n}*" for n in range(9)) if name in str(told.blocks)]
    assert named == ["*vm-4*", "*vm-5*", "*vm-6*", "*vm-7*", "*vm-8*"]
    assert "9 VMs, 45 hours" in told.text


ZONES = ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
LONG = 2 * 52 * 7 * 24 * 60  # minutes of two years


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(ZONES),
    st.sampled_from([[], ["fri 18:00-08:00", "daily 20:00-09:30"], ["mon 00:00-24:00"]]),
    st.lists(st.integers(0, LONG), min_size=2, max_size=40),
)
def test_whenever_it_is_looked_each_week_is_told_once_and_within_a_day(
    world: World, zone: str, quiet: list[str], ticks: list[int]
) -> None:
    """The operation's key is made of the instant; one instant, one message."""
    shipped = load_policy()
    default = shipped.idle.default.model_dump() | {"tz": zone, "quiet_hours": quiet}
    idle = IdlePolicies.model_validate({"default": default, "rules": []})
    policy = shipped.model_copy(update={"idle": idle})
    due_at = replace(world.core.caretaker.digests, policy=policy).due_at
    windows, where = idle.default.quiet_hours, idle.default.zone
    instants = [MONDAY + timedelta(minutes=each) for each in sorted(ticks)]
    found = {now: due_at(GENERAL, now) for now in instants}

    for now, due in found.items():
        if due is not None:
            assert due.astimezone(where).strftime("%a %H:%M") == "Mon 09:00"
            begins = quiet_until(windows, where, due) or due
            assert begins <= now <= begins + DAY
            assert quiet_until(windows, where, now) is None
            # Later the same day it is the same one, so that nothing is told twice.
            assert due_at(GENERAL, begins + DAY - timedelta(minutes=1)) in (due, None)
        elif not quiet:
            assert now - last_weekly(0, time(9), where, now) > DAY
    told = [each for each in found.values() if each is not None]
    assert told == sorted(told), "an older week is never told after a newer one"


# --- what goes wrong ---


def pictures(world: World) -> list[object]:
    return [block for each in digests(world) for block in each.blocks if block["type"] == "image"]


def test_a_refused_picture_leaves_the_digest_in_words(world: World) -> None:
    with_a_week(world)
    world.chat.fail("upload", refused("missing_scope"))

    [told] = digest_tick(world)

    assert pictures(world) == []
    assert "2026-02-25: $1.00, of it unused $0.00." in str(told.blocks)


def test_a_picture_that_slack_does_not_show_yet_is_waited_for(world: World) -> None:
    with_a_week(world)
    world.chat.fail("post", refused("invalid_blocks"), times=2)

    assert len(digest_tick(world)) == len(pictures(world)) == 1


def test_a_picture_that_slack_never_shows_leaves_the_digest_in_words(world: World) -> None:
    with_a_week(world)
    world.chat.fail("post", refused("invalid_blocks"), times=3)

    assert len(digest_tick(world)) == 1
    assert pictures(world) == []


@pytest.mark.parametrize(("times", "shown"), [(4, 1), (99, 0)])
def test_a_silent_upload_is_asked_again_and_then_done_without(
    world: World, times: int, shown: int
) -> None:
    with_a_week(world)
    world.chat.fail("upload", ChatUnknown("silent"), times=times)

    assert len(digest_tick(world)) == 1
    assert len(pictures(world)) == shown


def test_a_channel_without_the_bot_costs_the_others_nothing(world: World) -> None:
    with_a_week(world)
    known_vm(world, "x", MONDAY - 3 * DAY, channel=OTHER)
    world.chat.closed[GENERAL] = "not_in_channel"

    assert [each.ref.channel_id for each in digest_tick(world)] == [OTHER]
    assert world.core.operation_store.unfinished() == []
    del world.chat.closed[GENERAL]
    assert [each.ref.channel_id for each in digest_tick(world)] == [OTHER], "once is once"


STEPS = ("word", "picture", f"{GENERAL}: begin", GENERAL)


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("step", STEPS)
def test_a_death_at_any_step_tells_it_once(world: World, moment: Moment, step: str) -> None:
    with_a_week(world)
    world.kill(moment, step, operation_id(f"digest:{GENERAL}:{MONDAY.isoformat()}"))

    digest_tick(world)

    assert world.deaths == 1
    assert len(digest_tick(world)) == len(pictures(world)) == 1


DEATHS = (Strike.DEATH_BEFORE, Strike.DEATH_AFTER)
LOST = (*DEATHS, Strike.ERROR_BEFORE, Strike.ERROR_AFTER)


@pytest.mark.parametrize(
    ("effect", "strike"),
    [
        *(("chat.post", each) for each in LOST),
        *(("chat.upload", each) for each in LOST),
        *(("chat.member", each) for each in (Strike.DEATH_BEFORE, Strike.ERROR_BEFORE)),
        *(("operations.finish", each) for each in DEATHS),
        *(("operations.record", each) for each in DEATHS),
        *(("vms.paid_since", each) for each in DEATHS),
        *(("marks.since", each) for each in DEATHS),
    ],
)
def test_a_death_or_a_lost_answer_anywhere_tells_it_once(
    world: World, effect: str, strike: Strike
) -> None:
    with_a_week(world)
    world.meddling.plan[Point(effect, world.meddling._counts[effect] + 1)] = strike

    for _ in range(3):
        digest_tick(world)

    assert world.meddling.struck
    assert len(digests(world)) == len(pictures(world)) == 1
    states = [each.state for each in world.core.operation_store.since(MONDAY - WEEK)]
    assert states == [OperationState.DONE]
