"""The answer to each question: asks the services, has the replies word it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bot.durations import parse_duration
from bot.models import Caller
from bot.ports import Clock
from bot.replies import answers, engine_answers
from bot.replies.answers import VmReport
from bot.replies.blocks import Reply
from bot.replies.budgets import state_text
from bot.replies.costs import costs_reply
from bot.replies.home import home_view
from bot.replies.idle import status_reply, why_reply
from bot.replies.lineage_answers import lineage_reply
from bot.replies.pages import Turning
from bot.replies.saves import saves_reply
from bot.services.budgets import Budgets
from bot.services.engine_questions import EngineQuestions
from bot.services.idle_questions import IdleQuestions
from bot.services.questions import Questions
from bot.services.save_questions import SaveQuestions
from bot.services.spending import MINE, Spending
from handlers.grammar import Grammar, Understood
from handlers.help import help_reply

COSTS_SINCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers everything that changes nothing. Raises UserError and OutsideError."""

    grammar: Grammar
    questions: Questions
    engines: EngineQuestions
    clock: Clock
    idle: IdleQuestions
    spending: Spending
    budgets: Budgets
    saves: SaveQuestions

    def reply(self, understood: Understood, caller: Caller, language: str) -> Reply:
        """The answer to one question, for one person."""
        match understood.request.kind:
            case "help":
                return help_reply(self.grammar, understood.request.args["words"], language)
            case "why":
                explained = self.idle.why(caller, understood.request.args["name"])
                return why_reply(explained, self.clock.now(), language)
            case "cost":
                return self._of_costs(understood, caller, language)
            case "admin status":
                return status_reply(self.idle.status(caller), language)
            case "saves":
                everyones = understood.request.args.get("all", False)
                found = self.saves.kept(caller, everyones=everyones)
                return saves_reply(found, language, self._turning(understood))
            case "ps" | "vm list":
                return self._of_the_fleet(understood, caller, language)
            case _:
                return self._of_an_engine(understood, caller, language)

    def home(self, caller: Caller, language: str, page: int = 1) -> dict[str, Any]:
        """The App Home of one person, with a page of their containers."""
        reports = self._agreed(self.questions.owned(caller))
        programs = {
            word: app.title
            for word, app in self.questions.policy.catalog.items()
            if app.successor is None
        }
        slash = self.grammar.slash
        return home_view(reports, programs, self.clock.now(), language, slash, page)

    def _of_costs(self, understood: Understood, caller: Caller, language: str) -> Reply:
        args = understood.request.args
        whose = args.get("whose", MINE)
        since = parse_duration(args["since"]) if "since" in args else COSTS_SINCE
        found = self.spending.costs(caller, whose, since)
        budget = self.budgets.shown(caller, whose)
        remarks = [] if budget is None else [state_text(budget, self.clock.now())]
        return costs_reply(found, whose, language, self._turning(understood), remarks)

    def _of_the_fleet(self, understood: Understood, caller: Caller, language: str) -> Reply:
        args, now, slash = understood.request.args, self.clock.now(), self.grammar.slash
        if understood.request.kind == "vm list":
            vms = self.questions.virtual_machines(caller, everyones=args.get("all", False))
            agreed = self.idle.agreed(vms)
            return answers.vms_reply(vms, now, language, self._turning(understood), slash, agreed)
        reports = self.questions.containers(
            caller, args.get("vm"), all=args.get("all", False), latest=args.get("latest", False)
        )
        shown = self._agreed(reports)
        return answers.containers_reply(shown, now, language, self._turning(understood))

    def _agreed(self, reports: Sequence[VmReport]) -> list[VmReport]:
        """The reports, with what is agreed about each VM's end."""
        agreed = self.idle.agreed([report.vm for report in reports])
        return [replace(report, agreed=agreed.get(report.vm.op_id)) for report in reports]

    def _of_an_engine(self, understood: Understood, caller: Caller, language: str) -> Reply:
        args, now = understood.request.args, self.clock.now()
        vm_name = args.get("vm")
        match understood.request.kind:
            case "search":
                term, stars = args["term"], args.get("stars", 0)
                vm, hits = self.engines.search(caller, term, stars, vm_name)
                turning = self._turning(understood, vm=vm.hostname)
                return engine_answers.search_reply(term, hits, vm, language, turning)
            case "images":
                vm, images, in_use = self.engines.images(caller, vm_name)
                turning = self._turning(understood, vm=vm.hostname)
                return engine_answers.images_reply(images, in_use, vm, now, language, turning)
            case "lineage":
                vm, tree = self.engines.lineage(caller, vm_name)
                return lineage_reply(tree, vm, language, self.grammar.slash)
            case "info":
                vm, engine = self.engines.info(caller, vm_name)
                return engine_answers.info_reply(engine, vm, language)
            case "logs":
                container, log = self.engines.logs(caller, args["id"], args.get("tail"))
                return engine_answers.logs_reply(container.name, log, language)
            case "url":
                links = self.engines.urls(caller, args.get("id"))
                return engine_answers.urls_reply(links, language, self._turning(understood))
            case kind:
                raise AssertionError(f"no answer for {kind}")

    def _turning(self, understood: Understood, **pinned: str) -> Turning:
        """The page that was asked for; its neighbours are the same question with their number.

        pinned: arguments that the answer has settled, such as the only VM there is.
        """
        request = understood.request
        args = request.args | pinned
        return Turning(
            lambda page: self.grammar.line(request.kind, args | {"page": page}),
            args.get("page", 1),
        )
