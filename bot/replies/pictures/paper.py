"""What every picture is drawn on, and how it becomes a PNG.

Slack shows a picture on white or on nearly black: so each has a background of its own, dark ink on
light paper. Positions and sizes are in pixels of a screen, from the upper left; a picture has twice
as many, for screens that have them and for people who enlarge it.

Matplotlib is imported when the first picture is drawn, which takes a second and some 50 MB. Only
its objects are used, not pyplot, whose state all threads share.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.font_manager import FontProperties

WIDTH = 360
"""Pixels: Slack shows a picture in a square of this side, on a phone as wide as the phone is."""

PAPER, INK, FAINT, RULE = "#ffffff", "#1d1c1d", "#5c5b5d", "#c9c9cb"
HUES = ("#1264a3", "#007a5a", "#b4530a", "#7c3085", "#a3123f", "#4a6a00", "#00707a", "#6b5300")
"""Each is told from the paper at 4.5 to 1 or more (WCAG 2.2, 1.4.3), and none means good or bad."""

_SCALE = 2
_DOTS = 100  # per inch of matplotlib's
_EDGE = 1.5

# One picture at a time: two drawn at once would take as long, and keep acks waiting for longer.
_drawing = threading.Lock()


class Paper:
    """A sheet to draw on. See `sheet`."""

    def __init__(self, canvas: FigureCanvasAgg, axes: Axes) -> None:
        self.axes = axes
        self._canvas = canvas
        self._advances: dict[tuple[str, float, bool], float] = {}

    def text(
        self, x: float, y: float, words: str, *, size: float = 12, color: str = INK,
        is_bold: bool = False, is_right: bool = False,
    ) -> None:  # fmt: skip
        """One line of words around the height `y`, from `x` on, or up to it."""
        self.axes.text(
            x, y, words, color=color, fontproperties=_font(size, is_bold=is_bold),
            ha="right" if is_right else "left", va="center_baseline", parse_math=False,
        )  # fmt: skip

    def width(self, words: str, size: float = 12, *, is_bold: bool = False) -> float:
        """Pixels that the words take, about: letter by letter."""
        return sum(self._advance(letter, size, is_bold) for letter in words)

    def fitted(self, words: str, most: float, size: float = 12, *, is_bold: bool = False) -> str:
        """The words, their middle left out when they take more than `most` pixels."""
        if self.width(words, size, is_bold=is_bold) <= most:
            return words
        low, high = 0, len(words) - 1  # the largest number of letters that fits
        while low < high:
            middle = (low + high + 1) // 2
            is_fit = self.width(_shortened(words, middle), size, is_bold=is_bold) <= most
            low, high = (middle, high) if is_fit else (low, middle - 1)
        return _shortened(words, low)

    def _advance(self, letter: str, size: float, is_bold: bool) -> float:
        """Asked once for each letter: matplotlib takes milliseconds for every answer."""
        key = (letter, size, is_bold)
        if key not in self._advances:
            renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]
            measure = renderer.get_text_width_height_descent
            font = _font(size, is_bold=is_bold)
            # Between two others, because a space alone is nothing to it.
            with_it, without = (measure(words, font, ismath=False)[0]
                                for words in (f"n{letter}n", "nn"))  # fmt: skip
            self._advances[key] = float(with_it - without) / _SCALE
        return self._advances[key]


@contextmanager
def sheet(height: float, into: io.BytesIO, width: float = WIDTH) -> Iterator[Paper]:
    """A sheet that is written into `into`, as a PNG, when everything is on it."""
    with _drawing:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle

        figure = Figure(figsize=(width / _DOTS, height / _DOTS), dpi=_DOTS * _SCALE)
        figure.set_facecolor(PAPER)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        frame = Rectangle((0, 0), width, height, fill=False, edgecolor=RULE, linewidth=_EDGE)
        axes.add_patch(frame)
        yield Paper(canvas, axes)
        # Without the program's name, so that the same facts are the same bytes.
        canvas.print_png(into, metadata={"Software": None})  # type: ignore[no-untyped-call]


@cache
def _font(size: float, *, is_bold: bool) -> FontProperties:
    """Matplotlib's own font, by its file: what a machine has installed does not matter."""
    import matplotlib
    from matplotlib.font_manager import FontProperties

    file = "DejaVuSans-Bold.ttf" if is_bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", file)
    return FontProperties(fname=str(path), size=size * 72 / _DOTS)


def _shortened(words: str, count: int) -> str:
    """So many of the letters: the end tells more than the beginning, which is often a host."""
    head = count // 3
    return f"{words[:head]}…{words[len(words) - (count - head) :]}"
