"""Another machine at a VM's address: an address that was given to somebody else, or an attacker."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.adapters.ssh_keys import BotKey
from sandbox.engine import ensure_network, local_engine
from sandbox.outside import Outside, address_in, wait_until
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.typist import Typist, has_failed
from sandbox.world import World
from tests.bots import QUICK_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAME = "impersonated"
_LOG = "/var/log/sshd.log"
_LOGGING_SSHD = f"kill $(cat /run/sshd.pid) && /usr/sbin/sshd -o LogLevel=VERBOSE -E {_LOG}"


def test_another_machine_at_the_address_is_refused_and_gets_nothing(
    world: World, tmp_path: Path
) -> None:
    """The other one would even let the bot in: it has the bot's key among its authorized ones."""
    with running_bot(world, tmp_path) as bot:
        jane, outside = Typist(world.slack, JANE, PLATFORM, print), Outside(world)
        address = address_in(jane.do(f"vm {NAME}", "is ready", VM_S).text)
        key = BotKey(bot.home / "ssh").public
        with _another_machine_at(world, address, outside.machine_id(address), key) as other:
            place = jane.begin(f"shiny on {NAME}")
            wait_until(
                lambda: has_failed(jane.card(place)), VM_S
            )  # the link to the old one must die first
            assert f"The machine at {address} is not the expected VM" in jane.card(place).text
            assert "is not the expected VM" in str(jane.answer("ps").blocks)
            checked = bot.run("check")
            assert checked.returncode == 1
            assert f"FAIL {NAME}.xwmooc.net: The machine at {address}" in checked.stdout
            log = _run_on(other, f"cat {_LOG}")
            assert "Connection from" in log
            assert "Accepted publickey" not in log
        assert "is not the expected VM" not in str(jane.answer("ps").blocks)
        jane.do(f"vm cancel {NAME}", "is cancelled", VM_S)


@contextmanager
def _another_machine_at(world: World, address: str, true_one: str, key: str) -> Iterator[str]:
    """Unplug a VM and plug another one in at its address, for a while; gives the other's id."""
    other = world.vms.boot(
        f"other-{NAME}",
        image="plain",
        cpus=1,
        memory_mb=1024,
        user_data="",
        authorized_keys=[key],
        labels={},
    )
    network = ensure_network().name
    with local_engine() as api:
        api.disconnect_container_from_network(true_one, network)
        api.disconnect_container_from_network(other.id, network)
        api.connect_container_to_network(other.id, network, ipv4_address=address)
        try:
            wait_until(lambda: _has_sshd(address), QUICK_S)
            _run_on(other.id, _LOGGING_SSHD)
            wait_until(lambda: _has_sshd(address), QUICK_S)
            yield other.id
        finally:
            world.vms.destroy(other.id)
            api.connect_container_to_network(true_one, network, ipv4_address=address)


def _has_sshd(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _run_on(machine_id: str, command: str) -> str:
    with local_engine() as api:
        created = api.exec_create(machine_id, ["sh", "-c", command])
        output: bytes = api.exec_start(created["Id"])
    return output.decode()
