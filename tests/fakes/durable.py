"""Durable operations in memory, in the test's own thread, with a kill at any point.

engines = FakeEngines(run)             # run(op_id, journal), as for the real engine
engines.start("op-1")                  # has run when this returns
engines.kill(UNRECORDED, "order")      # the next time that step is done, die before it is recorded
engines.start("op-2")                  # dies: engines.is_alive is False, starts are refused
engines.restart()                      # a new process: unfinished operations are run again
assert engines.is_done("op-2")

Every point at which a process can die, for the operation that `act` starts:

for moment, step in engines.deaths("op-1"): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TypeVar

from bot.adapters.durable_journal import AttemptEnded, EngineClosed, JournalMisuse, StepJournal
from bot.ports import Clock, Journal

T = TypeVar("T")


class Moment(Enum):
    """When a process dies, seen from one step."""

    BEFORE = "before the act"
    UNRECORDED = "between the act and its record"
    RECORDED = "right after the record"


BEFORE, UNRECORDED, RECORDED = Moment


class Killed(BaseException):
    """The process died here. Nothing in an operation can catch it, as nothing can kill -9."""


class FakeJournal(StepJournal):
    """A journal by itself, for tests that call an operation's function directly.

    journal.steps: JSON by step name, in the order they were recorded.
    """

    def __init__(self, steps: dict[str, str] | None = None) -> None:
        self.steps: dict[str, str] = {} if steps is None else steps
        super().__init__(self.steps, lambda name, text: None)

    def again(self) -> FakeJournal:
        """The journal that the next attempt gets: same records, new attempt id."""
        return FakeJournal(self.steps)


class _Operation:
    def __init__(self) -> None:
        self.steps: dict[str, str] = {}
        self.ended_at: datetime | None = None
        self.attempts: list[str] = []


class FakeEngines:
    """Implements `bot.ports.Engines`, and what else the application needs of DurableEngine.

    An operation that is started by another one runs when that one has ended or failed.
    """

    def __init__(
        self,
        run: Callable[[str, Journal], None],
        *,
        on_crash: Callable[[str, Exception], None] = lambda op_id, error: None,
        retries: int = 3,
        clock: Clock | None = None,
    ) -> None:
        """retries: how often an operation that raised is begun again, without a pause."""
        self.run = run
        self.on_crash = on_crash
        self.retries = retries
        self.is_alive = True
        self._clock = clock
        self._operations: dict[str, _Operation] = {}
        self._waiting: list[str] = []
        self._is_running = False
        self._deaths: set[tuple[Moment, str]] = set()

    def launch(self) -> None:
        """Run what is unfinished."""
        self.is_alive = True
        self._waiting = [op_id for op_id in self._operations if not self.is_done(op_id)]
        self._run_waiting()

    restart = launch

    def start(self, op_id: str) -> None:
        """Run the operation now; begun or done already is success. Raises EngineClosed."""
        if not self.is_alive:
            raise EngineClosed("the process is dead")
        if op_id not in self._operations:
            self._operations[op_id] = _Operation()
            self._waiting.append(op_id)
        self._run_waiting()

    def close(self, grace: timedelta) -> bool:
        """Nothing runs between two calls, so there is nothing to wait for."""
        self.is_alive = False
        return True

    def is_healthy(self) -> bool:
        return self.is_alive

    def forget(self, before: datetime) -> int:
        """Forget operations that ended before then; returns how many."""
        old = [
            op_id
            for op_id, operation in self._operations.items()
            if operation.ended_at is not None and operation.ended_at < before
        ]
        for op_id in old:
            del self._operations[op_id]
        return len(old)

    # --- what tests do and ask -------------------------------------------------------------------

    def kill(self, moment: Moment, step: str) -> None:
        """Have the process die once, the next time the step comes there."""
        self._deaths.add((moment, step))

    def is_done(self, op_id: str) -> bool:
        """Whether the operation has ended, well or given up."""
        operation = self._operations.get(op_id)
        return operation is not None and operation.ended_at is not None

    def steps(self, op_id: str) -> dict[str, str]:
        """JSON by step name, in the order they were recorded."""
        return dict(self._operations[op_id].steps)

    def attempts(self, op_id: str) -> list[str]:
        """The attempt ids the operation has had, oldest first."""
        return list(self._operations[op_id].attempts)

    def deaths(self, op_id: str) -> Iterator[tuple[Moment, str]]:
        """Every moment of every step that the operation recorded, to be given to `kill`."""
        return iter([(moment, step) for step in self.steps(op_id) for moment in Moment])

    # ---------------------------------------------------------------------------------------------

    def _run_waiting(self) -> None:
        if self._is_running:
            return
        self._is_running = True
        try:
            while self._waiting and self.is_alive:
                self._run_to_its_end(self._waiting.pop(0))
        except Killed:
            self.is_alive = False
        finally:
            self._is_running = False

    def _run_to_its_end(self, op_id: str) -> None:
        operation = self._operations[op_id]
        for is_last in (*[False] * self.retries, True):
            error = self._attempt(op_id, operation)
            if error is None:
                break
            if is_last or isinstance(error, JournalMisuse):
                self.on_crash(op_id, error)
                break
        operation.ended_at = self._clock.now() if self._clock else datetime.now(UTC)

    def _attempt(self, op_id: str, operation: _Operation) -> Exception | None:
        journal = _MortalJournal(operation.steps, self._die_if_told)
        operation.attempts.append(journal.attempt)
        try:
            self.run(op_id, journal)
        except AttemptEnded as ended:
            return ended.error
        except Exception as error:
            return error
        return None

    def _die_if_told(self, moment: Moment, step: str) -> None:
        if (moment, step) in self._deaths:
            self._deaths.remove((moment, step))
            raise Killed(f"{moment.value} of {step!r}")


class _MortalJournal(StepJournal):
    def __init__(self, steps: dict[str, str], die: Callable[[Moment, str], None]) -> None:
        super().__init__(steps, lambda name, text: die(UNRECORDED, name))
        self._die = die

    def _act(self, name: str, act: Callable[[], T]) -> T:
        self._die(BEFORE, name)
        return super()._act(name, act)

    def _keep(self, name: str, text: str) -> None:
        super()._keep(name, text)
        self._die(RECORDED, name)
