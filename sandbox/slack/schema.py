"""Checks that can be put together, complaining in Slack's words about each place that is wrong.

A check takes a value, the JSON pointer to it, and the list that collects complaints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

Check = Callable[[Any, str, list[str]], None]


def complain(complaints: list[str], what: str, pointer: str) -> None:
    """Add one complaint in the form Slack gives it."""
    complaints.append(f"{what} [json-pointer:{pointer}]")


def anything(value: Any, pointer: str, complaints: list[str]) -> None:
    """Accepts whatever it is given."""


def string(most: int, least: int = 1) -> Check:
    """A string of `least` to `most` characters (code points)."""

    def check(value: Any, pointer: str, complaints: list[str]) -> None:
        if not isinstance(value, str):
            complain(complaints, "must be a string", pointer)
        elif len(value) > most:
            complain(complaints, f"must be less than {most + 1} characters", pointer)
        elif len(value) < least:
            complain(complaints, f"must be more than {least - 1} characters", pointer)

    return check


def pattern(expression: str, form: str) -> Check:
    """A string that matches the whole regular expression; `form` says it in words."""
    compiled = re.compile(expression)

    def check(value: Any, pointer: str, complaints: list[str]) -> None:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            complain(complaints, f"must match {form}", pointer)

    return check


def choice(*allowed: str) -> Check:
    """One of the given strings."""

    def check(value: Any, pointer: str, complaints: list[str]) -> None:
        if value not in allowed:
            complain(complaints, f"must be a valid enum value, one of {list(allowed)}", pointer)

    return check


def flag(value: Any, pointer: str, complaints: list[str]) -> None:
    """True or false."""
    if not isinstance(value, bool):
        complain(complaints, "must be a boolean", pointer)


def integer(least: int | None = None, most: int | None = None) -> Check:
    """A whole number within bounds."""

    def check(value: Any, pointer: str, complaints: list[str]) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            complain(complaints, "must be an integer", pointer)
        elif most is not None and value > most:
            complain(complaints, f"must be less than {most + 1}", pointer)
        elif least is not None and value < least:
            complain(complaints, f"must be more than {least - 1}", pointer)

    return check


def listed(item: Check, most: int, least: int = 1) -> Check:
    """A list of `least` to `most` things that each pass `item`."""

    def check(value: Any, pointer: str, complaints: list[str]) -> None:
        if not isinstance(value, list):
            complain(complaints, "must be an array", pointer)
            return
        if len(value) > most:
            complain(complaints, f"no more than {most} items allowed", pointer)
        if len(value) < least:
            complain(complaints, f"no fewer than {least} items allowed", pointer)
        for index, entry in enumerate(value):
            item(entry, f"{pointer}/{index}", complaints)

    return check


def shape(
    fields: Mapping[str, Check],
    *,
    required: Collection[str] = (),
    one_of: Collection[str] = (),
    is_open: bool = False,
) -> Check:
    """An object with known fields.

    required: fields that must be there; one_of: at least one of these must be.
    is_open: other fields may be there too (they are not looked at).
    """

    def check(value: Any, pointer: str, complaints: list[str]) -> None:
        if not isinstance(value, dict):
            complain(complaints, "must be an object", pointer)
            return
        present = {key for key, entry in value.items() if entry is not None}
        for key in required:
            if key not in present:
                complain(complaints, f"missing required field: {key}", pointer)
        if one_of and not present & set(one_of):
            complain(complaints, f"must define either `{'` or `'.join(one_of)}`", pointer)
        for key in sorted(present):
            if key in fields:
                fields[key](value[key], f"{pointer}/{key}", complaints)
            elif not is_open:
                complain(complaints, f"invalid additional property: {key}", pointer)

    return check


def by_type(shapes: Mapping[str, Check]) -> Check:
    """An object whose `type` says which of the shapes it must have."""

    def check(value: Any, pointer: str, complaints: list[str]) -> None:
        if not isinstance(value, dict):
            complain(complaints, "must be an object", pointer)
        elif not isinstance(value.get("type"), str):
            complain(complaints, "missing required field: type", pointer)
        elif value["type"] not in shapes:
            complain(complaints, f"unsupported type: {value['type']}", f"{pointer}/type")
        else:
            shapes[value["type"]](value, pointer, complaints)

    return check


def text(most: int, *kinds: str, least: int = 1) -> Check:
    """A text object of the given kinds ("plain_text", "mrkdwn"; none named = both)."""
    body = string(most, least)
    either = {
        "plain_text": shape(
            {"type": anything, "text": body, "emoji": flag}, required=("type", "text")
        ),
        "mrkdwn": shape(
            {"type": anything, "text": body, "verbatim": flag}, required=("type", "text")
        ),
    }
    return by_type({kind: either[kind] for kind in kinds or tuple(either)})


def plain(most: int, least: int = 1) -> Check:
    """A plain_text object."""
    return text(most, "plain_text", least=least)
