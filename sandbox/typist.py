"""Somebody who types `/ds` in a channel, presses buttons, and waits for what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sandbox.slack.records import Message
from sandbox.slack.server import SlackSandbox

QUICK_S = 60.0


class StepFailed(Exception):
    """Something did not do what it says."""


class Typist:
    """One person in one channel. say: gets the transcript, line by line.

    Methods raise StepFailed when Slack or the bot refuses, TimeoutError when nothing comes.
    """

    def __init__(
        self,
        slack: SlackSandbox,
        user_id: str,
        channel_id: str,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._slack = slack
        self._user = slack.user(user_id)
        self._channel = channel_id
        self._say = say

    def type(self, line: str) -> None:
        """Type a command; returns when the bot has taken it."""
        self._say(f"> /ds {line}")
        outcome = self._user.command(self._channel, "/ds", line)
        if not outcome.is_ok:
            raise StepFailed(f"Slack says: {outcome.text}")

    def begin(self, line: str) -> int:
        """Type a command that is answered by a card; the card's place in the channel."""
        place = len(self._slack.messages(self._channel))
        self.type(line)
        self._slack.wait_for(lambda: len(self._slack.messages(self._channel)) > place, QUICK_S)
        return place

    def card(self, place: int) -> Message:
        """A card as it is now."""
        return self._slack.messages(self._channel)[place]

    def ended(self, place: int, expected: str, timeout_s: float) -> Message:
        """The card once it says what is expected; StepFailed as soon as it says it failed."""
        began = time.monotonic()

        def look() -> Message | None:
            message = self.card(place)
            if expected in message.text:
                return message
            if has_failed(message):
                raise StepFailed(message.text)
            return None

        message = self._slack.wait_for(look, timeout_s)
        assert message is not None
        self._say(f"  {flat(message.text)}   ({time.monotonic() - began:.1f} s)")
        return message

    def do(self, line: str, expected: str, timeout_s: float) -> Message:
        """Type a command and wait for its card to say what is expected."""
        return self.ended(self.begin(line), expected, timeout_s)

    def answer(self, line: str) -> Message:
        """Type a command that is answered to the person alone."""
        seen = len(self._slack.ephemerals(self._user.id))
        self.type(line)
        answers = self._slack.wait_for(
            lambda: self._slack.ephemerals(self._user.id)[seen:], QUICK_S
        )
        self._say(f"  {flat(answers[0].text)}")
        return answers[0]

    def press(self, where: Message, action: str) -> None:
        """Press the message's button whose action id begins so."""
        button = button_of(where, action)
        self._say(f"  [{button['text']['text']}]")
        outcome = self._user.click(where, button["action_id"], button.get("value"))
        if not outcome.is_ok:
            raise StepFailed(f"Slack says: {outcome.text}")

    def password(self, card: Message) -> str:
        """What the button that shows the password shows."""
        self.press(card, "password")

        def look() -> list[str]:
            return [
                part["elements"][0]["text"]
                for view in self._slack.modals(self._user.id)[-1:]
                for block in view.blocks
                if block["type"] == "rich_text"
                for part in block["elements"]
            ]

        shown = self._slack.wait_for(look, QUICK_S)[-1]
        self._user.close(self._slack.modals(self._user.id)[-1])
        return shown


def button_of(message: Message, action: str) -> dict[str, Any]:
    """The first button whose action id begins so. Raises LookupError."""
    for block in message.blocks:
        for element in block.get("elements", []):
            if str(element.get("action_id", "")).startswith(action):
                return dict(element)
    raise LookupError(f"no button {action} in: {message.text}")


def has_failed(message: Message) -> bool:
    """Whether a card shows a failure, in whatever language."""
    return "❌" in str(message.blocks)


def flat(text: str) -> str:
    """The text in one line."""
    return " ".join(text.split())
