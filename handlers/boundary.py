"""Between Slack and the services: take it down, ack, and answer from a thread of our own.

What runs before the ack parses a line and, for a command that changes the world, writes one row.
Everything that could be slow or go wrong comes after it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.access import Rules, require_member
from bot.errors import BotError, UserError, WrongName
from bot.metrics import COMMANDS
from bot.models import Caller, Click, Operation, Text
from bot.ports import Chat, Clock
from bot.replies import answers
from bot.replies.blocks import Reply
from bot.replies.form import PROGRAM
from bot.replies.texts import plain
from bot.replies.used import repainted
from bot.services.names import corrected
from bot.services.operations import Operations
from bot.services.questions import Questions
from handlers.answers import Answers
from handlers.form import Form, Mistakes, opened_of, values_of
from handlers.grammar import Grammar, Understood
from handlers.sender import Sender, Typed
from handlers.windows import Windows

log = logging.getLogger(__name__)

_THREADS = 32
_QUICK_THREADS = 4
_GRACE = timedelta(minutes=1)  # longer than any answer takes on a quiet machine


class Boundary:
    """Takes commands and clicks. Its public methods are quick: they run before the ack."""

    def __init__(
        self,
        grammar: Grammar,
        operations: Operations,
        questions: Questions,
        answering: Answers,
        chat: Chat,
        rules: Rules,
        clock: Clock,
    ) -> None:
        self._grammar = grammar
        self._operations = operations
        self._answers = answering
        self._chat = chat
        self._rules = rules
        self._sender = Sender(chat, rules, clock, grammar.slash)
        self._form = Form(grammar, questions)
        self._under_way: set[Future[None]] = set()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="answers")
        # What asks no VM never waits behind what does: engines may hang, and many at once.
        self._quick = ThreadPoolExecutor(_QUICK_THREADS, thread_name_prefix="quick-answers")
        self._windows = Windows(
            chat, self._sender, rules, grammar, questions, self._form, self._pool
        )

    def take(self, typed: Typed) -> None:
        """Record what changes the world, answer the rest in the background.

        Raises when it could not be recorded: Slack then tells the person that it did not work.
        """
        if typed.trigger_id and not typed.line.strip() and not typed.is_click:
            return self.open_form(typed)
        try:
            understood = self._grammar.parse(typed.line)
        except UserError as error:
            refused = error
            COMMANDS.labels("unknown", "refused").inc()
            self._answer_later(
                typed, lambda language: self._sender.refusal(refused, language), self._quick
            )
            return
        if understood.command.is_question:
            COMMANDS.labels(understood.command.name, "asked").inc()
            asks_a_vm = understood.request.kind not in ("help", "vm list")
            self._answer_later(
                typed,
                lambda language: self._reply(understood, typed.caller, language),
                self._pool if asks_a_vm else self._quick,
            )
            return
        recorded = self._operations.record(
            understood.request,
            typed.caller,
            typed.key,
            typed.response_url,
            is_click=typed.is_click,
            click=typed.click,
        )
        outcome = "recorded" if recorded else "repeated"
        COMMANDS.labels(understood.command.name, outcome).inc()

    def show_password(self, typed: Typed) -> None:
        """Open a modal with a container's password, for its owner. The line says which."""
        self._later(lambda: self._windows.show_password(typed))

    def open_form(self, typed: Typed) -> None:
        """Open the form "New workspace"; where that is too late, help is the answer."""
        COMMANDS.labels("form", "asked").inc()
        self._submit(self._quick, lambda: self._windows.open_form(typed))

    def submit_form(self, caller: Caller, view: dict[str, Any], key: str) -> dict[str, str]:
        """Take down what was filled in; gives what is wrong per block_id, in the form's language.

        key: the same each time one form is submitted. Quick: it runs before the ack.
        """
        opened = opened_of(view)
        if opened is None:
            return {PROGRAM: plain(Text("That form does not work any more."), "en")}
        asked_in = replace(caller, channel_id=opened.channel_id)
        try:
            request = self._form.request(values_of(view), asked_in)
        except Mistakes as mistakes:
            COMMANDS.labels("form", "refused").inc()
            texts = mistakes.by_field.items()
            return {field: plain(text, opened.language) for field, text in texts}
        recorded = self._operations.record(request, asked_in, key, None)
        COMMANDS.labels("form", "recorded" if recorded else "repeated").inc()
        return {}

    def refresh_home(self, user_id: str, page: str = "1") -> None:
        """Show a person's App Home as it is now: it was opened, or something of theirs changed.

        page: of their containers, as a button names it.
        """
        number = int(page) if re.fullmatch(r"[0-9]{1,6}", page) else 1
        try:
            self._later(lambda: self._publish_home(user_id, number))
        except RuntimeError:  # we are closing; the Home is drawn again when it is opened
            log.info("the Home of %s is not refreshed: closing", user_id)

    def close(self, grace: timedelta = _GRACE) -> bool:
        """Finish the answers that are under way, for at most `grace`; False when some are left."""
        for pool in (self._quick, self._pool):
            pool.shutdown(wait=False)
        _, left = wait(list(self._under_way), timeout=grace.total_seconds())
        for each in left:
            each.cancel()  # what has not begun never will
        return not left

    # --- answers ---

    def _answer_later(
        self, typed: Typed, answer: Callable[[str], Reply], pool: ThreadPoolExecutor
    ) -> None:
        self._submit(pool, lambda: self._sender.answer(typed, answer))

    def _reply(self, understood: Understood, caller: Caller, language: str) -> Reply:
        request = understood.request
        try:
            return self._answers.reply(understood, caller, language)
        except WrongName as error:
            raise corrected(error, request.kind, request.args, self._grammar.choice) from error

    # --- used buttons ---

    def take_button_away(self, op: Operation, click: Click) -> None:
        """In a message that one person sees: a list is shown as it is now, all else is replaced."""
        if op.response_url is not None:
            try:
                self._later(lambda: self._take_button_away(op, click))
            except RuntimeError:  # we are closing; such messages are gone after a reload anyway
                log.info("a button of %s stays: closing", op.id)

    def _take_button_away(self, op: Operation, click: Click) -> None:
        language = self._chat.member(op.caller.user_id).language
        reply = answers.chosen_reply(f"{self._grammar.slash} {click.value}", language)
        if click.listed:
            try:
                reply = self._list_again(op.caller, click, language)
            except BotError as error:
                log.info("the list of %s is not shown again: %s", op.id, error)
        assert op.response_url is not None
        self._chat.respond(op.response_url, reply.text, reply.blocks, replace=True)

    def _list_again(self, caller: Caller, click: Click, language: str) -> Reply:
        understood = self._grammar.parse(click.listed)
        if not understood.command.is_question:
            raise UserError(Text("That button does not work any more."))
        reply = self._answers.reply(understood, caller, language)
        return Reply(reply.text, repainted(reply.blocks, [click], language))

    # --- App Home ---

    def _publish_home(self, user_id: str, page: int) -> None:
        member = self._chat.member(user_id)
        caller = Caller(user_id, "", user_id)
        try:
            require_member(caller, member, self._rules)
            view = self._answers.home(caller, member.language, page)
        except BotError as error:
            view = {"type": "home", "blocks": self._sender.refusal(error, member.language).blocks}
        self._chat.publish_home(user_id, view)

    # --- threads ---

    def _later(self, work: Callable[[], None]) -> None:
        self._submit(self._pool, work)

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        future = pool.submit(_kept_quiet, work)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)


def _kept_quiet(work: Callable[[], None]) -> None:
    """What reaches this can be told to nobody but the log."""
    try:
        work()
    except Exception:
        log.exception("an answer could not be given")
