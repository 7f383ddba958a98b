"""Windows: a container's password, and the form. A trigger opens one within three seconds."""

from __future__ import annotations

import json
import logging
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Any

from bot.access import Rules, require_member
from bot.errors import BotError, ChatError, UserError
from bot.models import Caller, Member, Text
from bot.ports import Chat
from bot.replies import answers, form, modals
from bot.replies.blocks import Reply, section
from bot.replies.form import Opened
from bot.replies.texts import say, spoken
from bot.services.questions import Questions
from handlers.form import Form
from handlers.grammar import Grammar
from handlers.help import help_reply
from handlers.sender import Sender, Typed, incident

log = logging.getLogger(__name__)

_WAITS_S = 1.0
"""How long is waited to know who asks, before a window that waits is opened instead."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Opens windows, from a thread; who gets none is told so. threads: for questions to Slack."""

    chat: Chat
    sender: Sender
    rules: Rules
    grammar: Grammar
    questions: Questions
    form: Form
    threads: Executor

    def show_password(self, typed: Typed) -> None:
        """The modal is opened before anything else is asked: the trigger dies after 3 s."""
        caller, language = typed.caller, "en"
        try:
            view_id = self.chat.open_view(typed.trigger_id, modals.loading_modal(language))
        except ChatError as error:
            return self._say_too_late(typed, error)
        try:
            member = self.chat.member(caller.user_id)
            language = member.language
            if language != "en":
                self.chat.update_view(view_id, modals.loading_modal(language))
            require_member(caller, member, self.rules)
            vm_id, container_id = _password_of(typed.line)
            found = self.questions.credentials(caller, vm_id, container_id)
        except BotError as error:
            self.chat.update_view(view_id, modals.trouble_modal(error.text, language))
            return
        except Exception:
            unexpected = answers.unexpected(incident())
            self.chat.update_view(view_id, modals.trouble_modal(unexpected, language))
            return
        view = modals.password_modal(found.title, found.url, found.login, found.password, language)
        self.chat.update_view(view_id, view)

    def _say_too_late(self, typed: Typed, error: ChatError) -> None:
        """A click that opened nothing must not look as if it had done nothing."""
        log.info("a modal was not opened: %s", error)
        language = self.chat.member(typed.caller.user_id).language
        text = Text("Slack did not open the window in time. Press the button again.")
        self.sender.send(typed, self.sender.refusal(UserError(text), language), replaces=False)

    def open_form(self, typed: Typed) -> None:
        """At once if it is known who asks; else a window that waits is opened first."""
        view_id = None
        try:
            asked = self.threads.submit(self.chat.member, typed.caller.user_id)
            wait([asked], timeout=_WAITS_S)
            if not asked.done():
                view_id = self.chat.open_view(typed.trigger_id, form.waiting_modal("en"))
            view = self._form_of(typed.caller, asked.result())
            if view_id is None:
                self.chat.open_view(typed.trigger_id, view)
            else:
                self.chat.update_view(view_id, view)
        except ChatError as error:
            log.info("the form was not opened: %s", error)
            if view_id is None:
                return self.sender.answer(typed, self._help_instead)
            trouble = modals.trouble_modal(error.text, "en", Text("New workspace"))
            self.chat.update_view(view_id, trouble)
        except Exception:
            self.sender.send(typed, answers.unexpected_reply(incident(), "en"), replaces=False)

    def _form_of(self, caller: Caller, member: Member) -> dict[str, Any]:
        try:
            require_member(caller, member, self.rules)
            offered = self.form.offered(caller)
        except BotError as error:
            return modals.trouble_modal(error.text, member.language, Text("New workspace"))
        return form.form_modal(offered, Opened(caller.channel_id, member.language))

    def _help_instead(self, language: str) -> Reply:
        text = Text("Slack did not open the form in time. Press *New workspace*, or type it.")
        said, overview = say(text, language), help_reply(self.grammar, [], language)
        return Reply(f"{spoken(said)} {overview.text}", [section(said), *overview.blocks])


def _password_of(value: str) -> tuple[str, str]:
    """VM and container of a button's value, which is input like any other."""
    try:
        asked = json.loads(value)
        return str(asked["vm"]), str(asked["container"])
    except (ValueError, KeyError, TypeError):
        raise UserError(Text("That button does not work any more.")) from None
