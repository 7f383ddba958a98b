"""Sentences not yet in anybody's language, and what may stand in their places."""

from __future__ import annotations

from dataclasses import dataclass


class Text:
    """A sentence not yet in anybody's language: a message id and its parameters.

    The message id is the English sentence with `{name}` places; `bot.replies.texts` renders it.
    """

    __slots__ = ("msgid", "params")

    def __init__(self, msgid: str, /, **params: object) -> None:
        self.msgid = msgid
        self.params = params

    def __repr__(self) -> str:
        return f"Text({self.msgid!r}, **{self.params!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and (self.msgid, self.params) == (other.msgid, other.params)

    def __hash__(self) -> int:
        return hash(self.msgid)

    def __str__(self) -> str:
        return self.msgid.format(**self.params)


def msgid(sentence: str) -> str:
    """Mark a sentence that becomes a `Text` elsewhere, so that the translators find it."""
    return sentence


def counted(one: str, many: str, /, count: int, **params: object) -> Text:
    """The first sentence for one, the second for any other number; `{count}` is a place in them."""
    return Text(one if count == 1 else many, count=count, **params)


@dataclass(frozen=True, slots=True)
class Person:
    """A parameter of a `Text`: somebody in Slack, shown by the name that the reader knows."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A parameter of a `Text`: a channel in Slack, shown by the name that the reader knows."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class Link:
    """A parameter of a `Text`: an address that we made ourselves, shown as a link."""

    url: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Title:
    """A parameter of a `Text`: a name from the catalogue, which may differ by language."""

    en: str
    ko: str | None = None

    def __str__(self) -> str:
        return self.en

    def in_language(self, language: str) -> str:
        return self.ko if language == "ko" and self.ko else self.en


@dataclass(frozen=True, slots=True)
class Output:
    """A parameter of a `Text`: what a program printed, shown line by line as it is.

    most: characters that are shown; of more, the last ones.
    """

    lines: str
    most: int = 800


@dataclass(frozen=True, slots=True)
class Choice:
    """Something a person may do next: a label and the command that does it, as if typed.

    confirm: the question asked before it counts, where it destroys something.
    """

    label: Text
    command: str
    confirm: Text | None = None
