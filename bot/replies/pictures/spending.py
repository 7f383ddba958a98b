"""The picture of a week's costs: a bar for each day, what was used below, what nobody used on top.

Only dates and amounts are written in it, so that it needs no language. What nobody used is hatched
as well: not everybody tells its colour from the other.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bot.replies.pictures.paper import FAINT, HUES, PAPER, RULE, WIDTH, Paper, sheet

_HEIGHT = 190.0
_MARGIN, _TOP, _BOTTOM = 14.0, 30.0, 160.0
_BAR = 0.62  # of the room of a day
_USED, _UNUSED = HUES[0], HUES[2]
_AMOUNT, _DATE = 10.0, 10.0
_ROUNDED_FROM = Decimal(100)  # dollars; cents above it have no room and tell nothing


@dataclass(frozen=True, slots=True)
class Day:
    """What one day cost, in USD, and what of it nobody used."""

    date: date
    total: Decimal
    unused: Decimal


def spending_picture(days: Sequence[Day]) -> bytes:
    """A PNG. `days` is not empty; the earliest comes first."""
    room = (WIDTH - 2 * _MARGIN) / len(days)
    most = max(day.total for day in days) or Decimal(1)
    png = io.BytesIO()
    with sheet(_HEIGHT, png) as paper:
        for number, day in enumerate(days):
            _bar(paper, _MARGIN + (number + 0.5) * room, room * _BAR, day, most)
        paper.axes.plot([_MARGIN, WIDTH - _MARGIN], [_BOTTOM, _BOTTOM], color=RULE, linewidth=1.2)
    return png.getvalue()


def _bar(paper: Paper, middle: float, width: float, day: Day, most: Decimal) -> None:
    from matplotlib.patches import Rectangle

    scale = (_BOTTOM - _TOP) / float(most)
    used, unused = float(day.total - day.unused) * scale, float(day.unused) * scale
    left = middle - width / 2
    paper.axes.add_patch(Rectangle((left, _BOTTOM - used), width, used, facecolor=_USED))
    if day.unused:
        paper.axes.add_patch(
            Rectangle((left, _BOTTOM - used - unused), width, unused, facecolor=_UNUSED,
                      edgecolor=PAPER, linewidth=0, hatch="////")
        )  # fmt: skip
    if day.total:
        _centred(paper, middle, _BOTTOM - used - unused - 9, _amount(day.total), _AMOUNT)
    _centred(paper, middle, _BOTTOM + 14, f"{day.date:%m-%d}", _DATE, FAINT)


def _centred(
    paper: Paper, middle: float, y: float, words: str, size: float, color: str | None = None
) -> None:
    left = middle - paper.width(words, size) / 2
    if color is None:
        paper.text(left, y, words, size=size)
    else:
        paper.text(left, y, words, size=size, color=color)


def _amount(amount: Decimal) -> str:
    return f"${amount:,.0f}" if amount >= _ROUNDED_FROM else f"${amount:.2f}"
