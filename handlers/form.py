"""What was filled into the form "New workspace", as the command that it stands for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.durations import parse_duration
from bot.errors import UserError
from bot.models import Caller, Text
from bot.replies import form
from bot.replies.form import Offered, Opened
from bot.replies.texts import LANGUAGES
from bot.services.operations import Request
from bot.services.questions import Questions
from handlers import readers
from handlers.grammar import Grammar

LEASES = ("4h", "8h", "1d", "3d", "7d")


class Mistakes(Exception):
    """What is wrong in a form: a sentence per block_id."""

    def __init__(self, by_field: Mapping[str, Text]) -> None:
        super().__init__(", ".join(by_field))
        self.by_field = dict(by_field)


@dataclass(frozen=True, slots=True)
class Form:
    """Offers what the store knows and the policy allows; no VM is asked for anything."""

    grammar: Grammar
    questions: Questions

    def offered(self, caller: Caller) -> Offered:
        """What one person may choose from."""
        policy = self.questions.policy
        programs = {word: app.title for word, app in policy.catalog.items()
                    if app.successor is None}  # fmt: skip
        usual = (policy.vm.cpus, policy.vm.memory_mb)
        sizes = [usual, (2, 4096), (4, 8192), (8, 16384), (16, 32768)]
        fitting = [(cpus, memory) for cpus, memory in dict.fromkeys(sizes)
                   if cpus <= policy.vm.max_cpus and memory <= policy.vm.max_memory_mb]  # fmt: skip
        longest = policy.idle.default.max_age
        return Offered(
            programs,
            self.questions.ready(caller),
            self.questions.free_name(),
            fitting,
            [each for each in LEASES if parse_duration(each) <= longest],
        )

    def request(self, values: Mapping[str, str], caller: Caller) -> Request:
        """The command that the values stand for. Raises Mistakes."""
        mistakes: dict[str, Text] = {}
        ran = self._ran(values, mistakes)
        if values.get(form.VM) == form.NEW_VM:
            line = self._line_of_order(values, ran, caller, mistakes)
        else:
            line = self._line_on(values, ran, mistakes)
        if mistakes:
            raise Mistakes(mistakes)
        try:
            return self.grammar.parse(line).request
        except UserError as error:
            raise Mistakes({form.PROGRAM: error.text}) from error

    def _ran(self, values: Mapping[str, str], mistakes: dict[str, Text]) -> Request:
        """The program or the image, without a VM."""
        program, image = values.get(form.PROGRAM, ""), values.get(form.IMAGE, "").strip()
        if program != form.ANOTHER_IMAGE:
            if image:
                mistakes[form.IMAGE] = Text("To run this, choose “Another image” above.")
            if program not in self.questions.policy.catalog:
                mistakes[form.PROGRAM] = Text("There is no such program.")
            return Request("app", {"app": program})
        try:
            return Request("run", {"image": readers.image(image), "publish-all": True})
        except UserError as error:
            mistakes[form.IMAGE] = error.text
        return Request("run", {"image": ""})

    def _line_on(self, values: Mapping[str, str], ran: Request, mistakes: dict[str, Text]) -> str:
        """On a VM that there is; whose it is, is checked like for any command."""
        name = values.get(form.VM, "")
        if self.questions.vms.named(name) is None:
            mistakes[form.VM] = Text("There is no VM `{name}` any more.", name=name)
            return ""
        return "" if mistakes else self.grammar.line(ran.kind, ran.args | {"vm": name})

    def _line_of_order(
        self,
        values: Mapping[str, str],
        ran: Request,
        caller: Caller,
        mistakes: dict[str, Text],
    ) -> str:
        """A new VM, and on it what was chosen, as one command."""
        name = self._new_name(values, caller, mistakes)
        size = re.fullmatch(r"([0-9]{1,3}) ([0-9]{1,7})", values.get(form.SIZE, ""))
        if size is None:
            mistakes[form.SIZE] = Text("Choose a size.")
        if mistakes or size is None:
            return ""
        then = self.grammar.line(ran.kind, ran.args)
        args = {"name": name, "cpus": int(size[1]), "memory": int(size[2]), "then": then}
        lease = values.get(form.LEASE, form.USUAL_LEASE)
        if lease != form.USUAL_LEASE:
            args["lease"] = lease
        return self.grammar.line("vm", args)

    def _new_name(
        self, values: Mapping[str, str], caller: Caller, mistakes: dict[str, Text]
    ) -> str:
        """The name of a VM to be ordered; what its order would be refused for is told here."""
        try:
            name = readers.hostname(values.get(form.NAME, "").strip())
        except UserError as error:
            mistakes[form.NAME] = error.text
            return ""
        if self.questions.vms.named(name) is not None:
            mistakes[form.NAME] = Text("There already is a VM `{name}`.", name=name)
        own = self.questions.vms.live(caller.user_id)
        most = self.questions.policy.vm.max_per_owner
        if len(own) >= most:
            mistakes[form.VM] = Text(
                "You have all the VMs you can have ({most}): {names}. Cancel one first.",
                most=most,
                names=[vm.hostname for vm in own],
            )
        return name


def values_of(view: Mapping[str, Any]) -> dict[str, str]:
    """What is in the fields, by block_id."""
    state = view.get("state", {}).get("values", {})
    return {
        block_id: _value(element)
        for block_id, elements in state.items()
        for element in elements.values()
    }


def opened_of(view: Mapping[str, Any]) -> Opened | None:
    """Where the form was opened; None when it does not say so in our way."""
    try:
        kept = json.loads(view.get("private_metadata", ""))
        channel_id, language = str(kept["channel"]), str(kept["language"])
    except (ValueError, KeyError, TypeError):
        return None
    if language not in LANGUAGES or not re.fullmatch(r"[CDGUW][A-Z0-9]{1,40}", channel_id):
        return None
    return Opened(channel_id, language)


def _value(element: Mapping[str, Any]) -> str:
    option = element.get("selected_option")
    return str((option["value"] if option else element.get("value")) or "")
