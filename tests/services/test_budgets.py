"""Budgets: told once at each level, refused when they are used up, and let go on by an admin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.models import OperationState
from bot.services.operations import Request, operation_id
from config.money import BudgetPolicy
from config.settings import load_policy
from tests.fakes.chat import FakeMessage
from tests.fakes.durable import Moment
from tests.replies.block_kit import check_message
from tests.services.meddling import Point, Strike
from tests.services.spent import HOUR, known_vm, started_all
from tests.services.stories import work_at_rest
from tests.services.world import ADMIN, GENERAL, JANE, JIHOON, World

DAY = timedelta(days=1)
DM, ADMINS = f"D{JANE[1:]}", f"D{ADMIN[1:]}"
OTHER = "C0OTHER"

Made = Callable[..., World]


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    """A World with these budgets."""
    worlds: list[World] = []

    def make(*, admins: list[str] | None = None, **budgets: object) -> World:
        overlay = tmp_path / "overlay.yaml"
        access = {"admins": [ADMIN] if admins is None else admins}
        overlay.write_text(yaml.safe_dump({"budgets": budgets, "access": access}))
        worlds.append(World(tmp_path / f"store{len(worlds)}", policy=load_policy(overlay)))
        return worlds[-1]

    yield make
    for each in worlds:
        each.close()


def spends(world: World, amount: str, *, who: str = JANE, channel: str = GENERAL) -> None:
    """A VM of this month, cancelled, that cost so much. The World begins on the second, at nine."""
    begin = world.sim.now() - 2 * HOUR
    number = len(world.core.vm_store.paid_since(world.sim.now() - 40 * DAY))
    known_vm(
        world, f"past-{number}", begin, who=who, channel=channel, rate=Decimal(amount),
        ended_at=begin + HOUR,
    )  # fmt: skip


def tick(world: World) -> list[FakeMessage]:
    """One look at everybody's budget, and all that follows; gives what is told in all then."""
    world.sim.spawn(lambda: _ticked(world))
    world.run()
    started_all(world)
    world.run()
    return [each for each in world.chat.all_messages if "budget" in each.text]


def _ticked(world: World) -> None:
    world.core.caretaker.budgets.tell()


# --- telling ---


def test_nobody_without_a_budget_is_told_anything(world: World) -> None:
    spends(world, "99999")

    assert tick(world) == []
    world.done("vm web")


def test_each_level_is_told_once_to_whose_it_is(made: Made) -> None:
    world = made(per_user=100)
    told = []
    for amount in ("49.99", "0.01", "20", "10", "15", "5", "30"):
        spends(world, amount)
        tick(world)
        world.restart()
        told.append(len(tick(world)))

    assert told == [0, 1, 1, 2, 2, 3, 3]
    messages = tick(world)
    assert [each.ref.channel_id for each in messages] == [DM] * 3
    assert [each.text.split("(")[1].split(")")[0] for each in messages] == ["50 %", "80 %", "100 %"]
    assert "Your VMs have cost $50.00 of your budget of $100.00" in messages[0].text
    assert "you can order no more" in messages[2].text
    for each in messages:
        check_message(each.text, each.blocks)
    assert [("Ask an admin" in str(each.blocks)) for each in messages] == [False, False, True]


def test_who_passes_several_levels_at_once_is_told_of_the_highest(made: Made) -> None:
    world = made(per_user=100)
    spends(world, "85")

    assert ["(85 %)" in each.text for each in tick(world)] == [True]
    assert len(tick(world)) == 1


def test_a_channel_is_told_in_the_channel(made: Made) -> None:
    world = made(per_channel=100)
    spends(world, "30")
    spends(world, "30", who=JIHOON)
    spends(world, "99", channel=OTHER)

    messages = tick(world)

    assert sorted((each.ref.channel_id, each.text.split("(")[1][:2]) for each in messages) == [
        (GENERAL, "60"), (OTHER, "99"),
    ]  # fmt: skip


def test_where_a_channel_cannot_be_told_the_admins_are(made: Made) -> None:
    world = made(per_channel=100)
    world.chat.closed[GENERAL] = "not_in_channel"
    spends(world, "60")

    assert [each.ref.channel_id for each in tick(world)] == [ADMINS]


def test_a_new_month_begins_anew(made: Made) -> None:
    world = made(per_user=100)
    spends(world, "100")
    tick(world)
    assert "100 %" in tick(world)[-1].text

    world.sim.advance(30 * DAY)

    assert len(tick(world)) == 1
    budget = world.core.caretaker.budgets.of(JANE)
    assert budget is not None and not budget.is_used_up(world.sim.now())
    spends(world, "60")
    assert len(tick(world)) == 2


def test_a_month_begins_where_the_policy_says(made: Made) -> None:
    """On the second at nine UTC; two hours before, on no clock on earth was it February."""
    world = made(per_user=100, tz="Pacific/Auckland")
    begin = world.sim.now() - 46 * HOUR  # 28 February, 11:00 UTC: midnight there
    known_vm(world, "old", begin - HOUR, rate=Decimal(60), ended_at=begin)
    assert tick(world) == []
    known_vm(world, "new", begin, rate=Decimal(60), ended_at=begin + HOUR)
    assert len(tick(world)) == 1


def test_a_budget_that_was_raised_is_another_one(made: Made, tmp_path: Path) -> None:
    world = made(per_user=100)
    spends(world, "110")
    tick(world)
    higher = BudgetPolicy.model_validate(world.policy.budgets.model_dump() | {"per_user": 200})

    world.policy = world.policy.model_copy(update={"budgets": higher})
    world.restart()

    assert ["(55 %)" in each.text for each in tick(world)] == [False, True]
    world.done("vm web")


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([JANE, JIHOON]), st.sampled_from([GENERAL, OTHER]),
            st.integers(1, 40), st.booleans(),
        ),
        min_size=1, max_size=10,
    )
)  # fmt: skip
def test_whoever_spends_what_no_level_is_told_twice(
    made: Made, history: list[tuple[str, str, int, bool]]
) -> None:
    world = made(per_user=100, per_channel=120)
    spent = {JANE: 0, JIHOON: 0, GENERAL: 0, OTHER: 0}
    expected = {who: set[int]() for who in spent}
    limits = {JANE: 100, JIHOON: 100, GENERAL: 120, OTHER: 120}
    for who, channel, amount, is_restarted in history:
        spends(world, str(amount), who=who, channel=channel)
        spent[who] += amount
        spent[channel] += amount
        if is_restarted:
            world.restart()
        tick(world)
        for each, total in spent.items():
            reached = [level for level in (50, 80, 100) if total * 100 >= limits[each] * level]
            expected[each] |= set(reached[-1:])

    keys = [each.key for each in world.chat.all_messages]
    assert len(set(keys)) == len(keys)
    places = {JANE: DM, JIHOON: f"D{JIHOON[1:]}", GENERAL: GENERAL, OTHER: OTHER}
    told = {who: len(world.chat.messages.get(place, ())) for who, place in places.items()}
    assert told == {who: len(levels) for who, levels in expected.items()}


DEATHS = (Strike.DEATH_BEFORE, Strike.DEATH_AFTER)
LOST = (*DEATHS, Strike.ERROR_BEFORE, Strike.ERROR_AFTER)


@pytest.mark.parametrize(
    ("effect", "strike"),
    [
        *(("chat.post", each) for each in LOST),
        *(("operations.record", each) for each in DEATHS),
        *(("operations.finish", each) for each in DEATHS),
        *(("vms.paid_since", each) for each in DEATHS),
        *(("switches.get", each) for each in DEATHS),
        ("chat.member", Strike.DEATH_BEFORE),
    ],
)
def test_a_death_or_a_lost_answer_tells_once(made: Made, effect: str, strike: Strike) -> None:
    world = made(per_user=100)
    spends(world, "60")
    world.meddling.plan[Point(effect, world.meddling._counts[effect] + 1)] = strike

    for _ in range(3):
        tick(world)

    assert world.meddling.struck
    assert len(tick(world)) == 1


# --- refusing ---


def test_who_has_spent_it_orders_nothing_more(made: Made) -> None:
    world = made(per_user=100)
    spends(world, "99.99")
    world.done("vm web")
    spends(world, "0.01")

    told = world.refused("vm db")

    assert "Your VMs have cost $100." in told and "your budget is $100.00" in told
    assert "Nothing was ordered" in told
    assert [each.hostname for each in world.vms()] == ["web"]
    assert len(world.cloud.orders) == 1
    assert "budget ask U0JANE" in str(world.chat.replies[-1].blocks)
    world.done("vm web2", JIHOON)
    world.done("rstudio on web")


def test_a_channel_that_has_spent_it_orders_nothing_more(made: Made) -> None:
    world = made(per_channel=100, per_user=1000)
    spends(world, "100", who=JIHOON)

    told = world.refused("vm db", JANE)

    assert f"The VMs of <#{GENERAL}> have cost $100.00" in told
    assert f"budget ask {GENERAL}" in str(world.chat.replies[-1].blocks)


def test_where_nobody_can_be_asked_no_button_says_so(made: Made) -> None:
    world = made(per_user=100, admins=[])
    spends(world, "100")

    world.refused("vm db")

    assert "Ask an admin" not in str(world.chat.replies[-1].blocks)
    assert "No admin is named" in world.refused("budget ask")


def test_a_projection_refuses_nobody(made: Made) -> None:
    """Only what was spent counts: this VM would cost far more than the budget in a month."""
    world = made(per_user=100)
    known_vm(world, "large", world.sim.now() - HOUR, rate=Decimal(50))

    world.done("vm web")


# --- asking and allowing ---


def messages(world: World, channel: str, words: str) -> list[FakeMessage]:
    return [each for each in world.chat.messages.get(channel, ()) if words in each.text]


def carried_out(world: World) -> None:
    started_all(world)
    world.run()


def used_up(made: Made, **budgets: Any) -> World:
    world = made(**(budgets or {"per_user": 100}))
    spends(world, "100")
    return world


def test_an_admin_is_asked_and_lets_them_go_on(made: Made) -> None:
    world = used_up(made)
    world.done(f"budget ask {JANE}")
    carried_out(world)

    [question] = messages(world, ADMINS, "asks for more money")
    assert "$100.00 of $100.00" in question.text
    assert f"admin budget allow {JANE}" in str(question.blocks)
    world.refused("vm web")

    world.done(f"admin budget allow {JANE}", ADMIN)
    carried_out(world)

    [told] = messages(world, DM, "can order VMs above the budget until")
    assert f"<@{ADMIN}>" in told.text
    world.done("vm web")


def test_who_presses_again_and_again_asks_once_an_hour(made: Made) -> None:
    world = used_up(made)
    for _ in range(3):
        world.done(f"budget ask {JANE}")
    carried_out(world)
    assert len(messages(world, ADMINS, "asks for more money")) == 1

    world.sim.advance(HOUR)
    world.done(f"budget ask {JANE}")
    carried_out(world)
    assert len(messages(world, ADMINS, "asks for more money")) == 2


def test_only_an_admin_allows_it(made: Made) -> None:
    world = used_up(made)

    assert "Only an admin" in world.refused(f"admin budget allow {JANE}", JANE)
    assert "관리자만" in world.refused(f"admin budget allow {JANE}", JIHOON)
    world.refused("vm web")


def test_allowing_it_twice_does_nothing_twice(made: Made) -> None:
    world = used_up(made)
    world.done(f"admin budget allow {JANE}", ADMIN)
    carried_out(world)
    until = world.core.caretaker.budgets.of(JANE).allowed_until  # type: ignore[union-attr]
    world.sim.advance(5 * HOUR)

    world.done(f"admin budget allow {JANE}", ADMIN)
    carried_out(world)

    assert world.core.caretaker.budgets.of(JANE).allowed_until == until  # type: ignore[union-attr]
    assert len(messages(world, DM, "can order VMs above")) == 1


def test_an_allowance_ends_and_can_be_had_again(made: Made) -> None:
    world = used_up(made)
    world.done(f"admin budget allow {JANE}", ADMIN)
    world.sim.advance(DAY)
    world.refused("vm web")

    world.done(f"admin budget allow {JANE}", ADMIN)
    carried_out(world)

    world.done("vm web")
    assert len(messages(world, DM, "can order VMs above")) == 2


def test_a_channels_allowance_is_told_there_and_lets_nobody_over_their_own(made: Made) -> None:
    world = used_up(made, per_channel=100, per_user=100)
    world.done(f"admin budget allow {GENERAL}", ADMIN)
    carried_out(world)

    assert len(messages(world, GENERAL, "can order VMs above")) == 1
    world.done("vm web", JIHOON)
    assert "your budget is" in world.refused("vm db", JANE)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("budget ask U0JIHOON", "is not used up"),
        (f"budget ask {OTHER}", "There is no budget for"),
        ("budget ask channel", "There is no budget for"),
    ],
)
def test_what_need_not_be_asked_is_refused(made: Made, line: str, why: str) -> None:
    assert why in used_up(made).refused(line)


def test_nobody_without_a_budget_is_allowed_more(made: Made) -> None:
    assert "There is no budget" in used_up(made).refused(f"admin budget allow {OTHER}", ADMIN)


@pytest.mark.parametrize(
    ("effect", "strike"),
    [
        *(("chat.post", each) for each in LOST),
        *(("chat.update", each) for each in LOST),
        *(("operations.finish", each) for each in DEATHS),
        *(("operations.record", each) for each in DEATHS),
    ],
)
def test_asking_survives(made: Made, effect: str, strike: Strike) -> None:
    world = used_up(made)
    world.meddling.plan[Point(effect, world.meddling._counts[effect] + 1)] = strike

    op_id = world.ask(f"budget ask {JANE}")
    world.run()
    carried_out(world)

    assert world.meddling.struck
    assert world.state(op_id) is OperationState.DONE
    assert len(messages(world, ADMINS, "asks for more money")) == 1


@pytest.mark.parametrize(
    ("effect", "strike"),
    [
        *(("switches.set", each) for each in DEATHS),
        *(("chat.post", each) for each in LOST),
        *(("operations.finish", each) for each in DEATHS),
        *(("operations.record", each) for each in DEATHS),
    ],
)
def test_allowing_survives(made: Made, effect: str, strike: Strike) -> None:
    world = used_up(made)
    world.meddling.plan[Point(effect, world.meddling._counts[effect] + 1)] = strike

    world.ask(Request("admin budget", {"who": JANE}), ADMIN)
    world.run()
    carried_out(world)

    assert world.meddling.struck
    assert len(messages(world, DM, "can order VMs above")) == 1
    world.done("vm web")


def test_asking_for_money_is_no_use_of_a_vm() -> None:
    """Else a VM would be kept by who cannot order another one."""
    from bot.services.watching import _NO_USE

    assert "budget ask" in _NO_USE


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize(
    ("line", "who", "step"),
    [
        (f"budget ask {JANE}", JANE, "admit"),
        (f"budget ask {JANE}", JANE, "ask"),
        (f"admin budget allow {JANE}", ADMIN, "allow"),
        (f"admin budget allow {JANE}", ADMIN, "tell"),
        (f"admin budget allow {JANE}", ADMIN, "final"),
    ],
)
def test_a_death_at_any_step_asks_and_allows_once(
    made: Made, moment: Moment, line: str, who: str, step: str
) -> None:
    world = used_up(made)
    world.kill(moment, step, operation_id("the-one"))

    op_id = world.ask(line, who, key="the-one")
    world.run()
    carried_out(world)

    assert world.deaths == 1
    assert world.state(op_id) is OperationState.DONE
    asked = messages(world, ADMINS, "asks for more money")
    told = messages(world, DM, "can order VMs above")
    assert len(asked) + len(told) == 1


def test_what_was_saved_is_not_restored_above_the_budget(made: Made) -> None:
    """A restored VM costs as much as a new one; it is its owner's money, whoever restores it."""
    world = made(per_user=100)
    work_at_rest(world)
    [vm] = world.vms()
    world.done(f"vm release {vm.hostname}")
    spends(world, "100")

    assert f"The VMs of <@{JANE}> have cost" in world.refused(f"restore {vm.hostname}")
    assert f"The VMs of <@{JANE}> have cost" in world.refused(f"restore {vm.hostname}", ADMIN)
    assert world.vms() == []

    world.done(f"admin budget allow {JANE}", ADMIN)
    world.done(f"restore {vm.hostname}")
    assert [each.hostname for each in world.vms()] == [vm.hostname]
