"""The notices of several idle VMs in one message."""

from __future__ import annotations

from collections.abc import Sequence

from bot.models import counted
from bot.replies.blocks import Reply, section
from bot.replies.idle import Ended, Notice, ended_reply, notice_reply, taking_reply
from bot.replies.texts import say, spoken

MOST_IN_ONE = 6
"""VMs in one message: with the longest names and reasons it stays below what Slack takes."""

TAKING = "taking"
"""How a mark ends, as long as the VM is being saved and cancelled."""

Row = tuple[Notice, Ended | None]
"""A VM, and how its matter has ended, if it has."""


def notices_reply(rows: Sequence[Row], language: str) -> Reply:
    """Each VM with its own buttons, or with what became of it. One alone is told as ever."""
    told = [_told(notice, ended, language) for notice, ended in rows]
    if len(told) == 1:
        return told[0]
    blocks = [block for each in told for block in each.blocks]
    names = [notice.name for notice, ended in rows if ended is None]
    if not names:
        return Reply(" ".join(each.text for each in told), blocks)
    first = counted(
        "{count} idle VM is to be cancelled: {names}.",
        "{count} idle VMs are to be cancelled: {names}.", len(names), names=names,
    )  # fmt: skip
    text = say(first, language)
    return Reply(spoken(text), [section(f"⏰ {text}"), *blocks])


def _told(notice: Notice, ended: Ended | None, language: str) -> Reply:
    if ended is None:
        return notice_reply(notice, language)
    if ended.how == TAKING:
        return taking_reply(notice, language)
    return ended_reply(notice, ended, language)
