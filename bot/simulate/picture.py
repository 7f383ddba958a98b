"""The curve of a policy beside the rules of others, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bot.simulate.report import Report, Row

_INK, _FAINT = "#1d1c1d", "#8a8a8a"
_OURS, _PLAIN, _THEIRS = "#1264a3", "#7fb3d9", "#b3261e"
_ALWAYS_NAMED = {"0.5 h", "1 h", "2 h", "4 h", "12 h", "24 h", "48 h"}


def draw(found: Report, with_habit: Sequence[Row], without: Sequence[Row], path: Path) -> None:
    """Write a PNG: to the left fewer people interrupted, below fewer dollars."""
    figure = Figure(figsize=(9, 6), dpi=110, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_yscale("log")
    _line(axes, without, _PLAIN, "ds-bot without habit, by idle_after", offset=(4, 6))
    _line(axes, with_habit, _OURS, "ds-bot, by idle_after", offset=(-4, -14))
    axes.plot(
        [found.ours.interrupted], [float(found.ours.dollars)], "*", color=_OURS, markersize=17
    )
    _name(axes, found.ours, "shipped policy", _OURS, (10, -14))
    for row in found.peers:
        killed = f"{row.name}\n{row.busy_killed:g} busy VMs killed"
        axes.plot([row.interrupted], [float(row.dollars)], "s", color=_THEIRS, markersize=7)
        _name(axes, row, killed, _THEIRS, (8, 4))
    for row in found.bounds:
        axes.plot([row.interrupted], [float(row.dollars)], "D", color=_FAINT, markersize=7)
        _name(axes, row, row.name, _FAINT, (10, -3))
    _frame(axes, found)
    figure.savefig(path)


def _line(
    axes: Axes, rows: Sequence[Row], color: str, label: str, offset: tuple[float, float]
) -> None:
    axes.plot(
        [row.interrupted for row in rows],
        [float(row.dollars) for row in rows],
        "o-",
        color=color,
        label=label,
        markersize=4,
    )
    for row in rows:
        if row.name in _ALWAYS_NAMED:
            _name(axes, row, row.name, color, offset)


def _name(axes: Axes, row: Row, text: str, color: str, offset: tuple[float, float]) -> None:
    axes.annotate(
        text,
        (row.interrupted, float(row.dollars)),
        offset,
        textcoords="offset points",
        color=color,
        fontsize=8,
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
