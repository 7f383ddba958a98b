"""The curve of a policy beside the rules of others, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bot.simulate.report import Report, Row

_INK, _FAINT = "#1d1c1d", "#8a8a8a"
_OURS, _PLAIN, _THEIRS = "#1264a3", "#7fb3d9", "#b3261e"
_NAMED = {"0.5 h", "1 h", "4 h", "12 h", "24 h", "48 h"}
_PLACES = ((8, -20), (8, 4), (8, 4), (8, 4), (8, 4))  # so that no name covers another one
_NAMED_BOTH = {"24 h", "48 h"}  # where the two curves meet


def draw(found: Report, with_habit: Sequence[Row], without: Sequence[Row], path: Path) -> None:
    """Write a PNG: to the left fewer people interrupted, below fewer dollars."""
    figure = Figure(figsize=(9, 6), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_yscale("log")
    _line(axes, without, _PLAIN, "ds-bot without habit, by idle_after")
    for row in without:
        if row.name in _NAMED - _NAMED_BOTH:
            _name(axes, row, row.name, _PLAIN, (5, 6), "left")
    _line(axes, with_habit, _OURS, "ds-bot, by idle_after")
    for row in with_habit:
        if row.name in _NAMED:
            _name(axes, row, row.name, _OURS, (-6, -11), "right")
    axes.plot([found.ours.interrupted], [float(found.ours.dollars)], "*", color=_OURS, ms=17)
    _name(axes, found.ours, "shipped policy", _OURS, (12, 4), "left")
    for place, row in enumerate(found.peers):
        text = f"{row.name}\n{row.busy_killed:g} busy VMs killed"
        axes.plot([row.interrupted], [float(row.dollars)], "s", color=_THEIRS, ms=7)
        _name(axes, row, text, _THEIRS, _PLACES[place % len(_PLACES)], "left")
    for row in found.bounds:
        axes.plot([row.interrupted], [float(row.dollars)], "D", color=_FAINT, ms=7)
        _name(axes, row, "\n".join(wrap(row.name, 14)), _FAINT, (10, -10), "left")
    _frame(axes, found)
    figure.savefig(path)


def _line(axes: Axes, rows: Sequence[Row], color: str, label: str) -> None:
    interrupted = [row.interrupted for row in rows]
    dollars = [float(row.dollars) for row in rows]
    axes.plot(interrupted, dollars, "o-", color=color, label=label, ms=4)


def _name(
    axes: Axes,
    row: Row,
    text: str,
    color: str,
    offset: tuple[float, float],
    align: Literal["left", "right"],
) -> None:
    axes.annotate(
        text,
        (row.interrupted, float(row.dollars)),
        offset,
        textcoords="offset points",
        color=color,
        fontsize=8,
        ha=align,
    )


def _frame(axes: Axes, found: Report) -> None:
    fleet = found.fleet
    axes.set_title(
        f"{fleet.vms} VMs in {fleet.days} days: what is paid, and whom it costs time",
        color=_INK,
        fontsize=11,
    )
    axes.set_xlabel("people interrupted (a VM was taken and needed again)", color=_INK)
    axes.set_ylabel("US dollars paid (logarithmic)", color=_INK)
    ticks = (1000, 2000, 3000, 5000, 10000, 20000)
    axes.set_yticks(ticks, [f"${tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlim(left=-40)
    axes.grid(color="#e6e6e6")
    axes.legend(loc="upper right", frameon=False, fontsize=9)
