"""How long `/ds ps` takes on a warm VM, beside `docker -H ssh://… ps` on the same VM.

    python -m bench.ps

From the command's typing to its answer on the screen: Slack's delivery, the bot, the VM's engine
over SSH, and the answer through the response_url. Needs a Docker Engine (sandbox/bootstrap.sh).
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from sandbox.bot_process import BotProcess
from sandbox.slack.seed import DATA_SCIENCE, JANE
from sandbox.world import World

ASKED, BY_HAND = 50, 10
_WAIT_S = 300.0


def main() -> None:
    """Print both, and their ratio."""
    with World(print) as world, tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        with BotProcess(world.environment, home / "bot", home / "bot.log"):
            address = _vm_with_shiny(world)
            asked = _asked(world)
            by_hand = _by_hand(address, home)
    print(f"/ds ps: {figures(asked)}")
    print(f"docker -H ssh://… ps: {figures(by_hand)}")
    print(f"ratio of the medians: {statistics.median(asked) / statistics.median(by_hand):.3f}")


def _vm_with_shiny(world: World) -> str:
    jane = world.slack.user(JANE)

    def says(words: str) -> str:
        found = [m.text for m in world.slack.messages(DATA_SCIENCE) if words in m.text]
        return found[0] if found else ""

    jane.command(DATA_SCIENCE, "/ds", "vm bench")
    card = world.slack.wait_for(lambda: says("bench is ready"), timeout=_WAIT_S)
    jane.command(DATA_SCIENCE, "/ds", "shiny")
    world.slack.wait_for(lambda: says("Shiny Server is ready"), timeout=_WAIT_S)
    found = re.search(r"\d+\.\d+\.\d+\.\d+", card)
    assert found is not None, card
    return found[0]


def _asked(world: World) -> list[float]:
    jane, seconds = world.slack.user(JANE), []
    for _ in range(ASKED):
        seen = len(world.slack.ephemerals(JANE))
        began = time.perf_counter()
        jane.command(DATA_SCIENCE, "/ds", "ps")
        world.slack.wait_for(lambda: len(world.slack.ephemerals(JANE)) > seen)  # noqa: B023
        seconds.append(time.perf_counter() - began)
    return seconds[5:]  # the first ones connect and ask who Jane is


def _by_hand(address: str, home: Path) -> list[float]:
    environment = by_hand_environment(home)
    seconds = []
    for _ in range(BY_HAND):
        began = time.perf_counter()
        command = ["docker", "-H", f"ssh://root@{address}", "ps"]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return seconds


def by_hand_environment(home: Path) -> dict[str, str]:
    """For docker's CLI, which starts an ssh of its own each time: that gets the bot's key."""
    ssh = home / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(
        "#!/bin/sh\n"
        f"exec /usr/bin/ssh -i {home}/bot/ssh/id_ed25519 -o StrictHostKeyChecking=no"
        ' -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"\n'
    )
    ssh.chmod(0o755)
    return os.environ | {"PATH": f"{ssh.parent}:{os.environ['PATH']}"}


def figures(seconds: list[float]) -> str:
    """Median and 95th percentile, in milliseconds."""
    ordered = sorted(seconds)
    p50, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95) - 1]
    return f"p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms ({len(ordered)} times)"


if __name__ == "__main__":
    main()
