"""What is recorded is started: whatever the engine says at first, and whoever recorded it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.models import LOCAL_TEAM, Caller
from bot.services.operations import Operations, Request
from bot.store import OperationStore, open_database
from tests.fakes.clock import FakeClock

A_WHILE_S = 10.0
SOON = timedelta(milliseconds=10)
JANE = Caller("U0JANE", "T0TEAM", "C0GENERAL")
ALICE = Caller("local:alice", LOCAL_TEAM, "local:alice")


class Engines:
    """Says no as often as it is told to. started: what it took."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.started: list[str] = []
        self._changed = threading.Condition()

    def start(self, op_id: str) -> None:
        with self._changed:
            if self.refusals:
                self.refusals -= 1
                raise OSError("the database is away")
            self.started.append(op_id)
            self._changed.notify_all()

    def wait_for(self, is_so: Callable[[list[str]], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: is_so(self.started), A_WHILE_S)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OperationStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'ds-bot.db'}")
    yield OperationStore(engine)
    engine.dispose()


def _recorded(operations: Operations, key: str) -> str:
    op_id = operations.record(Request("vm", {"name": key}), JANE, key, None)
    assert op_id is not None
    return op_id


def test_an_operation_that_cannot_be_started_is_started_later(store: OperationStore) -> None:
    operations, engines = Operations(store, FakeClock(), look_again=SOON), Engines(refusals=3)
    operations.start(engines)
    op_id = _recorded(operations, "key-1")
    assert engines.wait_for(lambda started: started == [op_id])
    operations.stop()


def test_what_another_process_recorded_and_did_not_start_is_started(store: OperationStore) -> None:
    """It died in between, and never comes back."""
    operations, engines = Operations(store, FakeClock(), look_again=SOON), Engines()
    operations.start(engines)
    op_id = _recorded(Operations(store, FakeClock()), "key-1")
    assert engines.wait_for(lambda started: started == [op_id])
    operations.stop()


def test_what_was_started_is_left_alone(store: OperationStore) -> None:
    operations, engines = Operations(store, FakeClock(), look_again=SOON), Engines()
    operations.start(engines)
    first = _recorded(operations, "key-1")
    assert engines.wait_for(lambda started: first in started)
    second = _recorded(Operations(store, FakeClock()), "key-2")
    assert engines.wait_for(lambda started: second in started)
    assert sorted(engines.started) == sorted([first, second])
    operations.stop()


def test_while_the_database_is_away_it_is_looked_again(
    store: OperationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    operations, engines = Operations(store, FakeClock(), look_again=SOON), Engines()
    operations.start(engines)
    looked = threading.Event()
    unfinished = store.unfinished

    def away(team_id: str | None = None) -> list[str]:
        if not looked.is_set():
            looked.set()
            raise OSError("the database is away")
        return unfinished(team_id)

    monkeypatch.setattr(store, "unfinished", away)
    assert looked.wait(A_WHILE_S)
    op_id = _recorded(Operations(store, FakeClock()), "key-1")
    assert engines.wait_for(lambda started: started == [op_id])
    operations.stop()


def test_what_a_terminal_recorded_is_started_within_seconds(store: OperationStore) -> None:
    """Its process has no engine while a bot runs, and somebody sits in front of it."""
    operations, engines = Operations(store, FakeClock()), Engines()
    operations.start(engines)
    op_id = Operations(store, FakeClock()).record(Request("vm", {"name": "a"}), ALICE, "k1", None)
    assert engines.wait_for(lambda started: started == [op_id])
    operations.stop()


def test_a_terminal_that_stands_in_for_the_bot_leaves_what_others_asked_for(
    store: OperationStore,
) -> None:
    """It may have no token to tell them, and the next bot goes on with theirs."""
    others = _recorded(Operations(store, FakeClock()), "key-1")
    own = Operations(store, FakeClock()).record(Request("vm", {"name": "a"}), ALICE, "key-2", None)
    operations, engines = Operations(store, FakeClock(), look_again=SOON), Engines()
    operations.start(engines, team_id=LOCAL_TEAM)
    assert engines.wait_for(lambda started: own in started)
    later = Operations(store, FakeClock()).record(
        Request("vm", {"name": "b"}), ALICE, "key-3", None
    )
    assert engines.wait_for(lambda started: later in started)
    operations.stop()
    assert others not in engines.started
