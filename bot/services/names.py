"""Names that were mistyped: what may have been meant, as a whole command that works.

Whoever looks for a VM or a container raises WrongName with the names that are near; here the name
takes the place of the wrong one in what was asked for. So every command gets its suggestion in the
same way, and none has to know how it is typed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from bot.errors import BotError, UserError, WrongName
from bot.models import Choice, Text

Offer = Callable[[str, dict[str, Any], Text | None], Choice]
"""The button that does a request, given its kind and arguments; its label, or None for the command
itself."""

_ALIKE = 0.6
_MOST = 3


def near(name: str, known: Iterable[str]) -> list[str]:
    """The known names that are like a name, the likeliest first."""
    return difflib.get_close_matches(name, list(dict.fromkeys(known)), n=_MOST, cutoff=_ALIKE)


def corrected(error: BotError, kind: str, args: dict[str, Any], offer: Offer) -> BotError:
    """The error with a button for each command that was perhaps meant; others as they are."""
    if not isinstance(error, WrongName):
        return error
    choices = [
        offer(kind, _with_name(args, error.what, error.typed, name), label)
        for name, label in error.meant
    ]
    is_sure = bool(choices) and error.meant[0][1] is None
    instead = choices[0].command if is_sure else error.instead
    return UserError(error.text, None if choices and not is_sure else instead, choices)


def _with_name(args: dict[str, Any], what: str, typed: str, name: str) -> dict[str, Any]:
    """The arguments with one name for another, where such a name is."""
    if what == "vm":
        key = "vm" if "vm" in args else "name"
    else:
        key = "ids" if "ids" in args else "id"
    value = args.get(key)
    if isinstance(value, list):
        return args | {key: list(dict.fromkeys(name if each == typed else each for each in value))}
    return args | {key: name}
