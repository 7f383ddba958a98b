"""Answers as rows of facts, beside their blocks: for a terminal's tables and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.models import Link, Person, Text
from bot.replies.texts import say


@dataclass(frozen=True, slots=True)
class Named:
    """What programs rely on, and what people read for it."""

    word: str | int
    text: Text


Fact = None | bool | int | str | Decimal | datetime | timedelta | Person | Link | Named | list[str]


@dataclass(frozen=True, slots=True)
class Column:
    """What programs call it, and what a table is headed with; without a title it is in no table."""

    key: str
    title: Text | None = None
    is_number: bool = False
    is_whole: bool = False  # broken over two lines it would be of no use


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows of facts. is_table: whether people read them as a table, or only programs do."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Fact, ...], ...]
    is_table: bool = True

    def facts(self) -> list[dict[str, Any]]:
        """As JSON: money as a number of USD, instants in ISO 8601 (UTC), lengths in seconds."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, map(_as_json, row), strict=True)) for row in self.rows]

    @property
    def titled(self) -> list[Column]:
        """The columns of the table."""
        return [column for column in self.columns if column.title is not None]

    def cells(self, language: str) -> list[list[str]]:
        """The rows of the table, in mrkdwn."""
        titled = [i for i, column in enumerate(self.columns) if column.title]
        return [[_as_read(row[i], language) for i in titled] for row in self.rows]


def listing(name: str, columns: Sequence[Column], rows: Iterable[Sequence[Fact]], *,
            is_table: bool = True) -> Listing:  # fmt: skip
    """A listing of any sequences."""
    return Listing(name, tuple(columns), tuple(tuple(row) for row in rows), is_table)


def _as_json(fact: Fact) -> Any:
    match fact:
        case Named():
            return fact.word
        case Person():
            return fact.user_id
        case Link():
            return fact.url
        case Decimal():
            return float(fact)
        case datetime():
            return fact.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case timedelta():
            return fact.total_seconds()
        case _:
            return fact


def _as_read(fact: Fact, language: str) -> str:
    match fact:
        case None:
            return ""
        case bool():
            return "✓" if fact else ""
        case Named():
            return say(fact.text, language)
        case _:
            return say(Text("{fact}", fact=fact), language)
