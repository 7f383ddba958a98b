"""Results as JSON, one document per command and line, for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from bot.models import Text
from bot.shell.results import Result
from bot.shell.screen import Show
from bot.store import LocalMessage


class Documents:
    """Implements `bot.shell.screen.Screen`."""

    is_private = False  # what programs read ends up in their logs

    def __init__(self, out: TextIO) -> None:
        self._out = out

    @contextmanager
    def asking(self) -> Iterator[None]:
        yield

    @contextmanager
    def watching(self) -> Iterator[Show]:
        yield _show_nothing

    def show(self, result: Result) -> None:
        self._out.write(json.dumps(result.document(), ensure_ascii=False) + "\n")
        self._out.flush()

    def say(self, text: Text) -> None:
        """Programs get documents only."""


def _show_nothing(messages: Sequence[LocalMessage], note: Text | None) -> None:
    """Programs wait for the end."""
