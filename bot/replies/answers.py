"""Answers to one person: refusals, lists, help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.errors import UserError
from bot.models import Choice, Container, Text, Vm, VmState, counted, msgid
from bot.money import cost_of
from bot.replies.blocks import (
    DIVIDER,
    OPEN,
    RUN,
    Block,
    Button,
    Reply,
    actions,
    button,
    choice_button,
    context,
    password_button,
    section,
)
from bot.replies.pages import (
    IN_MESSAGE,
    WITH_BUTTONS,
    Layout,
    Part,
    Room,
    Turning,
    list_reply,
)
from bot.replies.texts import cut_value, escape, link, person, say, spoken

_STATES = {
    VmState.ORDERING: msgid("being ordered"),
    VmState.PREPARING: msgid("being prepared"),
    VmState.READY: msgid("ready"),
    VmState.ATTENTION: msgid("needs attention"),
    VmState.CANCELLING: msgid("being cancelled"),
    VmState.GONE: msgid("gone"),
}


def state_words(state: VmState) -> Text:
    """What people read for a VM's state."""
    return Text(_STATES[state])


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
    agreed: Text | None = None  # about its end: lease, Keep, a notice


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
    buttons = [choice_button(choice) for choice in error.choices]
    fitting = [each for each in buttons if each.fits]
    if len(fitting) < len(buttons):
        labels = [each.label for each in buttons if not each.fits]
        more = Text("Too long for a button, so type it yourself for: {names}", names=labels)
        blocks.append(context(say(more, language)))
    if fitting:
        blocks.append(actions(fitting, language))
    return Reply(spoken(text), blocks)


def unexpected(incident: str) -> Text:
    """What to do when something broke that we did not foresee."""
    return Text(
        "Something unexpected happened, and nothing more was done. Give the bot's operator"
        " this incident id: `{incident}`",
        incident=incident,
    )


def unexpected_reply(incident: str, language: str) -> Reply:
    """Something broke that we did not foresee."""
    text = say(unexpected(incident), language)
    return Reply(spoken(text), [section(f"⚠️ {text}")])


def chosen_reply(command: str, language: str) -> Reply:
    """What takes the place of buttons once one of them was pressed."""
    text = say(Text("You chose `{command}`.", command=command), language)
    return Reply(spoken(text), [context(text)])


def containers_reply(
    reports: Sequence[VmReport],
    now: datetime,
    language: str,
    turning: Turning,
    room: Room = IN_MESSAGE,
) -> Reply:
    """`/ds ps`: the running containers of some VMs, a page of them."""
    total = sum(len(report.containers) for report in reports)
    containers = counted("{count} running container", "{count} running containers", total)
    vms = counted("{count} VM", "{count} VMs", len(reports))
    summary = say(Text("{containers} on {vms}", containers=containers, vms=vms), language)
    layouts = _container_layouts(reports, now, language)
    return list_reply(summary, layouts, turning, language, room=room)


def vms_reply(
    vms: Sequence[Vm],
    now: datetime,
    language: str,
    turning: Turning,
    command: str = "/ds",
    agreed: Mapping[str, Text] | None = None,
) -> Reply:
    """`/ds vm list`: what all of them cost, then each VM with its state, price and cost so far.

    agreed: what is agreed about a VM's end, by its op_id.
    """
    ends = agreed or {}
    summary = say(_costs(vms), language)
    ending = f"{command} vm cancel NAME"
    hint = context(say(Text("`{command}` stops the costs of a VM.", command=ending), language))
    rows = [[_vm_row(vm, now, language, ends.get(vm.op_id))] for vm in vms]
    lines = [_vm_line(vm, now, language, ends.get(vm.op_id)) for vm in vms]
    layouts = [Layout([Part([], rows)], WITH_BUTTONS), Layout([Part([], lines)])]
    return list_reply(summary, layouts, turning, language, last=[hint])


def choices_of(vms: Sequence[Vm], command: str) -> list[Choice]:
    """A button per VM that runs `command` on it."""
    line, dashes, tail = command.partition(" -- ")
    return [
        Choice(Text("{vm}", vm=vm.hostname), f"{line} on {vm.hostname}{dashes}{tail}")
        for vm in vms[:20]
    ]


def export_row(reports: Sequence[VmReport], language: str) -> list[Block]:
    """A button per VM that is ready, which sends the person their work on it."""
    buttons = [
        Button(
            Text("Export work on {vm}", vm=report.vm.hostname),
            value=f"export on {report.vm.hostname}",
        )
        for report in reports[:20]
        if report.vm.state is VmState.READY
    ]
    return [actions(buttons, language)] if buttons else []


def extend_row(reports: Sequence[VmReport], language: str) -> list[Block]:
    """A button per VM that is ready, which makes its lease longer."""
    buttons = [
        extend_button(report.vm, Text("Extend {vm} by 4 h", vm=report.vm.hostname))
        for report in reports[:20]
        if report.vm.state is VmState.READY
    ]
    return [actions(buttons, language)] if buttons else []


def cancel_row(reports: Sequence[VmReport], language: str) -> list[Block]:
    """A button per VM that cancels it, after asking."""
    buttons = [
        Button(
            Text("Cancel {vm}", vm=report.vm.hostname),
            value=f"vm cancel {report.vm.hostname}",
            style="danger",
            confirm=Text("Cancel {vm}? Everything on it is deleted.", vm=report.vm.hostname),
        )
        for report in reports[:20]
    ]
    return [actions(buttons, language)] if buttons else []


# --- VMs -----------------------------------------------------------------------------------------


def _costs(vms: Sequence[Vm]) -> Text:
    rates = [vm.hourly_rate for vm in vms if vm.hourly_rate is not None]
    if not rates:
        return counted(
            "{count} VM, price not known yet", "{count} VMs, prices not known yet", len(vms)
        )
    rate = sum(rates, Decimal(0))
    if len(rates) < len(vms):
        return Text(
            "{vms}, at least {rate} per hour",
            vms=counted("{count} VM", "{count} VMs", len(vms)),
            rate=rate,
        )
    return counted(
        "{count} VM costs {rate} per hour", "{count} VMs cost {rate} per hour", len(vms), rate=rate
    )


def _vm_row(vm: Vm, now: datetime, language: str, agreed: Text | None) -> Block:
    """A VM in two lines, with the button that is most likely wanted."""
    size = Text(
        "{cpus} vCPU, {memory} MB, {datacenter}",
        cpus=vm.cpus,
        memory=vm.memory_mb,
        datacenter=vm.datacenter,
    )
    since = Text("since {when}", when=vm.asked_at)
    text = f"{_vm_line(vm, now, language, agreed)}\n{say(size, language)} · {say(since, language)}"
    offered = {
        VmState.ATTENTION: Button(Text("Go on"), RUN, f"vm prepare {vm.hostname}"),
        VmState.READY: extend_button(vm),
    }.get(vm.state)
    return section(text, button(offered, language) if offered else None)


def extend_button(vm: Vm, label: Text | None = None) -> Button:
    """Makes a VM's lease longer by four hours."""
    return Button(label or Text("Extend 4 h"), RUN, f"extend {vm.hostname} 4h")


def _vm_line(vm: Vm, now: datetime, language: str, agreed: Text | None) -> str:
    parts = [f"*{_name(vm)}*", say(Text(_STATES[vm.state]), language)]
    if vm.address:
        parts.append(f"`{escape(vm.address)}`")
    if vm.hourly_rate is not None:
        cost = cost_of(vm.hourly_rate, vm.asked_at, now) or Decimal(0)
        rate = Text("{rate} per hour, about {cost} so far", rate=vm.hourly_rate, cost=cost)
        parts.append(say(rate, language))
    if agreed is not None:
        parts.append(say(agreed, language))
    parts.append(person(vm.owner_id))
    return " · ".join(parts)


def _name(vm: Vm) -> str:
    return escape(cut_value(vm.hostname, 63))


# --- containers ----------------------------------------------------------------------------------


def _container_layouts(
    reports: Sequence[VmReport], now: datetime, language: str
) -> Iterator[Layout]:
    """From the most comfortable layout to the shortest."""
    for has_all_buttons, most in ((True, 1), (False, WITH_BUTTONS)):
        yield Layout(
            [
                _report_rows(report, now, language, has_all_buttons=has_all_buttons)
                for report in reports
            ],
            most,
        )
    yield Layout([_report_lines(each, now, language) for each in reports])


def _report_rows(report: VmReport, now: datetime, language: str, *, has_all_buttons: bool) -> Part:
    head = [DIVIDER, section(_vm_line(report.vm, now, language, report.agreed))]
    note = _report_note(report, language)
    if note:
        head.append(context(note))
    rows = []
    for each in report.containers:
        buttons = _container_buttons(report.vm, each)
        text = _container_text(report.vm, each, language)
        if has_all_buttons:
            rows.append([section(text), *([actions(buttons, language)] if buttons else [])])
        else:
            rows.append([section(text, button(buttons[-1], language) if buttons else None)])
    return Part([head], rows)


def _report_lines(report: VmReport, now: datetime, language: str) -> Part:
    """A VM and its containers, a line each."""
    head = [_vm_line(report.vm, now, language, report.agreed)]
    note = _report_note(report, language)
    if note:
        head.append(note)
    return Part(head, [f"• {_container_line(report.vm, each)}" for each in report.containers])


def _report_note(report: VmReport, language: str) -> str:
    if report.trouble is not None:
        return f"⚠️ {say(report.trouble, language)}"
    if not report.containers and report.vm.state is VmState.READY:
        return say(Text("No container is running here."), language)
    return ""


def _container_buttons(vm: Vm, shown: ShownContainer) -> list[Button]:
    """What can be done with a container: open it, see its password, and what its owner may."""
    buttons = []
    if shown.url is not None:
        buttons.append(Button(Text("Open"), OPEN, url=shown.url))
    if shown.has_password:
        buttons.append(password_button(vm.op_id, shown.container.id))
    if shown.is_mine:
        buttons += owner_buttons(shown.container.short_id, is_running=shown.container.is_running)
    return buttons


def owner_buttons(short_id: str, *, is_running: bool = True) -> list[Button]:
    """What the owner of a container may do with it; what destroys or ends something asks first."""
    logs = Button(Text("Logs"), value=f"logs {short_id}")
    kill = f"kill {short_id}"
    if not is_running:
        sure = Text("Remove this container? What it holds outside a volume is lost.")
        return [logs, Button(Text("Remove"), value=kill, style="danger", confirm=sure)]
    ends = Text("Stop this container? What runs in it ends; its files stay.")
    lost = Text("Kill this container? What it holds outside a volume is lost.")
    return [
        logs,
        Button(Text("Stop"), value=f"stop {short_id}", confirm=ends),
        Button(Text("Kill"), value=kill, style="danger", confirm=lost),
    ]


def _container_text(vm: Vm, shown: ShownContainer, language: str) -> str:
    """A container in two lines: what it is and where, then its name, age and owner."""
    container = shown.container
    details = [
        f"`{container.short_id}`",
        escape(cut_value(container.name, 80)),
        say(status_words(container), language),
    ]
    return f"{_where(shown)}\n{' · '.join(details)}{_owner(vm, shown)}"


def _container_line(vm: Vm, shown: ShownContainer) -> str:
    return f"`{shown.container.short_id}` {_where(shown)}{_owner(vm, shown)}"


def _owner(vm: Vm, shown: ShownContainer) -> str:
    """Whose it is, when it is not the VM owner's own."""
    if shown.owner_id is None or shown.owner_id == vm.owner_id:
        return ""
    return f" · {person(shown.owner_id)}"


def _where(shown: ShownContainer) -> str:
    """The image, and the page or the ports that lead to it."""
    container = shown.container
    image = escape(cut_value(container.image, 80))
    if shown.url is not None:
        return f"{image} · {link(shown.url)}"
    ports = ", ".join(f"{each.host_port}→{each.container_port}" for each in container.ports[:5])
    return f"{image} · {ports}" if ports else image


def status_words(container: Container) -> Text:
    """What the engine's own words say, in the reader's."""
    if "(Paused)" in container.status:
        return Text("paused")
    if "(unhealthy)" in container.status:
        return Text("not healthy, since {when}", when=container.created_at)
    if not container.is_running:
        return Text("{status}", status=container.status)
    return Text("since {when}", when=container.created_at)
