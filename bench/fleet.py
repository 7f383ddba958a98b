"""How long `/ds ps` takes over 20 VMs with 200 containers, beside 20 times docker's own `ps`.

    python -m bench.fleet [VMS]

Real VMs of the sandbox, each with its own engine; docker's CLI asks all of them at once. Last, one
VM is frozen as a dead machine is: its neighbours must be shown all the same. Needs a Docker Engine
(sandbox/bootstrap.sh) and 10 GB of memory.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.ps import by_hand_environment, figures
from sandbox.bot_process import BotProcess
from sandbox.engine import local_engine
from sandbox.outside import Outside, address_in
from sandbox.slack.records import Message
from sandbox.slack.seed import DATA_SCIENCE, JANE
from sandbox.typist import Typist
from sandbox.world import World

VMS, CONTAINERS_EACH = 20, 10
ASKED, BY_HAND = 25, 5
_WAIT_S = 900.0
_SLEEPER = (
    "cd /tmp && cp -L --parents /bin/sleep $(ldd /bin/sleep | grep -o '/[^ ]*') . 2>/dev/null;"
    ' tar -c bin lib* | docker import -c \'CMD ["/bin/sleep","100000"]\' - bench/sleeper'
)


def main() -> None:
    """Print both, their ratio, and what a dead VM does to the rest."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else VMS
    with World(print) as world, tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        policy = home / "policy.yaml"
        policy.write_text(f"vm: {{max_per_owner: {count}}}\n")
        environment = world.environment | {"DS_CONFIG": str(policy)}
        with BotProcess(environment, home / "bot", home / "bot.log"):
            jane = Typist(world.slack, JANE, DATA_SCIENCE)
            addresses = _fleet(world, jane, count)
            asked = [_asked(jane)[0] for _ in range(ASKED)][5:]
            by_hand = _by_hand(addresses, home)
            _report(count, asked, by_hand)
            _with_a_dead_one(world, jane, addresses[0])


def _fleet(world: World, jane: Typist, count: int) -> list[str]:
    """Their addresses, each with ten containers."""
    outside = Outside(world)
    cards = [jane.begin(f"vm bench-{number:02}") for number in range(count)]
    addresses = [address_in(jane.ended(card, "is ready", _WAIT_S).text) for card in cards]
    start = "seq 1 10 | xargs -I N docker run -d --name sleeper-N bench/sleeper"

    def fill(address: str) -> None:
        outside.run_on_vm(address, _SLEEPER)
        outside.run_on_vm(address, start)
        assert len(outside.containers_on(address)) == CONTAINERS_EACH, address

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fill, addresses))
    print(f"{count} VMs with {CONTAINERS_EACH} containers each")
    return addresses


def _asked(jane: Typist) -> tuple[float, Message]:
    began = time.perf_counter()
    answer = jane.answer("ps")
    return time.perf_counter() - began, answer


def _by_hand(addresses: list[str], home: Path) -> list[float]:
    """All VMs at once, each by its own `docker` command, as a shell script would."""
    environment = by_hand_environment(home)
    seconds = []
    for _ in range(BY_HAND):
        began = time.perf_counter()
        running = [
            subprocess.Popen(
                ["docker", "-H", f"ssh://root@{address}", "ps"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for address in addresses
        ]
        statuses = [process.wait() for process in running]
        seconds.append(time.perf_counter() - began)
        assert not any(statuses), statuses
    return seconds


def _report(count: int, asked: list[float], by_hand: list[float]) -> None:
    load = os.getloadavg()[0]
    print(f"/ds ps over {count} VMs: {figures(asked)} (load {load:.1f})")
    print(f"{count} x docker -H ssh://… ps at once: {figures(by_hand)}")
    print(f"ratio of the medians: {statistics.median(asked) / statistics.median(by_hand):.3f}")


def _with_a_dead_one(world: World, jane: Typist, address: str) -> None:
    """Its processes are frozen: connections stay open, and nothing answers."""
    machine = Outside(world).machine_id(address)
    with local_engine() as api:
        api.pause(machine)
        try:
            seconds, answer = _asked(jane)
        finally:
            api.unpause(machine)
    shown = answer.text + str(answer.blocks)
    silent = re.findall("bench-[0-9]+ does not answer", shown)
    print(f"/ds ps with one VM dead: {seconds:.2f} s; {', '.join(sorted(set(silent)))}")


if __name__ == "__main__":
    main()
