"""The worlds in which tests/contracts/test_durable.py runs: an engine and its process."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from dbos import DBOS
from sqlalchemy import NullPool, create_engine, text

from bot.adapters.durable import DurableEngine
from bot.ports import Journal
from tests.fakes.durable import FakeEngines, Killed

Run = Callable[[str, Journal], None]
A_WHILE = timedelta(seconds=20)
NOW = timedelta(0)
RETRIES = 3


class World(Protocol):
    """An engine, and what a test may do to its process."""

    crashes: list[tuple[str, Exception]]

    def start(self, op_id: str) -> None: ...

    def restart(self, run: Run | None = None) -> None:
        """A new process, with another version of the operations if given."""

    def await_end(self, op_id: str) -> None:
        """Return when the operation has ended for good."""

    def await_death(self, op_id: str) -> None:
        """Return when the operation has met its `Killed`."""

    def forget(self, before: datetime) -> int: ...

    def close(self) -> bool: ...

    def is_healthy(self) -> bool: ...


class FakeWorld:
    def __init__(self, run: Run) -> None:
        self.crashes: list[tuple[str, Exception]] = []
        self._engines = FakeEngines(
            run, on_crash=lambda *crash: self.crashes.append(crash), retries=RETRIES
        )
        self.start = self._engines.start
        self.forget = self._engines.forget
        self.is_healthy = self._engines.is_healthy

    def restart(self, run: Run | None = None) -> None:
        self._engines.run = run or self._engines.run
        self._engines.restart()

    def await_end(self, op_id: str) -> None:
        assert self._engines.is_done(op_id)

    def await_death(self, op_id: str) -> None:
        assert not self._engines.is_alive

    def close(self) -> bool:
        return self._engines.close(NOW)


class DbosWorld:
    def __init__(self, run: Run, database_url: str, home: Path) -> None:
        self.crashes: list[tuple[str, Exception]] = []
        self.lost = threading.Event()
        self._url = database_url
        self._home = home
        self._deaths: set[str] = set()
        self._death = threading.Condition()
        self._run = run
        self.engine = self._new_engine()

    def _new_engine(self) -> DurableEngine:
        engine = DurableEngine(
            self._url,
            self._home,
            self._mortal,
            on_crash=lambda *crash: self.crashes.append(crash),
            on_lost=self.lost.set,
            retries=[timedelta(milliseconds=1)] * RETRIES,
            look_after_others=timedelta(milliseconds=100),
        )
        engine.launch()
        return engine

    def _mortal(self, op_id: str, journal: Journal) -> None:
        try:
            self._run(op_id, journal)
        except Killed:
            with self._death:
                self._deaths.add(op_id)
                self._death.notify_all()
            raise

    def start(self, op_id: str) -> None:
        self.engine.start(op_id)

    def restart(self, run: Run | None = None) -> None:
        self.close()
        self._run = run or self._run
        self.engine = self._new_engine()

    def await_end(self, op_id: str) -> None:
        def has_ended() -> bool:
            status = DBOS.get_workflow_status(op_id)
            return status is not None and status.status == "SUCCESS"

        eventually(has_ended)

    def await_death(self, op_id: str) -> None:
        with self._death:
            assert self._death.wait_for(lambda: op_id in self._deaths, A_WHILE.total_seconds())

    def forget(self, before: datetime) -> int:
        return self.engine.forget(before)

    def close(self) -> bool:
        return self.engine.close(A_WHILE)

    def is_healthy(self) -> bool:
        return self.engine.is_healthy()

    def read(self, table: str) -> list[dict[str, Any]]:
        """The rows of one of DBOS's tables, as they are."""
        is_postgres = self._url.startswith("postgres")
        url = self._url if is_postgres else f"sqlite:///{self._home / 'operations.db'}"
        name = f"dbos.{table}" if is_postgres else table
        database = create_engine(url, poolclass=NullPool)
        with database.connect() as connection:
            return [
                dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()
            ]


NewWorld = Callable[[Run], World]
NewDbosWorld = Callable[[Run], DbosWorld]


def eventually(is_so: Callable[[], bool], within: timedelta = A_WHILE) -> None:
    deadline = time.monotonic() + within.total_seconds()
    while not is_so():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)


class Script:
    """An operation of steps a, b and c, which counts what it does and can fail on demand."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.attempts: list[str] = []
        self.seen: list[dict[str, Any]] = []
        self.failures: dict[str, list[BaseException]] = {}

    def __call__(self, op_id: str, journal: Journal) -> None:
        self.attempts.append(journal.attempt)
        seen = {name: journal.step(name, self._act(name)) for name in ("a", "b", "c")}
        self.seen.append(seen)

    def _act(self, name: str) -> Callable[[], str]:
        def act() -> str:
            self.done[name] += 1
            if self.failures.get(name):
                raise self.failures[name].pop(0)
            return f"{name}{self.done[name]}"

        return act
