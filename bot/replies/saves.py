"""The answer to `/ds saves`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.models import Person, Text, counted
from bot.replies.blocks import Block, Button, Reply, button, context, section
from bot.replies.engine_answers import size
from bot.replies.pages import WITH_BUTTONS, Layout, Part, Turning, list_reply
from bot.replies.texts import say


@dataclass(frozen=True, slots=True)
class Save:
    """The work of a VM. image_bytes: of its captured image, if there is one."""

    id: str
    name: str
    owner_id: str
    saved_at: datetime
    expires_at: datetime
    bytes: int
    containers: int
    image_bytes: int | None = None


def saves_reply(saves: Sequence[Save], language: str, turning: Turning) -> Reply:
    """What is saved, how large it is and until when, each with a button that restores it."""
    images = sum(save.image_bytes or 0 for save in saves)
    summary = say(
        counted("The work of {count} cancelled VM is saved: {size}.",
                "The work of {count} cancelled VMs is saved: {size}.",
                len(saves), size=size(sum(save.bytes for save in saves))), language,
    )  # fmt: skip
    free = Text("What is on the bot's disk costs nothing.")
    billed = Text("Captured images ({size}) are billed by SoftLayer until they expire.",
                  size=size(images))  # fmt: skip
    hint = context(say(billed if images else free, language))
    rows = [[_row(save, language)] for save in saves]
    lines = [_line(save, language) for save in saves]
    layouts = [Layout([Part([], rows)], WITH_BUTTONS), Layout([Part([], lines)])]
    return list_reply(summary, layouts, turning, language, last=[hint])


def restore_button(name: str, save_id: str) -> Button:
    """Orders the VM again and puts everything back; that costs money, so it asks first."""
    return Button(
        Text("Restore"),
        value=f"restore {name} --save {save_id}",
        style="primary",
        confirm=Text("Order {vm} again and put its files and containers back?", vm=name),
    )


def _row(save: Save, language: str) -> Block:
    return section(_line(save, language), button(restore_button(save.name, save.id), language))


def _line(save: Save, language: str) -> str:
    told = [
        Text("*{name}* of {owner}", name=save.name, owner=Person(save.owner_id)),
        Text("saved {when}", when=save.saved_at),
        Text("{size}", size=size(save.bytes)),
        counted("{count} container", "{count} containers", save.containers),
        Text("kept until {until}", until=save.expires_at),
    ]
    if save.image_bytes:
        told.append(Text("image of {size}", size=size(save.image_bytes)))
    return " · ".join(say(each, language) for each in told)
