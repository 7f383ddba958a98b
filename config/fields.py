"""What values in YAML may look like, shared by all parts of the policy."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from bot.durations import parse_duration
from bot.models import Title


def _as_duration(value: object) -> timedelta:
    duration = _read_duration(value)
    if duration <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return duration


def _read_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("write a duration like 90s, 15m, 1h30m or 2d")
    milliseconds = re.fullmatch(r"([0-9]{1,9})ms", value.strip())
    return timedelta(milliseconds=int(milliseconds[1])) if milliseconds else parse_duration(value)


def _as_title(value: object) -> object:
    """A name is the same in all languages, or written per language."""
    return Title(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_as_duration)]
TitleText = Annotated[Title, BeforeValidator(_as_title)]
UserId = Annotated[str, Field(pattern=r"^[UW][A-Z0-9]+$")]
ChannelId = Annotated[str, Field(pattern=r"^[CDG][A-Z0-9]+$")]
HostLabel = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]$")]


class PolicyPart(BaseModel):
    """A mapping of the policy: unknown keys are mistakes, and it never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
