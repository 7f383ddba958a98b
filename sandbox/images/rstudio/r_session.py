"""The person's R session: one `rsession` process, what it is given to do and what it prints."""

from __future__ import annotations

import os
import pwd
import queue
import secrets
import signal
import subprocess
import threading
import time
from collections import deque
from pathlib import Path

from .session_files import SessionFiles

USER = "rstudio"
PENDING = Path("/run/rstudio-server")
"""`rstudio-server suspend-all` leaves a file here, named after the process of a session at work."""

_PROGRAM = "/usr/lib/rstudio-server/bin/rsession"
_SCRIPT = "/usr/lib/rstudio-server/R/session.R"
_ENDED = "\nThe R session has ended. The next code starts it again.\n"
_REMEMBERED_EVENTS = 1000
# RStudio's own words (SessionClientInit).
_KILLED = (
    "The previous R session was abnormally terminated due to an unexpected crash.\n"
    "You may have lost workspace data as a result of this crash.\n"
)


class Run:
    """Code that was given to the session."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.printed: list[str] = []
        self.is_done = threading.Event()

    def output(self) -> str:
        """All that it printed, once it is done."""
        self.is_done.wait()
        return "".join(self.printed)


class RSession:
    """Begins with the first page or code, and again after it ended, with what it had when it was
    suspended. Code is run in the order in which it comes; nobody has to wait for it."""

    def __init__(self) -> None:
        account = pwd.getpwnam(USER)
        self._home = Path(account.pw_dir)
        self._files = SessionFiles(self._home, (account.pw_uid, account.pw_gid))
        self._mark = f"\n{secrets.token_hex(16)}\n".encode()
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition(threading.RLock())
        self._events: deque[tuple[int, str, str]] = deque(maxlen=_REMEMBERED_EVENTS)
        self._last_event = 0
        self._runs: queue.Queue[Run] = queue.Queue()
        self._is_busy = False
        threading.Thread(target=self._work, daemon=True).start()

    def open(self) -> int:
        """As when its page is opened: the session runs from now on, as this process."""
        return self._alive().pid

    def submit(self, code: str) -> Run:
        """Give it code, and do not wait."""
        run = Run(code)
        self._runs.put(run)
        return run

    def interrupt(self) -> bool:
        """Let the code that runs stop; false when there is none."""
        with self._changed:
            if self._process is None or not self._is_busy:
                return False
            self._process.send_signal(signal.SIGINT)
            return True

    def events(self, after: int, most_s: float) -> list[tuple[int, str, str]]:
        """What happened since the event of that number: (number, kind, text). Waits for the first.

        Waiting for events is no use of the session: it neither begins it nor keeps it.
        """
        deadline = time.monotonic() + most_s
        with self._changed:
            if after > self._last_event:
                after = 0  # of another server's life
            while self._last_event <= after:
                if not self._changed.wait(deadline - time.monotonic()):
                    break
            return [event for event in self._events if event[0] > after]

    def _tell(self, kind: str, text: str) -> None:
        with self._changed:
            self._last_event += 1
            self._events.append((self._last_event, kind, text))
            self._changed.notify_all()

    # --- its process ---

    def _alive(self) -> subprocess.Popen[bytes]:
        with self._changed:
            if self._process is None or self._process.poll() is not None:
                self._process = self._start()
            return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        """`R CMD` sets R's environment and then becomes the program that it is given."""
        files = self._files
        if files.is_suspended:
            self._tell("output", "The session goes on where it was suspended.\n")
        elif files.was_killed:
            self._tell("output", _KILLED)
        files.own(files.suspended)
        arguments = [f"--session-id={files.id}", "-u", USER]
        arguments += [f"--mark={self._mark.decode().strip()}", f"--suspended={files.suspended}"]
        process = subprocess.Popen(
            ["/usr/bin/R", "CMD", _PROGRAM, "--no-echo", "--no-save", "-f", _SCRIPT, "--args"]
            + arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._home,
            user=USER,
            group=USER,
            extra_groups=[],
            env={"HOME": str(self._home), "USER": USER, "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )
        files.begin()
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        return process

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """R says with its status 0 that it was quit, and with its file that it was suspended."""
        status = process.wait()
        self._files.end(is_clean=status == 0 or self._files.is_suspended)
        self._tell("ended", "")

    # --- what it is given ---

    def _work(self) -> None:
        while True:
            run = self._runs.get()
            process = self._alive()
            self._busy(True)
            try:
                self._perform(run, process)
            finally:
                if process.poll() is None or process.wait() == 0:
                    self._files.executing(False)
                self._busy(False)
                run.is_done.set()
                self._suspend_if_wanted(process)

    def _busy(self, is_so: bool) -> None:
        with self._changed:
            self._is_busy = is_so
        if is_so:
            self._files.executing(True)
        self._tell("busy", "1" if is_so else "0")

    def _perform(self, run: Run, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin and process.stdout
        lines = run.code.splitlines() or [""]
        try:
            process.stdin.write("\n".join([str(len(lines)), *lines, ""]).encode())
            process.stdin.flush()
        except BrokenPipeError:
            self._print(run, _ENDED)
            return
        held = b""
        while chunk := os.read(process.stdout.fileno(), 65_536):
            held += chunk
            text, mark, _ = held.partition(self._mark)
            if mark:
                self._print(run, text.decode(errors="replace"))
                return
            sizes = range(min(len(held), len(self._mark)), 0, -1)
            begun = next((size for size in sizes if held.endswith(self._mark[:size])), 0)
            safe = len(held) - begun
            self._print(run, held[:safe].decode(errors="replace"))
            held = held[safe:]
        self._print(run, held.decode(errors="replace") + _ENDED)

    def _print(self, run: Run, text: str) -> None:
        if text:
            run.printed.append(text)
            self._tell("output", text)

    @staticmethod
    def _suspend_if_wanted(process: subprocess.Popen[bytes]) -> None:
        """A session at work was asked to suspend itself; it does so now."""
        wanted = PENDING / f"suspend-{process.pid}"
        if wanted.exists():
            wanted.unlink()
            process.send_signal(signal.SIGUSR1)
