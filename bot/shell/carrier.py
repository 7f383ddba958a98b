"""Who carries out what was typed: the running bot, or this process for as long as there is none."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from bot.adapters.durable_lookout import Presence
from bot.errors import ConfigError
from bot.models import LOCAL_TEAM
from bot.store import OperationStore

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_RESTART_S = 10.0  # a bot that was there a moment ago is being restarted: let it have its seat


class Carrying(Enum):
    """Who carries out, as far as this process knows."""

    IDLE = "nothing is to be done"
    BOT = "a bot does, or another terminal"
    SELF = "this process does"
    NOBODY = "nobody does"


class Looks(Protocol):
    """Who sits on the seats: `bot.adapters.durable_lookout.Lookout`."""

    def who(self) -> Presence: ...

    def is_bot_waiting(self) -> bool: ...


class Stand(Protocol):
    """What carries out in our process: `bot.shell.parts.Guest`."""

    def launch(self) -> None: ...

    def close(self) -> bool: ...


class Carrier:
    """Looks, in a thread of its own, whether somebody carries out, and stands in if not."""

    def __init__(
        self,
        lookout: Looks,
        operations: OperationStore,
        stand_in: Callable[[], Stand],
        restart_s: float = _RESTART_S,
    ) -> None:
        """restart_s: how long a bot that was there may be away before we stand in for it."""
        self._lookout = lookout
        self._operations = operations
        self._stand_in = stand_in
        self._restart_s = restart_s
        self._own: Stand | None = None
        self._bot_seen_at: float | None = None
        self._closing = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self.carrying = Carrying.IDLE
        self.is_stuck = False  # a step of ours outlived its grace: the process must end

    def wake(self) -> None:
        """Something was recorded: look at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="carrier", daemon=True)
            self._thread.start()
        self._woken.set()

    def close(self) -> None:
        """Carry out nothing more; what is under way goes on when a bot, or a terminal, starts."""
        self._closing.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    # --- in the thread ---

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            try:
                self._look()
            except Exception:  # the database is away, say: the next look may be better
                log.exception("nobody knows who carries out")
            self._woken.wait(_LOOK_S)
        self._stand_down()

    def _look(self) -> None:
        is_busy = bool(self._operations.unfinished(LOCAL_TEAM))
        if self._own is not None:
            if not is_busy or self._lookout.is_bot_waiting():
                self._stand_down()
            return
        if not is_busy:
            self.carrying = Carrying.IDLE
            return
        who = self._lookout.who()
        if who is not Presence.NOBODY:
            self._bot_seen_at = time.monotonic() if who is Presence.BOT else self._bot_seen_at
            self.carrying = Carrying.BOT
        elif not self.is_stuck and self._is_away_for_good():
            self._stand_up()
        else:
            self.carrying = Carrying.NOBODY

    def _is_away_for_good(self) -> bool:
        seen = self._bot_seen_at
        return seen is None or time.monotonic() - seen >= self._restart_s

    def _stand_up(self) -> None:
        own = self._stand_in()
        try:
            own.launch()
        except ConfigError:  # somebody was faster
            log.info("the seat was taken in this moment", exc_info=True)
            return
        self._own = own
        self._bot_seen_at = None
        self.carrying = Carrying.SELF

    def _stand_down(self) -> None:
        if self._own is not None:
            self.is_stuck = not self._own.close()
            self._own = None
            self.carrying = Carrying.NOBODY
