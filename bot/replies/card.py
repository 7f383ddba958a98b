"""The card: the one message that shows an operation from its first phase to its final state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.models import Person, Text, counted, msgid
from bot.replies.blocks import (
    Block,
    Button,
    Picture,
    Reply,
    actions,
    context,
    image,
    joined,
    section,
    small,
)
from bot.replies.texts import say, spoken


class PhaseState(StrEnum):
    """Where a phase is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


_MOST_PHASES = 12

# The sign and the words say the same: not everybody sees, or hears, the sign.
_SIGNS = {PhaseState.RUNNING: "⏳", PhaseState.DONE: "✅", PhaseState.FAILED: "❌"}
_WARNING = "⚠️"
_TIMES = {
    PhaseState.RUNNING: msgid("{length} so far"),
    PhaseState.DONE: msgid("done in {length}"),
    PhaseState.FAILED: msgid("failed after {length}"),
}


@dataclass(frozen=True, slots=True)
class Phase:
    """One part of the work, with its own time."""

    title: Text
    began_at: datetime
    state: PhaseState = PhaseState.RUNNING
    ended_at: datetime | None = None
    note: Text | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of an operation now."""

    title: Text
    caller_id: str
    began_at: datetime
    phases: tuple[Phase, ...] = ()
    facts: tuple[Text, ...] = ()
    outcome: Text | None = None  # set: the operation has ended
    has_failed: bool = False
    is_warning: bool = False  # it was done, and did not end as it was meant
    details: tuple[Text, ...] = ()  # a paragraph each
    pictures: tuple[Picture, ...] = ()
    buttons: tuple[Button, ...] = field(default=())

    def with_phase(self, phase: Phase) -> Card:
        """A phase begins."""
        return replace(self, phases=(*self.phases, phase))

    def with_last(self, **changes: Any) -> Card:
        """The last phase has changed."""
        *before, last = self.phases
        return replace(self, phases=(*before, replace(last, **changes)))


def card_reply(card: Card, now: datetime, language: str) -> Reply:
    """The card as a message: first where it stands, then what to do, then how it came about."""
    first = _first(card, now, language)
    blocks: list[Block] = [section(first)]
    if card.outcome is not None and card.buttons:
        blocks.append(_row(card, language))
    blocks += [section(say(each, language)) for each in card.details]
    blocks += [image(each, language) for each in card.pictures]
    if card.phases:
        lines = _lines(card.phases, now, language)
        blocks += joined(lines) if card.outcome is None else small(lines)
    blocks.append(context(_footer(card, now, language)))
    if card.outcome is None and card.buttons:
        blocks.append(_row(card, language))
    return Reply(spoken(_heard(card, language)), blocks)


def _row(card: Card, language: str) -> Block:
    """The buttons. Under an id of their own: what was pressed is known by it (bot.replies.used)."""
    return actions(card.buttons, language) | {"block_id": "buttons"}


def _first(card: Card, now: datetime, language: str) -> str:
    title = say(card.title, language)
    if card.outcome is None:
        running = [each for each in card.phases if each.state is PhaseState.RUNNING]
        step = say(running[-1].title, language) if running else say(Text("started"), language)
        return f"{_SIGNS[PhaseState.RUNNING]} *{title}* · {step}"
    outcome = say(card.outcome, language)
    if card.has_failed:
        return f"{_SIGNS[PhaseState.FAILED]} *{title}* · {outcome}"
    sign = _WARNING if card.is_warning else _SIGNS[PhaseState.DONE]
    return f"{sign} {outcome}"


def _heard(card: Card, language: str) -> str:
    """What screen readers and notifications say."""
    title = say(card.title, language)
    if card.outcome is not None:
        outcome = say(card.outcome, language)
        heard = f"{title}: {outcome}" if card.has_failed else outcome
        return "\n".join([heard, *(say(each, language) for each in card.details)])
    step = say(card.phases[-1].title, language) if card.phases else say(Text("started"), language)
    return f"{title}: {step}"


def _lines(phases: tuple[Phase, ...], now: datetime, language: str) -> list[str]:
    """A line per phase; of very many, the last ones."""
    hidden = max(0, len(phases) - _MOST_PHASES)
    lines = [_line(each, now, language) for each in phases[hidden:]]
    if hidden:
        earlier = counted("{count} earlier step is done", "{count} earlier steps are done", hidden)
        lines.insert(0, f"{_SIGNS[PhaseState.DONE]} {say(earlier, language)}")
    return lines


def _line(phase: Phase, now: datetime, language: str) -> str:
    length = (phase.ended_at or now) - phase.began_at
    took = say(Text(_TIMES[phase.state], length=length), language)
    note = f" · {say(phase.note, language)}" if phase.note else ""
    return f"{_SIGNS[phase.state]} {say(phase.title, language)} · {took}{note}"


def _footer(card: Card, now: datetime, language: str) -> str:
    ended = card.phases[-1].ended_at if card.outcome and card.phases else None
    length = (ended or now) - card.began_at
    time = Text("{length} in all", length=length)
    whose = Text("for {person}", person=Person(card.caller_id))
    return " · ".join(say(each, language) for each in (whose, *card.facts, time))
