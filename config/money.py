"""The policy of money: when channels are told what they cost, and how much may be spent."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from config.fields import ChannelId, Duration, PolicyPart, UserId
from config.quiet import ZoneName

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


def parse_time(value: object) -> time:
    """The time of day that is written. Raises ValueError with the allowed form."""
    if isinstance(value, time):
        return value
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:  # YAML takes 10:30 for a number; 09:30 is none to it
        raise ValueError('write a time of day in quotes, like "09:00"')
    return time(int(found[1]), int(found[2]))


Dollars = Annotated[Decimal, Field(gt=0)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time)]


class DigestPolicy(PolicyPart):
    """When each channel is told what its VMs have cost, in the channel's time zone."""

    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    at: TimeOfDay

    @property
    def weekday(self) -> int:
        """0 is Monday, as `date.weekday` counts."""
        return _DAYS.index(self.day)


class BudgetPolicy(PolicyPart):
    """What may be spent in a calendar month, in USD; None: as much as anybody likes."""

    per_user: Dollars | None
    per_channel: Dollars | None
    users: dict[UserId, Dollars | None]
    channels: dict[ChannelId, Dollars | None]
    tz: ZoneName
    allowance: Duration

    def limit(self, who: str) -> Decimal | None:
        """Of a person or a channel. Direct conversations have none, unless they are named."""
        if who.startswith(("C", "D", "G")):
            return self.channels.get(who, None if who.startswith("D") else self.per_channel)
        return self.users.get(who, self.per_user)

    @property
    def has_any(self) -> bool:
        """Whether anybody has one."""
        named = (*self.users.values(), *self.channels.values())
        return any(each is not None for each in (self.per_user, self.per_channel, *named))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tz)
