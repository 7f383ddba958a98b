"""Waiting for something to become true, without polling."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Pulse:
    """A beat at each change, and a way to wait for the beat after which something holds."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._beats = 0

    def beat(self) -> None:
        """Something has changed. May be called from any thread."""
        with self._condition:
            self._beats += 1
            self._condition.notify_all()

    def wait_for(self, predicate: Callable[[], T], timeout_s: float) -> T:
        """The first true value that `predicate` gives; it is asked again after each beat only.

        The predicate runs in the calling thread, outside any lock.
        Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            seen = self._beats
            value = predicate()
            if value:
                return value
            with self._condition:
                remaining = deadline - time.monotonic()
                if not self._condition.wait_for(lambda: self._beats != seen, remaining):  # noqa: B023
                    raise TimeoutError(f"not so within {timeout_s} s: {predicate}")
