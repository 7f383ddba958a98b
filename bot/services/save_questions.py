"""What is saved, and for whom."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import UserError
from bot.models import Caller, Text
from bot.replies.saves import Save
from bot.services.saved import manifest_from_json
from bot.store import SaveRow, SaveStore


@dataclass(frozen=True, slots=True)
class SaveQuestions:
    """Answers about saved work."""

    saves: SaveStore

    def kept(self, caller: Caller, *, everyones: bool) -> list[Save]:
        """The person's saves, or everyone's, the newest first. Raises UserError when there are
        none."""
        found = self.saves.of(None if everyones else caller.user_id)
        if not found:
            raise UserError(
                Text("Nothing is saved. `vm release` saves the work on a VM, and so does the bot"
                     " before it cancels an idle one."), instead="vm list",
            )  # fmt: skip
        return [_shown(row) for row in found]


def _shown(row: SaveRow) -> Save:
    containers = len(manifest_from_json(row.manifest).containers)
    return Save(
        row.id, row.hostname, row.owner_id, row.saved_at, row.expires_at, row.bytes, containers,
        row.image_bytes,
    )  # fmt: skip
