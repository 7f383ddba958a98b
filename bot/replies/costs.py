"""What VMs have cost, in words: the sum, then each VM, and how it was reckoned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from bot.costs import Costs, VmCost
from bot.models import Person, Text
from bot.replies.blocks import Reply, context
from bot.replies.pages import Layout, Part, Turning, list_reply
from bot.replies.texts import say

_SUMS = {
    "mine": Text("Your VMs"),
    "channel": Text("The VMs of this channel"),
    "all": Text("All VMs"),
}

RECKONED = Text(
    "Reckoned from SoftLayer's hourly rates and the hours since each VM was provisioned;"
    " the invoice is SoftLayer's. Unused time is known from the first look at a VM on."
)


def costs_reply(
    found: Costs, whose: str, language: str, turning: Turning, more: Sequence[Text] = ()
) -> Reply:
    """`/ds cost`. whose: "mine", "channel" or "all". more: to be said below the list."""
    length = found.span.end - found.span.begin
    summary = Text(
        "{vms}: about {total} in {length}", vms=_SUMS[whose], total=found.total, length=length
    )
    rows = [cost_line(each, language) for each in found.rows]
    last = [context(say(each, language)) for each in [*more, *_remarks(found)]]
    layouts = [Layout([Part([], rows)])]
    return list_reply(say(summary, language), layouts, turning, language, last=last)


def cost_line(cost: VmCost, language: str) -> str:
    """One VM in a line: whose it is, and what it cost."""
    vm, hours = cost.vm, timedelta(hours=float(cost.hours))
    state = Text("cancelled") if not vm.state.is_live else Text("alive")
    if cost.amount is None or vm.hourly_rate is None:
        text = Text(
            "*{name}* · {owner} · {state} · {hours}, price not known",
            name=vm.hostname,
            owner=Person(vm.owner_id),
            state=state,
            hours=hours,
        )
    else:
        text = Text(
            "*{name}* · {owner} · {state} · {hours} at {rate} = {amount}, of it unused {idle}",
            name=vm.hostname,
            owner=Person(vm.owner_id),
            state=state,
            hours=hours,
            rate=vm.hourly_rate,
            amount=cost.amount,
            idle=cost.idle or Decimal(0),
        )
    return say(text, language)


def _remarks(found: Costs) -> list[Text]:
    remarks = [
        Text(
            "Unused: {idle}. If nothing changes: about {month} in a month of 730 hours.",
            idle=found.idle,
            month=found.per_month,
        ),
        RECKONED,
    ]
    if found.unknown:
        remarks.insert(
            1, Text("In no sum, as their price is not known: {count} VMs.", count=found.unknown)
        )
    return remarks
