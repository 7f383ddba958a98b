"""Asking admins for more money, and their word that somebody may go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.access import require_admin
from bot.budgets import Budget
from bot.errors import UserError
from bot.models import Operation, Person, Text
from bot.ports import Clock
from bot.replies.budgets import subject
from bot.services.budgets import Budgets
from bot.services.recorded import Json
from bot.services.work import Failed, Outcome, Work
from config.settings import Policy


@dataclass(frozen=True, slots=True)
class AskForBudget:
    """`/ds budget ask [mine|channel|ID]`. Implements `bot.services.operations.Act`."""

    budgets: Budgets
    policy: Policy
    clock: Clock

    def title(self, op: Operation) -> Text:
        return Text("Ask an admin for more money")

    def admit(self, op: Operation) -> Json:
        """Whom it is about, if there is anything to ask for and anybody to be asked."""
        who = _meant(op)
        budget = self.budgets.of(who)
        if budget is None:
            raise UserError(Text("There is no budget for {who}.", who=subject(who)))
        if not budget.is_used_up(self.clock.now()):
            raise UserError(
                Text("The budget of {who} is not used up: {spent} of {limit} are spent.",
                     who=subject(who), spent=budget.spent, limit=budget.limit)
            )  # fmt: skip
        if not self.policy.access.admins:
            raise UserError(Text("No admin is named. Ask whoever runs the bot."))
        return {"who": who}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        work.step("ask", lambda: self._ask(admitted["who"], work.op))
        admins = [Person(each) for each in sorted(self.policy.access.admins)]
        text = Text(
            "Asked {admins} for more money. What they decide is told to you.", admins=admins
        )
        return Outcome(text)

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(Text("Nothing was changed."))

    def _ask(self, who: str, op: Operation) -> Json:
        budget = self.budgets.of(who)
        if budget is not None:
            self.budgets.ask(budget, op)
        return {}


@dataclass(frozen=True, slots=True)
class AllowSpending:
    """`/ds admin budget allow ID`. An `Act`."""

    budgets: Budgets
    policy: Policy

    def title(self, op: Operation) -> Text:
        return Text("Allow more money to {who}", who=subject(_meant(op)))

    def admit(self, op: Operation) -> Json:
        require_admin(op.caller, self.policy.access)
        self._budget(op)
        return {}

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        allowed = work.step("allow", lambda: self._allow(work.op))
        by, until = allowed["by"], datetime.fromisoformat(allowed["until"])
        work.step("tell", lambda: self._tell(work.op, by, until))
        who = subject(_meant(work.op))
        return Outcome(Text("Allowed until {until}, and told to {who}.", until=until, who=who))

    def withdraw(self, op: Operation) -> None:
        """Nothing was reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        return Outcome(Text("Nothing was changed."))

    def _allow(self, op: Operation) -> Json:
        switch = self.budgets.allow(_meant(op), op.caller.user_id)
        until = switch.changed_at + self.policy.budgets.allowance
        return {"by": switch.changed_by, "until": until.isoformat()}

    def _tell(self, op: Operation, by: str, until: datetime) -> Json:
        self.budgets.tell_allowed(self._budget(op), by, until)
        return {}

    def _budget(self, op: Operation) -> Budget:
        budget = self.budgets.of(_meant(op))
        if budget is None:
            raise UserError(Text("There is no budget for {who}.", who=subject(_meant(op))))
        return budget


def _meant(op: Operation) -> str:
    """The id of whom it is about."""
    named = {"mine": op.caller.user_id, "channel": op.caller.channel_id}
    word: str = op.args.get("who", "mine")
    return named.get(word, word)
