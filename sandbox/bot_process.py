"""The bot as a process of its own, as operators run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from sandbox.processes import END_WITH_PARENT

_STOP_S = 30.0
_COMMAND_S = 60
_LOG_CHARACTERS = 2000


class BotFailed(Exception):
    """The bot did not start, or ended by itself; says what its log said last."""


class BotProcess:
    """`ds-bot serve` with an environment; stopped when the context ends, and killed with the thread
    that started it, however that one ends.

    home: its data directory. log: where its standard error goes. patience_s: seconds that it has to
    end when it is told to. url: of its HTTP server, once it is ready; another one after each start.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        home: Path,
        log: Path,
        *,
        patience_s: float = _STOP_S,
    ) -> None:
        self._environment = {**clean_environment(), **environment, "DS_HOME": str(home)}
        self.home = home
        self.log = log
        self._patience_s = patience_s
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start it and wait until it is ready; gives the line that says so. Raises BotFailed."""
        self.launch()
        return self.wait_ready()

    def launch(self) -> None:
        """Begin to start it."""
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                [*END_WITH_PARENT, sys.executable, "-m", "bot", "serve", "--port", "0"],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # a Ctrl+C at the terminal is ours to answer
            )

    def wait_ready(self) -> str:
        """Wait until what was launched is ready; gives the line that says so. Raises BotFailed."""
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            self._wait(None)
            raise BotFailed(f"the bot did not start:\n{self._last_said()}")
        self.url = line.rpartition(" ")[2].removesuffix("/healthz")
        return line

    def run(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Another command of `ds-bot` with the same environment, some variables changed."""
        return subprocess.run(
            [sys.executable, "-m", "bot", *words],
            env=self._environment | changes,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
        )

    def wait_until_it_ends(self) -> NoReturn:
        """Raises BotFailed when it ends by itself."""
        assert self._process is not None
        status = self._process.wait()
        raise BotFailed(f"the bot ended by itself (status {status}):\n{self._last_said()}")

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._wait(None)

    def stop(self) -> int:
        """SIGTERM, and its exit status; killed if it does not end in time."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            return self._wait(self._patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._wait(None)

    def _wait(self, timeout_s: float | None) -> int:
        """Exit status of the process once it has ended; it is forgotten then."""
        assert self._process is not None and self._process.stdout is not None
        status = self._process.wait(timeout_s)
        self._process.stdout.close()
        self._process = None
        return status

    def _last_said(self) -> str:
        return self.log.read_text()[-_LOG_CHARACTERS:]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def clean_environment() -> dict[str, str]:
    """Ours without proxies: SoftLayer's and Slack's clients would send loopback calls there."""
    return {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
