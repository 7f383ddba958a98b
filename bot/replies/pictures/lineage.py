"""The picture of a VM's images: what builds on what, and how much each adds.

A row for each pile of layers, right below what it builds on and further to the right; an arrow
leads from one to the other. The bar of a row is as long as the image is large: grey for what it
shares with what it builds on, in colour for what it adds. Only names and sizes are written in it,
so that it needs no language.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from bot.lineage import Lineage, Node
from bot.replies.engine_answers import size
from bot.replies.pictures.paper import FAINT, HUES, PAPER, RULE, WIDTH, Paper, sheet

MOST_ROWS = 80
"""More are not drawn: nobody looks at them, and Slack makes a very long picture very small."""

_MARGIN, _PAD = 12.0, 9.0
_MOST_STEPS = 120.0  # to the right, in all
_FAMILY_GAP = 8.0
_SHARED, _ARROW = "#d5d5d8", "#8d8c8f"
_LONGEST_SIZES = "+888.8 MB  =  888.8 MB"


@dataclass(frozen=True, slots=True)
class _Measure:
    """How large a row is and where things are in it, in pixels from its upper edge."""

    height: float
    gap: float
    step: float  # to the right, for each it builds on
    name: float
    sizes: float
    bar: float
    bar_height: float
    name_size: float
    sizes_size: float

    @property
    def is_one_line(self) -> bool:
        return self.name == self.sizes


_TWO_LINES = _Measure(40, 8, 24, 13, 28, 28, 5, 12, 10)
_ONE_LINE = _Measure(27, 5, 16, 11.5, 11.5, 22, 3, 11, 9.5)
_MOST_OF_TWO_LINES = 6  # rows; more would not be shown in their full size


@dataclass(frozen=True, slots=True)
class _Row:
    """A node, and where it is drawn."""

    node: Node
    left: float
    top: float
    hue: str

    @property
    def right(self) -> float:
        return WIDTH - _MARGIN


def lineage_picture(tree: Lineage) -> bytes:
    """A PNG of the first MOST_ROWS rows. `tree` is not empty."""
    nodes = tree.nodes[:MOST_ROWS]
    measure = _TWO_LINES if len(nodes) <= _MOST_OF_TWO_LINES else _ONE_LINE
    step = min(measure.step, _MOST_STEPS / max(1, *(node.depth for node in nodes)))
    rows = _rows(nodes, measure, step)
    png = io.BytesIO()
    with sheet(rows[-1].top + measure.height + _MARGIN, png) as paper:
        room = WIDTH - _MARGIN - max(row.left for row in rows) - 2 * _PAD
        if not measure.is_one_line:
            room -= paper.width(_LONGEST_SIZES, measure.sizes_size)
        scale = room / max(1, *(node.size_bytes or 0 for node in nodes))
        for row in rows:
            if row.node.parent is not None:
                _arrow(paper, rows[row.node.parent], row, measure, step)
        for row in rows:
            _box(paper, row, measure)
            _bar(paper, row, tree.own_bytes(row.node), measure, scale)
            _words(paper, row, _sizes(tree, row.node, measure), measure)
    return png.getvalue()


def _rows(nodes: Sequence[Node], measure: _Measure, step: float) -> list[_Row]:
    """Families, which are all that build on the same, stand a little apart and have a hue each."""
    rows: list[_Row] = []
    top, families = _MARGIN, -1
    for node in nodes:
        if node.depth == 0:
            families += 1
            top += _FAMILY_GAP if rows else 0
        rows.append(_Row(node, _MARGIN + node.depth * step, top, HUES[families % len(HUES)]))
        top += measure.height + measure.gap
    return rows


def _box(paper: Paper, row: _Row, measure: _Measure) -> None:
    from matplotlib.patches import FancyBboxPatch

    paper.axes.add_patch(
        FancyBboxPatch(
            (row.left, row.top), row.right - row.left, measure.height,
            boxstyle="round,pad=0,rounding_size=5", facecolor=PAPER, linewidth=1.2,
            edgecolor=row.hue if row.node.images else FAINT,
            linestyle="-" if row.node.images else (0, (3, 2)),
        )
    )  # fmt: skip


def _bar(
    paper: Paper, row: _Row, own_bytes: int | None, measure: _Measure, scale: float
) -> None:  # fmt: skip
    """Grey for what is shared with what it builds on, in colour for what it adds."""
    from matplotlib.patches import Rectangle

    total = (row.node.size_bytes or 0) * scale
    own = total if own_bytes is None else own_bytes * scale
    begin, top = row.left + _PAD, row.top + measure.bar - measure.bar_height / 2
    hue = row.hue if row.node.images else FAINT
    parts = ((begin, total - own, _SHARED), (begin + total - own, max(1.0, own), hue))
    for left, length, fill in parts if total else ():
        paper.axes.add_patch(Rectangle((left, top), length, measure.bar_height, facecolor=fill))


def _words(paper: Paper, row: _Row, sizes: str, measure: _Measure) -> None:
    room = row.right - row.left - 2 * _PAD
    if measure.is_one_line:
        room -= paper.width(sizes, measure.sizes_size) + _PAD
    name = paper.fitted(_label(row.node), room, measure.name_size, is_bold=True)
    paper.text(row.left + _PAD, row.top + measure.name, name, size=measure.name_size, is_bold=True)
    paper.text(row.right - _PAD, row.top + measure.sizes, sizes, size=measure.sizes_size,
               color=FAINT, is_right=True)  # fmt: skip


def _arrow(paper: Paper, below: _Row, row: _Row, measure: _Measure, step: float) -> None:
    """From the lower edge of a row to the left edge of one that builds on it."""
    from matplotlib.patches import Polygon

    x, y = below.left + step / 2, row.top + measure.height / 2
    paper.axes.plot([x, x, row.left - 3], [below.top + measure.height, y, y], color=RULE,
                    linewidth=1.4, solid_joinstyle="round", zorder=0)  # fmt: skip
    head = [(row.left - 6, y - 3.5), (row.left - 6, y + 3.5), (row.left - 0.5, y)]
    paper.axes.add_patch(Polygon(head, closed=True, facecolor=_ARROW, zorder=1))


def _label(node: Node) -> str:
    """All names, in letters that matplotlib's font has; dots where there is none."""
    names = " · ".join(node.names) or "· · ·"
    return "".join(char if char.isprintable() and char < "\u0180" else "?" for char in names)


def _sizes(tree: Lineage, node: Node, measure: _Measure) -> str:
    """`+764.1 MB = 889.3 MB`: what it adds, and, where there is room, all of it."""
    if node.size_bytes is None:
        return "?"
    if node.parent is None:
        return size(node.size_bytes)
    own = tree.own_bytes(node)
    added = f"+{'?' if own is None else size(own)}"
    return added if measure.is_one_line else f"{added}  =  {size(node.size_bytes)}"
