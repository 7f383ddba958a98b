"""Values as the journal keeps them: JSON, and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.models import Channel, Link, Output, Person, Text, Title

Json = dict[str, Any]


def text_to_json(text: Text) -> Json:
    """A sentence and its parameters."""
    return {
        "msgid": text.msgid,
        "params": {name: _to_json(value) for name, value in text.params.items()},
    }


def text_from_json(recorded: Json) -> Text:
    """The sentence that `text_to_json` wrote down."""
    params = {name: _from_json(value) for name, value in recorded["params"].items()}
    sentence = recorded["msgid"]
    return Text(sentence, **params)


def _to_json(value: object) -> Any:
    if isinstance(value, str | int):  # most are
        return value
    match value:
        case Text():
            return {"text": text_to_json(value)}
        case Channel() | Person() | Link() | Title() | Output():
            return _reference_to_json(value)
        case Decimal():
            return {"money": str(value)}
        case datetime():
            return {"at": value.isoformat()}
        case timedelta():
            return {"seconds": value.total_seconds()}
        case list() | tuple():
            return [_to_json(each) for each in value]
        case _:
            return str(value)


def _reference_to_json(value: Channel | Person | Link | Title | Output) -> Json:
    match value:
        case Channel():
            return {"channel": value.channel_id}
        case Person():
            return {"person": value.user_id}
        case Link():
            return {"link": [value.url, value.label]}
        case Title():
            return {"title": [value.en, value.ko]}
        case Output():
            return {"output": value.lines, "most": value.most}


def _from_json(value: Any) -> object:
    match value:
        case {"text": recorded}:
            return text_from_json(recorded)
        case {"money": amount}:
            return Decimal(amount)
        case {"at": instant}:
            return datetime.fromisoformat(instant)
        case {"seconds": seconds}:
            return timedelta(seconds=seconds)
        case list():
            return [_from_json(each) for each in value]
        case dict():
            return _reference_from_json(value)
        case _:
            return value


def _reference_from_json(value: Json) -> object:
    match value:
        case {"person": user_id}:
            return Person(user_id)
        case {"channel": channel_id}:
            return Channel(channel_id)
        case {"link": [url, label]}:
            return Link(url, label)
        case {"title": [en, ko]}:
            return Title(en, ko)
        case {"output": lines, "most": most}:
            return Output(lines, most)
        case {"output": lines}:  # an earlier version recorded no limit
            return Output(lines)
        case _:
            return value
