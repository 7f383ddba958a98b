"""Telling people what they did not ask for: each message once, however often it is begun."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import BotError, ChatRefused, ChatUnknown
from bot.models import MessageRef, Operation, OperationState, Text, Vm
from bot.ports import Chat, Clock, Journal
from bot.replies.blocks import Button, Reply, actions, section
from bot.replies.texts import say, spoken
from bot.services.duties import Errands
from bot.services.recorded import Json, text_from_json, text_to_json
from bot.services.work import CLOCKS_DIFFER
from bot.store import FindingStore
from config.settings import Policy

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(seconds=each) for each in (5, 20, 60, 180))
"""Between tries to post where Slack gave no answer; each begins with a look."""

_NOT_YET = "invalid_blocks"  # also of blocks that show a file which was only just uploaded
_SHOWN_TRIES = 3  # with what such blocks show; then without

Worded = Callable[[str], Reply]
"""What is to be said, given the language."""


@dataclass(frozen=True, slots=True)
class Messenger:
    """Posts to people and channels, within a durable operation."""

    chat: Chat
    clock: Clock
    spoken_in: Callable[[str, str], str] = lambda place, otherwise: otherwise

    def post(
        self, journal: Journal, op: Operation, place: str, language: str, worded: Worded,
        plainer: Worded | None = None, part: int = 0,
    ) -> MessageRef | None:  # fmt: skip
        """Post one message, once; None when Slack refuses, or cannot be made to say that it has it.

        place: a channel's id, or a person's for the conversation with them. language: of people;
        in a channel with a language of its own, that is spoken. plainer: the same without a
        picture, for when Slack does not take that. part: which one, of several messages to a place.
        """
        language = self.spoken_in(place, language)
        name = f"{place} {part}" if part else place
        begun = journal.step(f"{name}: begin", lambda: {"attempt": journal.attempt})
        is_repeat = begun["attempt"] != journal.attempt

        def post() -> Json:
            spare = plainer(language) if plainer else None
            key = f"{op.id}:{name}"
            return self._post(op, place, key, worded(language), spare, is_repeat=is_repeat)

        posted = journal.step(name, post)
        return MessageRef(posted["channel"], posted["ts"]) if "ts" in posted else None

    def language(self, user_id: str) -> str:
        """In which a person reads; English where nobody can tell."""
        try:
            return self.chat.member(user_id).language
        except BotError:
            return "en"

    def has_left(self, user_id: str) -> bool:
        """Whether Slack says that this is no member (any more). Raises ChatUnknown."""
        try:
            return not self.chat.member(user_id).is_full_member
        except ChatRefused:
            return True

    def _post(
        self, op: Operation, place: str, key: str, reply: Reply, spare: Reply | None, *,
        is_repeat: bool,
    ) -> Json:  # fmt: skip
        since = op.requested_at - CLOCKS_DIFFER
        refusals = 0
        for pause in (*PAUSES, None):
            try:
                ref = self._once(place, key, since, reply, is_repeat=is_repeat)
                return {"channel": ref.channel_id, "ts": ref.ts}
            except ChatRefused as error:
                log.warning("%s %s: not told in %s: %s", op.kind, op.id, place, error.code)
                if error.code != _NOT_YET or spare is None or reply is spare:
                    return {"refused": error.code}
                refusals += 1
                reply = spare if refusals == _SHOWN_TRIES else reply
            except ChatUnknown as error:
                log.warning("%s %s: perhaps told in %s: %s", op.kind, op.id, place, error)
                is_repeat = True
            if pause is not None:
                self.clock.sleep(pause)
        return {"unknown": True}

    def _once(
        self, place: str, key: str, since: datetime, reply: Reply, *, is_repeat: bool
    ) -> MessageRef:
        channel = self.chat.open_dm(place) if place.startswith(("U", "W")) else place
        found = self.chat.find(channel, key, since) if is_repeat else None
        return found or self.chat.post(channel, reply.text, reply.blocks, key)


@dataclass(frozen=True, slots=True)
class Tell:
    """The duty "tell": one text with buttons, to some places. Implements `Duty`.

    Where it reaches nobody at all the admins get it.
    """

    messenger: Messenger
    admins: Sequence[str]

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        places: list[str] = op.args["places"]
        told = [self._tell(op, journal, place) for place in places]
        if any(told):
            return OperationState.DONE
        rest = [admin for admin in self.admins if admin not in places]
        told = [self._tell(op, journal, place) for place in rest]
        return OperationState.DONE if any(told) else OperationState.FAILED

    def after_failure(self, op: Operation) -> None:
        log.error("nobody could be told: %s", text_from_json(op.args["text"]))

    def _tell(self, op: Operation, journal: Journal, place: str) -> bool:
        reader = place if place.startswith(("U", "W")) else op.args["reader"]
        found = journal.step(f"{place}: language", lambda: self._language(reader))
        ref = self.messenger.post(
            journal, op, place, found["language"], lambda language: _reply(op.args, language)
        )
        return ref is not None

    def _language(self, reader: str) -> Json:
        return {"language": self.messenger.language(reader)}


@dataclass(frozen=True, slots=True)
class News:
    """What the sweep has to tell: once, and again only when it changed."""

    errands: Errands
    findings: FindingStore
    policy: Policy
    clock: Clock

    def once(
        self, key: str, fact: str, text: Text, places: Sequence[str], reader: str = "",
        buttons: Sequence[Button] = (),
    ) -> bool:  # fmt: skip
        """Tell it unless it was told; gives whether it was not. reader: whose language counts where
        many read."""
        now = self.clock.now()
        noted = self.findings.note(key, fact, now)
        if noted.told_at is not None:
            return False
        args = {
            "places": list(dict.fromkeys(places)),
            "reader": reader,
            "text": text_to_json(text),
            "buttons": [button_to_json(each) for each in buttons],
        }
        asked = self.errands.ask("tell", args, f"{key}:{fact}:{noted.first_at.isoformat()}")
        self.findings.told(key, now)
        log.warning("%s: %s", key, text)
        return asked is not None

    def owner_of(self, vm: Vm) -> list[str]:
        """Where the owner sees it, and those they work with: the owner alone, if they have ordered
        it in a talk with the bot."""
        return [vm.owner_id] if vm.channel_id.startswith("D") else [vm.channel_id, vm.owner_id]

    @property
    def admins(self) -> list[str]:
        """Where the admins see it; nowhere when there are none."""
        return sorted(self.policy.access.admins)


def _reply(args: Json, language: str) -> Reply:
    text = say(text_from_json(args["text"]), language)
    buttons = [_button_from_json(each) for each in args["buttons"]]
    blocks = [section(text), *([actions(buttons, language)] if buttons else [])]
    return Reply(spoken(text), blocks)


def button_to_json(button: Button) -> Json:
    """A button as the duty "tell" takes it."""
    confirm = text_to_json(button.confirm) if button.confirm else None
    label = text_to_json(button.label)
    return {"label": label, "value": button.value, "style": button.style, "confirm": confirm}


def _button_from_json(recorded: Json) -> Button:
    return Button(
        text_from_json(recorded["label"]),
        value=recorded["value"],
        style=recorded["style"],
        confirm=text_from_json(recorded["confirm"]) if recorded["confirm"] else None,
    )
