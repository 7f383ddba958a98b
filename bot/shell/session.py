"""One person at a terminal: a line goes in, its result comes out."""

from __future__ import annotations

import logging
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from bot.app import Core
from bot.errors import BotError, UserError, WrongName
from bot.models import LOCAL_TEAM, Caller, Link, Operation, OperationState, Text, Vm, local_id
from bot.ports import Clock
from bot.replies import answers
from bot.replies.blocks import File, Reply, section
from bot.replies.texts import say, spoken
from bot.services.names import corrected
from bot.shell.carrier import Carrier, Carrying
from bot.shell.listing import Column, Fact, Listing, Named, listing
from bot.shell.listings import (
    HeardEngineQuestions,
    HeardQuestions,
    HeardSpending,
    vms_listing,
)
from bot.shell.results import Result, Status, answered
from bot.shell.screen import Screen
from bot.store import LocalMessage
from handlers.grammar import Understood

log = logging.getLogger(__name__)

_LOOK_S = 0.25
_STATES = {
    OperationState.DONE: Status.DONE,
    OperationState.FAILED: Status.FAILED,
    OperationState.REFUSED: Status.REFUSED,
    OperationState.REQUESTED: Status.UNDER_WAY,
}

OWN_WORDS = ("password", "jobs", "wait")
"""Commands that only a terminal has: what Slack does by a modal, and by cards that stay in view."""


class Session:
    """Runs commands as a named local user. One at a time."""

    def __init__(
        self, core: Core, clock: Clock, carrier: Carrier, screen: Screen, name: str, language: str
    ) -> None:
        """name: of the person, as `--user` allows it."""
        self.language = language
        self.caller = Caller(local_id(name), LOCAL_TEAM, local_id(name))
        self._core = core
        self._clock = clock
        self._carrier = carrier
        self._screen = screen
        self._heard: list[Listing] = []
        self.stays = False  # somebody goes on typing here: what we carry out goes on, too
        asked = core.questions
        questions = HeardQuestions(
            asked.fleet, asked.vms, asked.policy, asked.clock, heard=self._heard
        )
        engines = HeardEngineQuestions(core.engine_questions.use, heard=self._heard)
        paid = core.caretaker.spending
        spending = HeardSpending(paid.stores, paid.policy, paid.clock, heard=self._heard)
        self._answers = replace(
            core.answers, questions=questions, engines=engines, spending=spending
        )
        core.local_store.meet(self.caller.user_id, language, clock.now())

    def do(self, line: str) -> Result:
        """Run one command, and wait for its end. Never raises what a person could put right."""
        line = line.strip().removeprefix(self._core.grammar.slash).strip()
        try:
            return self._do(line)
        except BotError as error:
            return self._refused(line, Status.REFUSED, error)
        except KeyboardInterrupt:
            text = Text("You stopped waiting. `jobs` shows what is under way.")
            return self._told(line, Status.UNDER_WAY, text)
        except Exception:
            incident = secrets.token_hex(4)
            log.exception("incident %s", incident)
            reply = answers.unexpected_reply(incident, self.language)
            return answered(line, Status.FAILED, reply)

    def unseen(self) -> list[LocalMessage]:
        """What was said to the person and shown by no terminal yet; operations under way aside."""
        running = set(self._core.operation_store.unfinished(LOCAL_TEAM))
        news = self._core.local_store.unseen(self.caller.channel_id)
        return [each for each in news if each.key.partition(":")[0] not in running]

    def saw(self, messages: Sequence[LocalMessage]) -> None:
        """They were shown."""
        for message in messages:
            self._core.local_store.seen(message)

    def files_of(self, messages: Sequence[LocalMessage]) -> list[File]:
        """The files among some messages."""
        store = self._core.local_store
        return [
            File(each.file_name, store.content(each.id) or b"")
            for each in messages
            if each.file_name is not None
        ]

    # --- one command ---

    def _do(self, line: str) -> Result:
        word, _, rest = line.partition(" ")
        match word.lower():
            case "password":
                return self._password(line, rest.split())
            case "jobs" if not rest.strip():
                return self._jobs(line)
            case "wait":
                return self._wait_again(line, rest.split())
        try:
            understood = self._core.grammar.parse(line)
        except UserError as error:
            return self._refused(line, Status.NOT_UNDERSTOOD, error)
        if understood.command.is_question:
            return self._ask(line, understood)
        return self._order(line, understood)

    def _ask(self, line: str, understood: Understood) -> Result:
        self._heard.clear()
        request = understood.request
        try:
            with self._screen.asking():
                reply = self._answers.reply(understood, self.caller, self.language)
        except WrongName as error:
            choice = self._core.grammar.choice
            raise corrected(error, request.kind, request.args, choice) from error
        except UserError as error:
            if not self._heard:
                raise
            return replace(self._refused(line, Status.DONE, error), listings=tuple(self._heard))
        if request.kind == "help" and not request.args["words"]:
            reply = replace(reply, blocks=[*reply.blocks, section(self._own_help())])
        result = answered(line, Status.DONE, reply, tuple(self._heard))
        if reply.drawing is None:
            return result
        picture = File(reply.drawing.name, reply.drawing.content)
        return replace(result, blocks=reply.in_words().blocks, files=[*result.files, picture])

    def _order(self, line: str, understood: Understood) -> Result:
        about = self._vms_meant(understood)
        key = f"{self.caller.user_id}:{secrets.token_hex(16)}"
        op_id = self._core.operations.record(understood.request, self.caller, key, None)
        assert op_id is not None, "the key is new"
        self._carrier.wake()
        return self._followed(line, op_id, about)

    def _vms_meant(self, understood: Understood) -> list[str]:
        """Keys of the VMs that a program wants to know more of afterwards."""
        kind, args = understood.request.kind, understood.request.args
        name = args.get("name") if kind.startswith("vm") else args.get("vm")
        vm = self._core.vm_store.named(str(name)) if name else None
        return [vm.op_id] if vm is not None else []

    def _followed(self, line: str, op_id: str, about: Sequence[str] = ()) -> Result:
        """Show an operation until it has ended, or somebody presses Ctrl-C."""
        store = self._core.operation_store
        try:
            with self._screen.watching() as show:
                while not (op := store.get(op_id)).state.is_final and not self._carrier.is_stuck:
                    show(self._said_of(op_id), self._note())
                    time.sleep(_LOOK_S)
        except KeyboardInterrupt:
            op = store.get(op_id)
        if not op.state.is_final:
            return self._left(line, op)
        return self._ended(line, op, about)

    def _said_of(self, op_id: str) -> list[LocalMessage]:
        """The messages of an operation; a final state that had to be posted anew stands alone."""
        said = self._core.local_store.of_operation(self.caller.channel_id, op_id)
        has_final = any(each.key == f"{op_id}:final" for each in said)
        return [each for each in said if not (has_final and each.key == op_id)]

    def _ended(self, line: str, op: Operation, about: Sequence[str]) -> Result:
        said = self._said_of(op.id)
        blocks = [block for each in said if each.file_name is None for block in each.blocks]
        text = next((each.text for each in reversed(said) if each.file_name is None), "")
        vms = [vm for key in dict.fromkeys([*about, op.id]) if (vm := self._vm(key)) is not None]
        listings = [vms_listing(vms, self._clock.now())] if vms else []
        files = self.files_of(said)
        self.saw(said)
        return Result(line, _STATES[op.state], text, blocks, listings, operation=op.id, files=files)

    def _vm(self, key: str) -> Vm | None:
        try:
            return self._core.vm_store.get(key)
        except LookupError:
            return None

    def _left(self, line: str, op: Operation) -> Result:
        """It goes on without us, or when somebody carries it on."""
        carrying = self._carrier.carrying
        if carrying is Carrying.BOT or (carrying is Carrying.SELF and self.stays):
            text = Text("It goes on. Type `wait {id}` to see it again.", id=op.id)
        else:
            text = Text(
                "It is kept, and goes on when a bot runs, or a terminal waits for it: `wait {id}`",
                id=op.id,
            )
        return replace(self._told(line, Status.UNDER_WAY, text), operation=op.id)

    def _note(self) -> Text | None:
        """What a person should know while they wait."""
        if self._carrier.carrying is Carrying.NOBODY:
            return Text("Nobody carries it out now. Waiting for the bot…")
        return None

    # --- what only a terminal has ---

    def _password(self, line: str, ids: Sequence[str]) -> Result:
        """How to log in to a container of the person's own."""
        if len(ids) != 1:
            text = Text("Which container? Type its id or its name.")
            return self._refused(line, Status.NOT_UNDERSTOOD, UserError(text, instead="ps"))
        if not self._screen.is_private:
            text = Text(
                "A password is shown in a terminal only: what is written elsewhere stays there."
            )
            return self._refused(line, Status.REFUSED, UserError(text))
        [one] = self._core.fleet.locate(ids, None, self.caller)
        found = self._core.questions.credentials(self.caller, one.vm.op_id, one.container.id)
        head = Text("*{app}* at {link}", app=found.title, link=Link(found.url))
        words = say(head, self.language)
        reply = Reply(words, [section(words)])
        columns = [Column("login", Text("User name")), Column("password", Text("Password"))]
        rows: list[Sequence[Fact]] = [[found.login, found.password]]
        result = answered(line, Status.DONE, reply, [listing("credentials", columns, rows)])
        return replace(result, is_secret=True)

    def _jobs(self, line: str) -> Result:
        """The person's operations that are under way."""
        columns = [
            Column("operation", Text("Operation")),
            Column("command", Text("Command")),
            Column("asked_at", Text("Asked")),
            Column("state", Text("State")),
        ]
        rows: list[Sequence[Fact]] = [
            [op.id, op.kind, op.requested_at, self._state_of(op)] for op in self._under_way()
        ]
        head = Text("Under way: {count}", count=len(rows))
        if rows:
            self._carrier.wake()
        jobs = listing("operations", columns, rows, is_table=bool(rows))
        return replace(self._told(line, Status.DONE, head), listings=[jobs])

    def _state_of(self, op: Operation) -> Named:
        said = self._said_of(op.id)
        words = said[-1].text if said else ""
        return Named(words, Text("{words}", words=words))

    def _under_way(self) -> list[Operation]:
        store = self._core.operation_store
        every = [store.get(op_id) for op_id in store.unfinished(LOCAL_TEAM)]
        return [op for op in every if op.caller.user_id == self.caller.user_id]

    def _wait_again(self, line: str, words: Sequence[str]) -> Result:
        """See an operation to its end: the one named, or the newest that is under way."""
        if len(words) > 1:
            text = Text("Which operation? Type one id.")
            return self._refused(line, Status.NOT_UNDERSTOOD, UserError(text, instead="jobs"))
        op = self._named(words[0]) if words else self._newest()
        self._carrier.wake()
        return self._followed(line, op.id)

    def _newest(self) -> Operation:
        """The newest that is under way; else that whose end nobody has seen."""
        under_way = self._under_way()
        if under_way:
            return under_way[-1]
        for message in reversed(self.unseen()):
            with suppress(UserError):
                return self._named(message.key.partition(":")[0])
        raise UserError(Text("Nothing is under way."))

    def _named(self, op_id: str) -> Operation:
        try:
            op = self._core.operation_store.get(op_id.lower())
        except LookupError:
            op = None
        if op is None or op.caller.user_id != self.caller.user_id:
            raise UserError(Text("You have no operation `{id}`.", id=op_id[:40]), instead="jobs")
        return op

    def _own_help(self) -> str:
        """The terminal's own commands, as help lists the others."""
        lines: list[tuple[str, Text]] = [
            ("password ID", Text("The login of a container of yours, in a terminal only")),
            ("jobs", Text("What you asked for and is under way")),
            ("wait [OPERATION]", Text("See it to its end")),
            ("exit", Text("End; what is under way goes on")),
        ]
        head = say(Text("Only in a terminal:"), self.language)
        shown = [f"• `{usage}` {say(summary, self.language)}" for usage, summary in lines]
        return "\n".join([f"*{head}*", *shown])

    # --- words ---

    def _refused(self, line: str, status: Status, error: BotError) -> Result:
        shown = error if isinstance(error, UserError) else UserError(error.text)
        reply = answers.refusal_reply(shown, self._core.grammar.slash, self.language)
        return answered(line, status, reply)

    def _told(self, line: str, status: Status, text: Text) -> Result:
        words = say(text, self.language)
        return answered(line, status, Reply(spoken(words), [section(words)]))


def line_of(words: Sequence[str], takes_code: Callable[[str], bool]) -> str:
    """The line that a shell's words stand for; quotes are put back, except around code."""
    if len(words) == 1 or takes_code(words[0].lower()):
        return " ".join(words)
    return shlex.join(words)
