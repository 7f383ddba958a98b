"""Somebody carries out what was typed: a bot, or this process while there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.durable_lookout import Presence
from bot.errors import ConfigError
from bot.models import LOCAL_TEAM, Caller, Operation, OperationState
from bot.shell.carrier import Carrier, Carrying
from bot.store import OperationStore, open_database

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
A_WHILE_S = 10.0
ALICE, JANE = Caller("local:alice", LOCAL_TEAM, "local:alice"), Caller("U0JANE", "T0", "C0")


@dataclass
class Seats:
    """Who sits there, as the test says. Implements `Looks`."""

    presence: Presence = Presence.NOBODY
    is_wanted: bool = False

    def who(self) -> Presence:
        return self.presence

    def is_bot_waiting(self) -> bool:
        return self.is_wanted


@dataclass
class Stands:
    """What stood in. refusals: launches that find the seat taken."""

    refusals: int = 0
    is_drained: bool = True
    launched: int = 0
    closed: int = 0

    def __call__(self) -> Stands:
        return self

    def launch(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConfigError(["another ds-bot uses this directory"])
        self.launched += 1

    def close(self) -> bool:
        self.closed += 1
        return self.is_drained


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OperationStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'ds-bot.db'}")
    yield OperationStore(engine)
    engine.dispose()


@pytest.fixture
def seats() -> Seats:
    return Seats()


@pytest.fixture
def stands() -> Stands:
    return Stands()


@pytest.fixture
def carrier(store: OperationStore, seats: Seats, stands: Stands) -> Iterator[Carrier]:
    made = Carrier(seats, store, stands, restart_s=1.5)
    yield made
    made.close()


def asked(store: OperationStore, op_id: str, who: Caller = ALICE) -> None:
    assert store.record(Operation(op_id, "vm", {}, who, NOW))


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + A_WHILE_S
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_a_bot_that_runs_is_left_alone(
    carrier: Carrier, store: OperationStore, seats: Seats, stands: Stands
) -> None:
    seats.presence = Presence.BOT
    asked(store, "op1")
    carrier.wake()
    eventually(lambda: carrier.carrying is Carrying.BOT)
    assert stands.launched == 0


def test_without_a_bot_we_stand_in_until_all_has_ended(
    carrier: Carrier, store: OperationStore, stands: Stands
) -> None:
    asked(store, "op1")
    carrier.wake()
    eventually(lambda: carrier.carrying is Carrying.SELF)
    store.finish("op1", OperationState.DONE, NOW)
    eventually(lambda: stands.closed == 1)


def test_what_slack_asked_for_makes_nobody_stand_in(
    carrier: Carrier, store: OperationStore, stands: Stands
) -> None:
    """Without a token nobody there could be told; the next bot goes on with it."""
    asked(store, "op1", JANE)
    carrier.wake()
    asked(store, "op2")
    eventually(lambda: stands.launched == 1)
    store.finish("op2", OperationState.DONE, NOW)
    eventually(lambda: stands.closed == 1)
    assert store.unfinished() == ["op1"]


def test_a_bot_that_comes_gets_the_seat(
    carrier: Carrier, store: OperationStore, seats: Seats, stands: Stands
) -> None:
    asked(store, "op1")
    carrier.wake()
    eventually(lambda: stands.launched == 1)
    seats.is_wanted, seats.presence = True, Presence.BOT
    eventually(lambda: stands.closed == 1)
    eventually(lambda: carrier.carrying is Carrying.BOT)
    assert not carrier.is_stuck


def test_a_bot_that_is_being_restarted_keeps_its_seat_for_a_while(
    carrier: Carrier, store: OperationStore, seats: Seats, stands: Stands
) -> None:
    seats.presence = Presence.BOT
    asked(store, "op1")
    carrier.wake()
    eventually(lambda: carrier.carrying is Carrying.BOT)
    seats.presence = Presence.NOBODY
    eventually(lambda: carrier.carrying is Carrying.NOBODY)
    assert stands.launched == 0
    eventually(lambda: stands.launched == 1)


def test_a_seat_that_was_taken_in_this_moment_is_looked_at_again(
    carrier: Carrier, store: OperationStore, stands: Stands
) -> None:
    stands.refusals = 2
    asked(store, "op1")
    carrier.wake()
    eventually(lambda: carrier.carrying is Carrying.SELF)


def test_a_step_that_does_not_end_is_told_and_we_never_stand_in_again(
    carrier: Carrier, store: OperationStore, seats: Seats, stands: Stands
) -> None:
    """Its seat is ours until the process is dead."""
    stands.is_drained = False
    asked(store, "op1")
    carrier.wake()
    eventually(lambda: stands.launched == 1)
    seats.is_wanted = True
    eventually(lambda: carrier.is_stuck)
    seats.is_wanted = False
    threading.Event().wait(1.0)  # two looks
    assert stands.launched == 1
