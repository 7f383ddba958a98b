"""Keep and extend: until when, by whom, and not beyond what the policy allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.activity import Use
from bot.errors import UserError
from bot.models import Caller, OperationState, VmState
from bot.services.keeping import until_of
from tests.services.idling import delivered, idle_vm, ticks, until
from tests.services.laws import check_laws
from tests.services.world import ADMIN, GENERAL, JANE, JIHOON, World

HOUR = timedelta(hours=1)
SEOUL, BERLIN, NEW_YORK, AUCKLAND = (
    ZoneInfo(name)
    for name in ("Asia/Seoul", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(("words", "zone", "now", "then"), [
    ("", SEOUL, "2026-03-02T09:00", "2026-03-02T13:00"),
    ("90m", SEOUL, "2026-03-02T09:00", "2026-03-02T10:30"),
    ("for 2h", SEOUL, "2026-03-02T09:00", "2026-03-02T11:00"),
    ("until 9:00", SEOUL, "2026-03-02T09:00", "2026-03-03T00:00"),
    ("until 09:00", SEOUL, "2026-03-01T23:59", "2026-03-02T00:00"),
    ("until 9:00", SEOUL, "2026-03-02T00:00", "2026-03-03T00:00"),
    ("until tomorrow 9:00", SEOUL, "2026-03-01T16:00", "2026-03-03T00:00"),
    ("until tomorrow 9:00", SEOUL, "2026-03-02T09:00", "2026-03-03T00:00"),
    # spring forward in Berlin: 29 March has 23 hours, and no 2:30
    ("until tomorrow 9:00", BERLIN, "2026-03-28T12:00", "2026-03-29T07:00"),
    ("until 2:30", BERLIN, "2026-03-29T00:00", "2026-03-29T01:30"),
    # fall back in New York: 1:30 comes twice, the first counts
    ("until 1:30", NEW_YORK, "2026-11-01T04:00", "2026-11-01T05:30"),
    ("until tomorrow 9:00", NEW_YORK, "2026-10-31T12:00", "2026-11-01T14:00"),
    # the day is the zone's, not UTC's; 5 April 2026 has 25 hours in Auckland
    ("until tomorrow 9:00", AUCKLAND, "2026-04-03T12:00", "2026-04-04T21:00"),
    ("until tomorrow 9:00", AUCKLAND, "2028-02-28T00:00", "2028-02-28T20:00"),
])  # fmt: skip
def test_until_when(words: str, zone: ZoneInfo, now: str, then: str) -> None:
    assert until_of(words.split(), zone, at(now), "keep web 4h") == at(then)


@pytest.mark.parametrize("words", ["until", "until 24:00", "until 9:60", "tomorrow", "0h", "4 h x",
                                   "until 9:00 10:00", "until tomorrow", "9:00"])  # fmt: skip
def test_what_is_no_time_is_refused(words: str) -> None:
    with pytest.raises(UserError, match="no time"):
        until_of(words.split(), SEOUL, at("2026-03-02T09:00"), "keep web 4h")


def test_tomorrow_is_of_the_persons_own_zone(world: World) -> None:
    op_id = world.has_vm("web")
    world.done("keep web until tomorrow 9:00")  # Chicago: 3:00 there now, UTC-6
    kept = world.core.caretaker.stores.marks.lease(op_id)
    assert kept.kept_until == at("2026-03-03T15:00")
    assert (kept.kept_by, kept.kept_at is not None) == (JANE, True)
    check_laws(world)


def test_anybody_in_the_vms_channel_may_keep_it_and_nobody_elsewhere(world: World) -> None:
    world.has_vm("web")
    world.done("keep web 4h", JIHOON)
    caller = Caller(JIHOON, "T0TEAM", "C0ELSEWHERE")
    world.caller = lambda who: caller  # type: ignore[method-assign]
    assert "`web` 소유자" in world.refused("keep web 4h", JIHOON)


def test_the_lease_is_its_owners_and_the_admins(world: World) -> None:
    op_id = world.has_vm("web")
    asked_at = world.vm(op_id).asked_at
    world.refused("extend web 4h", JIHOON)
    world.done("extend web 4h")
    world.done("extend web 4h", ADMIN)
    lease = world.core.caretaker.stores.marks.lease(op_id)
    assert lease.ends_at is not None and lease.extended_by == ADMIN
    assert lease.ends_at - asked_at >= 9 * HOUR  # one of the policy, and twice four
    check_laws(world)


def test_a_lease_holds_as_long_as_it_says(world: World) -> None:
    world.arm()
    op_id = idle_vm(world)
    world.done("extend web 12h")
    ends_at = world.core.caretaker.stores.marks.lease(op_id).ends_at
    assert ends_at is not None
    ticks(world, ends_at - world.sim.now() - HOUR)
    assert world.chat.messages.get("D0JANE") is None
    until(world, lambda: world.vm(op_id).state is VmState.GONE)
    assert world.vm(op_id).ended_at > ends_at  # type: ignore[operator]


def test_nothing_is_kept_beyond_its_maximum_age(world: World) -> None:
    op_id = world.has_vm("web")
    world.sim.advance(world.policy.idle.default.max_age - timedelta(days=1))
    world.done("keep web 4h")
    told = world.done("keep web 3d")
    kept_until = world.core.caretaker.stores.marks.lease(op_id).kept_until
    assert kept_until == world.vm(op_id).asked_at + world.policy.idle.default.max_age
    assert "is kept until" in world.told(told)
    world.sim.advance(timedelta(days=1))
    assert "can be kept until" in world.refused("keep web 4h")
    world.refused("extend web 4h")


def test_one_keep_is_a_week_at_the_most(world: World) -> None:
    op_id = world.has_vm("web")
    world.done("keep web 20d")
    kept_until = world.core.caretaker.stores.marks.lease(op_id).kept_until
    assert kept_until is not None
    assert kept_until - world.sim.now() <= timedelta(days=7)


@pytest.mark.parametrize("line", ["keep web 4h", "extend web 4h"])
def test_what_is_being_cancelled_is_not_kept(world: World, line: str) -> None:
    op_id = world.has_vm("web")
    world.core.vm_store.change(op_id, state=VmState.CANCELLING)
    asked = world.ask(line)
    world.run()
    assert world.state(asked) is OperationState.FAILED
    assert "being cancelled already" in world.told(asked)


def test_an_unknown_name_is_told_with_what_was_meant(world: World) -> None:
    world.has_vm("web")
    for line in ("keep wep 4h", "extend wep 4h", "vm release wep"):
        assert "no VM `wep`" in world.refused(line)


def test_why_tells_each_sign_and_what_follows(world: World) -> None:
    op_id = world.has_vm("web")
    questions = world.core.caretaker.questions
    caller = Caller(JANE, "T0TEAM", GENERAL)
    assert questions.why(caller, "web").use is Use.UNKNOWN
    world.sweep()
    assert "reaper is off" in str(questions.why(caller, "web").next)
    world.arm()
    ticks(world, HOUR)
    explained = questions.why(caller, "web")
    assert explained.use is Use.IDLE
    assert {each.name for each in explained.signals} >= {"cpu", "login", "operation"}
    assert "before" in str(explained.next)
    assert world.vm(op_id).state is VmState.READY
    with pytest.raises(UserError):
        questions.why(caller, "wep")


def test_why_says_that_it_was_told_about(world: World) -> None:
    world.arm()
    op_id = idle_vm(world)
    delivered(world, op_id)
    explained = world.core.caretaker.questions.why(Caller(JANE, "T0TEAM", GENERAL), "web")
    assert "to keep it" in str(explained.next)


def test_what_is_agreed_is_shown_with_each_vm(world: World) -> None:
    world.arm()
    op_id = idle_vm(world)
    questions = world.core.caretaker.questions

    def agreed() -> str:
        return str(questions.agreed([world.vm(op_id)]).get(op_id))

    assert "lease until" in agreed()
    delivered(world, op_id)
    assert agreed() == "idle, to be cancelled"
    world.done("keep web 4h")
    assert "kept until" in agreed()
    world.sim.advance(5 * HOUR)
    assert agreed() == "None"


def test_the_status_is_for_admins(world: World) -> None:
    questions = world.core.caretaker.questions
    world.has_vm("web")
    world.sweep()
    world.done("admin reaper on", ADMIN)
    told = [str(each) for each in questions.status(Caller(ADMIN, "T0TEAM", GENERAL))]
    assert "is on" in told[0] and "1 VM is watched" in " ".join(told)
    with pytest.raises(UserError):
        questions.status(Caller(JANE, "T0TEAM", GENERAL))


def test_an_admin_takes_a_stray_vm_in_or_cancels_it(world: World) -> None:
    from tests.services.test_repair import stray

    vm = stray(world, tags=frozenset({"ds-bot", "DS-OWNER-u0jihoon"}))
    world.refused(f"admin adopt {vm.id}", JANE)
    world.refused(f"admin cancel {vm.id}", JANE)
    world.done(f"admin adopt {vm.id}", ADMIN)
    (row,) = world.vms()
    assert (row.cloud_id, row.owner_id, row.state) == (vm.id, JIHOON, VmState.ATTENTION)
    assert "which the bot knows" in world.refused(f"admin cancel {vm.id}", ADMIN)
    other = stray(world, id=78, hostname="stray-2")
    world.done(f"admin cancel {other.id}", ADMIN)
    assert [each.id for each in world.cloud.live] == [vm.id]
    assert "no VM" in world.refused("admin cancel 79", ADMIN)


@pytest.mark.parametrize("values", [
    {"tags": frozenset({"prod"})}, {"is_hourly": False},
], ids=["not ours", "monthly"])  # fmt: skip
def test_what_is_not_the_bots_is_neither_taken_in_nor_cancelled(
    world: World, values: dict[str, object]
) -> None:
    from tests.services.test_repair import stray

    vm = stray(world, **values)
    for line in (f"admin adopt {vm.id}", f"admin cancel {vm.id}"):
        assert "left alone" in world.refused(line, ADMIN)
    assert world.cloud.live == [vm]
