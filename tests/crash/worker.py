"""A process that runs operations and can be killed: `python -m tests.crash.worker URL HOME LOG`.

Reads "start OP", one a line; says "ready" when it is. What it does to the world outside is a line
of JSON in LOG, synced. An operation's id tells how it behaves: `OP@STEP:MOMENT` kills its process
there, the first time; `OP@STEP:blocked` stays in the step until the file LOG.go exists.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bot.adapters.durable import DurableEngine
from bot.errors import ConfigError
from bot.ports import Journal

STEPS = ("ask", "order", "wait", "install", "tell")
LONGEST_STEP_S = 0.2
REFUSED = 3


class Operations:
    """The operations, and the world they change."""

    def __init__(self, log: Path) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._go = log.with_suffix(".go")
        self._killed = log.with_suffix(".killed")

    def run(self, op_id: str, journal: Journal) -> None:
        for step in STEPS:
            journal.step(step, self._act(op_id, step, journal.attempt))
            self.note("back", op_id, step, journal.attempt)
            self._die(op_id, step, "recorded")
        self.note("end", op_id, "", journal.attempt)

    def _act(self, op_id: str, step: str, attempt: str) -> Callable[[], str]:
        def act() -> str:
            self._die(op_id, step, "before")
            self.note("begin", op_id, step, attempt)
            self._take_time(op_id, step)
            self.note("act", op_id, step, attempt)
            self._die(op_id, step, "unrecorded")
            return attempt

        return act

    def _take_time(self, op_id: str, step: str) -> None:
        if op_id.endswith(f"@{step}:blocked"):
            while not self._go.exists():
                time.sleep(0.01)
        else:
            time.sleep(random.uniform(0, LONGEST_STEP_S))

    def _die(self, op_id: str, step: str, moment: str) -> None:
        if op_id.endswith(f"@{step}:{moment}") and not self._killed.exists():
            self._killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, what: str, op_id: str, step: str, attempt: str) -> None:
        line = {"what": what, "op": op_id, "step": step, "attempt": attempt, "pid": os.getpid()}
        os.write(self._log, json.dumps(line).encode() + b"\n")
        os.fsync(self._log)


def main(url: str, home: str, log: str) -> None:
    operations = Operations(Path(log))
    engine = DurableEngine(
        url,
        Path(home),
        operations.run,
        on_crash=lambda op_id, error: operations.note("crash", op_id, repr(error), ""),
    )
    try:
        engine.launch()
    except ConfigError as error:
        sys.stderr.write(str(error))
        sys.exit(REFUSED)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        engine.start(line.split()[1])
    engine.close(timedelta(seconds=10))
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
