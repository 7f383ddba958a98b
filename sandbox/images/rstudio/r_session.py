"""The person's R session: one `rsession` process, and the files that tell its state."""

from __future__ import annotations

import os
import pwd
import secrets
import subprocess
import threading
import time
from pathlib import Path

USER = "rstudio"
_PROGRAM = "/usr/lib/rstudio-server/bin/rsession"
_SCRIPT = "/usr/lib/rstudio-server/R/session.R"


class RSession:
    """Starts R at the first code, and again after it was suspended, with the same workspace."""

    def __init__(self) -> None:
        account = pwd.getpwnam(USER)
        self._home = Path(account.pw_dir)
        self._owner = (account.pw_uid, account.pw_gid)
        self._id = secrets.token_hex(4)
        self._mark = secrets.token_hex(16)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(self, code: str) -> str:
        """What R prints for the code; waits for code that runs already."""
        with self._lock:
            process = self._alive()
            self._note(executing="1")
            try:
                return self._ask(process, code)
            finally:
                self._note(executing="0")

    def _alive(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        return self._process

    def _start(self) -> subprocess.Popen[str]:
        """`R CMD` sets R's environment and then becomes the program that it is given."""
        arguments = [f"--session-id={self._id}", "-u", USER, f"--mark={self._mark}"]
        process = subprocess.Popen(
            ["/usr/bin/R", "CMD", _PROGRAM, "--no-echo", "--no-save", "-f", _SCRIPT, "--args"]
            + arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=self._home,
            user=USER,
            group=USER,
            extra_groups=[],
            env={"HOME": str(self._home), "USER": USER, "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        )
        self._note(running="1", executing="0", last_used=_now_ms(), blocking_suspend="0")
        threading.Thread(target=self._watch, args=(process,), daemon=True).start()
        return process

    def _ask(self, process: subprocess.Popen[str], code: str) -> str:
        assert process.stdin and process.stdout
        lines = code.splitlines() or [""]
        try:
            process.stdin.write("\n".join([str(len(lines)), *lines]) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            return "The R session has ended. The next code starts it again.\n"
        printed: list[str] = []
        for line in process.stdout:
            if line.rstrip("\n") == self._mark:
                text = "".join(printed)
                return text[:-1] if text.endswith("\n") else text  # the line end before the mark
            printed.append(line)
        return "".join(printed) + "\nThe R session has ended. The next code starts it again.\n"

    def _watch(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        now = _now_ms()
        self._note(running="0", executing="0", last_used=now, suspend_timestamp=now)

    def _note(self, **properties: str) -> None:
        """Write properties of the session, each in its own file ("properites" is RStudio's word).

        Source: rstudio, core/r_util/RActiveSessionStorage.cpp. `last-used` is written when a
        session begins and ends, and not in between: nobody has seen RStudio do more.
        """
        share = self._home / ".local/share/rstudio"
        directory = share / "sessions/active" / f"session-{self._id}" / "properites"
        directory.mkdir(parents=True, exist_ok=True)
        for name, value in properties.items():
            (directory / name.replace("_", "-")).write_text(value)
        for path in (self._home / ".local", *(self._home / ".local").rglob("*")):
            os.chown(path, *self._owner)


def _now_ms() -> str:
    return str(int(time.time() * 1000))
