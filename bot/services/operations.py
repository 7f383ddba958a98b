"""From a request to its end: recorded, admitted, carried out, told.

An operation's id is made from what Slack sent, so the same click or command is one operation
however often it is delivered. `Operations` records and starts them; `Runner` is what the durable
engine calls, again after each crash, until the operation has ended.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from bot.access import Rules, require_member
from bot.errors import BotError, ChatRefused
from bot.models import (
    LOCAL_TEAM,
    Caller,
    Click,
    MessageRef,
    Operation,
    OperationState,
    Text,
)
from bot.ports import Chat, Clock, Engines, Journal
from bot.replies.card import Card
from bot.services.buttons import UsedButtons
from bot.services.names import Offer, corrected
from bot.services.recorded import Json
from bot.services.refusals import Refusals, refusal_of
from bot.services.work import (
    CLOCKS_DIFFER,
    CardRules,
    Failed,
    Outcome,
    Work,
    tell_end,
)
from bot.store import OperationStore

log = logging.getLogger(__name__)

# A second click on the same button within this time is the same wish.
DOUBLE_CLICK = timedelta(seconds=3)

LOOK_AGAIN = timedelta(seconds=30)

LOOK_AT_TERMINALS = timedelta(seconds=1)
"""How soon what a terminal's process has recorded is begun. A query by an index: 0.2 ms of CPU."""


class Act(Protocol):
    """One kind of operation: may it be done, doing it, and what to say when it fails."""

    def title(self, op: Operation) -> Text:
        """What the card is headed with."""

    def admit(self, op: Operation) -> Json:
        """What `carry_out` needs to know; reserves what must be reserved. May be called again.

        Raises UserError or OutsideError: the operation is refused and nothing was changed.
        """

    def carry_out(self, work: Work, admitted: Json) -> Outcome:
        """Do it. Raises Failed."""

    def withdraw(self, op: Operation) -> None:
        """It will not be carried out: give back what `admit` reserved."""

    def after_failure(self, op: Operation, admitted: Json, failure: Failed | None) -> Outcome:
        """Put down what is left, and say what to do.

        failure: None when it was unexpected; then `admitted` is empty.
        """


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for, understood."""

    kind: str
    args: dict[str, Any]


def operation_id(key: str) -> str:
    """The id of the operation that a key of Slack's asks for: 16 lower-case letters and digits."""
    digest = hashlib.sha256(key.encode()).digest()
    return base64.b32encode(digest[:10]).decode("ascii").lower()


class Operations:
    """Takes requests down and hands them to the engine, in a thread of its own."""

    def __init__(
        self, store: OperationStore, clock: Clock, look_again: timedelta = LOOK_AGAIN
    ) -> None:
        """look_again: how often it is looked for operations that nobody has started."""
        self._store = store
        self._clock = clock
        self._look_again_s = look_again.total_seconds()
        self._started: set[str] = set()
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._starter: threading.Thread | None = None

    def record(
        self,
        request: Request,
        caller: Caller,
        key: str,
        response_url: str | None,
        *,
        is_click: bool = False,
        click: Click | None = None,
    ) -> str | None:
        """Write a request down for good, then have it started; gives the operation's id.

        None: it is known already. Fast enough to be called before an ack. is_click: a second one
        within seconds is the same wish. click: on a message, whose button is then used up.
        """
        op = Operation(
            id=operation_id(key),
            kind=request.kind,
            args=request.args,
            caller=caller,
            requested_at=self._clock.now(),
            response_url=response_url,
        )
        within = DOUBLE_CLICK if is_click else None
        if not self._store.record(op, unless_within=within, click=click):
            log.info("operation %s was asked for again", op.id)
            return None
        self._waiting.put(op.id)
        return op.id

    def is_known(self, key: str) -> bool:
        """Whether something was recorded under this key, and is not forgotten yet."""
        try:
            self._store.get(operation_id(key))
        except LookupError:
            return False
        return True

    def start(self, engines: Engines, *, team_id: str | None = None) -> None:
        """Begin to start operations, first those that an earlier process left unfinished.

        team_id: only theirs; the rest is left to another process.
        """
        for op_id in self._store.unfinished(team_id):
            self._waiting.put(op_id)
        self._starter = threading.Thread(
            target=self._start_each, args=(engines, team_id), name="operations", daemon=True
        )
        self._starter.start()

    def stop(self) -> None:
        """Start no more. What is recorded and not started is started by the next process."""
        if self._starter is not None:
            self._waiting.put(None)
            self._starter.join()

    def _start_each(self, engines: Engines, team_id: str | None) -> None:
        period_s = LOOK_AT_TERMINALS.total_seconds()
        terminals_at = time.monotonic() + period_s
        look_at = time.monotonic() + self._look_again_s
        while True:
            now = time.monotonic()
            if now >= look_at:
                self._start_forgotten(engines, team_id)
                look_at = time.monotonic() + self._look_again_s
            if now >= terminals_at:
                self._start_of_terminals(engines)
                terminals_at = time.monotonic() + period_s
            next_at = min(look_at, terminals_at)
            try:
                op_id = self._waiting.get(timeout=max(0.0, next_at - time.monotonic()))
            except queue.Empty:
                continue
            if op_id is None:
                return
            self._start(engines, op_id)

    def _start(self, engines: Engines, op_id: str) -> None:
        if op_id in self._started:
            return  # the look into the store was faster than the queue
        try:
            engines.start(op_id)
        except Exception:
            # Whatever it is, it must not end this thread; the next look finds it again.
            log.exception("operation %s could not be started", op_id)
        else:
            self._started.add(op_id)

    def _start_of_terminals(self, engines: Engines) -> None:
        """What was typed in a terminal is recorded by a process that need not have an engine."""
        try:
            unfinished = self._store.unfinished(LOCAL_TEAM)
        except Exception:
            return  # the look at all operations says so
        for op_id in unfinished:
            self._start(engines, op_id)

    def _start_forgotten(self, engines: Engines, team_id: str | None) -> None:
        """What could not be started at first, or was recorded by a process that died before."""
        try:
            unfinished = self._store.unfinished(team_id)
        except Exception:
            log.exception("nobody knows which operations have to be started")
            return
        self._started.intersection_update(unfinished)
        for op_id in unfinished:
            if op_id not in self._started:
                self._start(engines, op_id)


class Runner:
    """Carries operations out, from their record. Called by the engine."""

    def __init__(
        self,
        acts: Mapping[str, Act],
        store: OperationStore,
        chat: Chat,
        clock: Clock,
        rules: Rules,
        command: str,
        offer: Offer,
        buttons: UsedButtons,
        follow: Callable[[Operation], None] = lambda op: None,
        ended: Callable[[Operation], None] = lambda op: None,
    ) -> None:
        self._acts = acts
        self._store = store
        self._chat = chat
        self._clock = clock
        self._rules = rules
        self._refusals = Refusals(chat, command)
        self._offer = offer
        self._buttons = buttons
        self._follow = follow
        self._card_rules = CardRules(buttons.spoken_in, buttons.repaint)
        self._ended = ended

    def run(self, op_id: str, journal: Journal) -> None:
        """Carry one operation out, or on."""
        op = self._store.get(op_id)
        if op.state.is_final:
            return
        act = self._acts[op.kind]
        who = journal.step("caller", lambda: self._caller(op))
        admitted = who if "refusal" in who else journal.step("admit", lambda: self._admit(act, op))
        if "refusal" in admitted:
            self._refusals.tell(op, journal, admitted["refusal"], who["language"])
            self._end(op, OperationState.REFUSED)
            return
        work = Work(
            op,
            journal,
            self._chat,
            self._clock,
            self._store,
            who["language"],
            self._card_rules,
        )
        try:
            work.open_card(act.title(op))
        except ChatRefused as error:
            log.warning("operation %s: nobody would see it: %s", op.id, error.code)
            act.withdraw(op)
            self._refusals.tell(op, journal, refusal_of(error), who["language"])
            self._end(op, OperationState.REFUSED)
            return
        if op.args.get("then"):
            journal.step("then", lambda: self._record_next(op))
        self._buttons.begun(op, journal, who["language"])
        state = OperationState.DONE
        try:
            outcome = act.carry_out(work, admitted["value"])
        except Failed as failure:
            state = OperationState.FAILED
            outcome = _told(op, failure, act.after_failure(op, admitted["value"], failure))
        self._buttons.ended(op, journal, state, who["language"])
        work.finish(state, outcome)
        self._ended(op)

    def give_up(self, op_id: str, error: BaseException) -> None:
        """The engine has tried an operation several times, and each time it broke unexpectedly.

        Raises when the end can be neither told nor written down now: to be called again later.
        """
        log.error("operation %s is given up", op_id, exc_info=error)
        op = self._store.get(op_id)
        if op.state.is_final:
            return
        act = self._acts[op.kind]
        title = act.title(op)
        surprise = Failed("", title, Text("Something unexpected happened."))
        if op.message is None:  # it has no card, so it was not begun
            act.withdraw(op)
            advice = Outcome(Text("There is nothing more to do."))
        else:
            advice = act.after_failure(op, {}, None)
        outcome = _told(op, surprise, advice)
        card = Card(
            title,
            op.caller.user_id,
            op.requested_at,
            facts=outcome.facts,
            outcome=outcome.text,
            has_failed=True,
            buttons=outcome.buttons,
        )
        try:
            tell_end(
                self._chat,
                op,
                self._card_of(op),
                card,
                self._clock.now(),
                self._language(op),
                self._card_rules,
            )
        except ChatRefused:  # it will not be otherwise later
            log.exception("operation %s: its end could not be told", op_id)
        self._end(op, OperationState.FAILED)

    # --- within ---

    def _record_next(self, op: Operation) -> Json:
        """What comes then waits by itself, and is told by itself."""
        self._follow(op)
        return {}

    def _card_of(self, op: Operation) -> MessageRef | None:
        """Its card; one whose posting was never confirmed is looked for."""
        if op.message is not None:
            return op.message
        try:
            since = op.requested_at - CLOCKS_DIFFER
            return self._chat.find(op.caller.channel_id, op.id, since)
        except ChatRefused:  # the bot is not in the channel, so the card cannot be there
            return None

    def _language(self, op: Operation) -> str:
        """Of somebody who may have left Slack meanwhile."""
        try:
            return self._chat.member(op.caller.user_id).language
        except ChatRefused:
            return "en"

    def _caller(self, op: Operation) -> Json:
        """The person's language; a refusal when they may not use the bot, or nobody can tell."""
        language = "en"
        try:
            member = self._chat.member(op.caller.user_id)
            language = member.language
            require_member(op.caller, member, self._rules)
        except BotError as error:
            return {"language": language, "refusal": refusal_of(error)}
        return {"language": language}

    def _admit(self, act: Act, op: Operation) -> Json:
        try:
            return {"value": act.admit(op)}
        except BotError as error:
            log.info("operation %s (%s) is refused: %s", op.id, op.kind, error)
            return {"refusal": refusal_of(corrected(error, op.kind, op.args, self._offer))}

    def _end(self, op: Operation, state: OperationState) -> None:
        incident = op.id if state is OperationState.FAILED else None
        self._store.finish(op.id, state, self._clock.now(), incident)
        self._ended(op)


def _told(op: Operation, failure: Failed, advice: Outcome) -> Outcome:
    """Which phase, why, what to do, and the id under which the log has the rest."""
    text = Text(
        "*{phase}* did not work: {why}\n{advice}",
        phase=failure.title,
        why=failure.why,
        advice=advice.text,
    )
    incident = Text("incident `{id}`", id=op.id)
    return Outcome(text, advice.buttons, (*advice.facts, incident))
