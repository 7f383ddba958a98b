"""Answers to one person: refusals, lists, help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.errors import UserError
from bot.models import Choice, Container, Link, Person, Text, Vm, VmState, msgid
from bot.money import cost_of
from bot.replies.blocks import (
    PASSWORD,
    RUN,
    Block,
    Button,
    Reply,
    actions,
    button,
    command_button,
    context,
    cut,
    joined,
    password_value,
    section,
)
from bot.replies.texts import escape, say

MOST_ROWS = 40
"""Containers shown with a button each; a message has at most 50 blocks."""

_STATES = {
    VmState.ORDERING: msgid("being ordered"),
    VmState.PREPARING: msgid("being prepared"),
    VmState.READY: msgid("ready"),
    VmState.ATTENTION: msgid("needs attention"),
    VmState.CANCELLING: msgid("being cancelled"),
    VmState.GONE: msgid("gone"),
}


@dataclass(frozen=True, slots=True)
class ShownContainer:
    """A container as a list shows it. Owner and page are None when the bot did not start it."""

    container: Container
    owner_id: str | None
    url: str | None
    has_password: bool
    is_mine: bool  # the reader may stop it


@dataclass(frozen=True, slots=True)
class VmReport:
    """What a VM said when it was asked, or why it said nothing."""

    vm: Vm
    containers: Sequence[ShownContainer] = ()
    trouble: Text | None = None


def refusal_reply(error: UserError, command: str, language: str) -> Reply:
    """No, why, and what to type or press instead."""
    text = say(error.text, language)
    if error.instead is not None:
        hint = say(
            Text("Type instead: `{command}`", command=f"{command} {error.instead}".strip()),
            language,
        )
        text = f"{text}\n{hint}"
    blocks: list[Block] = [section(text)]
    if error.choices:
        buttons = [command_button(choice) for choice in error.choices]
        blocks.append(actions(buttons, language))
    return Reply(text, blocks)


def unexpected_reply(incident: str, language: str) -> Reply:
    """Something broke that we did not foresee."""
    text = say(
        Text(
            "Something unexpected happened, and nothing more was done. Tell the bot's operator"
            " this incident id: `{incident}`",
            incident=incident,
        ),
        language,
    )
    return Reply(text, [section(text)])


def chosen_reply(command: str, language: str) -> Reply:
    """What takes the place of buttons once one of them was pressed."""
    text = say(Text("You chose `{command}`.", command=command), language)
    return Reply(text, [context(text)])


def containers_reply(reports: Sequence[VmReport], now: datetime, language: str) -> Reply:
    """`/ds ps`: the running containers of some VMs."""
    total = sum(len(report.containers) for report in reports)
    has_buttons = total + 2 * len(reports) <= MOST_ROWS
    blocks: list[Block] = []
    for report in reports:
        blocks.append(section(_vm_line(report.vm, now, language)))
        blocks += _report_blocks(report, language, has_buttons=has_buttons)
    summary = say(
        Text("{count} running container(s) on {vms} VM(s)", count=total, vms=len(reports)), language
    )
    return Reply(summary, blocks[:49])


def vms_reply(vms: Sequence[Vm], now: datetime, language: str) -> Reply:
    """`/ds vm list`: each VM with its state, price and cost so far."""
    rates = [vm.hourly_rate for vm in vms if vm.hourly_rate is not None]
    summary = say(
        Text("{count} VM(s), {rate} per hour in all", count=len(vms), rate=sum(rates, Decimal(0))),
        language,
    )
    lines = [_vm_line(vm, now, language) for vm in vms]
    return Reply(summary, [*joined(lines)[:48], context(summary)])


def _report_blocks(report: VmReport, language: str, *, has_buttons: bool) -> list[Block]:
    if report.trouble is not None:
        return [context("⚠️ " + say(report.trouble, language))]
    if not report.containers:
        return [context(say(Text("no container runs here"), language))]
    if has_buttons:
        return [_container_row(report.vm, each, language) for each in report.containers]
    return joined(_container_line(each, language) for each in report.containers)


def _vm_line(vm: Vm, now: datetime, language: str) -> str:
    parts = [f"*{escape(vm.hostname)}*", say(Text(_STATES[vm.state]), language)]
    if vm.address:
        parts.append(f"`{escape(vm.address)}`")
    if vm.hourly_rate is not None:
        cost = cost_of(vm.hourly_rate, vm.asked_at, now) or Decimal(0)
        rate = Text("{rate} per hour, about {cost} so far", rate=vm.hourly_rate, cost=cost)
        parts.append(say(rate, language))
    parts.append(say(Text("{owner}'s", owner=Person(vm.owner_id)), language))
    return " · ".join(parts)


def _container_row(vm: Vm, shown: ShownContainer, language: str) -> Block:
    line = _container_line(shown, language)
    if not shown.is_mine:
        return section(line)
    if shown.has_password:
        value = password_value(vm.op_id, shown.container.id)
        show = Button(Text("Show password"), PASSWORD, value)
        return {
            "type": "section",
            "text": {"type": "mrkdwn", "text": cut(line, 2900)},
            "accessory": button(show, language, number=_number(shown)),
        }
    kill = Button(
        Text("Kill"),
        RUN,
        f"kill {shown.container.short_id}",
        style="danger",
        confirm=Text("Kill this container? What it holds outside a volume is lost."),
    )
    return section(line, button(kill, language, number=_number(shown)))


def _container_line(shown: ShownContainer, language: str) -> str:
    container = shown.container
    parts = [
        f"`{container.short_id}`",
        escape(cut(container.image, 120)),
        escape(cut(container.name, 80)),
        escape(container.status),
    ]
    if shown.url is not None:
        parts.append(say(Text("{link}", link=Link(shown.url)), language))
    elif container.ports:
        pairs = (f"{each.host_port}->{each.container_port}" for each in container.ports)
        parts.append(escape(", ".join(pairs)))
    if shown.owner_id is not None:
        parts.append(say(Text("{owner}'s", owner=Person(shown.owner_id)), language))
    return " · ".join(parts)


def _number(shown: ShownContainer) -> int:
    """Action ids within a message: the container's own digits tell them apart."""
    return int(shown.container.short_id[:8] or "0", 16)


def choices_of(vms: Sequence[Vm], command: str) -> list[Choice]:
    """A button per VM that runs `command` on it."""
    return [Choice(Text("{vm}", vm=vm.hostname), f"{command} on {vm.hostname}") for vm in vms[:20]]
