"""How long one look at a VM with ten containers takes, and what it costs the VM.

    python -m bench.look

From the bot's question to its answer over the warm connection, and the CPU time that all of the VM
used meanwhile (an idle VM's is measured beside it). Needs a Docker Engine (sandbox/bootstrap.sh).
"""

from __future__ import annotations

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench.ps import figures
from bot.adapters.docker_host import DockerHost, DockerHosts
from bot.adapters.ssh import Ssh
from bot.adapters.ssh_keys import BotKey
from bot.errors import HostError
from bot.models import ContainerSpec, HostAccess
from sandbox.vms import VmContainers

LOOKS, CONTAINERS = 40, 10
_IMAGE = "bench/sleeper"
_BOOT_S = 120.0
_MAKE_IMAGE = (
    "tar -ch /bin/sleep $(ldd /bin/sleep | grep -o '/[^ :]*[.]so[^ ]*' | sort -u)"
    f' | docker import --change \'CMD ["/bin/sleep", "100000"]\' - {_IMAGE}'
)


def main() -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as directory:
        key = BotKey(Path(directory))
        machines = VmContainers()
        machine = machines.boot(
            "bench-look",
            image="docker",
            cpus=1,
            memory_mb=1024,
            user_data="#cloud-config\n",
            authorized_keys=[key.public],
            labels={},
        )
        hosts = DockerHosts(key)
        try:
            access = HostAccess(machine.ip, None)
            host = hosts.on(access)
            _wait_for(host)
            _fill(host, Ssh(access, key.private))
            _measure(host)
        finally:
            hosts.close()
            machines.destroy(machine.id)


def _wait_for(host: DockerHost) -> None:
    deadline = time.monotonic() + _BOOT_S
    while True:
        try:
            host.engine()
        except HostError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


def _fill(host: DockerHost, ssh: Ssh) -> None:
    ssh.run(_MAKE_IMAGE, timedelta(minutes=1))
    ssh.close()
    for number in range(CONTAINERS):
        host.run(ContainerSpec(f"app-{number}", _IMAGE))


def _measure(host: DockerHost) -> None:
    seconds = []
    first = host.activity()
    for _ in range(LOOKS):
        began = time.perf_counter()
        last = host.activity()
        seconds.append(time.perf_counter() - began)
    time.sleep(10)
    rest = host.activity()
    assert first.cpu_s is not None and last.cpu_s is not None and rest.cpu_s is not None
    print(f"a look at {len(last.containers or ())} containers: {figures(seconds)}")
    print(f"CPU time of the VM per look: {(last.cpu_s - first.cpu_s) / LOOKS * 1000:.0f} ms")
    print(f"CPU time of the VM at rest: {(rest.cpu_s - last.cpu_s) / 10 * 1000:.0f} ms per second")
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
