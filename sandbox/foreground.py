"""What the commands of the sandbox share: running until they are told to stop."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Stopped(BaseException):
    """SIGTERM or SIGINT came."""


class _Told:
    """What the signal handler must know; there is one handler in a process."""

    is_final = False  # the stack is unwound already, or is about to be
    is_protected = False


_told = _Told()


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM or SIGINT ends what is within, wherever it is, and is no error.

    Only the first one: the cleaning up that follows is not to be interrupted, and neither are what
    `uninterrupted` holds and the process's own end, which is all that may follow. For the main
    thread.
    """
    _told.is_final = _told.is_protected = False
    before = {number: signal.signal(number, _stop) for number in _SIGNALS}
    try:
        yield
    except _Stopped:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if _told.is_final else handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Cleaning up: a signal that comes meanwhile is answered, and asks for nothing more."""
    before, _told.is_protected = _told.is_protected, True
    try:
        yield
    finally:
        _told.is_protected = before


def wait_for_ever() -> None:
    """Until `stoppable` ends it."""
    threading.Event().wait()


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _stop(_number: int, _frame: FrameType | None) -> None:
    if _told.is_final or _told.is_protected:
        sys.stderr.write("cleaning up; a few seconds more\n")
        return
    _told.is_final = True
    sys.stderr.write("stopping\n")
    raise _Stopped
