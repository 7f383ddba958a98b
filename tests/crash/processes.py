"""Worker processes for the crash tests, and what they left in their log."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Line:
    """Something a worker did: see tests/crash/worker.py."""

    what: str
    op: str
    step: str
    attempt: str
    pid: int


class Worker:
    """A running worker; ready when the constructor returns, unless `is_awaited` is off."""

    def __init__(self, url: str, home: Path, log: Path, *, is_awaited: bool = True) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.worker", url, str(home), str(log)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if is_awaited:
            assert self.process.stdout is not None
            said = self.process.stdout.readline()
            assert said == "ready\n", (said, self.process.communicate())

    def start(self, *op_ids: str) -> None:
        """Have it start operations; a worker that has died meanwhile does not mind."""
        assert self.process.stdin is not None
        try:
            for op_id in op_ids:
                self.process.stdin.write(f"start {op_id}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass

    def kill(self) -> None:
        """kill -9, and wait until it is dead."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self._close_pipes()

    def await_exit(self) -> tuple[int, str]:
        """Its exit status and what it wrote to stderr, when it ends by itself."""
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        status = self.process.wait(PATIENCE_S)
        self._close_pipes()
        return status, said

    def _close_pipes(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:
                pass


def read(log: Path) -> list[Line]:
    """What was done so far, in order; a line cut short by a kill is left out."""
    if not log.exists():
        return []
    return [Line(**json.loads(line)) for line in log.read_text().splitlines() if line[-1:] == "}"]


def await_log(
    log: Path, is_so: Callable[[list[Line]], bool], within_s: float = PATIENCE_S
) -> float:
    """Wait until the log shows it; returns how many seconds that took."""
    began = time.monotonic()
    while not is_so(read(log)):
        assert time.monotonic() < began + within_s, read(log)[-20:]
        time.sleep(0.02)
    return time.monotonic() - began


def ended(*op_ids: str) -> Callable[[list[Line]], bool]:
    """Whether all of these have come to their end."""
    return lambda lines: set(op_ids) <= {line.op for line in lines if line.what == "end"}
