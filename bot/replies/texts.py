"""Sentences in the reader's language, as Slack's mrkdwn: whatever people typed cannot act in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from urllib.parse import quote

from babel.messages.pofile import read_po

from bot.models import Channel, Link, Output, Person, Text, Title
from bot.money import dollars

LANGUAGES = ("en", "ko")
CATALOGUES = Path(__file__).parent / "locale"
MAX_VALUE = 300
"""Characters of one parameter that are shown."""

MAX_URL = 3000

_MAX_LISTED = 20
_PLACE = re.compile(r"\{(\w+)\}")
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{1,30}")
_USER_ID = re.compile(r"[UW][A-Z0-9]{1,30}")
_UNITS = {"en": ("d", "h", "m", "s"), "ko": ("일", "시간", "분", "초")}
_FENCE = "```"
_MOMENT = re.compile(r"<!date\^[^|<>]*\|([^<>]*)>")
_URL_SIGNS = ":/?#[]@!$&'()*+,;=%~"  # RFC 3986 §2.2


def say(text: Text | str, language: str) -> str:
    """The sentence in a language, its parameters made harmless."""
    if isinstance(text, str):
        return escape(text)
    sentence = translated(text.msgid, language)
    return _PLACE.sub(lambda place: _shown(text.params[place[1]], language), sentence)


def plain(text: Text | str, language: str) -> str:
    """The sentence where Slack shows plain text: buttons, titles. No instant can act there."""
    shown = text if isinstance(text, str) else say(text, language)
    shown = spoken(_MOMENT.sub(r"\1", shown)).replace("`", "")
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def spoken(mrkdwn: str) -> str:
    """mrkdwn as it is read aloud or shown in a notification: one line, only commands marked."""
    words = mrkdwn.replace(_FENCE, "").replace("*", "").strip()
    return " ".join(re.sub(r"(?<![.:;,?!…\s])\s*\n", ". ", words).split())


def translated(sentence: str, language: str) -> str:
    """The message of a catalogue; the English sentence where there is none."""
    return sentence if language == "en" else catalogue(language).get(sentence, sentence)


@cache
def catalogue(language: str) -> dict[str, str]:
    """All messages of one language, by their English sentence.

    Of a counted message both English sentences lead to the first form: ours have only one (ko).
    """
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        messages = read_po(file, locale=language)
    return {
        sentence: message.string if isinstance(message.string, str) else message.string[0]
        for message in messages
        if message.id and message.string and not message.fuzzy
        for sentence in ([message.id] if isinstance(message.id, str) else message.id)
    }


def escape(words: str) -> str:
    """What anybody typed, as text that can neither mention, link nor end a code span or a line.

    Source: docs.slack.dev, formatting message text: `&`, `<` and `>` are entities.
    """
    return _entities(cut_value(_seen(words))).replace("`", "'")


def cut_value(words: str, most: int = MAX_VALUE) -> str:
    """The words, their end left out when there are more than `most` characters."""
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"


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
    """An instant, in each reader's own time zone and language."""
    fallback = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def person(user_id: str) -> str:
    """A mention. Ids also come from labels on a VM, where anybody may have written anything."""
    return f"<@{user_id}>" if _USER_ID.fullmatch(user_id) else escape(cut_value(user_id, 40))


def link(url: str, label: str = "") -> str:
    """A link; the label alone where there is no address."""
    if not url:
        return escape(label)
    return f"<{_entities(quoted(url))}|{escape(label or url)}>"


def quoted(url: str) -> str:
    """An address in which nothing ends it early; at most as long as Slack takes it."""
    return quote(url, safe=_URL_SIGNS)[:MAX_URL]


def _shown(value: object, language: str) -> str:
    match value:
        case Text():
            return say(value, language)
        case Channel() | Person() | Link():
            return _reference(value)
        case Title():
            return escape(value.in_language(language))
        case Output():
            return _output(value)
        case Decimal():
            return dollars(value)
        case datetime():
            return moment(value)
        case timedelta():
            return duration(value, language)
        case Sequence() if not isinstance(value, str):
            return _listed(value, language)
        case _:
            return escape(str(value))


def _reference(value: Channel | Person | Link) -> str:
    match value:
        case Channel():
            is_one = _CHANNEL_ID.fullmatch(value.channel_id)
            return f"<#{value.channel_id}>" if is_one else escape(value.channel_id)
        case Person():
            return person(value.user_id)
        case Link():
            return link(value.url, value.label)


def _listed(values: Sequence[object], language: str) -> str:
    shown = [_shown(each, language) for each in values[:_MAX_LISTED]]
    left = len(values) - len(shown)
    if left:
        shown.append(say(Text("{count} more", count=left), language))
    return ", ".join(shown)


def _output(output: Output) -> str:
    """A block of code; the end of an output tells the most. Its first line may be indented."""
    lines = "\n".join(_seen(line).rstrip() for line in output.lines.splitlines())
    kept = lines.strip("\n")[-output.most :]
    return f"{_FENCE}\n{_entities(kept).replace('`', chr(39)) or '-'}\n{_FENCE}"


def _seen(words: str) -> str:
    """One line of what can be seen: no control characters, none that turn the writing around."""
    spaced = (" " if char.isspace() else char for char in words)
    return "".join(char for char in spaced if unicodedata.category(char)[0] != "C")


def _entities(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
