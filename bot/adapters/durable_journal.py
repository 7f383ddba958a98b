"""The rules of one operation's journal, whoever keeps its records.

Steps are found by name, not by position, so a later version of an operation may gain, lose or
reorder steps while old operations are under way.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar, cast
from uuid import uuid4

T = TypeVar("T")


class EngineClosed(RuntimeError):
    """Operations can be started only between `launch` and `close`."""


class JournalMisuse(Exception):
    """A step cannot be recorded as it is written: a bug, which no further try would heal."""


class AttemptEnded(BaseException):
    """A step's act raised `error`. Nothing is recorded; only the engine catches this.

    Not an Exception, on purpose: an operation that caught it and went on would go another way
    after a crash, when the act may succeed. A failure that the operation wants to handle is
    returned by the act as a value.
    """

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"step {step!r} ended in {type(error).__name__}")
        self.error = error


class StepJournal:
    """Implements `bot.ports.Journal` for one attempt at one operation."""

    def __init__(
        self,
        recorded: dict[str, str],
        record: Callable[[str, str], None],
        may_act: Callable[[], None] = lambda: None,
    ) -> None:
        """recorded: JSON by step name, shared by all attempts of this process; it grows here.

        record: keeps (name, JSON) for good. may_act: raises when no further act may be begun.
        """
        self.attempt = uuid4().hex
        self._recorded = recorded
        self._record = record
        self._may_act = may_act
        self._names: set[str] = set()
        self._acting: str | None = None

    def step(self, name: str, act: Callable[[], T]) -> T:
        """Do `act` and record what it returns; if it is recorded already, only return that.

        The value comes out of its JSON the first time too, so that a replay sees the same.
        Raises JournalMisuse for a name used twice, a step within a step, a value that is no JSON.
        """
        if self._acting is not None:
            raise JournalMisuse(f"step {name!r} is called within step {self._acting!r}")
        if name in self._names:
            raise JournalMisuse(f"two steps of one operation are called {name!r}")
        self._names.add(name)
        if name not in self._recorded:
            self._may_act()
            text = _as_json(name, self._act(name, act))
            self._keep(name, text)
        return cast(T, json.loads(self._recorded[name]))

    def _act(self, name: str, act: Callable[[], T]) -> T:
        self._acting = name
        try:
            return act()
        except JournalMisuse:
            raise
        except Exception as error:
            raise AttemptEnded(name, error) from error
        finally:
            self._acting = None

    def _keep(self, name: str, text: str) -> None:
        try:
            self._record(name, text)
        except Exception as error:
            raise AttemptEnded(name, error) from error
        self._recorded[name] = text


def _as_json(name: str, value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise JournalMisuse(f"step {name!r} returned what is no JSON: {error}") from error
