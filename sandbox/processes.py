"""Telling processes apart, and ending programs together with who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

END_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
"""Put before a command: it is killed as soon as the thread that started it is no more, however that
came about. Source: prctl(2), PR_SET_PDEATHSIG. setpriv is in util-linux, which every Debian has."""

_STOP_S = 10


class Cancelled(Exception):
    """The program was stopped, or not started any more, because its work is not wanted now."""


class Programs:
    """Programs that several threads wait for, and that can all be stopped from another one."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._is_stopped = False
        self._lock = threading.Lock()

    def run(self, command: Sequence[str], **environment: str) -> tuple[int, str]:
        """Exit status and output, errors too. environment: changes to ours. Raises Cancelled."""
        with self._lock:
            if self._is_stopped:
                raise Cancelled(command[0])
            process = subprocess.Popen(
                command,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # a group of its own, which `stop` can end as a whole
            )
            self._running.add(process)
        try:
            output, _ = process.communicate()
        except BaseException:
            _end(process)
            raise
        finally:
            with self._lock:
                self._running.discard(process)
        if self._is_stopped:
            raise Cancelled(command[0])
        return process.returncode, output

    def stop(self) -> None:
        """End what runs, and start nothing any more; returns when all has ended."""
        with self._lock:
            self._is_stopped = True
            running = list(self._running)
        for process in running:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """SIGTERM to the program and to what it has started; killed if that does not do."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
            return


def this_process() -> str:
    """A name for this process that no later one will have: "PID:STARTED"."""
    return f"{os.getpid()}:{_started_at(os.getpid())}"


def is_running(name: str) -> bool:
    """Whether the process of that name still runs."""
    pid, _, started = name.partition(":")
    return pid.isdecimal() and _started_at(int(pid)) == started


def _started_at(pid: int) -> str | None:
    """When a process began, in clock ticks since boot: its number alone may be used again."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name, in parentheses, may hold blanks
    return None if state == "Z" else fields[18]
