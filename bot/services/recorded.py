"""Values as the journal keeps them: JSON, and back."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.models import Channel, Link, Output, Person, Text

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
    match value:
        case Text():
            return {"text": text_to_json(value)}
        case Channel():
            return {"channel": value.channel_id}
        case Person():
            return {"person": value.user_id}
        case Link():
            return {"link": [value.url, value.label]}
        case Output():
            return {"output": value.lines, "most": value.most}
        case Decimal():
            return {"money": str(value)}
        case datetime():
            return {"at": value.isoformat()}
        case timedelta():
            return {"seconds": value.total_seconds()}
        case list() | tuple():
            return [_to_json(each) for each in value]
        case _:
            return value if isinstance(value, bool | int | str) else str(value)


def _from_json(value: Any) -> object:
    match value:
        case {"text": recorded}:
            return text_from_json(recorded)
        case {"person": user_id}:
            return Person(user_id)
        case {"channel": channel_id}:
            return Channel(channel_id)
        case {"link": [url, label]}:
            return Link(url, label)
        case {"output": lines, **limit}:  # an earlier version recorded none
            return Output(lines, **limit)
        case {"money": amount}:
            return Decimal(amount)
        case {"at": instant}:
            return datetime.fromisoformat(instant)
        case {"seconds": seconds}:
            return timedelta(seconds=seconds)
        case list():
            return [_from_json(each) for each in value]
        case _:
            return value
