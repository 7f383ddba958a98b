"""Fitting texts to Slack's limits."""

from __future__ import annotations

import re

UPDATE_TEXT = 4_000
"""Characters; chat.update refuses more with msg_too_long, while chat.postMessage cuts at 40,000."""

_CUT_LINK = re.compile(r"<[^<>]*\Z")  # <@U…>, <https://…|…>
_CUT_ENTITY = re.compile(r"&[a-z]{0,4}\Z")  # &amp; &lt; &gt;
_FENCE = "```"


def trimmed(text: str, limit: int = UPDATE_TEXT) -> str:
    """The text, cut to at most `limit` characters and then ended with "…".

    Nothing is cut in the middle of a mention, a link or an entity, and code stays closed.
    Characters are counted in UTF-16, the larger of the two ways in which Slack may count.
    """
    if _length(text) <= limit:
        return text
    kept = _first(text, limit - 1 - len(_FENCE))
    kept = _CUT_ENTITY.sub("", _CUT_LINK.sub("", kept)).rstrip()
    fence = _FENCE if kept.count(_FENCE) % 2 else ""
    return f"{kept}…{fence}"


def _length(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def _first(text: str, units: int) -> str:
    """As many whole characters from the start as fit in so many units of UTF-16."""
    return text.encode("utf-16-le", "surrogatepass")[: units * 2].decode("utf-16-le", "ignore")
