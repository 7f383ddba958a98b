"""Budgets in words: notices, refusals, and what admins are asked and asked back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from bot.budgets import Budget
from bot.models import Channel, Choice, Person, Text
from bot.replies.blocks import Button

ASK = Text("Ask an admin")


def subject(who: str) -> Channel | Person:
    """A person or a channel, by the name that the reader knows."""
    return Channel(who) if who.startswith(("C", "D", "G")) else Person(who)


def state_text(budget: Budget, now: datetime) -> Text:
    """`/ds cost`: what is spent of it, and whether an admin lets them go on."""
    facts = _facts(budget)
    if budget.allowed_until is not None and now < budget.allowed_until:
        return Text(
            "Budget: {spent} of {limit} spent ({percent} %). It counts anew at {until}. Until"
            " {allowed} an admin allows more.", **facts, allowed=budget.allowed_until,
        )  # fmt: skip
    return Text(
        "Budget: {spent} of {limit} spent ({percent} %). It counts anew at {until}.", **facts
    )


def notice_text(budget: Budget) -> Text:
    """What is told when a level is reached."""
    facts = _facts(budget)
    if budget.level >= 100:
        if budget.is_persons:
            return Text(
                "Your VMs have cost {spent} of your budget of {limit} ({percent} %). Until {until}"
                " you can order no more of them; those that run go on, and go on costing.",
                **facts,
            )
        return Text(
            "The VMs of this channel have cost {spent} of its budget of {limit} ({percent} %)."
            " Until {until} no more can be ordered here; those that run go on, and go on costing.",
            **facts,
        )
    if budget.is_persons:
        return Text(
            "Your VMs have cost {spent} of your budget of {limit} ({percent} %). It counts anew at"
            " {until}.", **facts,
        )  # fmt: skip
    return Text(
        "The VMs of this channel have cost {spent} of its budget of {limit} ({percent} %). It"
        " counts anew at {until}.", **facts,
    )  # fmt: skip


def notice_buttons(budget: Budget, *, can_ask: bool) -> list[Button]:
    """What can be done about it. can_ask: there is an admin."""
    whose = "mine" if budget.is_persons else "channel"
    buttons = [Button(Text("What do they cost?"), value=f"cost {whose}")]
    if budget.level >= 100 and can_ask:
        buttons.append(Button(ASK, value=f"budget ask {budget.who}"))
    return buttons


def refusal_text(budget: Budget, reader: str) -> Text:
    """Why nothing is ordered, and what can be done instead. reader: "" when it may be anybody."""
    facts = _facts(budget)
    if budget.who == reader:
        return Text(
            "Your VMs have cost {spent} this month, and your budget is {limit}. Until {until} you"
            " can go on with those that you have, or ask an admin. Nothing was ordered.", **facts,
        )  # fmt: skip
    return Text(
        "The VMs of {who} have cost {spent} this month, and the budget is {limit}. Until {until}"
        " go on with those that are there, or ask an admin. Nothing was ordered.", **facts,
    )  # fmt: skip


def ask_choice(budget: Budget) -> Choice:
    return Choice(ASK, f"budget ask {budget.who}")


def question_text(budget: Budget, asker: str) -> Text:
    """What admins are asked."""
    if asker == budget.who:
        return Text(
            "{who} asks for more money: {spent} of {limit} are spent this month ({percent} %).",
            **_facts(budget),
        )
    return Text(
        "{asker} asks for more money for {who}: {spent} of {limit} are spent this month"
        " ({percent} %).", asker=Person(asker), **_facts(budget),
    )  # fmt: skip


def allow_button(budget: Budget, length: timedelta) -> Button:
    return Button(
        Text("Allow it for {time}", time=length), value=f"admin budget allow {budget.who}",
        style="primary",
    )  # fmt: skip


def allowed_text(who: str, by: str, until: datetime) -> Text:
    """What everybody is told then."""
    return Text(
        "{who} can order VMs above the budget until {until}, as {admin} allows.",
        who=subject(who), until=until, admin=Person(by),
    )  # fmt: skip


def _facts(budget: Budget) -> dict[str, object]:
    facts: dict[str, object] = {
        "who": subject(budget.who),
        "spent": budget.spent.quantize(Decimal("0.01")),
        "limit": budget.limit,
        "percent": budget.percent,
        "until": budget.month.end,
    }
    return facts
