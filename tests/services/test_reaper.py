"""An idle VM is told about, kept, or saved and cancelled; never otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.activity import Use, VmActivity
from bot.errors import ChatUnknown, CloudRefused, CloudUnknown, HostUnreachable
from bot.models import OperationState, Vm, VmState
from bot.schedule import due_at
from bot.services.operations import Request
from tests.fakes.activity import FakeUse
from tests.services.idling import (
    ADMINS,
    DM,
    LOOK,
    computes,
    delivered,
    idle_vm,
    is_gone,
    mark_of,
    notices,
    tick,
    ticks,
    until,
)
from tests.services.laws import check_laws
from tests.services.world import ADMIN, GENERAL, JANE, JIHOON, World

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def idle(world: World) -> str:
    """An armed reaper, and a VM that nobody uses."""
    world.arm()
    return idle_vm(world)


def change(world: World, op_id: str, **values: object) -> None:
    vm = world.vm(op_id)
    assert vm.cloud_id is not None
    machine = world.cloud.machines[vm.cloud_id]
    machine.vm = replace(machine.vm, **values)  # type: ignore[arg-type]


def keep(world: World, *words: str, who: str = JANE) -> str:
    return world.ask(Request("keep", {"name": "web", "time": list(words)}), who)


def test_an_idle_vm_is_told_about_then_saved_then_cancelled(world: World, idle: str) -> None:
    began = world.sim.now()
    mark = delivered(world, idle)
    policy = world.policy.idle.default
    assert mark.marked_at - began >= policy.idle_after
    for place in (GENERAL, DM):
        assert ["web of" in each for each in notices(world, place)] == [True]
    assert len(world.cloud.live) == 1
    until(world, lambda: is_gone(world, idle))
    assert mark.delivered_at is not None
    assert world.vm(idle).ended_at >= mark.delivered_at + policy.grace  # type: ignore[operator]
    assert world.saver.saved == [idle]
    assert world.cloud.live == []
    assert "it is saved and cancelled" in notices(world, DM)[0]
    (card,) = [each for each in notices(world, GENERAL) if "Its work is saved" in each]
    assert "web is saved and cancelled" in card
    check_laws(world)


def test_a_save_that_lasts_into_the_next_hour_is_not_for_nothing(world: World, idle: str) -> None:
    world.saver.lasts = timedelta(minutes=25)

    until(world, lambda: is_gone(world, idle))

    assert world.saver.saved == [idle]
    check_laws(world)


def test_who_came_while_it_was_saved_keeps_it_though_he_left_again(world: World, idle: str) -> None:
    """What he wrote is not in the save."""
    world.saver.lasts = timedelta(minutes=5)

    def works() -> None:
        machine = world.host_of(idle)
        name = next(iter(machine._containers.values())).container.name
        machine.doing.use(name, FakeUse(cpus=1.0))
        world.sim.sleep(timedelta(minutes=1))
        machine.doing.use(name, FakeUse())

    if not world.host_of(idle)._containers:
        world.done("shiny")
    world.saver.meanwhile = works

    until(world, lambda: world.saver.saved)
    ticks(world, timedelta(minutes=30))

    assert world.vm(idle).state is VmState.READY
    assert len(world.cloud.live) == 1


def test_what_saving_itself_needs_is_no_use(world: World, idle: str) -> None:
    """The VM's CPU is busy meanwhile, in the eyes of every sweep, too."""
    world.saver.lasts = timedelta(minutes=1)
    doing = world.host_of(idle).doing

    def copies() -> None:
        doing.use(None, FakeUse(cpus=1.0))
        world.sim.sleep(timedelta(minutes=20))
        doing.use(None, FakeUse())

    world.saver.meanwhile = copies

    until(world, lambda: is_gone(world, idle))

    assert world.saver.saved == [idle]


def test_who_has_opened_rstudio_while_it_was_saved_keeps_it(world: World) -> None:
    world.arm()
    idle = idle_vm(world)
    world.done("rstudio")
    machine = world.host_of(idle)
    [container] = machine._list(False, None)
    opened = FakeUse(sessions=1, connections=1)
    world.saver.lasts = timedelta(minutes=1)
    world.saver.meanwhile = lambda: machine.doing.use(container.name, opened)

    until(world, lambda: world.saver.saved)

    assert world.vm(idle).state is VmState.READY
    assert any("opened RStudio" in each.text for each in world.chat.all_messages)


def test_a_notice_says_so_when_its_vm_could_not_be_cancelled(world: World, idle: str) -> None:
    world.cloud.fail("cancel", CloudRefused("call support"), times=1_000)

    until(world, lambda: world.vm(idle).state is VmState.ATTENTION)

    for place in (GENERAL, DM):
        assert any("still costs money" in each for each in notices(world, place))
    assert not any("it is saved and cancelled" in each for each in notices(world, DM))


def test_the_paid_hour_is_used_up(world: World, idle: str) -> None:
    until(world, lambda: is_gone(world, idle))
    vm, policy = world.vm(idle), world.policy.idle.default
    machine = next(iter(world.cloud.machines.values()))
    assert machine.vm.id == vm.cloud_id and vm.ended_at is not None
    into_hour = (vm.ended_at - machine.ready_at) % HOUR
    assert HOUR - policy.billing_margin <= into_hour < HOUR


@pytest.mark.parametrize("is_armed", [True, False])
def test_what_computes_is_left_alone(world: World, idle: str, is_armed: bool) -> None:
    computes(world, idle)
    ticks(world, 9 * HOUR)
    assert world.vm(idle).state is VmState.READY
    assert mark_of(world, idle) is None
    assert world.chat.all_messages == []


def test_what_nobody_can_tell_is_left_alone_and_told_once(world: World, idle: str) -> None:
    world.silent.add(world.vm(idle).address or "")
    world.host_of(idle).is_reachable = False
    counts = ticks(world, 9 * HOUR)
    assert mark_of(world, idle) is None
    assert [len(notices(world, place)) for place in (GENERAL, DM, ADMINS)] == [1, 1, 1]
    assert counts["escalated"] > 1


def test_it_is_off_until_an_admin_turns_it_on(world: World) -> None:
    op_id = idle_vm(world)
    counts = ticks(world, 6 * HOUR)
    assert counts["would mark"] > 0
    assert mark_of(world, op_id) is None
    assert len(notices(world, ADMINS)) == 1
    assert notices(world, DM) == []
    assert "an admin" in world.refused_request(Request("admin reaper", {"word": "on"}), JANE)
    world.ask(Request("admin reaper", {"word": "on"}), ADMIN)
    world.run()
    until(world, lambda: is_gone(world, op_id))


def test_turned_off_in_between_takes_the_notice_back(world: World, idle: str) -> None:
    delivered(world, idle)
    world.ask(Request("admin reaper", {"word": "off"}), ADMIN)
    ticks(world, 5 * HOUR)
    assert world.vm(idle).state is VmState.READY
    assert "was turned off" in notices(world, DM)[0]
    check_laws(world)


def test_in_use_again_takes_the_notice_back(world: World, idle: str) -> None:
    delivered(world, idle)
    computes(world, idle)
    ticks(world, 2 * LOOK)
    assert all("stays" in notices(world, place)[0] for place in (GENERAL, DM))
    computes(world, idle, 0)
    until(world, lambda: is_gone(world, idle))
    assert len(notices(world, DM)) == 2
    check_laws(world)


def test_a_command_for_it_is_use(world: World, idle: str) -> None:
    delivered(world, idle)
    world.done("rstudio on web")
    ticks(world, 2 * LOOK)
    assert "stays" in notices(world, DM)[0]


def test_kept_is_left_alone_until_then(world: World, idle: str) -> None:
    delivered(world, idle)
    kept_at = world.sim.now()
    keep(world, "4h")
    ticks(world, 4 * HOUR - 2 * LOOK)
    assert world.vm(idle).state is VmState.READY
    assert all("is kept until" in notices(world, place)[0] for place in (GENERAL, DM))
    until(world, lambda: is_gone(world, idle))
    ended = world.vm(idle).ended_at
    assert ended is not None and ended - kept_at > 4 * HOUR
    check_laws(world)


def test_kept_in_the_last_moment_is_not_cancelled(world: World, idle: str) -> None:
    """While its work is saved already."""
    world.saver.lasts = MINUTE
    world.saver.meanwhile = lambda: keep(world, "4h")
    delivered(world, idle)
    until(world, lambda: world.saver.saved)
    ticks(world, HOUR)
    assert world.vm(idle).state is VmState.READY
    assert world.cloud.calls["cancel"] == 0
    assert "is kept until" in notices(world, DM)[0]
    assert "web stays: It was kept" in " ".join(notices(world, GENERAL))
    check_laws(world)


def test_in_use_again_while_it_is_saved_is_not_cancelled(world: World, idle: str) -> None:
    world.saver.lasts = MINUTE
    world.saver.meanwhile = lambda: computes(world, idle)
    delivered(world, idle)
    until(world, lambda: world.saver.saved)
    ticks(world, HOUR)
    assert world.vm(idle).state is VmState.READY
    assert world.cloud.calls["cancel"] == 0
    assert "stays" in notices(world, DM)[0]
    check_laws(world)


def test_what_cannot_be_saved_is_not_cancelled_and_told(world: World, idle: str) -> None:
    world.saver.fails = True
    delivered(world, idle)
    ticks(world, 3 * HOUR)
    assert world.vm(idle).state is VmState.READY
    assert world.cloud.calls["cancel"] == 0
    assert len(notices(world, ADMINS)) == 1
    assert "is to be cancelled" in notices(world, DM)[0]
    failed = [each for each in notices(world, GENERAL) if "was not cancelled" in each]
    assert 1 <= len(failed) <= 3


@pytest.mark.parametrize("values", [
    {"is_hourly": False}, {"transaction": "Capture"}, {"hostname": "prod"},
], ids=str)  # fmt: skip
def test_the_belts_hold_also_in_the_last_moment(
    world: World, idle: str, values: dict[str, object]
) -> None:
    def happens() -> None:
        if "transaction" in values:
            world.cloud.busy(world.vm(idle).cloud_id or 0, "Capture")
        else:
            change(world, idle, **values)

    world.saver.lasts = MINUTE
    world.saver.meanwhile = happens
    delivered(world, idle)
    until(world, lambda: world.saver.saved)
    ticks(world, HOUR)
    assert world.vm(idle).state is VmState.READY
    assert len(world.cloud.live) == 1


@pytest.mark.parametrize("values", [
    {"is_hourly": False}, {"hostname": "prod"},
], ids=str)  # fmt: skip
def test_what_is_not_to_be_taken_is_not_marked(
    world: World, idle: str, values: dict[str, object]
) -> None:
    change(world, idle, **values)
    counts = ticks(world, 5 * HOUR)
    assert mark_of(world, idle) is None
    assert counts["blocked"] > 1
    assert len(world.cloud.live) == 1


def test_a_notice_that_reaches_nobody_blocks_and_is_told(world: World, idle: str) -> None:
    world.chat.closed[GENERAL] = "is_archived"
    world.chat.closed[DM] = "user_disabled"
    ticks(world, 9 * HOUR)
    assert world.vm(idle).state is VmState.READY
    assert [("reached nobody" in each) for each in notices(world, ADMINS)] == [True]
    del world.chat.closed[DM]
    until(world, lambda: is_gone(world, idle))
    check_laws(world)


def test_slack_that_is_silent_for_long_delays_the_grace(world: World, idle: str) -> None:
    until(world, lambda: mark_of(world, idle) is not None)
    first = mark_of(world, idle)
    assert first is not None
    world.chat.fail("post", ChatUnknown("silent"), times=8)
    mark = delivered(world, idle)
    until(world, lambda: is_gone(world, idle))
    ended = world.vm(idle).ended_at
    assert ended is not None and mark.delivered_at is not None
    assert ended >= mark.delivered_at + world.policy.idle.default.grace


def test_an_owner_who_left_is_stood_in_for(world: World, idle: str) -> None:
    del world.chat.members[JANE]
    world.chat.closed[GENERAL] = "is_archived"
    mark = delivered(world, idle)
    assert [each["channel"] for each in mark.notices] == [ADMINS]
    until(world, lambda: is_gone(world, idle))
    assert "saved and cancelled" in notices(world, ADMINS)[0]


def test_more_than_the_cap_is_none_until_an_admin_allows_it(world: World) -> None:
    world.arm()
    vms = [idle_vm(world, f"web-{n}", who) for n in range(5) for who in [(JANE, JIHOON)[n % 2]]]
    for op_id in vms:
        vm = world.vm(op_id)
        machine = world.cloud.machines[vm.cloud_id or 0]
        machine.ready_at = world.cloud.machines[world.vm(vms[0]).cloud_id or 0].ready_at
    ticks(world, 6 * HOUR)
    assert [world.vm(op_id).state for op_id in vms] == [VmState.READY] * 5
    assert ["more than the cap of 3" in each for each in notices(world, ADMINS)] == [True]
    world.ask(Request("admin reaper", {"word": "allow"}), ADMIN)
    ticks(world, 2 * HOUR)
    assert all(is_gone(world, op_id) for op_id in vms)
    check_laws(world)


def test_a_list_that_lost_most_marks_and_takes_nothing(world: World) -> None:
    world.arm()
    vms = [idle_vm(world, f"web-{n}", (JANE, JIHOON)[n % 2]) for n in range(4)]
    for op_id in vms[1:]:
        machine = world.cloud.machines[world.vm(op_id).cloud_id or 0]
        machine.listed_at = world.sim.now() + 30 * 24 * HOUR
    counts = ticks(world, 6 * HOUR)
    assert counts["list lost"] > 1
    assert [mark_of(world, op_id) for op_id in vms] == [None] * 4
    assert len(world.cloud.live) == 4


def test_a_silent_cloud_marks_and_takes_nothing(world: World, idle: str) -> None:
    delivered(world, idle)
    world.cloud.fail("vms", CloudUnknown("silent"), times=90)
    ticks(world, 3 * HOUR - 2 * LOOK)
    assert world.vm(idle).state is VmState.READY
    until(world, lambda: is_gone(world, idle))


def test_a_look_that_fails_now_and_then_delays_nothing_for_ever(world: World, idle: str) -> None:
    world.host_of(idle).fail("activity", HostUnreachable("lost"))
    tick(world)
    until(world, lambda: is_gone(world, idle))


def test_cancelled_by_hand_in_between_closes_the_notice(world: World, idle: str) -> None:
    delivered(world, idle)
    world.done("vm cancel web")
    ticks(world, 3 * LOOK)
    assert notices(world, DM) == ["web is gone."]
    check_laws(world)


def test_released_at_once_is_saved_and_cancelled(world: World, idle: str) -> None:
    delivered(world, idle)
    op_id = world.ask(Request("vm release", {"name": "web"}))
    world.run()
    assert world.state(op_id) is OperationState.DONE
    assert (world.saver.saved, world.cloud.live) == ([idle], [])
    assert "as" in notices(world, DM)[0] and "wished" in notices(world, DM)[0]
    ticks(world, HOUR)
    check_laws(world)


def test_what_cannot_be_saved_is_not_released(world: World, idle: str) -> None:
    world.saver.fails = True
    op_id = world.ask(Request("vm release", {"name": "web"}))
    world.run()
    assert world.state(op_id) is OperationState.FAILED
    assert world.vm(idle).state is VmState.READY
    assert len(world.cloud.live) == 1


def test_an_open_untouched_page_is_no_use_for_ever(world: World, idle: str) -> None:
    world.done("shiny on web")
    name = next(iter(world.host_of(idle)._containers.values())).container.name
    world.host_of(idle).doing.use(name, FakeUse(connections=1, viewers=1))
    ticks(world, 6 * HOUR)
    assert world.vm(idle).state is VmState.READY
    until(world, lambda: is_gone(world, idle))


def test_a_talk_with_an_owner_who_left_is_no_place_where_somebody_sees_it(world: World) -> None:
    world.arm()
    op_id = idle_vm(world)
    world.core.vm_store.change(op_id, channel_id=DM)
    world.chat.members[JANE] = replace(world.chat.members[JANE], is_full_member=False)
    mark = delivered(world, op_id)
    assert [each["channel"] for each in mark.notices] == [ADMINS]


def test_a_dry_run_beside_a_running_bot_tells_the_same(
    world: World, idle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot may look and write that down while it looks."""
    ticks(world, timedelta(minutes=30))
    sweep = world.core.caretaker.sweep
    look = sweep.looks.at

    def slowly(vms: Sequence[Vm]) -> dict[str, VmActivity | None]:
        seen = look(vms)
        monkeypatch.undo()
        world.sim.advance(LOOK)
        assert sweep.run(due_at(world.sim.now(), world.policy.reaper.look)) is not None
        return seen

    world.sim.advance(LOOK)
    monkeypatch.setattr(sweep.looks, "at", slowly)
    with world.meddling.off():
        [only] = sweep.preview()

    assert only.verdict.use is Use.IDLE
