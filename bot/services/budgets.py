"""What people and channels have spent of their budgets: told, and a reason to order nothing more.

What was told, and what admins have allowed, is in the store: replicas and restarts know it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from bot.budgets import Budget
from bot.costs import Life, Span, costs
from bot.errors import UserError
from bot.models import Caller, Operation
from bot.periods import month_of
from bot.ports import Clock
from bot.replies.budgets import (
    allow_button,
    allowed_text,
    ask_choice,
    notice_buttons,
    notice_text,
    question_text,
    refusal_text,
)
from bot.services.duties import Errands
from bot.services.recorded import text_to_json
from bot.services.spending import Spending
from bot.services.telling import News, button_to_json
from bot.store import Switch
from config.money import BudgetPolicy

_NAME = 40  # characters of a switch's name


@dataclass(frozen=True, slots=True)
class Budgets:
    """Everybody's budgets. spending: from which what was spent is known."""

    spending: Spending
    errands: Errands
    news: News
    clock: Clock

    @property
    def policy(self) -> BudgetPolicy:
        return self.spending.policy.budgets

    def of(self, who: str) -> Budget | None:
        """The budget of a person or a channel for this month; None where there is none."""
        limit = self.policy.limit(who)
        if limit is None:
            return None
        now, month = self._month()
        return self._budget(who, limit, month, self._lives(month, now))

    def shown(self, caller: Caller, whose: str) -> Budget | None:
        """The budget that belongs to an answer of `/ds cost`."""
        who = {"mine": caller.user_id, "channel": caller.channel_id}.get(whose)
        return None if who is None else self.of(who)

    def require(self, op: Operation) -> None:
        """Raises UserError where the one for whom a VM is ordered, or the channel, has used up the
        budget of the month. op: the order, by its owner; nothing of it is counted in advance."""
        now = self.clock.now()
        for who in (op.caller.user_id, op.caller.channel_id):
            budget = self.of(who)
            if budget is not None and budget.is_used_up(now):
                choices = [ask_choice(budget)] if self.news.admins else []
                # Who restores a VM need not be its owner, of whom this is the order.
                reader = op.caller.user_id if op.kind == "vm" else ""
                raise UserError(refusal_text(budget, reader), choices=choices)

    # --- telling ---

    def tell(self, _: datetime | None = None) -> int:
        """Have everybody told who has reached a level; gives how many were not told before.

        Who passed several levels since the last look is told of the highest only.
        """
        if not self.policy.has_any:
            return 0
        now, month = self._month()
        lives = self._lives(month, now)
        return sum(self._tell(each, lives) for each in self._budgets(lives, month))

    def _budgets(self, lives: Sequence[Life], month: Span) -> Iterator[Budget]:
        whos = {life.vm.owner_id for life in lives} | {life.vm.channel_id for life in lives}
        for who in sorted(whos):
            limit = self.policy.limit(who)
            if limit is not None:
                yield self._budget(who, limit, month, lives)

    def _tell(self, budget: Budget, lives: Sequence[Life]) -> bool:
        if not budget.level:
            return False
        # A budget that an admin has changed meanwhile is another one, with levels of its own.
        key = f"budget:{budget.who}:{budget.month.begin:%Y-%m-%d}:{budget.limit}:{budget.level}"
        if self.errands.is_known("tell", key):
            return False
        buttons = notice_buttons(budget, can_ask=bool(self.news.admins))
        args = {
            "places": [budget.who],
            "reader": _reader(budget, lives),
            "text": text_to_json(notice_text(budget)),
            "buttons": [button_to_json(each) for each in buttons],
        }
        return self.errands.ask("tell", args, key) is not None

    # --- admins ---

    def ask(self, budget: Budget, op: Operation) -> None:
        """Have the admins asked; once an hour by the same person, however often they press."""
        button = allow_button(budget, self.policy.allowance)
        args = {
            "places": self.news.admins,
            "reader": op.caller.user_id,
            "text": text_to_json(question_text(budget, op.caller.user_id)),
            "buttons": [button_to_json(button)],
        }
        hour = f"{op.requested_at.astimezone(UTC):%Y-%m-%dT%H}"
        last = budget.allowed_until.isoformat() if budget.allowed_until else ""
        key = f"budget ask:{budget.who}:{op.caller.user_id}:{hour}:{last}"
        self.errands.ask("tell", args, key)

    def allow(self, who: str, by: str) -> Switch:
        """Let somebody go on for a while; gives the allowance. One that runs stays as it is, so
        that it makes no difference how many admins say so, and how often."""
        name, now, switches = _name(who), self.clock.now(), self.spending.stores.switches
        known = switches.get(name)
        if known is None or now >= known.changed_at + self.policy.allowance:
            switches.set(name, True, by, now)
            known = Switch(True, by, now)
        return known

    def tell_allowed(self, budget: Budget, by: str, until: datetime) -> None:
        """Have it told to those who may go on, once per allowance."""
        now, month = self._month()
        args = {
            "places": [budget.who],
            "reader": _reader(budget, self._lives(month, now)),
            "text": text_to_json(allowed_text(budget.who, by, until)),
            "buttons": [],
        }
        self.errands.ask("tell", args, f"budget allowed:{budget.who}:{until.isoformat()}")

    # --- within ---

    def _month(self) -> tuple[datetime, Span]:
        now = self.clock.now()
        return now, month_of(now, self.policy.zone)

    def _lives(self, month: Span, now: datetime) -> list[Life]:
        return self.spending.lives(Span(month.begin, now), now)

    def _budget(self, who: str, limit: Decimal, month: Span, lives: Sequence[Life]) -> Budget:
        spent = costs(_those_of(who, lives), month).total
        return Budget(who, limit, spent, month, self._allowed_until(who))

    def _allowed_until(self, who: str) -> datetime | None:
        switch = self.spending.stores.switches.get(_name(who))
        return None if switch is None else switch.changed_at + self.policy.allowance


def _those_of(who: str, lives: Sequence[Life]) -> list[Life]:
    return [life for life in lives if who in (life.vm.owner_id, life.vm.channel_id)]


def _reader(budget: Budget, lives: Sequence[Life]) -> str:
    """Whose language a channel without one of its own is told in: of who has spent the most."""
    rows = costs(_those_of(budget.who, lives), budget.month).rows
    return rows[0].vm.owner_id if rows else budget.who


def _name(who: str) -> str:
    return f"budget {who}"[:_NAME]
