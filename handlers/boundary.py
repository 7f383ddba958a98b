"""Between Slack and the services: take it down, ack, and answer from a thread of our own.

What runs before the ack parses a line and, for a command that changes the world, writes one row.
Everything that could be slow or go wrong comes after it.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.access import Rules, require_member
from bot.errors import BotError, ChatError, ChatRefused, UserError, WrongName
from bot.metrics import COMMANDS
from bot.models import Caller, Click, Member, Operation, Text
from bot.ports import Chat, Clock
from bot.replies import answers, form, modals
from bot.replies.blocks import Drawing, Reply, section
from bot.replies.form import PROGRAM, Opened
from bot.replies.texts import plain, say, spoken
from bot.replies.used import repainted
from bot.services.names import corrected
from bot.services.operations import Operations
from bot.services.questions import Questions
from handlers.answers import Answers
from handlers.form import Form, Mistakes, opened_of, values_of
from handlers.grammar import Grammar, Understood
from handlers.help import help_reply

log = logging.getLogger(__name__)

_THREADS = 32
_WAITS_S = 1.0  # for who asks, before a form is opened; a trigger is good for three seconds
_QUICK_THREADS = 4
_GRACE = timedelta(minutes=1)  # longer than any answer takes on a quiet machine
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
        self._questions = questions
        self._answers = answering
        self._chat = chat
        self._rules = rules
        self._clock = clock
        self._form = Form(grammar, questions)
        self._under_way: set[Future[None]] = set()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="answers")
        # What asks no VM never waits behind what does: engines may hang, and many at once.
        self._quick = ThreadPoolExecutor(_QUICK_THREADS, thread_name_prefix="quick-answers")

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
                typed, lambda language: self._refusal(refused, language), self._quick
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
        self._later(lambda: self._show_password(typed))

    def open_form(self, typed: Typed) -> None:
        """Open the form "New workspace"; where that is too late, help is the answer."""
        COMMANDS.labels("form", "asked").inc()
        self._submit(self._quick, lambda: self._open_form(typed))

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
        self._submit(pool, lambda: self._answer(typed, answer))

    def _answer(self, typed: Typed, answer: Callable[[str], Reply]) -> None:
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
            reply = self._refusal(error, language)
        except Exception:
            reply = answers.unexpected_reply(_incident(), language)
        if reply.drawing is None:
            self._send(typed, reply, replaces=replaces)
        else:
            self._send_drawn(typed, reply, reply.drawing, replaces=replaces)

    def _reply(self, understood: Understood, caller: Caller, language: str) -> Reply:
        request = understood.request
        try:
            return self._answers.reply(understood, caller, language)
        except WrongName as error:
            raise corrected(error, request.kind, request.args, self._grammar.choice) from error

    def _send(self, typed: Typed, reply: Reply, *, replaces: bool) -> None:
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
            return self._send(typed, reply.in_words(), replaces=replaces)
        for pause in _UNTIL_SHOWN:
            try:
                return self._send(typed, reply.illustrated(file_id), replaces=replaces)
            except ChatRefused as error:
                if not _is_not_fit(error):
                    raise
                self._clock.sleep(pause)
        self._send(typed, reply.in_words(), replaces=replaces)

    def _share(self, caller: Caller, reply: Reply) -> None:
        """What is too long for a message goes to the person's own conversation."""
        if reply.file is not None:
            direct = self._chat.open_dm(caller.user_id)
            self._chat.share(direct, None, reply.file.name, reply.file.content, reply.text)

    def _refusal(self, error: BotError, language: str) -> Reply:
        shown = error if isinstance(error, UserError) else UserError(error.text)
        return answers.refusal_reply(shown, self._grammar.slash, language)

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
            view = {"type": "home", "blocks": self._refusal(error, member.language).blocks}
        self._chat.publish_home(user_id, view)

    # --- passwords ---

    def _show_password(self, typed: Typed) -> None:
        """The modal is opened before anything else is asked: the trigger dies after 3 s."""
        caller, language = typed.caller, "en"
        try:
            view_id = self._chat.open_view(typed.trigger_id, modals.loading_modal(language))
        except ChatError as error:
            return self._say_too_late(typed, error)
        try:
            member = self._chat.member(caller.user_id)
            language = member.language
            if language != "en":
                self._chat.update_view(view_id, modals.loading_modal(language))
            require_member(caller, member, self._rules)
            vm_id, container_id = _password_of(typed.line)
            found = self._questions.credentials(caller, vm_id, container_id)
        except BotError as error:
            self._chat.update_view(view_id, modals.trouble_modal(error.text, language))
            return
        except Exception:
            unexpected = answers.unexpected(_incident())
            self._chat.update_view(view_id, modals.trouble_modal(unexpected, language))
            return
        view = modals.password_modal(found.title, found.url, found.login, found.password, language)
        self._chat.update_view(view_id, view)

    def _say_too_late(self, typed: Typed, error: ChatError) -> None:
        """A click that opened nothing must not look as if it had done nothing."""
        log.info("a modal was not opened: %s", error)
        language = self._chat.member(typed.caller.user_id).language
        text = Text("Slack did not open the window in time. Press the button again.")
        self._send(typed, self._refusal(UserError(text), language), replaces=False)

    # --- the form ---

    def _open_form(self, typed: Typed) -> None:
        """At once if it is known who asks; else a window that waits is opened first."""
        view_id = None
        try:
            asked = self._pool.submit(self._chat.member, typed.caller.user_id)
            wait([asked], timeout=_WAITS_S)
            if not asked.done():
                view_id = self._chat.open_view(typed.trigger_id, form.waiting_modal("en"))
            view = self._form_of(typed.caller, asked.result())
            if view_id is None:
                self._chat.open_view(typed.trigger_id, view)
            else:
                self._chat.update_view(view_id, view)
        except ChatError as error:
            log.info("the form was not opened: %s", error)
            if view_id is None:
                return self._answer(typed, self._help_instead)
            trouble = modals.trouble_modal(error.text, "en", Text("New workspace"))
            self._chat.update_view(view_id, trouble)
        except Exception:
            self._send(typed, answers.unexpected_reply(_incident(), "en"), replaces=False)

    def _form_of(self, caller: Caller, member: Member) -> dict[str, Any]:
        try:
            require_member(caller, member, self._rules)
            offered = self._form.offered(caller)
        except BotError as error:
            return modals.trouble_modal(error.text, member.language, Text("New workspace"))
        return form.form_modal(offered, Opened(caller.channel_id, member.language))

    def _help_instead(self, language: str) -> Reply:
        text = Text("Slack did not open the form in time. Press *New workspace*, or type it.")
        said, overview = say(text, language), help_reply(self._grammar, [], language)
        return Reply(f"{spoken(said)} {overview.text}", [section(said), *overview.blocks])

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


def _is_not_fit(error: ChatError) -> bool:
    """Whether Slack takes such blocks nowhere; when they show a new file, not yet."""
    return isinstance(error, ChatRefused) and error.code == "invalid_blocks"


def _incident() -> str:
    """Log what is being handled; gives the id under which the log has it."""
    incident = secrets.token_hex(4)
    log.exception("incident %s", incident)
    return incident


def _password_of(value: str) -> tuple[str, str]:
    """VM and container of a button's value, which is input like any other."""
    try:
        asked = json.loads(value)
        return str(asked["vm"]), str(asked["container"])
    except (ValueError, KeyError, TypeError):
        raise UserError(Text("That button does not work any more.")) from None
