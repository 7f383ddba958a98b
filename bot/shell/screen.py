"""What a session shows itself on: a terminal for people, or lines of JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from bot.models import Text
from bot.shell.results import Result
from bot.store import LocalMessage

Show = Callable[[Sequence[LocalMessage], Text | None], None]
"""Shows how far an operation is: what was said about it, and a remark of our own."""


class Screen(Protocol):
    """Where progress and results go."""

    @property
    def is_private(self) -> bool:
        """Whether only the person in front of it sees what is shown."""

    def asking(self) -> AbstractContextManager[None]:
        """While a question is asked."""

    def watching(self) -> AbstractContextManager[Show]:
        """While an operation is under way; what was shown then gives way to the result."""

    def show(self, result: Result) -> None:
        """A command has ended."""

    def say(self, text: Text) -> None:
        """A remark of the shell's own; for people only."""
