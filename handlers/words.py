"""A typed line as words: what Slack and phones make of it is undone, what nobody types refused."""

from __future__ import annotations

import re
import shlex
import unicodedata

from bot.errors import UserError
from bot.models import Text

# Phones turn quotes and double hyphens into these while one types.
_TYPOGRAPHY = str.maketrans(
    {
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u00ab": '"', "\u00bb": '"',
        "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'",
        "\u2014": "--", "\u2013": "--", "\u2212": "-", "\u2010": "-", "\u2011": "-",
        "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ",
        "\u200b": "", "\u200c": "", "\u200d": "", "\ufeff": "", "\u2060": "",
        "\t": " ", "\n": " ", "\r": " ",
    }
)  # fmt: skip
_LINK = re.compile(r"<(?:https?://|mailto:)[^<>|]*\|([^<>|]*)>|<(?:https?://|mailto:)([^<>|]*)>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_FENCED = re.compile(r"```(?:\{?[rR]\}?[ \t]*\n)?(.*)```", re.DOTALL)
_QUOTES = {
    key: value
    for key, value in _TYPOGRAPHY.items()
    if value in ('"', "'", " ", "") and chr(key) not in "\t\n\r"
}
_UNSEEN = ("Cc", "Cf", "Cs", "Co")
_SHOWN = 60


def split(line: str, most: int) -> list[str]:
    """The words of a line; quotes keep words together.

    Raises UserError for a line that is too long, has control characters or an unclosed quote.
    """
    if len(line) > most:
        raise _too_long(len(line), most)
    line = _cleaned(line)
    if any(unicodedata.category(char) in _UNSEEN for char in line):
        raise _unseen()
    try:
        return shlex.split(line)
    except ValueError:
        raise UserError(Text("A quotation mark is not closed."), instead="help") from None


def code(text: str, most: int) -> str:
    """Code as it was typed, without what phones and Slack made of it.

    Raises UserError when it is longer than `most` characters or has control characters.
    """
    if len(text) > most:
        raise _too_long(len(text), most)
    plain = _unlinked(text).translate(_QUOTES).replace("\r\n", "\n")
    if any(unicodedata.category(char) in _UNSEEN and char not in "\n\t" for char in plain):
        raise _unseen()
    return plain.strip()


def unfenced(code: str) -> str:
    """Code without the ``` around it, which many write in Slack without thinking."""
    found = _FENCED.fullmatch(code.strip())
    return found[1].strip("\n") if found else code.strip()


def shortened(word: str) -> str:
    """A word as it can be repeated to the person who typed it."""
    return word if len(word) <= _SHOWN else f"{word[: _SHOWN - 1]}…"


def _cleaned(line: str) -> str:
    """As it was meant: no smart quotes, no links made by Slack, no full-width letters."""
    return unicodedata.normalize("NFKC", _unlinked(line).translate(_TYPOGRAPHY)).strip()


def _unlinked(line: str) -> str:
    line = _LINK.sub(lambda link: link[1] or link[2], line)
    for entity, char in _ENTITIES:
        line = line.replace(entity, char)
    return line


def _too_long(length: int, most: int) -> UserError:
    return UserError(
        Text(
            "That is {length} characters long. A command has at most {most}.",
            length=length,
            most=str(most),
        ),
        instead="help",
    )


def _unseen() -> UserError:
    return UserError(
        Text("The command has invisible characters in it. Type it again by hand."), instead="help"
    )
