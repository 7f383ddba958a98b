"""A dead VM never delays the others, however often it is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.access import Rules
from bot.errors import HostUnreachable
from bot.models import Container, HostAccess, Vm, VmState
from bot.services import fleet as module
from bot.services.fleet import Fleet
from bot.store import VmStore, open_database
from config.settings import load_policy

QUICK = timedelta(milliseconds=100)
THREADS = 4


class Hosts:
    """Machines of which those in `hanging` do not answer until `released`. asked: by address."""

    def __init__(self) -> None:
        self.hanging: set[str] = set()
        self.released = threading.Event()
        self.asked: list[str] = []

    def on(self, access: HostAccess) -> Any:
        return _Host(self, access.address)


class _Host:
    def __init__(self, hosts: Hosts, address: str) -> None:
        self._hosts = hosts
        self._address = address

    def containers(self, *, all: bool = False) -> list[Container]:
        self._hosts.asked.append(self._address)
        if self._address in self._hosts.hanging:
            self._hosts.released.wait(10)
            raise HostUnreachable("it does not answer")
        return []


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    it = Hosts()
    yield it
    it.released.set()


@pytest.fixture
def fleet(hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setattr(module, "_AT_ONCE", THREADS)
    engine = open_database(f"sqlite:///{tmp_path / 'ds-bot.db'}")
    rules: Rules = load_policy().access
    it = Fleet(hosts, VmStore(engine), rules, QUICK)  # type: ignore[arg-type]
    yield it
    hosts.released.set()
    it.close()
    engine.dispose()


def _vm(name: str, address: str) -> Vm:
    return Vm(
        op_id=f"op-{name}", hostname=name, domain="example.net", owner_id="U0JANE",
        channel_id="C0GENERAL", team_id="T0TEAM", state=VmState.READY, image="docker", cpus=1,
        memory_mb=1024, datacenter="dal10", asked_at=datetime(2026, 3, 2, tzinfo=UTC),
        address=address, host_key="ssh-ed25519 AAAA",
    )  # fmt: skip


DEAD, ALIVE = _vm("dead", "192.0.2.1"), _vm("alive", "192.0.2.2")


def test_a_dead_vm_takes_one_thread_however_often_it_is_asked(fleet: Fleet, hosts: Hosts) -> None:
    hosts.hanging.add("192.0.2.1")
    for _ in range(2 * THREADS):
        dead, alive = fleet.survey([DEAD, ALIVE])
        assert dead.trouble is not None
        assert alive.trouble is None
    assert hosts.asked.count("192.0.2.1") == 1


def test_a_vm_that_answers_again_is_asked_again(fleet: Fleet, hosts: Hosts) -> None:
    hosts.hanging.add("192.0.2.1")
    fleet.survey([DEAD])
    hosts.released.set()
    hosts.hanging.clear()
    fleet.survey([DEAD])  # may still be told what the first question brought
    (dead,) = fleet.survey([DEAD])
    assert dead.trouble is None


def test_whoever_closes_knows_whether_a_question_still_waits(fleet: Fleet, hosts: Hosts) -> None:
    """Python would wait for its thread, long after everything else has ended."""
    fleet.survey([ALIVE])
    assert fleet.close() is True


def test_a_dead_vm_is_left_to_the_end_of_the_process(fleet: Fleet, hosts: Hosts) -> None:
    hosts.hanging.add("192.0.2.1")
    fleet.survey([DEAD])
    assert fleet.close() is False
