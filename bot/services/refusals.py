"""Saying no to what somebody asked for: recorded, then told to them alone."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bot.errors import BotError, ChatError, UserError
from bot.models import Choice, Operation
from bot.ports import Chat, Journal
from bot.replies.answers import refusal_reply
from bot.services.recorded import Json, text_from_json, text_to_json
from bot.services.work import CLOCKS_DIFFER, post_unless_there

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusals:
    """Tells them. command: how the bot is called, "/ds"."""

    chat: Chat
    command: str

    def tell(self, op: Operation, journal: Journal, refusal: Json, language: str) -> None:
        """Say no to the person alone: through the response_url, else directly, and there once.

        Whether an answer through the response_url arrived cannot be looked up: one that was perhaps
        lost is given again, rather than none.
        """
        begun = journal.step("refuse: begin", lambda: {"attempt": journal.attempt})
        is_repeat = begun["attempt"] != journal.attempt
        journal.step("refuse", lambda: self._tell(op, refusal, language, is_repeat=is_repeat))

    def _tell(self, op: Operation, refusal: Json, language: str, *, is_repeat: bool) -> Json:
        reply = refusal_reply(_error_of(refusal), self.command, language)
        key = f"{op.id}:refused"
        if op.response_url is not None and not (is_repeat and self._is_there(op, key)):
            try:
                self.chat.respond(op.response_url, reply.text, reply.blocks, replace=False)
                return {}
            except ChatError as trouble:
                log.info("operation %s: answered directly: %s", op.id, trouble)
        post_unless_there(self.chat, op, self.chat.open_dm(op.caller.user_id), reply, key)
        return {}

    def _is_there(self, op: Operation, key: str) -> bool:
        try:
            direct = self.chat.open_dm(op.caller.user_id)
            return self.chat.find(direct, key, op.requested_at - CLOCKS_DIFFER) is not None
        except ChatError as error:  # rather told twice than never
            log.info("operation %s: no look for %s: %s", op.id, key, error)
            return False


def refusal_of(error: BotError) -> Json:
    """A refusal as the journal keeps it."""
    choices = error.choices if isinstance(error, UserError) else ()
    return {
        "text": text_to_json(error.text),
        "instead": error.instead if isinstance(error, UserError) else None,
        "choices": [
            [
                text_to_json(each.label),
                each.command,
                text_to_json(each.confirm) if each.confirm else None,
            ]
            for each in choices
        ],
    }


def _error_of(refusal: Json) -> UserError:
    return UserError(
        text_from_json(refusal["text"]),
        refusal["instead"],
        [_choice(*each) for each in refusal["choices"]],
    )


def _choice(label: Json, command: str, confirm: Json | None = None) -> Choice:
    return Choice(text_from_json(label), command, text_from_json(confirm) if confirm else None)
