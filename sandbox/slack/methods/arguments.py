"""Arguments of a Web API call, whichever way they came: query, form or JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from aiohttp import web

from sandbox.slack.errors import SlackError, with_messages
from sandbox.slack.records import Json

T = TypeVar("T")


async def read_arguments(request: web.Request) -> Json:
    """All arguments of a request; JSON values stay as they are, all others are strings.

    Raises SlackError: invalid_json, json_not_object, invalid_post_type.
    """
    found: Json = dict(request.query)
    if request.method != "POST" or not request.can_read_body:
        return found
    if request.content_type == "application/json":
        found |= _json_object(await request.read())
    elif request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        found |= dict(await request.post())
    else:
        raise SlackError("invalid_post_type")
    return found


def _json_object(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise SlackError("invalid_json") from error
    if not isinstance(body, dict):
        raise SlackError("json_not_object")
    return body


class Arguments:
    """Reads arguments as the types that a method wants."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    def text(self, name: str, default: str = "") -> str:
        """A string; missing or null gives the default."""
        value = self._raw.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        """A string that must be there. Raises SlackError invalid_arguments."""
        value = self.text(name)
        if not value:
            raise with_messages("invalid_arguments", [f"missing required field: {name}"])
        return value

    def has(self, name: str) -> bool:
        return self._raw.get(name) not in (None, "")

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean in any of the forms that Slack takes."""
        value = self._raw.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def maybe_flag(self, name: str) -> bool | None:
        return self.flag(name) if self.has(name) else None

    def number(self, name: str, default: int) -> int:
        """A whole number. Raises SlackError invalid_arguments."""
        try:
            return int(self.text(name) or default)
        except ValueError as error:
            raise with_messages("invalid_arguments", [f"must be an integer: {name}"]) from error

    def parsed(self, name: str, error: str) -> Any:
        """A value that is JSON, as an object or as a string of it; None when missing.

        Raises SlackError with the code `error` when it is no JSON.
        """
        value = self._raw.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError as cause:
            raise SlackError(error) from cause

    def names(self, name: str) -> list[str]:
        """A list written with commas, or a JSON list."""
        value = self._raw.get(name)
        if isinstance(value, list):
            return [str(entry) for entry in value]
        return [entry for entry in self.text(name).split(",") if entry]


def page_of(
    args: Arguments, entries: Sequence[T], default_limit: int = 100, most: int = 1000
) -> tuple[list[T], str]:
    """(one page, next cursor): cursor and limit as the list methods take them.

    Raises SlackError: invalid_limit, invalid_cursor.
    """
    limit = args.number("limit", default_limit)
    if not 0 < limit <= most:
        raise SlackError("invalid_limit")
    start = _decoded(args.text("cursor"))
    rest = start + limit
    cursor = base64.b64encode(f"next:{rest}".encode()).decode() if rest < len(entries) else ""
    return list(entries[start:rest]), cursor


def with_cursor(body: Json, cursor: str) -> Json:
    """The body of a list method with where to go on."""
    return body | {"response_metadata": {"next_cursor": cursor}}


def _decoded(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, number = base64.b64decode(cursor, validate=True).decode().partition(":")
        if word != "next":
            raise SlackError("invalid_cursor")
        return int(number)
    except ValueError as error:
        raise SlackError("invalid_cursor") from error
