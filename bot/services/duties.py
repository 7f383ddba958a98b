"""What the bot does of itself: durable operations that nobody typed, so that no card shows them.

They are recorded and started like all others (`bot.services.operations`). Their ids are made from
what they are about: however often and by however many replicas one is asked for, it is done once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.models import Caller, Operation, OperationState
from bot.ports import Clock, Journal
from bot.services.operations import Operations, Request
from bot.services.recorded import Json
from bot.store import OperationStore

log = logging.getLogger(__name__)

BOT = "bot"
"""The person and the team of what the bot does of itself; Slack's ids look otherwise."""


class Duty(Protocol):
    """One kind of what the bot does of itself."""

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        """Do it, again after each crash; gives how it ended."""

    def after_failure(self, op: Operation) -> None:
        """It broke unexpectedly, several times: put down what is left."""


class Performer(Protocol):
    """What the durable engine calls: see `bot.services.operations.Runner`."""

    def run(self, op_id: str, journal: Journal) -> None: ...

    def give_up(self, op_id: str, error: BaseException) -> None: ...


@dataclass(frozen=True, slots=True)
class Duties:
    """Carries duties out, and hands everything else on to `others`. A Performer."""

    duties: Mapping[str, Duty]
    others: Performer
    store: OperationStore
    clock: Clock
    ended: Callable[[Operation], None] = lambda op: None

    def run(self, op_id: str, journal: Journal) -> None:
        """Carry one operation out, or on."""
        op = self.store.get(op_id)
        duty = self.duties.get(op.kind)
        if duty is None:
            self.others.run(op_id, journal)
        elif not op.state.is_final:
            self._end(op, duty.carry_out(op, journal))

    def give_up(self, op_id: str, error: BaseException) -> None:
        """The engine has tried it several times. Raises when that cannot be written down now."""
        op = self.store.get(op_id)
        duty = self.duties.get(op.kind)
        if duty is None:
            self.others.give_up(op_id, error)
        elif not op.state.is_final:
            log.error("%s %s is given up", op.kind, op_id, exc_info=error)
            duty.after_failure(op)
            self._end(op, OperationState.FAILED)

    def _end(self, op: Operation, state: OperationState) -> None:
        incident = op.id if state is OperationState.FAILED else None
        self.store.finish(op.id, state, self.clock.now(), incident)
        if op.caller.user_id != BOT:
            self.ended(op)


@dataclass(frozen=True, slots=True)
class Errands:
    """Asks for duties."""

    operations: Operations

    def ask(
        self, kind: str, args: Json, key: str, channel_id: str = "", user_id: str = BOT
    ) -> str | None:
        """Have a duty done; None when it was asked for under this key before."""
        caller = Caller(user_id, BOT, channel_id)
        return self.operations.record(Request(kind, args), caller, f"{kind}:{key}", None)

    def is_known(self, kind: str, key: str) -> bool:
        """Whether a duty was asked for under this key."""
        return self.operations.is_known(f"{kind}:{key}")
