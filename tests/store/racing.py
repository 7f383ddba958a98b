"""Many threads that do the same thing in the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def at_once(acts: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """What each act returned or raised; all begin together."""
    line = threading.Barrier(len(acts))

    def run(act: Callable[[], T]) -> T | Exception:
        line.wait(10)
        try:
            return act()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))
