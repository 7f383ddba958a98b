"""Many VMs are looked at at the same time, never more than the policy says; a dead one costs only
itself."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.activity import VmActivity
from bot.errors import HostUnreachable
from bot.models import HostAccess, Vm, VmState
from bot.services import looking
from bot.services.looking import Looks
from config.settings import load_policy
from tests.fakes.hosts import FakeHosts

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)
AT_ONCE = 4
POLICY = load_policy(None).reaper.model_copy(
    update={"at_once": AT_ONCE, "look_limit": timedelta(milliseconds=50)}
)
SEEN = VmActivity(NOW, "boot", 1.0, 0, ())


class Hosts(FakeHosts):
    """What a look does, by address; counts who is asked, and how many at once."""

    def __init__(self, look: Callable[[str], VmActivity]) -> None:
        super().__init__()
        self._look = look
        self._lock = threading.Lock()
        self._asked_now = 0
        self.most = 0
        self.asked: Counter[str] = Counter()

    def on(self, access: HostAccess) -> Any:
        hosts = self

        class Host:
            def activity(self, timeout: timedelta) -> VmActivity:
                return hosts.look(access.address)

        return Host()

    def look(self, address: str) -> VmActivity:
        with self._lock:
            self.asked[address] += 1
            self._asked_now += 1
            self.most = max(self.most, self._asked_now)
        try:
            return self._look(address)
        finally:
            with self._lock:
                self._asked_now -= 1


def vms(count: int) -> list[Vm]:
    return [
        Vm(f"op-{n}", f"vm-{n}", "example.org", "U0JANE", "C0GENERAL", "T0", VmState.READY,
           "docker", 1, 1024, "dal10", NOW, n, f"192.0.2.{n}", "ssh-ed25519 AAAA")
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def looks_with() -> Iterator[Callable[[Hosts], Looks]]:
    made: list[Looks] = []

    def make(hosts: Hosts) -> Looks:
        made.append(Looks(hosts, POLICY))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_all_are_looked_at_once_each_and_never_too_many_at_the_same_time(
    looks_with: Callable[[Hosts], Looks],
) -> None:
    together = threading.Barrier(AT_ONCE)

    def look(_: str) -> VmActivity:
        together.wait(10)  # nobody goes on before so many are asked
        return SEEN

    hosts = Hosts(look)
    asked = vms(40)
    assert looks_with(hosts).at(asked) == {vm.op_id: SEEN for vm in asked}
    assert hosts.most == AT_ONCE
    assert set(hosts.asked.values()) == {1}


def test_what_fails_or_has_no_address_is_unknown_and_no_other(
    looks_with: Callable[[Hosts], Looks],
) -> None:
    def look(address: str) -> VmActivity:
        if address.endswith(".1"):
            raise HostUnreachable("it does not answer")
        if address.endswith(".2"):
            raise RuntimeError("a mistake of ours")
        return SEEN

    asked = vms(5)
    asked[3] = replace(asked[3], address=None)
    seen = looks_with(Hosts(look)).at(asked)
    assert [seen[vm.op_id] for vm in asked] == [SEEN, None, None, None, SEEN]


def test_a_look_that_hangs_is_not_waited_for_nor_begun_anew(
    looks_with: Callable[[Hosts], Looks], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each sweep would lose one thread more, until nothing is looked at."""
    monkeypatch.setattr(looking, "_SPARE_S", 0.05)
    awake = threading.Event()

    def look(address: str) -> VmActivity:
        if address.endswith(".0"):
            awake.wait(10)
        return SEEN

    hosts, asked = Hosts(look), vms(6)
    looks = looks_with(hosts)
    for _ in range(AT_ONCE + 1):
        seen = looks.at(asked)
        assert [seen[vm.op_id] for vm in asked] == [None, *[SEEN] * 5]
    assert hosts.asked["192.0.2.0"] == 1
    awake.set()
    until = datetime.now(UTC) + timedelta(seconds=10)
    while looks.at(asked)["op-0"] is None:
        assert datetime.now(UTC) < until


def test_when_all_hang_nothing_is_known_and_nobody_waits_for_ever(
    looks_with: Callable[[Hosts], Looks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_SPARE_S", 0.05)
    awake = threading.Event()

    def look(_: str) -> VmActivity:
        awake.wait(10)
        return SEEN

    hosts, asked = Hosts(look), vms(20)
    looks = looks_with(hosts)
    assert set(looks.at(asked).values()) == {None}
    assert set(looks.at(asked).values()) == {None}
    awake.set()
    assert hosts.most == AT_ONCE
