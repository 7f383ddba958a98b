"""The promise: whatever call goes wrong, and whenever the process is killed, nothing is ordered or
started twice, nothing is billed and forgotten, and everybody is told how it ended.

A dry run of each story tells its calls and steps; each of them is then struck in a run of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.models import OperationState
from tests.fakes.durable import Moment
from tests.services.laws import check_laws
from tests.services.meddling import Point, Strike, strikes_for, worth_striking
from tests.services.stories import STORIES, Story
from tests.services.world import World

_each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


@dataclass(frozen=True)
class Dry:
    """A story without trouble. Operations have the same ids in every run of it."""

    states: list[OperationState]
    calls: list[Point]
    steps: list[tuple[str, str]]  # operation, step


class Runs:
    """Runs of one story, each in a world of its own; what breaks is collected."""

    def __init__(self, story: Story, home: Path) -> None:
        self._story = story
        self._home = home
        self._numbers = itertools.count()
        self.count = 0
        self.failures: list[str] = []

    def dry(self) -> Dry:
        world = self._world()
        try:
            ids = self._story.act(world)
            world.run()
            check_laws(world)
            states = [world.state(op_id) for op_id in ids]
            steps = [(op_id, step) for op_id in ids for step in world.steps(op_id)]
            return Dry(states, world.meddling.seen, steps)
        finally:
            world.close()

    def check(self, what: str, check: Callable[[World], None]) -> None:
        """Run `check` in a new world; note down what it raises."""
        world = self._world()
        self.count += 1
        try:
            check(world)
        except Exception as error:
            self.failures.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")
        finally:
            world.close()

    def verdict(self) -> None:
        """Raises AssertionError when something broke, or nothing was tried."""
        assert self.count
        assert not self.failures, "\n".join([f"{len(self.failures)} broke:", *self.failures])

    def _world(self) -> World:
        return self._story.begin(self._home / str(next(self._numbers)))


@_each_story
def test_a_call_that_goes_wrong_breaks_no_law(story: Story, tmp_path: Path) -> None:
    runs = Runs(story, tmp_path)
    dry = runs.dry()

    def struck(world: World, point: Point, strike: Strike) -> None:
        world.meddling.plan[point] = strike
        states = story.told(world)
        assert world.meddling.struck == [(point, strike)]
        check_laws(world)
        if strike.is_death:
            assert world.deaths == 1
            assert states == dry.states, "a crash changed how it ended"

    points = [each for each in dry.calls if not each.effect.startswith(story.skip or "-")]
    for point in worth_striking(points):
        for strike in strikes_for(point):
            runs.check(f"{point}, {strike}", lambda world: struck(world, point, strike))  # noqa: B023
    runs.verdict()


@_each_story
def test_a_death_at_any_step_changes_no_end(story: Story, tmp_path: Path) -> None:
    runs = Runs(story, tmp_path)
    dry = runs.dry()

    def killed(world: World, op_id: str, step: str, moment: Moment) -> None:
        world.kill(moment, step, op_id)
        states = story.told(world)
        assert world.deaths == 1
        check_laws(world)
        assert states == dry.states, "a crash changed how it ended"

    for op_id, step in dry.steps:
        for moment in (Moment.UNRECORDED, Moment.RECORDED):  # BEFORE is RECORDED of the last one
            runs.check(
                f"{op_id}, {step}, {moment.value}",
                lambda world: killed(world, op_id, step, moment),  # noqa: B023
            )
    runs.verdict()
