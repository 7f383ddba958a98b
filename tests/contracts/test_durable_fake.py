"""What the engine in memory offers to tests beyond the contract: to die at any point."""

from __future__ import annotations

import pytest

from tests.contracts.durable_worlds import Script
from tests.fakes.durable import BEFORE, RECORDED, UNRECORDED, FakeEngines, FakeJournal, Moment


@pytest.mark.parametrize(("moment", "times"), [(BEFORE, 1), (UNRECORDED, 2), (RECORDED, 1)])
def test_the_fake_dies_at_any_moment_of_a_step(moment: Moment, times: int) -> None:
    script = Script()
    engines = FakeEngines(script)

    engines.kill(moment, "b")
    engines.start("op-1")
    assert not engines.is_alive and not engines.is_done("op-1")
    engines.restart()

    assert engines.is_done("op-1")
    assert script.done == {"a": 1, "b": times, "c": 1}
    assert engines.attempts("op-1") == script.attempts
    assert len(set(script.attempts)) == 2


def test_the_fake_lists_every_death_of_an_operation() -> None:
    engines = FakeEngines(Script())
    engines.start("op-1")

    assert list(engines.deaths("op-1")) == [(moment, step) for step in "abc" for moment in Moment]


def test_a_journal_by_itself_keeps_its_steps_for_the_next_attempt() -> None:
    journal = FakeJournal()
    journal.step("a", lambda: "first")

    again = journal.again()

    assert again.step("a", lambda: "second") == "first"
    assert again.attempt != journal.attempt
    assert journal.steps == {"a": '"first"'}
