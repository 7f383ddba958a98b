"""The card: the one message that shows an operation from its first phase to its final state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.models import Person, Text
from bot.replies.blocks import Button, Reply, actions, context, section
from bot.replies.texts import duration, say


class PhaseState(StrEnum):
    """Where a phase is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


_SIGNS = {PhaseState.RUNNING: "⏳", PhaseState.DONE: "✅", PhaseState.FAILED: "❌"}


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
    buttons: tuple[Button, ...] = field(default=())

    def with_phase(self, phase: Phase) -> Card:
        """A phase begins."""
        return replace(self, phases=(*self.phases, phase))

    def with_last(self, **changes: Any) -> Card:
        """The last phase has changed."""
        *before, last = self.phases
        return replace(self, phases=(*before, replace(last, **changes)))


def card_reply(card: Card, now: datetime, language: str) -> Reply:
    """The card as a message; its text alone reads well aloud."""
    title = say(card.title, language)
    blocks = [section(f"*{title}*")]
    if card.phases:
        blocks.append(section("\n".join(_line(each, now, language) for each in card.phases)))
    if card.outcome is not None:
        sign = "❌ " if card.has_failed else ""
        blocks.append(section(sign + say(card.outcome, language)))
    blocks.append(context(_footer(card, now, language)))
    if card.buttons:
        blocks.append(actions(card.buttons, language))
    return Reply(f"{title}: {_summary(card, language)}", blocks)


def _line(phase: Phase, now: datetime, language: str) -> str:
    took = duration((phase.ended_at or now) - phase.began_at, language)
    note = f" · {say(phase.note, language)}" if phase.note else ""
    return f"{_SIGNS[phase.state]} {say(phase.title, language)} · {took}{note}"


def _footer(card: Card, now: datetime, language: str) -> str:
    ended = card.phases[-1].ended_at if card.outcome and card.phases else None
    length: timedelta = (ended or now) - card.began_at
    facts = [
        say(Text("for {person}", person=Person(card.caller_id)), language),
        duration(length, language),
        *(say(fact, language) for fact in card.facts),
    ]
    return " · ".join(facts)


def _summary(card: Card, language: str) -> str:
    if card.outcome is not None:
        return say(card.outcome, language)
    if card.phases:
        return say(card.phases[-1].title, language)
    return say(Text("begins"), language)
