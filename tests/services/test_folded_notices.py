"""Many VMs that become idle at once are told about in few messages, each with its own buttons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ChatUnknown
from bot.models import Member, MessageRef, Text
from bot.ports import Blocks
from bot.replies.blocks import MAX_BLOCKS, MAX_MESSAGE, MAX_TEXT
from bot.replies.folded import MOST_IN_ONE, TAKING, Row, notices_reply
from bot.replies.idle import Ended, Notice
from bot.services import sweep
from bot.services.follow_up import TOLD_ALONE
from bot.services.operations import Request
from tests.fakes.chat import FakeMessage
from tests.services.idling import (
    ADMINS,
    DM,
    computes,
    delivered,
    idle_vm,
    is_gone,
    mark_of,
    notices,
    ticks,
    until,
)
from tests.services.laws import check_laws
from tests.services.meddling import Point, Strike
from tests.services.test_reaper_crashes import TELLING
from tests.services.test_reaper_histories import LOOK as EVERY
from tests.services.test_reaper_histories import fast_policy
from tests.services.world import ADMIN, GENERAL, JANE, JIHOON, World

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


def fleet(world: World, count: int, owners: Sequence[str] = (JANE,)) -> dict[str, str]:
    """VMs that nobody uses, ordered at once; gives their op_ids by name."""
    world.arm()
    names = [f"web-{number:02}" for number in range(count)]
    found = {name: idle_vm(world, name, owners[at % len(owners)]) for at, name in enumerate(names)}
    first = world.cloud.machines[world.vm(found[names[0]]).cloud_id or 0]
    for op_id in found.values():
        world.cloud.machines[world.vm(op_id).cloud_id or 0].ready_at = first.ready_at
    return found


def all_delivered(world: World, vms: dict[str, str]) -> None:
    until(
        world,
        lambda: all(
            (mark := mark_of(world, op_id)) and mark.delivered_at for op_id in vms.values()
        ),
    )


def messages(world: World, place: str) -> list[FakeMessage]:
    return list(world.chat.messages.get(place, ()))


def buttons(blocks: Blocks) -> list[str]:
    """What the buttons of a message do."""
    rows: list[dict[str, Any]] = [each for each in blocks if each["type"] == "actions"]
    return [element["value"] for row in rows for element in row["elements"]]


def fits(message: FakeMessage) -> bool:
    written = json.dumps(message.blocks, ensure_ascii=False)
    within = len(message.blocks) <= MAX_BLOCKS and len(written) <= MAX_MESSAGE
    return within and len(message.text) <= MAX_TEXT


@pytest.mark.parametrize(("count", "most"), [(TOLD_ALONE, TOLD_ALONE), (14, 3), (50, 9)])
def test_a_place_gets_as_few_messages_as_fit(world: World, count: int, most: int) -> None:
    """And every VM is named in one of them, with buttons: its grace counts from that."""
    vms = fleet(world, count)
    all_delivered(world, vms)
    for place in (GENERAL, DM):
        told = messages(world, place)
        assert len(told) == most
        assert all(fits(each) for each in told)
        said = [value for each in told for value in buttons(each.blocks)]
        assert sorted(said.count(f"keep {name} 4h") for name in vms) == [1] * count
        assert sorted(said.count(f"vm release {name}") for name in vms) == [1] * count
    check_laws(world)


def test_a_fleet_that_is_read_in_parts_is_told_about_as_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_PART", 2)
    vms = fleet(world, 5)
    all_delivered(world, vms)
    assert [len(messages(world, place)) for place in (GENERAL, DM)] == [1, 1]
    counts = world.sweep()
    assert counts is not None and counts["vm idle"] == 5


def test_each_owner_is_told_of_their_own_and_the_channel_of_all(world: World) -> None:
    vms = fleet(world, 5, (JANE, JIHOON))
    all_delivered(world, vms)
    assert [len(messages(world, place)) for place in (GENERAL, DM, f"D{JIHOON[1:]}")] == [1, 1, 1]
    (mine,) = notices(world, DM)
    assert "3 idle VMs are to be cancelled: web-00, web-02, web-04" in mine
    assert "web-01" not in mine
    (all_of_them,) = notices(world, GENERAL)
    assert all(name in all_of_them for name in vms)


@pytest.mark.parametrize("count", [1, 5])
def test_a_vm_ordered_in_a_talk_with_the_bot_is_told_about_there_once(
    world: World, count: int
) -> None:
    vms = fleet(world, count)
    for op_id in vms.values():
        world.core.vm_store.change(op_id, channel_id=DM)
    all_delivered(world, vms)
    assert len(world.chat.all_messages) == len(notices(world, DM)) == 1


def test_what_is_kept_leaves_the_other_rows_as_they_are(world: World) -> None:
    vms = fleet(world, 5)
    all_delivered(world, vms)
    world.ask(Request("keep", {"name": "web-02", "time": ["4h"]}), JANE)
    world.run()
    for place in (GENERAL, DM):
        told = messages(world, place)[0]
        assert "4 idle VMs are to be cancelled: web-00, web-01, web-03, web-04" in told.text
        assert "web-02* is kept until" in json.dumps(told.blocks)
        assert "keep web-02 4h" not in buttons(told.blocks)
        assert {f"keep {name} 4h" for name in vms if name != "web-02"} <= set(buttons(told.blocks))


def test_what_is_in_use_again_and_what_is_taken_are_told_in_the_same_message(world: World) -> None:
    """When the last matter is settled, no button is left."""
    vms = fleet(world, 4)
    all_delivered(world, vms)
    computes(world, vms["web-01"])
    world.ask(Request("admin reaper", {"word": "allow"}), ADMIN)
    others = [op_id for name, op_id in vms.items() if name != "web-01"]
    until(world, lambda: all(is_gone(world, op_id) for op_id in others))
    ticks(world, HOUR)
    for place in (GENERAL, DM):
        told = messages(world, place)[0]
        assert buttons(told.blocks) == []
        assert "web-01 stays" in told.text
        assert "web-03 was not in use: it is saved and cancelled." in told.text
    check_laws(world)


def test_a_place_that_takes_nothing_does_not_hold_the_others_up(world: World) -> None:
    world.chat.closed[GENERAL] = "is_archived"
    vms = fleet(world, 8)
    all_delivered(world, vms)
    assert [len(notices(world, place)) for place in (GENERAL, DM, ADMINS)] == [0, 2, 0]


def test_admins_stand_in_for_an_owner_who_has_left_and_for_no_other(world: World) -> None:
    world.chat.closed[GENERAL] = "is_archived"
    del world.chat.members[JANE]
    vms = fleet(world, 6, (JANE, JIHOON))
    all_delivered(world, vms)
    (told,) = notices(world, ADMINS)
    assert "3 idle VMs are to be cancelled: web-00, web-02, web-04" in told
    assert len(notices(world, f"D{JIHOON[1:]}")) == 1


def test_an_owner_of_whom_slack_tells_nothing_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    vms = fleet(world, 6, (JANE, JIHOON))
    member = world.chat.member

    def silent(user_id: str) -> Member:
        if user_id == JANE:
            raise ChatUnknown("silent")
        return member(user_id)

    monkeypatch.setattr(world.chat, "member", silent)
    all_delivered(world, vms)
    assert [len(notices(world, place)) for place in (GENERAL, DM, f"D{JIHOON[1:]}")] == [1, 1, 1]


def test_what_reaches_nobody_is_told_to_admins_in_one_message_and_begins_anew(
    world: World,
) -> None:
    vms = fleet(world, 5)
    world.chat.closed[GENERAL] = "is_archived"
    world.chat.closed[DM] = "user_disabled"
    until(world, lambda: all(mark_of(world, op_id) is not None for op_id in vms.values()))
    ticks(world, HOUR / 2)
    assert ["5 VMs are idle, and their notices reached nobody" in each
            for each in notices(world, ADMINS)] == [True]  # fmt: skip
    assert {mark.how for op_id in vms.values() if (mark := mark_of(world, op_id))} == {
        "undelivered"
    }
    del world.chat.closed[DM]
    for op_id in vms.values():
        assert delivered(world, op_id).number > 1


def test_two_who_edit_one_message_at_once_leave_both_rows_right(world: World) -> None:
    """Whoever wrote last looks again: what another has written meanwhile is not lost."""
    vms = fleet(world, 4)
    all_delivered(world, vms)
    board, marks = world.core.caretaker.acts["keep"].notices, world.core.caretaker.stores.marks  # type: ignore[attr-defined]
    first, second = (mark_of(world, vms[name]) for name in ("web-00", "web-01"))
    assert first is not None and second is not None
    first = marks.end(first.vm, first.number, "busy", world.sim.now())
    update = world.chat.update

    def late(ref: MessageRef, text: str, blocks: Blocks) -> None:
        world.chat.update = update  # type: ignore[method-assign]
        board.show_now(marks.end(second.vm, second.number, "busy", world.sim.now()))
        update(ref, text, blocks)  # drawn before the other's, lands after it

    world.chat.update = late  # type: ignore[method-assign]
    board.show_now(first)
    for place in (GENERAL, DM):
        told = messages(world, place)[0]
        left = [value for value in buttons(told.blocks) if value.startswith("keep")]
        assert {value.split()[1] for value in left} == {"web-02", "web-03"}


# --- within Slack's limits ---


def longest(number: int) -> Notice:
    why = "Somebody's program computes in container " + "c" * 200
    name = f"{'n' * 60}-{number:02}"
    return Notice(name, "U012ABCDEFG", Text("{why}", why=why), Decimal("1234.567"), NOW)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("how", [None, "kept", "reaped", TAKING, "failed"])
def test_the_longest_names_fit_in_one_message(language: str, how: str | None) -> None:
    ended = Ended(how, "U012ABCDEFG", NOW) if how else None
    rows: list[Row] = [(longest(0), None)]
    rows += [(longest(number), ended) for number in range(1, MOST_IN_ONE)]

    reply = notices_reply(rows, language)

    assert len(reply.blocks) <= MAX_BLOCKS
    assert len(json.dumps(reply.blocks, ensure_ascii=False)) <= MAX_MESSAGE
    assert len(reply.text) <= MAX_TEXT


def test_one_vm_alone_is_told_as_ever() -> None:
    reply = notices_reply([(longest(1), None)], "en")

    assert "idle VM" not in reply.text
    assert [block["type"] for block in reply.blocks] == ["section", "actions"]


# --- whatever goes wrong while they are told ---


@pytest.mark.parametrize(
    ("effect", "strike", "number"),
    [
        (effect, strike, number)
        for effect, strikes in TELLING.items()
        for strike in strikes
        for number in ((1, 3) if effect in {"marks.mark", "chat.post", "marks.delivered"} else (1,))
    ],
)
def test_every_vm_is_told_about_once_in_each_place(
    tmp_path: Path, effect: str, strike: Strike, number: int
) -> None:
    """Also when the process dies between any two marks or messages."""
    world = World(tmp_path, policy=fast_policy())
    vms = fleet(world, 8)
    for at in range(12):
        if at == 5:
            assert not any(mark_of(world, vm) for vm in vms.values())
            counts = world.meddling._counts
            world.meddling.plan[Point(effect, counts[effect] + number)] = strike
        due = world.sim.now() + EVERY
        world.sweep()
        world.run(max(due - world.sim.now(), timedelta(0)))
    assert world.meddling.struck
    for place in (GENERAL, DM):
        said = [value for each in messages(world, place) for value in buttons(each.blocks)]
        assert sorted(said.count(f"keep {name} 4h") for name in vms) == [1] * len(vms)
    assert all((mark := mark_of(world, vm)) and mark.delivered_at for vm in vms.values())
    assert world.core.operation_store.unfinished() == []
    world.close()
