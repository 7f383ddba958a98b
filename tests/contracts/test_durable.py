"""What every engine of durable operations must do: the one in memory, DBOS on SQLite, and DBOS on
PostgreSQL. Here a process "dies" by `Killed`; tests/crash kills real ones."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from dbos import DBOS
from sqlalchemy import NullPool, create_engine, text

from bot.adapters.durable import DurableEngine
from bot.adapters.durable_journal import EngineClosed, JournalMisuse
from bot.ports import Journal
from tests.fakes.durable import FakeEngines, Killed

pytest_plugins = ["tests.postgres"]

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
            on_lost=lambda: None,
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

REAL = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=REAL)
def new_dbos(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[Run], DbosWorld]]:
    yield from _dbos_worlds(request, tmp_path)


@pytest.fixture(params=["fake", *REAL])
def new_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewWorld]:
    if request.param == "fake":
        yield FakeWorld
    else:
        yield from _dbos_worlds(request, tmp_path)


def _dbos_worlds(
    request: pytest.FixtureRequest, home: Path
) -> Iterator[Callable[[Run], DbosWorld]]:
    is_postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if is_postgres else "sqlite:///unused.db"
    worlds: list[DbosWorld] = []

    def new(run: Run) -> DbosWorld:
        worlds.append(DbosWorld(run, url, home))
        return worlds[-1]

    yield new
    for world in worlds:
        world.engine.close(NOW)


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


# --- steps ---------------------------------------------------------------------------------------


def test_an_operation_runs_once_however_often_it_is_started(new_world: NewWorld) -> None:
    script = Script()
    world = new_world(script)

    world.start("op-1")
    world.start("op-1")
    world.await_end("op-1")
    world.start("op-1")
    world.restart()
    world.start("op-1")

    assert script.done == {"a": 1, "b": 1, "c": 1}
    assert script.seen == [{"a": "a1", "b": "b1", "c": "c1"}]


def test_a_killed_operation_goes_on_after_its_last_record(new_world: NewWorld) -> None:
    script = Script()
    script.failures["b"] = [Killed()]
    world = new_world(script)

    world.start("op-1")
    world.await_death("op-1")
    world.restart()
    world.await_end("op-1")

    assert script.done == {"a": 1, "b": 2, "c": 1}
    assert script.seen == [{"a": "a1", "b": "b2", "c": "c1"}]
    assert world.crashes == []


def test_the_attempt_is_another_after_each_restart(new_world: NewWorld) -> None:
    script = Script()
    script.failures["b"] = [Killed(), Killed()]
    world = new_world(script)

    world.start("op-1")
    world.await_death("op-1")
    world.restart()
    eventually(lambda: len(script.attempts) == 2)
    world.await_death("op-1")
    eventually(lambda: script.done["b"] == 2)
    world.restart()
    world.await_end("op-1")

    assert len(set(script.attempts)) == 3


def test_the_attempt_stays_within_one_run(new_world: NewWorld) -> None:
    seen: list[str] = []

    def run(op_id: str, journal: Journal) -> None:
        for name in "ab":
            journal.step(name, lambda: seen.append(journal.attempt))

    world = new_world(run)
    world.start("op-1")
    world.await_end("op-1")

    assert len(seen) == 2 and len(set(seen)) == 1


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}, "서버", 1.5, {"a": [1, None]}])
def test_a_replay_gives_what_was_recorded(new_world: NewWorld, value: object) -> None:
    seen: list[object] = []
    killed = [Killed()]
    acts: list[str] = []

    def act() -> object:
        acts.append("act")
        return value

    def run(op_id: str, journal: Journal) -> None:
        seen.append(journal.step("value", act))
        if killed:
            raise killed.pop()

    world = new_world(run)
    world.start("op-1")
    world.await_death("op-1")
    world.restart()
    world.await_end("op-1")

    assert seen == [value, value]
    assert [type(one) for one in seen] == [type(value)] * 2
    assert acts == ["act"]


def test_the_first_run_sees_the_value_as_a_replay_will(new_world: NewWorld) -> None:
    seen: list[object] = []

    def run(op_id: str, journal: Journal) -> None:
        first = journal.step("value", lambda: {"pair": (1, 2), 3: "key"})
        seen.append(json.dumps(first))

    world = new_world(run)
    world.start("op-1")
    world.await_end("op-1")

    assert seen == ['{"pair": [1, 2], "3": "key"}']


def test_a_new_version_may_add_and_reorder_steps(new_world: NewWorld) -> None:
    done: list[str] = []
    world_ends = [Killed()]

    def old(op_id: str, journal: Journal) -> None:
        journal.step("a", lambda: done.append("a"))
        journal.step("b", lambda: done.append("b"))
        raise world_ends.pop()

    def new(op_id: str, journal: Journal) -> None:
        for name in ("new", "b", "a", "c"):
            journal.step(name, lambda name=name: done.append(name))  # type: ignore[misc]

    world = new_world(old)
    world.start("op-1")
    world.await_death("op-1")
    world.restart(new)
    world.await_end("op-1")

    assert done == ["a", "b", "new", "c"]


def test_operations_do_not_see_each_others_steps(new_world: NewWorld) -> None:
    script = Script()
    world = new_world(script)

    for op_id in ("op-1", "op-2"):
        world.start(op_id)
    for op_id in ("op-1", "op-2"):
        world.await_end(op_id)

    assert script.done == {"a": 2, "b": 2, "c": 2}


def test_a_step_may_start_another_operation(new_world: NewWorld) -> None:
    done: list[str] = []

    def run(op_id: str, journal: Journal) -> None:
        if op_id == "parent":
            journal.step("start", lambda: world.start("child"))
        journal.step("done", lambda: done.append(op_id))

    world = new_world(run)
    world.start("parent")
    world.await_end("parent")
    world.await_end("child")

    assert sorted(done) == ["child", "parent"]


# --- errors --------------------------------------------------------------------------------------


def test_an_exception_is_not_recorded_and_the_operation_is_tried_again(new_world: NewWorld) -> None:
    script = Script()
    script.failures["b"] = [OSError("away"), OSError("still away")]
    world = new_world(script)

    world.start("op-1")
    world.await_end("op-1")

    assert script.done == {"a": 1, "b": 3, "c": 1}
    assert script.seen == [{"a": "a1", "b": "b3", "c": "c1"}]
    assert world.crashes == []


def test_each_try_is_a_new_attempt(new_world: NewWorld) -> None:
    """Else a step that looks before it orders again would take the second order for the first."""
    script = Script()
    script.failures["b"] = [OSError(), OSError()]
    world = new_world(script)

    world.start("op-1")
    world.await_end("op-1")

    assert len(set(script.attempts)) == 3


def test_an_operation_that_always_raises_is_given_up(new_world: NewWorld) -> None:
    script = Script()
    errors = [OSError(number) for number in range(RETRIES + 5)]
    script.failures["b"] = [*errors]
    world = new_world(script)

    world.start("op-1")
    world.await_end("op-1")
    world.restart()
    world.start("op-1")

    assert script.done == {"a": 1, "b": RETRIES + 1}
    assert world.crashes == [("op-1", errors[RETRIES])]


def test_an_exception_between_steps_is_treated_the_same(new_world: NewWorld) -> None:
    acts: list[str] = []
    error = KeyError("no such row")

    def run(op_id: str, journal: Journal) -> None:
        journal.step("a", lambda: acts.append("a"))
        raise error

    world = new_world(run)
    world.start("op-1")
    world.await_end("op-1")

    assert acts == ["a"]
    assert world.crashes == [("op-1", error)]


def test_an_operation_cannot_catch_what_a_step_raised(new_world: NewWorld) -> None:
    """It would go another way when it is replayed and the step succeeds."""
    caught: list[str] = []
    errors = [OSError()]

    def act() -> str:
        if errors:
            raise errors.pop()
        return "fine"

    def run(op_id: str, journal: Journal) -> None:
        try:
            journal.step("a", act)
        except Exception:
            caught.append("caught")

    world = new_world(run)
    world.start("op-1")
    world.await_end("op-1")

    assert caught == []
    assert errors == []


def test_who_fails_to_be_told_of_a_crash_stops_nothing(new_dbos: Callable[[Run], Any]) -> None:
    script = Script()
    script.failures["a"] = [OSError()] * 9
    world = new_dbos(script)
    world.engine._on_crash = lambda op_id, error: 1 / 0

    world.start("op-1")

    world.await_end("op-1")


# --- bugs ----------------------------------------------------------------------------------------


def _nested(journal: Journal) -> None:
    journal.step("outer", lambda: journal.step("inner", lambda: None))


def _twice(journal: Journal) -> None:
    for _ in range(2):
        journal.step("same", lambda: None)


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (_twice, "two steps of one operation are called 'same'"),
        (_nested, "step 'inner' is called within step 'outer'"),
        (lambda journal: journal.step("when", lambda: datetime.now(UTC)), "'when' returned what"),
        (lambda journal: journal.step("nan", lambda: float("nan")), "'nan' returned what is no"),
    ],
)
def test_a_misuse_is_told_at_once_and_not_tried_again(
    new_world: NewWorld, misuse: Callable[[Journal], None], message: str
) -> None:
    runs: list[str] = []

    def run(op_id: str, journal: Journal) -> None:
        runs.append(op_id)
        misuse(journal)

    world = new_world(run)
    world.start("op-1")
    world.await_end("op-1")

    [(op_id, error)] = world.crashes
    assert isinstance(error, JournalMisuse)
    assert message in str(error)
    assert runs == [op_id] == ["op-1"]


def test_a_step_from_another_thread_is_a_misuse(new_dbos: Callable[[Run], DbosWorld]) -> None:
    """DBOS knows the workflow by thread: elsewhere the step would be done and not recorded."""
    acts: list[str] = []
    errors: list[BaseException] = []

    def run(op_id: str, journal: Journal) -> None:
        def elsewhere() -> None:
            try:
                journal.step("a", lambda: acts.append("a"))
            except JournalMisuse as error:
                errors.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()

    world = new_dbos(run)
    world.start("op-1")
    world.await_end("op-1")

    assert acts == []
    assert len(errors) == 1


# --- life of the engine --------------------------------------------------------------------------


def test_a_closed_engine_takes_no_operation(new_world: NewWorld) -> None:
    world = new_world(Script())
    assert world.is_healthy()

    world.close()

    assert not world.is_healthy()
    with pytest.raises(EngineClosed):
        world.start("op-1")


def test_only_what_ended_before_is_forgotten(new_world: NewWorld) -> None:
    script = Script()
    script.failures["c"] = [Killed()]
    world = new_world(script)
    world.start("killed")
    world.await_death("killed")
    script_of_others = Script()
    world.restart(lambda op_id, journal: script_of_others(op_id, journal))
    world.await_end("killed")
    world.start("ended")
    world.await_end("ended")
    hour = timedelta(hours=1)

    too_young = world.forget(datetime.now(UTC) - hour)
    forgotten = world.forget(datetime.now(UTC) + hour)

    assert (too_young, forgotten) == (0, 2)


def test_what_is_unfinished_is_not_forgotten(new_world: NewWorld) -> None:
    script = Script()
    script.failures["c"] = [Killed()]
    world = new_world(script)
    world.start("op-1")
    world.await_death("op-1")

    forgotten = world.forget(datetime.now(UTC) + timedelta(hours=1))
    world.restart()
    world.await_end("op-1")

    assert forgotten == 0
    assert script.done == {"a": 1, "b": 1, "c": 2}


def test_a_hundred_operations_are_in_a_step_at_once(new_dbos: Callable[[Run], DbosWorld]) -> None:
    together = threading.Barrier(100, timeout=A_WHILE.total_seconds())
    ended: list[str] = []

    def run(op_id: str, journal: Journal) -> None:
        journal.step("meet", lambda: together.wait() >= 0)
        ended.append(op_id)

    world = new_dbos(run)
    for number in range(100):
        world.start(f"op-{number}")

    eventually(lambda: len(ended) == 100)
    assert world.crashes == []


def test_closing_lets_a_running_step_end_and_begins_no_other(
    new_dbos: Callable[[Run], DbosWorld],
) -> None:
    in_step, go_on = threading.Event(), threading.Event()
    done: list[str] = []

    def act() -> None:
        in_step.set()
        assert go_on.wait(A_WHILE.total_seconds())
        done.append("a")

    def run(op_id: str, journal: Journal) -> None:
        journal.step("a", act)
        journal.step("b", lambda: done.append("b"))

    world = new_dbos(run)
    world.start("op-1")
    assert in_step.wait(A_WHILE.total_seconds())
    threading.Timer(0.2, go_on.set).start()

    assert world.close() is True
    assert done == ["a"]
    world.engine = world._new_engine()
    world.await_end("op-1")

    assert done == ["a", "b"]
    assert world.crashes == []


def test_closing_does_not_wait_longer_than_the_grace(new_dbos: Callable[[Run], DbosWorld]) -> None:
    in_step, go_on = threading.Event(), threading.Event()
    ended = threading.Event()

    def act() -> None:
        in_step.set()
        assert go_on.wait(A_WHILE.total_seconds())

    def run(op_id: str, journal: Journal) -> None:
        try:
            journal.step("a", act)
        finally:
            ended.set()

    world = new_dbos(run)
    world.start("op-1")
    assert in_step.wait(A_WHILE.total_seconds())

    began = time.monotonic()
    drained = world.engine.close(timedelta(milliseconds=100))
    took = time.monotonic() - began
    go_on.set()

    assert drained is False
    assert took < 5
    assert ended.wait(A_WHILE.total_seconds())
    assert world.engine._seat.is_held, "others would do what we are still doing"
    world.engine._seat.leave()
    assert world.crashes == []


def test_a_pause_before_the_next_try_does_not_hold_up_closing(
    new_dbos: Callable[[Run], DbosWorld],
) -> None:
    script = Script()
    script.failures["a"] = [OSError()]
    world = new_dbos(script)
    world.engine._retries = (timedelta(hours=1),)

    world.start("op-1")
    eventually(lambda: script.done["a"] == 1)

    assert world.close() is True
    world.engine = world._new_engine()
    world.await_end("op-1")
    assert script.done == {"a": 2, "b": 1, "c": 1}


def test_nothing_is_pickled(new_dbos: Callable[[Run], DbosWorld]) -> None:
    """Who can write to the database would run code in the bot."""
    world = new_dbos(Script())
    world.start("op-1")
    world.await_end("op-1")

    columns = [
        row for table in ("workflow_status", "operation_outputs") for row in world.read(table)
    ]

    assert [row["serialization"] for row in columns] == ["portable_json"] * 4
    assert [json.loads(row["output"]) for row in columns[1:]] == ['"a1"', '"b1"', '"c1"']


def test_the_engine_is_quiet(
    new_dbos: Callable[[Run], DbosWorld],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("INFO")
    world = new_dbos(Script())
    world.start("op-1")
    world.await_end("op-1")
    world.close()

    assert caplog.messages == []
    assert capfd.readouterr() == ("", "")


def test_a_second_engine_in_one_process_is_refused(
    new_dbos: Callable[[Run], DbosWorld], tmp_path: Path
) -> None:
    new_dbos(Script())
    second = DurableEngine("sqlite:///unused.db", tmp_path / "other", Script())

    with pytest.raises(RuntimeError, match="has an engine already"):
        second.launch()
