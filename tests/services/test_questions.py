"""Questions: what runs where, what it costs, and how to log in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.errors import NotAllowed, UserError
from bot.models import VmState
from bot.replies.answers import vms_reply
from bot.replies.pages import Turning
from bot.services.questions import Questions
from tests.services.world import ADMIN, JANE, JIHOON, World, shipped_policy

QUICK = timedelta(milliseconds=300)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world whose VMs have a fraction of a second to answer, because this waiting is real."""
    policy = shipped_policy()
    timeouts = policy.timeouts.model_copy(update={"host_query": QUICK})
    it = World(tmp_path, policy=policy.model_copy(update={"timeouts": timeouts}))
    yield it
    it.close()


def _questions(world: World) -> Questions:
    core, policy = world.core, world.policy
    return Questions(core.fleet, core.vm_store, policy, world.sim)


def test_ps_tells_the_containers_of_my_vms(world: World) -> None:
    world.has_vm("web")
    world.has_vm("theirs", JIHOON)
    world.done("rstudio on web")
    world.done("shiny on theirs", JIHOON)
    (report,) = _questions(world).containers(world.caller(JANE), None)
    (shown,) = report.containers
    assert report.vm.hostname == "web"
    assert (shown.owner_id, shown.url) == (JANE, "http://192.0.2.1:8787/")
    assert shown.has_password and shown.is_mine


def test_ps_on_somebody_elses_vm_offers_neither_password_nor_kill(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio")
    (report,) = _questions(world).containers(world.caller(JIHOON), "web")
    (shown,) = report.containers
    assert not shown.has_password and not shown.is_mine


def test_ps_tells_a_vm_that_is_not_ready_without_asking_it(world: World) -> None:
    world.ask("vm web")
    world.run(timedelta(seconds=10))
    (report,) = _questions(world).containers(world.caller(JANE), None)
    assert report.vm.state is VmState.PREPARING
    assert report.containers == () and report.trouble is None
    world.run()


def test_a_dead_vm_delays_nobody_beyond_its_bound(world: World) -> None:
    world.has_vm("web")
    world.has_vm("dead")
    world.done("shiny on web")
    world.done("shiny on dead")
    hangs = threading.Event()
    world.hosts.at("192.0.2.2")._lock = _Stuck(hangs)  # type: ignore[assignment]
    try:
        began = time.monotonic()
        reports = _questions(world).containers(world.caller(JANE), None)
        took = time.monotonic() - began
    finally:
        hangs.set()
    by_name = {report.vm.hostname: report for report in reports}
    assert len(by_name["web"].containers) == 1
    assert by_name["dead"].trouble is not None and "dead" in str(by_name["dead"].trouble)
    assert took < QUICK.total_seconds() + 1.5


def test_ps_without_a_vm_offers_one(world: World) -> None:
    with pytest.raises(UserError) as raised:
        _questions(world).containers(world.caller(JANE), None)
    assert raised.value.instead == "vm my-vm"
    with pytest.raises(UserError, match="no VM `nope`"):
        _questions(world).containers(world.caller(JANE), "nope")


def test_vm_list_tells_what_each_has_cost(world: World) -> None:
    world.has_vm("web")
    world.has_vm("theirs", JIHOON)
    vms = _questions(world).virtual_machines(world.caller(JANE), everyones=False)
    assert [vm.hostname for vm in vms] == ["web"]
    asked_at = vms[0].asked_at
    reply = vms_reply(vms, asked_at + timedelta(hours=200), "en", Turning(str))
    assert "$0.053" in str(reply.blocks) and "$10.60" in str(reply.blocks)
    everyones = _questions(world).virtual_machines(world.caller(JANE), everyones=True)
    assert sum((vm.hourly_rate or Decimal(0) for vm in everyones), Decimal(0)) == Decimal("0.106")


def test_a_password_is_for_who_started_the_container_alone(world: World) -> None:
    vm_id = world.has_vm("web")
    world.done("rstudio on web", ADMIN)
    (container,) = world.machines()[0]._list(True, None)
    found = _questions(world).credentials(world.caller(ADMIN), vm_id, container.id)
    (run,) = [args[0] for method, args in world.machines()[0].calls if method == "create"]
    assert found.password == run.environment["PASSWORD"]  # type: ignore[attr-defined]
    assert (found.login, found.url) == ("rstudio", "http://192.0.2.1:8787/")
    for other in (JANE, JIHOON):  # Jane owns the VM: that is not enough
        with pytest.raises(NotAllowed):
            _questions(world).credentials(world.caller(other), vm_id, container.id)


def test_no_password_where_there_is_none(world: World) -> None:
    vm_id = world.has_vm("web")
    world.done("shiny")
    (container,) = world.machines()[0]._list(True, None)
    ask = _questions(world).credentials
    with pytest.raises(UserError, match="no password"):
        ask(world.caller(JANE), vm_id, container.id)
    for vm, one in ((vm_id, "f" * 64), ("nonsense", container.id)):
        with pytest.raises(UserError, match="gone"):
            ask(world.caller(JANE), vm, one)


class _Stuck:
    """A lock that is not given before `end` is set: a VM that hangs."""

    def __init__(self, end: threading.Event) -> None:
        self._end = end

    def __enter__(self) -> None:
        assert self._end.wait(30)

    def __exit__(self, *_: object) -> None: ...
