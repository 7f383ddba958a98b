"""The policy of money: when channels are told what they cost, and how much may be spent."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Literal

from pydantic import BeforeValidator

from config.fields import PolicyPart

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


TimeOfDay = Annotated[time, BeforeValidator(parse_time)]


class DigestPolicy(PolicyPart):
    """When each channel is told what its VMs have cost, in the channel's time zone."""

    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    at: TimeOfDay

    @property
    def weekday(self) -> int:
        """0 is Monday, as `date.weekday` counts."""
        return _DAYS.index(self.day)
