"""Results for people: tables, cards that move while they are under way, and what to type next."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.measure import Measurement
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text as Words

from bot.models import Text
from bot.replies.blocks import Block
from bot.replies.texts import say
from bot.shell import mrkdwn
from bot.shell.blocks_view import Next, nexts, paragraphs
from bot.shell.listing import Listing
from bot.shell.results import Result, Status
from bot.shell.screen import Show
from bot.store import LocalMessage

_ENDLESS = 10_000  # columns of what is no terminal: lines are not broken, so that they can be found
_SQUEEZED = 0.8  # of a table's natural width: with less, words are broken apart
_MOST_NEXT = 6
_REFRESH_PER_SECOND = 8


def console_on(out: TextIO) -> Console:
    """A console that has colours only on a terminal, and not with NO_COLOR; as wide as it is."""
    width = None if out.isatty() or os.environ.get("COLUMNS") else _ENDLESS
    return Console(file=out, width=width, highlight=False, markup=False, emoji=False)


class Terminal:
    """Implements `bot.shell.screen.Screen`."""

    def __init__(self, out: Console, errors: Console, language: str) -> None:
        """errors: where progress goes when `out` is no terminal, so that `out` has results only."""
        self._out = out
        self._errors = errors
        self._language = language

    @property
    def is_private(self) -> bool:
        return self._out.is_terminal

    @contextmanager
    def asking(self) -> Iterator[None]:
        if not self._out.is_terminal:
            yield
            return
        with self._out.status(self._words(Text("Asking…"))):
            yield

    @contextmanager
    def watching(self) -> Iterator[Show]:
        if not self._out.is_terminal:
            yield _Progress(self._errors, self._language).show
            return
        live = Live(
            console=self._out, refresh_per_second=_REFRESH_PER_SECOND, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        began = time.monotonic()
        spinner = Spinner("dots", style="cyan")

        def show(messages: Sequence[LocalMessage], note: Text | None) -> None:
            length = timedelta(seconds=time.monotonic() - began)
            hint = note or Text("{length} · Ctrl-C stops waiting; it goes on", length=length)
            spinner.update(text=Words(self._words(hint), mrkdwn.QUIET))
            live.update(Group(*self._paragraphs(_blocks(messages)), spinner))

        with live:
            yield show

    def show(self, result: Result) -> None:
        tables = [] if result.operation else self._tables(result.listings)
        if tables:
            self._out.print(mrkdwn.shown(result.text, style=mrkdwn.BOLD, has_links=True))
            for table in tables:
                self._out.print(table)
        else:
            for paragraph in self._paragraphs(result.blocks):
                self._out.print(paragraph)
        self._show_next(result, each_label_once=bool(tables))
        for path in result.saved:
            self._out.print(Words(self._words(Text("Written: `{path}`", path=path))))

    def say(self, text: Text) -> None:
        self._errors.print(mrkdwn.shown(say(text, self._language), style=mrkdwn.QUIET))

    def show_message(self, message: LocalMessage) -> None:
        """Something that was said meanwhile."""
        for paragraph in self._paragraphs(message.blocks):
            self._out.print(paragraph)
        if message.file_name is not None:
            self._out.print(mrkdwn.shown(message.text))

    # --- within ---

    def _paragraphs(self, blocks: Sequence[Block]) -> list[RenderableType]:
        return list(paragraphs(blocks, has_links=self._out.is_terminal))

    def _tables(self, listings: Sequence[Listing]) -> list[Table]:
        """None when the terminal is too narrow for one of them: paragraphs fit everywhere."""
        tables = [self._table(each) for each in listings if each.is_table]
        options = self._out.options.update(max_width=_ENDLESS)
        natural = (Measurement.get(self._out, options, each).maximum for each in tables)
        return tables if all(_SQUEEZED * width <= self._out.width for width in natural) else []

    def _table(self, listing: Listing) -> Table:
        is_terminal = self._out.is_terminal
        table = Table(box=box.SIMPLE_HEAD if is_terminal else None, show_edge=False,
                      pad_edge=False, header_style="bold")  # fmt: skip
        for column in listing.titled:
            is_first = column is listing.titled[0]
            table.add_column(
                mrkdwn.plain(say(column.title or "", self._language)),
                justify="right" if column.is_number else "left",
                style=mrkdwn.BOLD if is_first else "",
                overflow="fold",
                no_wrap=column.is_whole or column.is_number,
            )
        for row in listing.cells(self._language):
            table.add_row(*(mrkdwn.shown(cell, has_links=is_terminal) for cell in row))
        return table

    def _show_next(self, result: Result, *, each_label_once: bool) -> None:
        """Buttons become lines; a list of many things shows each kind of button once."""
        found = [each for each in nexts(result.blocks) if each.command is not None]
        if each_label_once:
            found = list({each.label: each for each in reversed(found)}.values())[::-1]
        if not found or result.status is Status.UNDER_WAY:
            return
        width = max(cell_len(each.label) for each in found[:_MOST_NEXT])
        for each in found[:_MOST_NEXT]:
            label = f"→ {each.label}{' ' * (width - cell_len(each.label))}  "
            self._out.print(Words(label, mrkdwn.QUIET).append_text(_typed(each)))

    def _words(self, text: Text) -> str:
        return mrkdwn.plain(say(text, self._language))


class _Progress:
    """A line whenever something new can be said, for logs."""

    def __init__(self, out: Console, language: str) -> None:
        self._out = out
        self._language = language
        self._last: str | None = None

    def show(self, messages: Sequence[LocalMessage], note: Text | None) -> None:
        line = messages[0].text if messages else ""
        if note is not None:
            line = say(note, self._language)
        if line and line != self._last:
            self._last = line
            self._out.print(mrkdwn.shown(line))


def _typed(each: Next) -> Words:
    return Words(each.command or "", f"not dim {mrkdwn.CODE}")


def _blocks(messages: Sequence[LocalMessage]) -> list[Block]:
    return [block for each in messages if each.file_name is None for block in each.blocks]
