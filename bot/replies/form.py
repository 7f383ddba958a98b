"""The form "New workspace": what `/ds` alone opens. Its values become a command as typed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.durations import parse_duration
from bot.models import Text, Title, Vm
from bot.replies.blocks import Block, cut
from bot.replies.modals import modal
from bot.replies.texts import plain

CALLBACK = "workspace"
"""callback_id of the form."""

PROGRAM, IMAGE, VM, NAME = "program", "image", "vm", "name"
SIZE, LEASE = "size", "lease"
"""block_ids of the fields, in order; each has one element, called `value`."""

ANOTHER_IMAGE = "another image"
NEW_VM = "a new vm"
USUAL_LEASE = "the usual lease"
"""Values of options that stand for something to be typed. No program and no VM has a space."""

_MOST_OPTIONS = 100
_MAX_OPTION = 75


@dataclass(frozen=True, slots=True)
class Offered:
    """What the form offers to one person. name: one that is free, for a new VM."""

    programs: dict[str, Title]
    vms: Sequence[Vm]
    name: str
    sizes: Sequence[tuple[int, int]]  # virtual CPUs and MB, the usual one first
    leases: Sequence[str]  # as typed; besides the usual one


@dataclass(frozen=True, slots=True)
class Opened:
    """What the form remembers of where it was opened; comes back as input like any other."""

    channel_id: str
    language: str

    def written(self) -> str:
        return json.dumps({"channel": self.channel_id, "language": self.language})


def form_modal(offered: Offered, opened: Opened) -> dict[str, Any]:
    """The form, with what is usual filled in: the first program, on the first VM."""
    language = opened.language
    vms = [_option(vm.hostname, Text("{vm}", vm=_described(vm)), language) for vm in offered.vms]
    new = _option(NEW_VM, Text("A new VM"), language)
    on = [*vms[: _MOST_OPTIONS - 1], new]
    fields = [
        _field(PROGRAM, Text("Program"), _select(_programs(offered, language)), language),
        _field(IMAGE, Text("Another image"), _typed("", 255), language, is_optional=True,
               hint=Text("Only if you chose it above; for example rocker/verse:4.5.1")),
        _field(VM, Text("Runs on"), _select(on), language),
        _field(NAME, Text("Name of a new VM"), _typed(offered.name, 63), language,
               is_optional=True, hint=Text("Letters a-z, digits and hyphens")),
        _field(SIZE, Text("Size of a new VM"), _select(_sizes(offered, language)), language,
               hint=Text("A new VM costs money until it is cancelled; its message says how much.")),
        _field(LEASE, Text("Lease of a new VM"), _select(_leases(offered, language)), language,
               hint=Text("For so long it is left alone even if idle; it can be extended.")),
    ]  # fmt: skip
    return modal(Text("New workspace"), fields, language) | {
        "callback_id": CALLBACK,
        "private_metadata": opened.written(),
        "submit": _plain(Text("Start"), language, 24),
        "close": _plain(Text("Not now"), language, 24),
    }


def waiting_modal(language: str) -> dict[str, Any]:
    """Opened at once where it is not known yet who asks: a trigger is good for three seconds."""
    waiting = {"type": "section", "text": _plain(Text("One moment…"), language, 100)}
    return modal(Text("New workspace"), [waiting], language)


def _described(vm: Vm) -> str:
    return f"{vm.hostname} · {vm.cpus} vCPU · {vm.memory_mb} MB"


def _programs(offered: Offered, language: str) -> list[Block]:
    named = [_option(word, Text("{app}", app=title), language)
             for word, title in offered.programs.items()]  # fmt: skip
    return [*named[: _MOST_OPTIONS - 1], _option(ANOTHER_IMAGE, Text("Another image"), language)]


def _sizes(offered: Offered, language: str) -> list[Block]:
    return [
        _option(f"{cpus} {memory_mb}", Text("{cpus} vCPU, {memory} MB", cpus=cpus,
                                            memory=memory_mb), language)
        for cpus, memory_mb in offered.sizes
    ]  # fmt: skip


def _leases(offered: Offered, language: str) -> list[Block]:
    usual = _option(USUAL_LEASE, Text("As usual"), language)
    longer = [
        _option(each, Text("{length}", length=parse_duration(each)), language)
        for each in offered.leases
    ]
    return [usual, *longer]


def _option(value: str, label: Text, language: str) -> Block:
    return {"text": _plain(label, language, _MAX_OPTION), "value": value}


def _select(options: list[Block]) -> Block:
    """One of several; the first one is picked already."""
    return {
        "type": "static_select",
        "action_id": "value",
        "options": options,
        "initial_option": options[0],
    }


def _typed(initial: str, most: int) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": "value", "max_length": most}
    return element | {"initial_value": initial} if initial else element


def _field(
    block_id: str,
    label: Text,
    element: Block,
    language: str,
    *,
    hint: Text | None = None,
    is_optional: bool = False,
) -> Block:
    block = {
        "type": "input",
        "block_id": block_id,
        "label": _plain(label, language, 150),
        "element": element,
        "optional": is_optional,
    }
    return block | {"hint": _plain(hint, language, 150)} if hint else block


def _plain(text: Text, language: str, most: int) -> Block:
    return {"type": "plain_text", "text": cut(plain(text, language), most)}
