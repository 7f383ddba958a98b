"""What became of one command: facts first, then the words for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.replies.blocks import Block, File, Reply
from bot.shell.blocks_view import addresses, nexts, spoken
from bot.shell.listing import Listing


class Status(StrEnum):
    """How a command ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    NOT_UNDERSTOOD = "not_understood"
    UNDER_WAY = "under_way"

    @property
    def exit_status(self) -> int:
        """For scripts."""
        return _EXITS[self]


_EXITS = {
    Status.DONE: 0,
    Status.FAILED: 1,
    Status.REFUSED: 1,
    Status.NOT_UNDERSTOOD: 2,
    Status.UNDER_WAY: 3,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One command's end. files: to be written where the person wants them; saved: where they are.

    is_secret: what it says is for a person's eyes only.
    """

    line: str
    status: Status
    text: str
    blocks: Sequence[Block]
    listings: Sequence[Listing] = ()
    operation: str | None = None
    files: Sequence[File] = ()
    saved: Sequence[str] = field(default=())
    is_secret: bool = False

    def document(self) -> dict[str, Any]:
        """The result for programs. Its keys are a contract (docs/shell.md): extend them only."""
        return {
            "command": self.line,
            "status": self.status.value,
            "operation": self.operation,
            "text": spoken(self.blocks) or self.text,
            "facts": {each.name: each.facts() for each in self.listings},
            "links": addresses(self.blocks),
            "next": [
                {"label": each.label, "command": each.command}
                for each in nexts(self.blocks)
                if each.command is not None
            ],
            "files": list(self.saved),
        }


def answered(line: str, status: Status, reply: Reply, listings: Sequence[Listing] = ()) -> Result:
    """A result that is an answer; of a picture the words, and the picture as a file."""
    files = () if reply.file is None else (reply.file,)
    if reply.drawing is not None:
        files = (*files, File(reply.drawing.name, reply.drawing.content))
        reply = reply.in_words()
    return Result(line, status, reply.text, reply.blocks, listings, files=files)
