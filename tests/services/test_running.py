"""`/ds run IMAGE …`: a person's program never runs twice unless they ask twice."""

from __future__ import annotations

import pytest

from bot.errors import HostUnreachable
from bot.models import Container, ContainerSpec, OperationState
from tests.fakes.durable import Killed, Moment
from tests.fakes.hosts import FakeHost, FakeImage
from tests.services.laws import check_laws
from tests.services.meddling import Point, Strike
from tests.services.world import World

DONE, FAILED = OperationState.DONE, OperationState.FAILED
SHORT = "rocker/r-base"


@pytest.fixture
def host(world: World) -> FakeHost:
    """Jane's VM, with an image whose program ends at once."""
    world.images[SHORT] = FakeImage(output=("2",), exit_code=0)
    world.has_vm("web")
    world.done(f"pull {SHORT}")
    return world.machines()[0]


def _containers(host: FakeHost) -> list[Container]:
    return host._list(True, None)


@pytest.mark.parametrize("removes_itself", ["--rm", ""])
def test_a_program_whose_start_got_no_answer_does_not_run_again(
    world: World, host: FakeHost, removes_itself: str
) -> None:
    host.fail("start", HostUnreachable("lost"), after=True)
    op_id = world.done(f"run {SHORT} {removes_itself}")
    assert len(host.started) == 1
    words = "removed itself, as `--rm` asks" if removes_itself else "with exit code 0"
    assert words in world.told(op_id)
    check_laws(world)


def test_a_death_right_after_the_start_does_not_run_it_again(world: World, host: FakeHost) -> None:
    world.meddling.plan[Point("host.start", 1)] = Strike.DEATH_AFTER
    op_id = world.done(f"run {SHORT} --rm")
    assert world.deaths == 1
    assert len(host.started) == 1
    assert "removed itself, as `--rm` asks" in world.told(op_id)
    check_laws(world)


def test_a_container_that_somebody_removed_meanwhile_is_not_made_again(
    world: World, host: FakeHost
) -> None:
    """The bot was down when they did, and does not know better than they."""
    op_id = world.ask(f"run {SHORT}")
    world.kill(Moment.UNRECORDED, "start", op_id)
    with pytest.raises(Killed):
        world.sim.run()
    host._remove(_containers(host)[0].id)
    world.restart()
    world.run()
    assert len(host.started) == 1
    assert world.state(op_id) is FAILED
    assert "was not started again" in world.told(op_id)
    check_laws(world)


def test_what_removes_itself_finds_a_port_like_any_other(world: World, host: FakeHost) -> None:
    host.taken_ports |= {8080, 8081}
    host.offer("nginx", FakeImage())
    op_id = world.done("run nginx --rm -p 8080:80")
    assert "http://192.0.2.1:8082/" in world.told(op_id)
    assert "8080" in str(world.cards(op_id)[-1].blocks)
    (container,) = _containers(host)
    assert container.is_running
    check_laws(world)


def test_a_name_that_is_taken_is_told(world: World, host: FakeHost) -> None:
    host._run(ContainerSpec("mine", SHORT))
    op_id = world.ask(f"run {SHORT} --name mine")
    world.run()
    assert world.state(op_id) is FAILED
    assert "that name exists" in world.told(op_id)
    assert "No container was left behind" in world.told(op_id)


def test_when_nobody_knows_what_is_left_nothing_else_is_said(world: World, host: FakeHost) -> None:
    world.silent.add("192.0.2.1")
    host.is_reachable = False
    op_id = world.ask(f"run {SHORT}")
    world.run()
    assert world.state(op_id) is FAILED
    assert "See what still runs" in world.told(op_id)


def test_an_answer_lost_between_two_ports_ends_nothing(world: World, host: FakeHost) -> None:
    """That it never ran is known: the engine said that its port is taken."""
    host.taken_ports |= {8080}
    host.offer("nginx", FakeImage())
    world.meddling.plan[Point("host.create", 2)] = Strike.ERROR_BEFORE
    op_id = world.done("run nginx -p 8080:80")
    assert "http://192.0.2.1:8081/" in world.told(op_id)
    check_laws(world)


def test_each_port_is_tried_once(world: World, host: FakeHost) -> None:
    host.offer("nginx", FakeImage())
    world.done("run nginx -p 8080:80")
    host.taken_ports |= {8081, 8082}
    op_id = world.done("run nginx -p 8080:80")
    assert "http://192.0.2.1:8083/" in world.told(op_id)
    assert [method for method, _ in host.calls].count("start") == 1 + 3
    check_laws(world)


def test_a_port_that_is_published_twice_has_not_moved(world: World, host: FakeHost) -> None:
    host.offer("nginx", FakeImage())
    op_id = world.done("run nginx -p 8080:80 -p 8081:80")
    assert "is in use" not in str(world.cards(op_id)[-1].blocks)
    check_laws(world)
