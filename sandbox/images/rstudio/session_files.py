"""The files that tell a session's state, where RStudio keeps them and in its spelling.

Sources: rstudio, core/r_util/RActiveSessions.hpp, RActiveSessionStorage.cpp (`properites/`),
session/SessionPersistentState.cpp (`abend`), session/SessionSuspend.cpp.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path


class SessionFiles:
    """The folder of a person's one session; one that an earlier server left is taken up again."""

    def __init__(self, home: Path, owner: tuple[int, int]) -> None:
        self._home = home
        self._owner = owner
        active = home / ".local/share/rstudio/sessions/active"
        left = sorted(active.glob("session-*"), key=lambda path: path.stat().st_mtime)
        self.folder = left[-1] if left else active / f"session-{secrets.token_hex(4)}"

    @property
    def id(self) -> str:
        return self.folder.name.removeprefix("session-")

    @property
    def suspended(self) -> Path:
        """Where a session that is suspended writes what it has."""
        return self.folder / "suspended-session-data"

    @property
    def was_killed(self) -> bool:
        """Whether the last session ended without having been asked to."""
        return self._state().get("abend") == "1"

    @property
    def is_suspended(self) -> bool:
        return (self.suspended / "environment").is_file()

    def begin(self) -> None:
        """RStudio writes `last-used` when a session begins and ends, and not in between: nobody
        has seen it do more."""
        self._note({"running": "1", "last-used": _now_ms(), "blocking-suspend": "0"})
        self._write(self.folder / "session-persistent-state", 'abend="1"\n')

    def executing(self, is_so: bool) -> None:
        """Written at the first code, and not before."""
        self._note({"executing": "1" if is_so else "0"})

    def end(self, *, is_clean: bool) -> None:
        """A session that was killed has no chance to write; then its files stay as they are."""
        if not is_clean:
            return
        now = _now_ms()
        self._note({"running": "0", "executing": "0", "last-used": now, "suspend-timestamp": now})
        self._write(self.folder / "session-persistent-state", 'abend="0"\n')

    def own(self, folder: Path) -> None:
        """Make a folder that belongs to the person, with those above it."""
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            os.chown(path, *self._owner)

    def _note(self, properties: dict[str, str]) -> None:
        for name, value in properties.items():
            self._write(self.folder / "properites" / name, value)

    def _write(self, path: Path, text: str) -> None:
        self.own(path.parent)
        path.write_text(text)
        os.chown(path, *self._owner)

    def _state(self) -> dict[str, str]:
        path = self.folder / "session-persistent-state"
        lines = path.read_text().splitlines() if path.is_file() else []
        return {
            name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)
        }


def _now_ms() -> str:
    return str(int(time.time() * 1000))
