"""Durations as people write and read them: `90s`, `15m`, `4h`, `2d`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"([0-9]{1,9})([smhd])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_LONGEST = timedelta(days=3650)  # far above any policy, far below where dates end


def parse_duration(text: str) -> timedelta:
    """The duration that `text` says, such as `90s`, `15m`, `1h30m` or `2d`.

    Raises ValueError naming the value and the allowed form, also for more than ten years.
    """
    compact = text.strip().lower().replace(" ", "")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(compact))
    if not _WHOLE.fullmatch(compact) or seconds > _LONGEST.total_seconds():
        raise ValueError(f"{text!r} is not a duration; write it like 90s, 15m, 1h30m or 2d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The duration in its two largest units: `3s`, `1m 05s`, `2h 00m`, `3d 4h`."""
    seconds = max(0, round(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600}h"
