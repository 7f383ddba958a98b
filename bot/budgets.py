"""What somebody may spend in a month, what of it is spent, and what is told about it.

Only what was spent counts, no projection: nobody is refused for what may never be paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.costs import Span

LEVELS = (50, 80, 100)
"""Per cent of a budget at which people are told, once each."""


@dataclass(frozen=True, slots=True)
class Budget:
    """The budget of a person or a channel for one month. Amounts in USD."""

    who: str  # Slack's id
    limit: Decimal  # above 0
    spent: Decimal
    month: Span
    allowed_until: datetime | None = None  # an admin has let them go on; may be over

    @property
    def is_persons(self) -> bool:
        """Whether it is a person's, not a channel's."""
        return not self.who.startswith(("C", "D", "G"))

    @property
    def percent(self) -> int:
        """Spent, in whole per cent."""
        return int(self.spent * 100 / self.limit)

    @property
    def level(self) -> int:
        """The highest of LEVELS that is reached; 0 for none."""
        reached = (level for level in LEVELS if self.spent * 100 >= self.limit * level)
        return max(reached, default=0)

    def is_used_up(self, now: datetime) -> bool:
        """Whether nothing new may be ordered."""
        is_allowed = self.allowed_until is not None and now < self.allowed_until
        return self.level >= 100 and not is_allowed
