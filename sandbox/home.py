"""Where the sandbox keeps what may outlive a run: images, hub, certificates, the engine's log."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.processes import is_running, this_process


def sandbox_home() -> Path:
    """$DS_SANDBOX_HOME, else ds-bot-sandbox in the user's cache folder; as in bootstrap.sh."""
    told = os.environ.get("DS_SANDBOX_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(told) if told else Path(cache) / "ds-bot-sandbox"


@contextmanager
def only_one(
    directory: Path, name: str, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a lock that one process at a time can have; whoever comes later waits.

    waiting: called once if there is somebody to wait for.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def emptied(directory: Path) -> Iterator[Path]:
    """An empty directory that is removed at the end; what a killed process left in it goes first.

    For one process at a time.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def run_directory() -> Iterator[Path]:
    """A directory of this process alone, removed at the end, as are those of killed processes."""
    runs = sandbox_home() / "runs"
    for left in runs.iterdir() if runs.exists() else ():
        if not is_running(left.name):
            shutil.rmtree(left, ignore_errors=True)
    with emptied(runs / this_process()) as mine:
        yield mine
