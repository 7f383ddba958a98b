"""Looks, findings, switches and ticks are remembered; of rivals one wins."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from bot.store import FindingStore, Noted, Switch, SwitchStore, VmStore, WatchRow, WatchStore
from tests.store.conftest import NOW
from tests.store.racing import at_once
from tests.store.test_vm_store import _vm

MINUTE = timedelta(minutes=1)
RACERS = 8


@pytest.fixture
def watch(database: sa.Engine) -> WatchStore:
    return WatchStore(database)


@pytest.fixture
def findings(database: sa.Engine) -> FindingStore:
    return FindingStore(database)


@pytest.fixture
def switches(database: sa.Engine) -> SwitchStore:
    return SwitchStore(database)


def test_a_look_is_read_as_it_was_written(watch: WatchStore) -> None:
    row = WatchRow(
        "op-1", NOW, {"cpu_s": 1.5}, {"now": [{"name": "cpu"}]}, NOW, NOW, NOW, {"msgid": "R"},
        {"use": "idle"}, NOW,
    )  # fmt: skip
    assert watch.get("op-1") is None
    assert watch.put(row)
    assert watch.get("op-1") == row
    assert watch.put(WatchRow("op-1", NOW + MINUTE))
    assert watch.all() == {"op-1": WatchRow("op-1", NOW + MINUTE)}


def test_an_older_look_does_not_overwrite_a_newer_one(watch: WatchStore) -> None:
    assert watch.put(WatchRow("op-1", NOW, {"cpu_s": 1}))
    assert not watch.put(WatchRow("op-1", NOW - MINUTE))
    assert not watch.put(WatchRow("op-1", NOW))
    assert watch.get("op-1") == WatchRow("op-1", NOW, {"cpu_s": 1})


def test_many_looks_are_written_where_no_newer_one_is_known(watch: WatchStore) -> None:
    watch.put(WatchRow("op-1", NOW))
    watch.put(WatchRow("op-2", NOW + 2 * MINUTE))
    rows = [WatchRow(f"op-{number}", NOW + MINUTE) for number in range(1, 4)]
    assert watch.put_all(rows) == {"op-1", "op-3"}
    assert {row.vm: row.looked_at for row in watch.all().values()} == {
        "op-1": NOW + MINUTE, "op-2": NOW + 2 * MINUTE, "op-3": NOW + MINUTE,
    }  # fmt: skip
    assert watch.put_all([]) == set()


def test_all_of_a_look_is_written_when_many_are(watch: WatchStore) -> None:
    watch.put(WatchRow("op-1", NOW))
    full = WatchRow(
        "op-1", NOW + MINUTE, {"cpu_s": 1.5}, {"now": [{"name": "cpu"}]}, NOW, NOW, NOW,
        {"msgid": "R"}, {"use": "idle"}, NOW,
    )  # fmt: skip
    assert watch.put_all([full]) == {"op-1"}
    assert watch.get("op-1") == full
    assert watch.put_all([WatchRow("op-1", NOW + 2 * MINUTE)]) == {"op-1"}
    assert watch.get("op-1") == WatchRow("op-1", NOW + 2 * MINUTE)


def test_looks_are_read_for_some_vms_and_the_oldest_is_known(watch: WatchStore) -> None:
    assert (watch.of(["op-1"]), watch.oldest()) == ({}, None)
    for number in (2, 1, 3):
        watch.put(WatchRow(f"op-{number}", NOW + number * MINUTE))
    assert set(watch.of(["op-1", "op-3", "op-9"])) == {"op-1", "op-3"}
    assert watch.oldest() == NOW + MINUTE


def test_of_looks_at_once_the_newest_stays(watch: WatchStore) -> None:
    rows = [WatchRow("op-1", NOW + number * MINUTE) for number in range(RACERS)]
    outcomes = at_once([partial(watch.put, row) for row in rows])
    assert not [each for each in outcomes if isinstance(each, Exception)]
    stayed = watch.get("op-1")
    assert stayed is not None and outcomes[rows.index(stayed)] is True


def test_what_is_gone_is_forgotten(watch: WatchStore, database: sa.Engine) -> None:
    vms = VmStore(database)
    for number in (1, 2):
        vms.reserve(_vm(f"op-{number}", f"web-{number}"), most=5)
    vms.gone("op-1", NOW)
    for vm in ("op-1", "op-2", "op-3"):
        watch.put(WatchRow(vm, NOW))
    watch.forget()
    assert list(watch.all()) == ["op-2"]


def test_a_finding_begins_once_and_anew_when_it_changes(findings: FindingStore) -> None:
    assert findings.note("ghost:op-1", "7", NOW) == Noted(NOW, None)
    findings.told("ghost:op-1", NOW + MINUTE)
    assert findings.note("ghost:op-1", "7", NOW + 2 * MINUTE) == Noted(NOW, NOW + MINUTE)
    assert findings.note("ghost:op-1", "8", NOW + 3 * MINUTE) == Noted(NOW + 3 * MINUTE, None)
    findings.over("ghost:op-1")
    assert findings.note("ghost:op-1", "8", NOW + 4 * MINUTE) == Noted(NOW + 4 * MINUTE, None)


def test_findings_that_are_over_are_forgotten_within_their_family(findings: FindingStore) -> None:
    for key in ("ghost:op-1", "ghost:op-2", "ghosts:op-1", "would:op-1"):
        findings.note(key, "", NOW)
    findings.keep_only({"ghost", "list"}, {"ghost:op-2"})
    first = {key: findings.note(key, "", NOW + MINUTE).first_at == NOW
             for key in ("ghost:op-1", "ghost:op-2", "ghosts:op-1", "would:op-1")}  # fmt: skip
    assert first == {
        "ghost:op-1": False, "ghost:op-2": True, "ghosts:op-1": True, "would:op-1": True,
    }  # fmt: skip


def test_a_switch_is_off_until_somebody_turns_it(switches: SwitchStore) -> None:
    assert switches.get("reaper") is None
    switches.set("reaper", True, "U0ADMIN", NOW)
    assert switches.get("reaper") == Switch(True, "U0ADMIN", NOW)
    switches.set("reaper", False, "U0JANE", NOW + MINUTE)
    assert switches.get("reaper") == Switch(False, "U0JANE", NOW + MINUTE)
    assert switches.get("other") is None


def test_a_tick_is_given_to_one_replica_and_never_back(switches: SwitchStore) -> None:
    for number in range(3):
        at = NOW + number * MINUTE
        assert at_once([partial(switches.tick, "sweep", at, MINUTE)] * RACERS).count(True) == 1
    assert not switches.tick("sweep", NOW + MINUTE, MINUTE)
    assert switches.tick("other", NOW, MINUTE)


def test_a_clock_that_is_set_back_does_not_stop_the_ticks(switches: SwitchStore) -> None:
    switches.tick("sweep", NOW, MINUTE)
    assert switches.tick("sweep", NOW - 60 * MINUTE, MINUTE)
    assert not switches.tick("sweep", NOW - 61 * MINUTE, MINUTE)
