"""An idle VM's notice, from the warning to how it ended, and the answer to `/ds why`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.activity import Signal, Use
from bot.models import Person, Text, msgid
from bot.replies.blocks import Block, Button, Reply, actions, context, section
from bot.replies.texts import say, spoken

_SIGNS = {Use.BUSY: "🟢", Use.IDLE: "⚪", Use.UNKNOWN: "❔"}
_USES = {
    Use.BUSY: msgid("*{name}* is in use."),
    Use.IDLE: msgid("*{name}* is not in use."),
    Use.UNKNOWN: msgid("Nobody can tell whether *{name}* is in use."),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice says. ends_at: the VM is taken then at the earliest."""

    name: str
    owner_id: str
    why: Text
    rate: Decimal | None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a mark has ended."""

    how: str
    by: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """Everything that decides over a VM now."""

    name: str
    use: Use
    why: Text
    signals: Sequence[Signal]
    next: Text
    facts: Sequence[Text]


def notice_reply(notice: Notice, language: str) -> Reply:
    """The warning, with what can be done about it."""
    whose = Text("*{name}* of {owner} is to be cancelled.", name=notice.name,
                 owner=Person(notice.owner_id))  # fmt: skip
    text = f"{say(whose, language)} {say(notice.why, language)}\n{say(_when(notice), language)}"
    return Reply(spoken(text), [section(f"⏰ {text}"), actions(_buttons(notice.name), language)])


def ended_reply(notice: Notice, ended: Ended, language: str) -> Reply:
    """The same message when the matter is settled: nothing can be done about it any more."""
    text = say(_ended(notice.name, ended), language)
    sign = "✅" if ended.how == "reaped" else "↩️"
    return Reply(spoken(text), [section(f"{sign} {text}")])


def taking_reply(notice: Notice, language: str) -> Reply:
    """The same message while the VM is saved and cancelled."""
    text = say(Text("*{name}* is being saved and cancelled now.", name=notice.name), language)
    return Reply(spoken(text), [section(f"⏳ {text}")])


def why_reply(explained: Explained, now: datetime, language: str) -> Reply:
    """`/ds why NAME`: the verdict, what follows, each sign with its age, what is agreed."""
    verdict = say(Text(_USES[explained.use], name=explained.name), language)
    why, follows = say(explained.why, language), say(explained.next, language)
    # A step that has a reason of its own begins with that of the verdict.
    first = f"{verdict} {follows}" if follows.startswith(why) else f"{verdict} {why}\n{follows}"
    blocks: list[Block] = [section(first)]
    signals = explained.signals
    ages = {_age(each, now, language) for each in signals}
    if signals:
        lines = [_sign(each, now, language, with_age=len(ages) > 1) for each in signals]
        blocks.append(section("\n".join(lines)))
    facts = [say(each, language) for each in explained.facts]
    if len(ages) == 1:
        facts.insert(0, say(Text("looked at {age} ago", age=now - signals[0].at), language))
    if facts:
        blocks.append(context(" · ".join(facts)))
    return Reply(spoken(first), blocks)


def status_reply(sentences: Sequence[Text], language: str) -> Reply:
    """`/ds admin reaper status`."""
    text = "\n".join(say(each, language) for each in sentences)
    return Reply(spoken(text), [section(text)])


def _when(notice: Notice) -> Text:
    if notice.rate is None:
        return Text("Unless somebody keeps it, its work is saved and it is cancelled: {at} at the"
                    " earliest.", at=notice.ends_at)  # fmt: skip
    return Text("Unless somebody keeps it, its work is saved and it is cancelled: {at} at the"
                " earliest. It costs {rate} per hour.", at=notice.ends_at,
                rate=notice.rate)  # fmt: skip


def _buttons(name: str) -> list[Button]:
    return [
        Button(Text("Keep 4 h"), value=f"keep {name} 4h", style="primary"),
        Button(Text("Keep until tomorrow 9:00"), value=f"keep {name} until tomorrow 9:00"),
        Button(
            Text("Stop now"), value=f"vm release {name}", style="danger",
            confirm=Text("Save the work on {vm} and cancel it now?", vm=name),
        ),
        Button(Text("Why?"), value=f"why {name}"),
    ]  # fmt: skip


def _ended(name: str, ended: Ended) -> Text:
    match ended.how:
        case "kept":
            return Text("*{name}* is kept until {until}, by {person}.", name=name,
                        until=ended.until, person=Person(ended.by or ""))  # fmt: skip
        case "busy":
            return Text("*{name}* stays: it is in use again, or kept.", name=name)
        case "off":
            return Text("*{name}* stays: the reaper was turned off.", name=name)
        case "reaped":
            return Text("*{name}* was not in use: it is saved and cancelled.", name=name)
        case "released":
            return Text("*{name}* is saved and cancelled, as {person} wished.", name=name,
                        person=Person(ended.by or ""))  # fmt: skip
        case "failed":
            return Text("*{name}* could not be saved and cancelled, and still costs money.",
                        name=name)  # fmt: skip
        case "undelivered":
            return Text("This notice came too late. *{name}* stays for now.", name=name)
        case _:
            return Text("*{name}* is gone.", name=name)


def _sign(signal: Signal, now: datetime, language: str, *, with_age: bool) -> str:
    age = f" ({_age(signal, now, language)})" if with_age else ""
    return f"{_SIGNS[signal.use]} {say(signal.why, language)}{age}"


def _age(signal: Signal, now: datetime, language: str) -> str:
    return say(Text("{age} ago", age=now - signal.at), language)
