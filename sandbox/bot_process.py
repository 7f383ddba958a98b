"""The bot as a process of its own, as operators run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_STOP_S = 30


class BotFailed(Exception):
    """The bot did not start; `log` has what it said."""


class BotProcess:
    """`ds-bot serve` with an environment; stopped when the context ends.

    home: its data directory. log: where its standard error goes.
    """

    def __init__(self, environment: Mapping[str, str], home: Path, log: Path) -> None:
        self._environment = {**_clean_environment(), **environment, "DS_HOME": str(home)}
        self.log = log
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Start it and wait until it is ready; gives the line that says so. Raises BotFailed."""
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bot", "serve", "--port", "0"],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            self._process.wait()
            raise BotFailed(f"the bot did not start:\n{self.log.read_text()[-2000:]}")
        return line

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM, and its exit status; killed if it does not end in time."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.terminate()
        try:
            return process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _clean_environment() -> dict[str, str]:
    """Ours without proxies: SoftLayer's and Slack's clients would send loopback calls there."""
    return {
        name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")
    }
