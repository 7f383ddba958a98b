"""Where the sandbox keeps what may outlive a run: images, hub, certificates, the engine's log."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sandbox_home() -> Path:
    """$DS_SANDBOX_HOME, else ds-bot-sandbox in the user's cache folder; as in bootstrap.sh."""
    told = os.environ.get("DS_SANDBOX_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(told) if told else Path(cache) / "ds-bot-sandbox"


@contextmanager
def only_one(directory: Path, name: str) -> Iterator[None]:
    """Hold a lock that one process at a time can have; whoever comes later waits."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
