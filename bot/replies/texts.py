"""Sentences in the reader's language, as Slack's mrkdwn: whatever people typed cannot act in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

from bot.models import Link, Person, Text
from bot.money import dollars

LANGUAGES = ("en", "ko")
_CATALOGUES = Path(__file__).parent / "locale"
_PLACE = re.compile(r"\{(\w+)\}")
_UNITS = {"en": ("d", "h", "m", "s"), "ko": ("일", "시간", "분", "초")}


def say(text: Text | str, language: str) -> str:
    """The sentence in a language, its parameters made harmless."""
    if isinstance(text, str):
        return escape(text)
    sentence = translated(text.msgid, language)
    return _PLACE.sub(lambda place: _shown(text.params[place[1]], language), sentence)


def plain(text: Text | str, language: str) -> str:
    """The sentence where Slack shows plain text: buttons, titles."""
    shown = text if isinstance(text, str) else say(text, language)
    shown = re.sub(r"[*`]", "", shown)
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def translated(sentence: str, language: str) -> str:
    """The message of a catalogue; the English sentence where there is none."""
    return sentence if language == "en" else catalogue(language).get(sentence, sentence)


@cache
def catalogue(language: str) -> dict[str, str]:
    """All messages of one language, by their English sentence."""
    with (_CATALOGUES / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=language)
    return {
        str(message.id): str(message.string)
        for message in messages
        if message.id and message.string and not message.fuzzy
    }


def escape(words: str) -> str:
    """What anybody typed, as text that can neither mention, link nor end a code span.

    Source: docs.slack.dev, formatting message text: `&`, `<` and `>` are entities.
    """
    words = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return words.replace("`", "'")


def duration(length: timedelta, language: str) -> str:
    """A length of time in its two largest units: `3s`, `1m 5s`; `3초`, `1분 5초`."""
    seconds = max(0, round(length.total_seconds()))
    days, hours = divmod(seconds // 3600, 24)
    parts = (days, hours, seconds // 60 % 60, seconds % 60)
    first = next((i for i, part in enumerate(parts) if part), 3)
    shown = zip(parts[first : first + 2], _UNITS[language][first : first + 2], strict=True)
    return " ".join(f"{number}{unit}" for number, unit in shown if number) or (
        f"0{_UNITS[language][3]}"
    )


def moment(at: datetime) -> str:
    """An instant, in each reader's own time zone."""
    fallback = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def _shown(value: object, language: str) -> str:
    match value:
        case Text():
            return say(value, language)
        case Person():
            return f"<@{value.user_id}>"
        case Link():
            return f"<{value.url}|{escape(value.label or value.url)}>"
        case Decimal():
            return dollars(value)
        case datetime():
            return moment(value)
        case timedelta():
            return duration(value, language)
        case str():
            return escape(value)
        case Sequence():
            return ", ".join(_shown(each, language) for each in value)
        case _:
            return escape(str(value))
