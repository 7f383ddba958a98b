"""A channel's week in a message: what its VMs cost, who was dear, what taking idle ones saved."""

from __future__ import annotations

from bot.costs import Week
from bot.models import Text, counted
from bot.replies.blocks import (
    Block,
    Button,
    Drawing,
    Reply,
    actions,
    context,
    joined,
    section,
)
from bot.replies.costs import RECKONED, cost_line
from bot.replies.pictures.spending import Day, spending_picture
from bot.replies.texts import say, spoken

MOST_NAMED = 5

_LEGEND = Text("Dollars a day. Blue: in use. Orange, hatched: nothing was in use.")
_DEAREST = Text("The dearest")
_HOW_SAVED = Text(
    "The saving is what each VM would have cost from its cancellation to the end of the week, or"
    " until a VM of its name was there again. What came later is not counted."
)


def digest_reply(week: Week, language: str) -> Reply:
    """The digest, its picture not uploaded yet. `week` is not empty."""
    head = [
        say(_headline(week), language),
        say(_summary(week), language),
        *([say(_taken(week), language)] if week.taken else []),
        say(_running(week), language),
    ]
    first = f"📊 *{head[0]}*\n" + "\n".join(head[1:])
    dearest = [f"• {cost_line(row, language)}" for row in week.costs.rows[:MOST_NAMED]]
    blocks: list[Block] = [
        section(first),
        context(say(_LEGEND, language)),
        *joined([f"*{say(_DEAREST, language)}*", *dearest]),
        actions([Button(Text("What do they cost?"), value="cost channel")], language),
        *([context(say(_HOW_SAVED, language))] if week.taken else []),
        context(" ".join(say(each, language) for each in _remarks(week))),
    ]
    return Reply(spoken("\n".join(head)), blocks, drawing=_drawing(week, language))


def digest_in_words(reply: Reply) -> Reply:
    """With what its picture shows in words: Slack has not taken the picture."""
    assert reply.drawing is not None
    words = section(reply.drawing.words)
    return Reply(reply.text, [*reply.blocks[:1], words, *reply.blocks[2:]])


def _headline(week: Week) -> Text:
    dates = week.dates
    return Text(
        "This channel's VMs from {first} to {last}: about {total}",
        first=dates[0].isoformat(), last=dates[-1].isoformat(), total=week.costs.total,
    )  # fmt: skip


def _summary(week: Week) -> Text:
    count = len(week.costs.rows)
    hours = f"{sum(row.hours for row in week.costs.rows):,.0f}"
    return counted(
        "{count} VM, {hours} hours. Paid while nothing was in use: {idle}.",
        "{count} VMs, {hours} hours. Paid while nothing was in use: {idle}.",
        count, hours=hours, idle=week.costs.idle,
    )  # fmt: skip


def _taken(week: Week) -> Text:
    return counted(
        "{count} idle VM was cancelled, which saved about {saved}.",
        "{count} idle VMs were cancelled, which saved about {saved}.",
        week.taken, saved=week.saved,
    )  # fmt: skip


def _running(week: Week) -> Text:
    if not week.live:
        return Text("Nothing costs money now.")
    return counted(
        "{count} VM costs money now: about {month} in a month of 730 hours.",
        "{count} VMs cost money now: about {month} in a month of 730 hours.",
        week.live, month=week.costs.per_month,
    )  # fmt: skip


def _remarks(week: Week) -> list[Text]:
    unknown = week.costs.unknown
    if not unknown:
        return [RECKONED]
    return [Text("In no sum, as their price is not known: {count} VMs.", count=unknown), RECKONED]


def _drawing(week: Week, language: str) -> Drawing:
    days = [
        Day(date, each.total, each.idle) for date, each in zip(week.dates, week.days, strict=True)
    ]
    told = [
        say(Text("{day}: {total}, of it unused {idle}.", day=day.date.isoformat(),
                 total=day.total, idle=day.unused), language)
        for day in days
    ]  # fmt: skip
    name = f"costs-{week.first.isoformat()}.png"
    return Drawing(name, spending_picture(days), " ".join(told))
