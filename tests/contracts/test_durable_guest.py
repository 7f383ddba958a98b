"""A guest runs operations while there is no bot, leaves others' alone, and makes way for a bot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.durable import DurableEngine
from bot.adapters.durable_lookout import Lookout, Presence
from bot.adapters.durable_seats import ReplicaSeat, SoloSeat
from bot.errors import ConfigError
from bot.store import open_database
from tests.contracts.durable_worlds import A_WHILE, NewDbosWorld, Script, eventually
from tests.fakes.durable import Killed

pytest_plugins = ["tests.postgres", "tests.contracts.durable_fixtures"]

SHORT = timedelta(seconds=1)


@pytest.fixture
def lookout(tmp_path: Path) -> Iterator[Lookout]:
    engine = open_database(f"sqlite:///{tmp_path / 'ds-bot.db'}")
    yield Lookout(tmp_path, engine)
    engine.dispose()


def guest_engine(home: Path, script: Script, own: str) -> DurableEngine:
    return DurableEngine(
        f"sqlite:///{home / 'ds-bot.db'}",
        home,
        script,
        on_crash=lambda op_id, error: None,
        takes=lambda op_id: op_id.startswith(own),
    )


def test_who_sits_there_is_seen(tmp_path: Path, lookout: Lookout) -> None:
    guest, bot = SoloSeat(tmp_path, is_guest=True), SoloSeat(tmp_path)
    assert lookout.who() is Presence.NOBODY
    guest.take()
    assert lookout.who() is Presence.GUEST
    guest.leave()
    bot.take()
    assert lookout.who() is Presence.BOT
    bot.leave()
    assert lookout.who() is Presence.NOBODY


def test_a_bot_gets_the_seat_when_the_guest_stands_up(tmp_path: Path, lookout: Lookout) -> None:
    guest, bot = SoloSeat(tmp_path, is_guest=True), SoloSeat(tmp_path)
    guest.take()
    sitting = threading.Thread(target=bot.take)
    assert not lookout.is_bot_waiting()
    sitting.start()
    eventually(lookout.is_bot_waiting)
    guest.leave()
    sitting.join(A_WHILE.total_seconds())
    assert bot.is_held
    assert lookout.who() is Presence.BOT
    assert not lookout.is_bot_waiting()
    bot.leave()


def test_a_guest_that_does_not_leave_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    guest, bot = SoloSeat(tmp_path, is_guest=True), SoloSeat(tmp_path, guest_leaves=SHORT)
    guest.take()
    with pytest.raises(ConfigError, match="another ds-bot uses this directory"):
        bot.take()
    guest.leave()


@pytest.mark.parametrize("is_guest", [True, False])
def test_a_bot_makes_way_for_nobody(tmp_path: Path, is_guest: bool) -> None:
    bot, other = SoloSeat(tmp_path), SoloSeat(tmp_path, is_guest=is_guest)
    bot.take()
    with pytest.raises(ConfigError, match="another ds-bot uses this directory"):
        other.take()
    assert bot.is_held and not other.is_held
    bot.leave()


def test_being_looked_at_keeps_no_bot_from_its_seat(tmp_path: Path, lookout: Lookout) -> None:
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            lookout.who()

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for looker in lookers:
        looker.start()
    for _ in range(50):
        bot = SoloSeat(tmp_path)
        bot.take()
        bot.leave()
    is_over.set()
    for looker in lookers:
        looker.join()


@pytest.mark.parametrize("new_dbos", ["sqlite"], indirect=True)
def test_a_guest_leaves_others_operations_for_the_next_bot(new_dbos: NewDbosWorld) -> None:
    script = Script()
    script.failures["b"] = [Killed(), Killed()]
    world = new_dbos(script)
    for op_id in ("slack-1", "local-1"):
        world.start(op_id)
        world.await_death(op_id)
    world.close()

    guests = Script()
    guest = guest_engine(world._home, guests, "local")
    guest.launch()
    eventually(lambda: guests.seen != [])
    guest.start("slack-2")
    assert guest.close(A_WHILE)
    assert len(guests.seen) == 1

    world.restart()
    world.await_end("local-1")
    world.await_end("slack-1")
    world.await_end("slack-2")
    assert script.done["a"] == 3, "no step was done again"


@pytest.mark.postgres
def test_replicas_and_guests_are_told_apart(postgres_url: str, tmp_path: Path) -> None:
    engine = open_database(postgres_url)
    lookout = Lookout(tmp_path, engine)
    seats = [
        ReplicaSeat(postgres_url, lambda: None, timedelta(hours=1), is_guest=is_guest)
        for is_guest in (True, False)
    ]
    assert lookout.who() is Presence.NOBODY
    seats[0].take()
    assert lookout.who() is Presence.GUEST
    assert not lookout.is_bot_waiting()
    seats[1].take()
    assert lookout.who() is Presence.BOT
    assert lookout.is_bot_waiting()
    for seat in seats:
        seat.leave()
    eventually(lambda: lookout.who() is Presence.NOBODY)
    engine.dispose()
