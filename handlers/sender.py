"""Answers on their way to the person who asked: alone, in their language, and never none."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.access import Rules, require_member
from bot.errors import BotError, ChatError, ChatRefused, UserError
from bot.models import Caller, Click
from bot.ports import Chat, Clock
from bot.replies import answers
from bot.replies.blocks import Drawing, Reply

log = logging.getLogger(__name__)

# A file that was just uploaded may not be fit to be shown yet: "invalid_blocks" until it is.
_UNTIL_SHOWN = (timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4))


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that somebody typed, or the command of a button they pressed.

    key: differs for each typing and each click, and is the same when Slack delivers one twice.
    """

    line: str
    caller: Caller
    key: str
    response_url: str | None  # None: on the Home tab there is none
    trigger_id: str = ""  # opens a modal, within 3 s
    is_click: bool = False
    click: Click | None = None  # on a message
    replaces: bool = False  # an answer takes the place of the message with the button


class Sender:
    """Gives answers. For many threads at once. slash: as Slack knows the command, `/ds`."""

    def __init__(self, chat: Chat, rules: Rules, clock: Clock, slash: str) -> None:
        self._chat = chat
        self._rules = rules
        self._clock = clock
        self._slash = slash

    def answer(self, typed: Typed, answer: Callable[[str], Reply]) -> None:
        """Answer the person alone, in their language; whatever goes wrong, they get an answer."""
        language = "en"
        replaces = False  # only by what was asked for: after a refusal it may be asked again
        try:
            member = self._chat.member(typed.caller.user_id)
            language = member.language
            require_member(typed.caller, member, self._rules)
            reply = answer(language)
            self._share(typed.caller, reply)
            replaces = typed.replaces
        except BotError as error:
            reply = self.refusal(error, language)
        except Exception:
            reply = answers.unexpected_reply(incident(), language)
        if reply.drawing is None:
            self.send(typed, reply, replaces=replaces)
        else:
            self._send_drawn(typed, reply, reply.drawing, replaces=replaces)

    def send(self, typed: Typed, reply: Reply, *, replaces: bool) -> None:
        """Through the response_url, else directly."""
        if typed.response_url is not None:
            try:
                self._chat.respond(typed.response_url, reply.text, reply.blocks, replace=replaces)
                return
            except ChatError as error:
                if _is_not_fit(error):
                    raise
                log.info("an answer goes to the person directly: %s", error)
        direct = self._chat.open_dm(typed.caller.user_id)
        self._chat.post(direct, reply.text, reply.blocks, typed.key)

    def _send_drawn(self, typed: Typed, reply: Reply, drawing: Drawing, *, replaces: bool) -> None:
        """With its picture; in words alone when Slack does not take that."""
        try:
            file_id = self._chat.upload(drawing.name, drawing.content, drawing.alt_text)
        except ChatError as error:
            log.info("a picture was not uploaded: %s", error)
            return self.send(typed, reply.in_words(), replaces=replaces)
        for pause in _UNTIL_SHOWN:
            try:
                return self.send(typed, reply.illustrated(file_id), replaces=replaces)
            except ChatRefused as error:
                if not _is_not_fit(error):
                    raise
                self._clock.sleep(pause)
        self.send(typed, reply.in_words(), replaces=replaces)

    def _share(self, caller: Caller, reply: Reply) -> None:
        """What is too long for a message goes to the person's own conversation."""
        if reply.file is not None:
            direct = self._chat.open_dm(caller.user_id)
            self._chat.share(direct, None, reply.file.name, reply.file.content, reply.text)

    def refusal(self, error: BotError, language: str) -> Reply:
        shown = error if isinstance(error, UserError) else UserError(error.text)
        return answers.refusal_reply(shown, self._slash, language)


def incident() -> str:
    """Log what is being handled; gives the id under which the log has it."""
    number = secrets.token_hex(4)
    log.exception("incident %s", number)
    return number


def _is_not_fit(error: ChatError) -> bool:
    """Whether Slack takes such blocks nowhere; when they show a new file, not yet."""
    return isinstance(error, ChatRefused) and error.code == "invalid_blocks"
