"""Being told to stop: the first SIGTERM or SIGINT asks, the second ends the process at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_STOPPING = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """While entered, remembers whether the process was told to stop. For the main thread.

    with StopSignal() as stop:
        server.start()
        stop.wait()
        server.close()
    """

    def __init__(self) -> None:
        self._told = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._tell) for number in _STOPPING}
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether it was told to stop, as soon as it was, at the latest after `timeout_s`."""
        return self._told.wait(timeout_s)

    @property
    def is_told(self) -> bool:
        """Whether the process was told to stop."""
        return self._told.is_set()

    def _tell(self, _number: int, _frame: FrameType | None) -> None:
        for number in _STOPPING:
            signal.signal(number, signal.SIG_DFL)  # the next one is the kernel's to carry out
        self._told.set()
