"""What is said of an idle VM."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bot.activity import Signal, Use
from bot.models import Text
from bot.replies.idle import Explained, Notice, notice_reply, why_reply

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
WHY = Text("Nothing has been in use for {time}.", time=timedelta(minutes=90))
LOGIN = Signal("login", Use.IDLE, NOW, Text("Nobody is logged in on the VM."))
CPU = Signal("cpu", Use.IDLE, NOW, Text("The VM computes nothing."))


def shown(following: Text, *signals: Signal) -> list[str]:
    """The blocks of an answer to `/ds why`."""
    explained = Explained("lab", Use.IDLE, WHY, signals, following, (Text("Nothing follows."),))
    reply = why_reply(explained, NOW + timedelta(seconds=5), "en")
    return [str(block.get("text") or block["elements"][0]) for block in reply.blocks]


@pytest.mark.parametrize("rate", [None, Decimal("0.053")])
def test_a_notice_says_first_what_is_so_and_then_what_follows(rate: Decimal | None) -> None:
    reply = notice_reply(Notice("lab", "U0JANE", WHY, rate, NOW), "en")

    first, second = reply.blocks[0]["text"]["text"].split("\n")
    assert first.endswith("is to be cancelled. Nothing has been in use for 1h 30m.")
    assert second.startswith("Unless somebody keeps it, its work is saved and it is cancelled: <!")
    assert ("$0.053 per hour" in second) == (rate is not None)


def test_a_reason_that_what_follows_repeats_is_said_once() -> None:
    following = Text("{why} Its people have until {until} to keep it.", why=WHY, until=NOW)

    first = shown(following)[0]

    assert first.count("Nothing has been in use") == 1
    assert "is not in use. Nothing has been in use for 1h 30m. Its people" in first


def test_what_follows_has_a_line_of_its_own_otherwise() -> None:
    first = shown(Text("Its people are told next."))[0]

    assert "Nothing has been in use for 1h 30m.\\nIts people are told next." in first


def test_signs_of_one_look_have_one_age() -> None:
    _, signs, facts = shown(Text("Nothing follows."), LOGIN, CPU)

    assert "ago" not in signs
    assert "looked at 5s ago · Nothing follows." in facts


def test_signs_of_different_looks_have_their_own() -> None:
    older = Signal("cpu", Use.IDLE, NOW - timedelta(minutes=2), CPU.why)

    _, signs, facts = shown(Text("Nothing follows."), LOGIN, older)

    assert "(5s ago)" in signs and "(2m 5s ago)" in signs
    assert "looked at" not in facts
