"""What only the real engine does: many at once, closing, saying when its place is unusable."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from bot.adapters.durable import DurableEngine
from bot.adapters.durable_journal import JournalMisuse
from bot.errors import ConfigError
from bot.ports import Journal
from tests.contracts.durable_worlds import (
    A_WHILE,
    RETRIES,
    DbosWorld,
    NewDbosWorld,
    Script,
    eventually,
)
from tests.fakes.durable import Killed

pytest_plugins = ["tests.postgres", "tests.contracts.durable_fixtures"]


def _engine(url: str, home: Path) -> DurableEngine:
    return DurableEngine(url, home, Script(), on_crash=lambda op_id, error: None)


def test_a_crash_is_told_until_it_is_taken_down(new_dbos: NewDbosWorld) -> None:
    """Whoever is told writes to a database that may be away longer than all tries took."""
    script = Script()
    script.failures["a"] = [OSError()] * 9
    world = new_dbos(script)
    told: list[str] = []

    def is_taken_down_at_last(op_id: str, error: Exception) -> None:
        told.append(op_id)
        if len(told) <= RETRIES:
            raise OSError

    world.engine._on_crash = is_taken_down_at_last
    world.start("op-1")

    world.await_end("op-1")
    assert told == ["op-1"] * (RETRIES + 1)


def test_a_crash_that_cannot_be_told_is_told_by_the_next_process(new_dbos: NewDbosWorld) -> None:
    script = Script()
    script.failures["a"] = [OSError()] * 99
    world = new_dbos(script)
    tried = threading.Event()

    def cannot_be_told(op_id: str, error: Exception) -> None:
        tried.set()
        raise OSError

    world.engine._on_crash = cannot_be_told
    world.start("op-1")
    assert tried.wait(A_WHILE.total_seconds())

    world.restart()

    world.await_end("op-1")
    assert [op_id for op_id, _ in world.crashes] == ["op-1"]


def test_a_step_from_another_thread_is_a_misuse(new_dbos: NewDbosWorld) -> None:
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


def test_a_hundred_operations_are_in_a_step_at_once(new_dbos: NewDbosWorld) -> None:
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
    new_dbos: NewDbosWorld,
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


def test_closing_does_not_wait_longer_than_the_grace(new_dbos: NewDbosWorld) -> None:
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
    new_dbos: NewDbosWorld,
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


def test_what_is_woken_by_the_closing_is_not_given_up_in_its_last_try(
    new_dbos: NewDbosWorld,
) -> None:
    """A VM that is waited for would be called lost because the bot was restarted."""
    is_closing, in_step = threading.Event(), threading.Event()

    def act() -> None:
        in_step.set()
        if not is_closing.wait(A_WHILE.total_seconds()):
            raise AssertionError
        raise OSError("woken")

    world = new_dbos(lambda op_id, journal: journal.step("a", act))
    world.engine._retries = ()
    world.start("op-1")
    assert in_step.wait(A_WHILE.total_seconds())

    assert world.engine.close(A_WHILE, wake=is_closing.set) is True
    assert world.crashes == []
    world._run = Script()
    world.engine = world._new_engine()
    world.await_end("op-1")


def test_nothing_is_pickled(new_dbos: NewDbosWorld) -> None:
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
    new_dbos: NewDbosWorld,
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


def test_the_engine_is_quiet_about_what_it_resumes(
    new_dbos: NewDbosWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever starts operations does not know which ones are under way already."""
    in_step, go_on = threading.Event(), threading.Event()

    def act() -> None:
        in_step.set()
        assert go_on.wait(A_WHILE.total_seconds())

    def dies(op_id: str, journal: Journal) -> None:
        raise Killed

    world = new_dbos(dies)
    for number in range(3):
        world.start(f"op-{number}")
        world.await_death(f"op-{number}")
    world.restart(lambda op_id, journal: journal.step("a", act))
    caplog.clear()

    assert in_step.wait(A_WHILE.total_seconds())
    for number in range(3):
        world.start(f"op-{number}")
    go_on.set()
    for number in range(3):
        world.await_end(f"op-{number}")
        world.start(f"op-{number}")

    assert [record for record in caplog.records if record.name == "dbos"] == []


def test_a_second_engine_in_one_process_is_refused(new_dbos: NewDbosWorld, tmp_path: Path) -> None:
    new_dbos(Script())
    second = _engine("sqlite:///unused.db", tmp_path / "other")

    with pytest.raises(RuntimeError, match="has an engine already"):
        second.launch()


@pytest.mark.postgres
def test_who_lost_the_session_is_told_and_not_healthy(postgres_url: str, tmp_path: Path) -> None:
    world = DbosWorld(Script(), postgres_url, tmp_path)
    assert world.is_healthy()

    with create_engine(postgres_url, poolclass=NullPool).connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'ds-bot seat' AND datname = current_database()"
            )
        )

    assert world.lost.wait(A_WHILE.total_seconds())
    assert not world.is_healthy()
    world.close()


def test_an_engine_without_its_file_is_not_healthy(tmp_path: Path) -> None:
    world = DbosWorld(Script(), "sqlite:///unused.db", tmp_path)
    assert world.is_healthy()

    (tmp_path / "operations.db").unlink()

    assert not world.is_healthy()
    world.close()


def _no_database(home: Path) -> str:
    return "postgresql+psycopg://ds@127.0.0.1:1/none"


def _broken_file(home: Path) -> str:
    (home / "operations.db").write_bytes(b"this is no database" * 100)
    return "sqlite:///unused.db"


def _file_for_home(home: Path) -> str:
    home.rmdir()
    home.write_text("this is no directory")
    return "sqlite:///unused.db"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_database, "DATABASE_URL: the database at 127.0.0.1 cannot be used"),
        (_broken_file, "operations.db: operations cannot be kept there"),
        (_file_for_home, "operations.db: operations cannot be kept there"),
    ],
)
def test_a_place_that_cannot_be_used_is_told_and_left(
    tmp_path: Path, spoil: Callable[[Path], str], message: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    url = spoil(home)

    for _ in range(2):  # the failed launch holds nothing that a second one needs
        with pytest.raises(ConfigError, match=message):
            _engine(url, home).launch()
