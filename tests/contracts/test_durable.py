"""What every engine of durable operations must do: the one in memory, DBOS on SQLite, and DBOS on
PostgreSQL. Here a process "dies" by `Killed`; tests/crash kills real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.durable_journal import EngineClosed, JournalMisuse
from bot.ports import Journal
from tests.contracts.durable_worlds import RETRIES, NewWorld, Script, eventually
from tests.fakes.durable import Killed

pytest_plugins = ["tests.postgres", "tests.contracts.durable_fixtures"]


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
