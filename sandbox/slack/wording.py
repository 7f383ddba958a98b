"""What Slack itself says to a person, in the person's language.

The page's own words and those made here share one table per language: static/en.json, ko.json.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ko")
_TABLES = Path(__file__).parent / "static"


def language_of(locale: str) -> str:
    """The page's language for a Slack locale such as ko-KR; English for all it has not."""
    short = locale.partition("-")[0]
    return short if short in LANGUAGES else "en"


@cache
def table(language: str) -> dict[str, str]:
    """All words of one language."""
    words: dict[str, str] = json.loads((_TABLES / f"{language}.json").read_text("utf-8"))
    return words


def say(locale: str, key: str, **params: str) -> str:
    """One sentence in the language of the locale."""
    sentence = table(language_of(locale))[key]
    for name, value in params.items():
        sentence = sentence.replace("{" + name + "}", value)
    return sentence
