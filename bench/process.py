"""How long the bot takes to start, and what it takes when it has nothing to do.

    python -m bench.process

Beside the local Slack and SoftLayer, on SQLite, as shipped.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path

from sandbox.bot_process import BotProcess
from sandbox.slack.server import SlackSandbox
from sandbox.softlayer.server import SoftLayerSandbox

STARTS = 5
_SETTLE_S = 10.0


def main() -> None:
    """Print start-to-ready and the idle process's memory and CPU."""
    with SlackSandbox() as slack, SoftLayerSandbox() as softlayer:
        environment = slack.environment | {
            "SL_ENDPOINT_URL": softlayer.url,
            "SL_USERNAME": softlayer.username,
            "SL_API_KEY": softlayer.api_key,
        }
        with tempfile.TemporaryDirectory() as directory:
            measure(environment, Path(directory))


def measure(environment: dict[str, str], directory: Path) -> None:
    """The first start makes the database; the later ones find it."""
    seconds = []
    for number in range(STARTS):
        bot = BotProcess(environment, directory / "home", directory / "bot.log")
        began = time.perf_counter()
        bot.start()
        seconds.append(time.perf_counter() - began)
        if number == STARTS - 1:
            threading.Event().wait(_SETTLE_S)
            before, at = cpu_s(bot.pid), time.perf_counter()
            threading.Event().wait(_SETTLE_S)
            share = (cpu_s(bot.pid) - before) / (time.perf_counter() - at)
            print(f"idle: {rss_mb(bot.pid):.0f} MB resident, {share:.1%} of one core")
        bot.stop()
    print(
        f"start to ready: first {seconds[0]:.2f} s, later median "
        f"{statistics.median(seconds[1:]):.2f} s (of {STARTS - 1})"
    )


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


def cpu_s(pid: int) -> float:
    """CPU time of a process so far; clock ticks are 1/100 s on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    main()
