"""What stands behind a guest: a machine that really boots, or none."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Literal, Protocol

Image = Literal["docker", "plain"]


class Machine(Protocol):
    """A booted machine."""

    @property
    def id(self) -> str: ...

    @property
    def ip(self) -> str: ...


class Hypervisor(Protocol):
    """Makes and unmakes machines. Called from worker threads, for several machines at once."""

    def boot(
        self,
        name: str,
        *,
        image: Image,
        cpus: int,
        memory_mb: int,
        user_data: str,
        authorized_keys: Sequence[str],
        labels: Mapping[str, str],
    ) -> Machine:
        """Start a machine; returns when it has an address. Any exception: it will not come."""

    def destroy(self, machine_id: str) -> None:
        """Remove a machine and its data; gone already is success."""

    def power_off(self, machine_id: str) -> None:
        """Stop a machine, keep its data."""

    def power_on(self, machine_id: str) -> None:
        """Start a stopped machine; its address stays."""


@dataclass(frozen=True, slots=True)
class NoMachine:
    """An address with nothing behind it."""

    id: str
    ip: str


class NoVms:
    """Hands out addresses of the documentation networks (RFC 5737); there is no machine."""

    def __init__(self) -> None:
        networks = (IPv4Network("192.0.2.0/24"), IPv4Network("198.51.100.0/24"))
        self._free = itertools.cycle([host for network in networks for host in network.hosts()])

    def boot(
        self,
        name: str,
        *,
        image: Image,
        cpus: int,
        memory_mb: int,
        user_data: str,
        authorized_keys: Sequence[str],
        labels: Mapping[str, str],
    ) -> Machine:
        address: IPv4Address = next(self._free)
        return NoMachine(name, str(address))

    def destroy(self, machine_id: str) -> None:
        """Nothing to remove."""

    def power_off(self, machine_id: str) -> None:
        """Nothing to stop."""

    def power_on(self, machine_id: str) -> None:
        """Nothing to start."""
