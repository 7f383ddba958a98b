"""An operation under way: its journal, its phases, and the card that shows them.

Everything that is done goes through a step of the journal, so that after a crash the same code runs
again from its start, gets what was done already from the record, and goes on where it was. Errors
that we know are recorded as values; anything else ends the attempt, and the engine tries again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bot.errors import BotError, ChatRefused, OutsideError
from bot.models import Channel, MessageRef, Operation, OperationState, Text
from bot.ports import Blocks, Chat, Clock, Journal
from bot.replies.blocks import Button, Picture, Reply
from bot.replies.card import Card, Phase, PhaseState, card_reply
from bot.replies.texts import plain, say
from bot.services.recorded import Json, text_from_json, text_to_json
from bot.store import OperationStore

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CardRules:
    """What holds for cards wherever they are.

    spoken_in: the language of a channel, else the one given. repaint: a message's blocks without
    the buttons that were used, in a language.
    """

    spoken_in: Callable[[str, str], str] = lambda channel_id, otherwise: otherwise
    repaint: Callable[[MessageRef, Blocks, str], Blocks] = lambda message, blocks, language: blocks


_NOT_YET = "invalid_blocks"
"""What Slack says of a block with a file that it has not looked at yet (slack.md §5)."""

_LOOK_TRIES, _LOOK_AGAIN = 8, timedelta(seconds=2)

CLOCKS_DIFFER = timedelta(minutes=5)
"""By how much Slack's clock may be behind ours when we look for a message since an instant."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended, in words, and what the person may want to do next."""

    text: Text
    buttons: tuple[Button, ...] = ()
    facts: tuple[Text, ...] = ()
    details: tuple[Text, ...] = ()
    pictures: tuple[Picture, ...] = ()
    is_warning: bool = False  # it was done, and did not end as it was meant


class Failed(Exception):
    """A phase did not end well: which, and why in our words."""

    def __init__(self, phase: str, title: Text, why: Text) -> None:
        super().__init__(f"{phase}: {why}")
        self.phase = phase
        self.title = title
        self.why = why


class TimedOut(BotError):
    """A phase had all the time it may take."""


class Stopped(BotError):
    """Somebody called the operation off."""


@dataclass
class Watch:
    """One attempt at a phase, as the code that does it sees it.

    is_repeat: an earlier attempt, cut off by a crash, may have done it: look before you act.
    """

    clock: Clock
    timeout: timedelta
    is_repeat: bool
    show: Callable[[Text], None]
    check_stopped: Callable[[], None]
    conclusion: Text | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._deadline = self.clock.monotonic() + self.timeout

    def tell(self, note: Text) -> None:
        """Show how far it is."""
        self.show(note)

    def conclude(self, note: Text) -> None:
        """A remark that stays on the card when the phase is done."""
        self.conclusion = note

    def until(self, look: Callable[[], T | None], every: timedelta) -> T:
        """The first value that `look` gives; passing trouble is waited out.

        Looks at least once. Raises TimedOut, Stopped, and what `look` raises for good.
        """
        trouble: Text | None = None
        while True:
            try:
                value = look()
            except OutsideError as error:
                if not error.is_passing:
                    raise
                trouble = error.text
            else:
                if value is not None:
                    return value
            self.check_going_on(trouble)
            self.clock.sleep(every)

    def check_going_on(self, trouble: Text | None = None) -> None:
        """Raises Stopped or TimedOut when what is under way is to be given up."""
        self.check_stopped()
        if self.clock.monotonic() >= self._deadline:
            raise self._timed_out(trouble)

    def _timed_out(self, trouble: Text | None) -> TimedOut:
        if trouble is None:
            return TimedOut(Text("It took longer than {limit}.", limit=self.timeout))
        return TimedOut(
            Text(
                "It took longer than {limit}. The last problem: {trouble}",
                limit=self.timeout,
                trouble=trouble,
            )
        )


class Work:
    """What an act carries an operation out with."""

    def __init__(
        self,
        op: Operation,
        journal: Journal,
        chat: Chat,
        clock: Clock,
        store: OperationStore,
        language: str,
        rules: CardRules | None = None,
    ) -> None:
        """language: of the person; a card in a channel with one of its own speaks that."""
        self.op = op
        self.clock = clock
        self.language = language
        self._journal = journal
        self._chat = chat
        self._store = store
        self._own_language = language
        self._rules = rules or CardRules()
        self._card = Card(Text("…"), op.caller.user_id, op.requested_at)
        self._message: MessageRef | None = None
        self._check_stopped: Callable[[], None] = lambda: None

    # --- the card ---

    def open_card(self, title: Text) -> None:
        """Post the card, once. Raises ChatRefused when nobody would see it."""
        self._card = replace(self._card, title=title)
        posted = self._journal.step("post: begin", lambda: {"attempt": self._journal.attempt})
        is_repeat = posted["attempt"] != self._journal.attempt
        ref = self._journal.step("post", lambda: self._post_once(is_repeat))
        if "refused" in ref:
            raise ChatRefused(text_from_json(ref["text"]), ref["refused"])
        self._message = MessageRef(ref["channel"], ref["ts"])
        self.language = self._rules.spoken_in(self._message.channel_id, self._own_language)
        if self._message.channel_id != self.op.caller.channel_id:
            asked_in = Channel(self.op.caller.channel_id)
            self.add_fact(Text("to have this in {channel}: `/invite @ds-bot`", channel=asked_in))

    def add_fact(self, fact: Text) -> None:
        """Show a fact at the foot of the card from now on."""
        self._card = replace(self._card, facts=(*self._card.facts, fact))

    def add_detail(self, detail: Text) -> None:
        """Show a paragraph on the card from now on."""
        self._card = replace(self._card, details=(*self._card.details, detail))

    def upload(self, name: str, content: bytes, alt: Text) -> Picture:
        """A picture that the outcome may have. Raises ChatRefused, ChatUnknown: ask again."""
        if self.op.caller.is_local:  # a terminal shows no pictures: it gets the file
            self.share(name, content, alt)
            return Picture(name, alt)
        return Picture(self._chat.upload(name, content, plain(alt, self.language)), alt)

    def share(self, name: str, content: bytes, comment: Text, *, alone: bool = False) -> None:
        """Put a file into the card's thread; asked for once. Raises ChatRefused, ChatUnknown.

        alone: into the direct conversation with the person, where nobody else sees it.
        """
        if self._message is not None:
            channel_id, thread_ts = self._place(alone)
            self._chat.share(channel_id, thread_ts, name, content, say(comment, self.language))

    def is_shared(self, name: str, since: datetime, *, alone: bool = False) -> bool:
        """Whether a file of that name is there. Raises ChatRefused, ChatUnknown."""
        return self._message is not None and self._chat.shared(*self._place(alone), name, since)

    def finish(self, state: OperationState, outcome: Outcome) -> None:
        """Show how it ended, whatever it takes, and close the operation."""
        self._card = replace(
            self._card,
            outcome=outcome.text,
            has_failed=state is OperationState.FAILED,
            is_warning=outcome.is_warning,
            details=(*self._card.details, *outcome.details),
            pictures=outcome.pictures,
            buttons=outcome.buttons,
            facts=(*self._card.facts, *outcome.facts),
        )
        self._journal.step("final", self._show_final)
        incident = self.op.id if state is OperationState.FAILED else None
        self._store.finish(self.op.id, state, self.clock.now(), incident)

    def stop_when(self, check: Callable[[], None]) -> None:
        """Have every wait call `check`, which raises Stopped when the work is called off."""
        self._check_stopped = check

    # --- steps and phases ---

    def step(self, name: str, act: Callable[[], Json]) -> Json:
        """Something that is done without being shown."""
        return self._journal.step(name, act)

    def phase(
        self,
        name: str,
        title: Text,
        timeout: timedelta,
        act: Callable[..., Any],
        *,
        first: Callable[[Watch], Any] | None = None,
    ) -> Any:
        """Do a part of the work, shown with its own time; gives what `act(watch)` gave (JSON).

        timeout: handed to `act`, anew after a crash. Raises Failed.
        first: what is done and recorded before; `act` gets it, too. After a crash the `act` may
        have been begun or not, and what `first` gave is known.
        """
        begun = self._journal.step(f"{name}: begin", self._begin)
        self._card = self._card.with_phase(Phase(title, datetime.fromisoformat(begun["at"])))
        watch = Watch(
            self.clock,
            timeout,
            is_repeat=begun["attempt"] != self._journal.attempt,
            show=self._show_note,
            check_stopped=self._check_stopped,
        )
        given: tuple[Any, ...] = ()
        if first is not None:
            done = self._journal.step(f"{name}: first", lambda: self._attempt(name, first, watch))
            if "error" in done:
                return self._conclude(name, title, done)
            given = (done["value"],)
        ended = self._journal.step(
            name, lambda: self._attempt(name, lambda watch: act(watch, *given), watch)
        )
        return self._conclude(name, title, ended)

    def _place(self, alone: bool) -> tuple[str, str | None]:
        """Channel and thread for a file."""
        assert self._message is not None
        if alone:
            return self._chat.open_dm(self.op.caller.user_id), None
        return self._message.channel_id, self._message.ts

    def _begin(self) -> Json:
        return {"at": self.clock.now().isoformat(), "attempt": self._journal.attempt}

    def _attempt(self, name: str, act: Callable[[Watch], Any], watch: Watch) -> Json:
        self._show()  # only what is really done: a replay must not draw over the final state
        try:
            ended: Json = {"value": act(watch)}
        except BotError as error:
            log.warning("operation %s, %s: %s", self.op.id, name, error, exc_info=error)
            ended = {"error": text_to_json(error.text)}
        if watch.conclusion is not None:
            ended["note"] = text_to_json(watch.conclusion)
        return ended | {"at": self.clock.now().isoformat()}

    def _conclude(self, name: str, title: Text, ended: Json) -> Any:
        note = text_from_json(ended["note"]) if "note" in ended else None
        state = PhaseState.FAILED if "error" in ended else PhaseState.DONE
        at = datetime.fromisoformat(ended["at"])
        self._card = self._card.with_last(state=state, ended_at=at, note=note)
        if "error" in ended:
            raise Failed(name, title, text_from_json(ended["error"]))
        return ended["value"]

    # --- showing ---

    def _show_note(self, note: Text) -> None:
        self._card = self._card.with_last(note=note)
        self._show()

    def _show(self) -> None:
        if self._message is not None:
            reply = card_reply(self._card, self.clock.now(), self.language)
            self._chat.update_soon(self._message, reply.text, reply.blocks)

    def _post_once(self, is_repeat: bool) -> Json:
        """Post into the channel, or to the person where the bot may not write in it."""
        try:
            ref = self._post_somewhere(is_repeat)
        except ChatRefused as error:
            return {"refused": error.code, "text": text_to_json(error.text)}
        self._store.posted(self.op.id, ref)
        return {"channel": ref.channel_id, "ts": ref.ts}

    def _post_somewhere(self, is_repeat: bool) -> MessageRef:
        try:
            return self._post_to(self.op.caller.channel_id, is_repeat)
        except ChatRefused as error:
            log.info("operation %s: no card in its channel: %s", self.op.id, error.code)
            return self._post_to(self._chat.open_dm(self.op.caller.user_id), is_repeat)

    def _post_to(self, channel_id: str, is_repeat: bool) -> MessageRef:
        """Posted by one request; whether a lost one arrived is looked up by its key."""
        language = self._rules.spoken_in(channel_id, self._own_language)
        reply = card_reply(self._card, self.clock.now(), language)
        if is_repeat:
            return post_unless_there(self._chat, self.op, channel_id, reply, self.op.id)
        return self._chat.post(channel_id, reply.text, reply.blocks, self.op.id)

    def _show_final(self) -> Json:
        if self._card.pictures and self._message is not None:
            self._wait_for_pictures(self._message)
        tell_end(
            self._chat,
            self.op,
            self._message,
            self._card,
            self.clock.now(),
            self._own_language,
            self._rules,
        )
        return {}

    def _wait_for_pictures(self, message: MessageRef) -> None:
        """Until Slack takes the card with its pictures, which it may not know yet."""
        for _ in range(_LOOK_TRIES):
            reply = card_reply(self._card, self.clock.now(), self.language)
            try:
                return self._chat.update(message, reply.text, reply.blocks)
            except ChatRefused as error:
                if error.code != _NOT_YET:
                    return  # whatever it is, it has nothing to do with pictures
            self.clock.sleep(_LOOK_AGAIN)
        self._card = replace(self._card, pictures=())
        self.add_detail(Text("Slack did not take the pictures. Run it again to see them."))


def tell_end(
    chat: Chat,
    op: Operation,
    message: MessageRef | None,
    card: Card,
    now: datetime,
    own_language: str,
    rules: CardRules,
) -> None:
    """Show an operation's final state on its card; in a new direct message if the card is gone."""
    if message is not None:
        language = rules.spoken_in(message.channel_id, own_language)
        reply = card_reply(card, now, language)
        try:
            chat.update(message, reply.text, rules.repaint(message, reply.blocks, language))
            return
        except ChatRefused as error:
            log.warning("operation %s: its card is gone: %s", op.id, error.code)
    reply = card_reply(card, now, own_language)
    post_unless_there(chat, op, chat.open_dm(op.caller.user_id), reply, f"{op.id}:final")


def post_unless_there(
    chat: Chat, op: Operation, channel_id: str, reply: Reply, key: str
) -> MessageRef:
    """Post one of an operation's messages, unless an earlier request did whose answer was lost."""
    try:
        found = chat.find(channel_id, key, op.requested_at - CLOCKS_DIFFER)
    except ChatRefused as error:  # where nothing may be read; posting says whether it matters
        log.info("operation %s: no look for %s: %s", op.id, key, error.code)
        found = None
    return found or chat.post(channel_id, reply.text, reply.blocks, key)
