"""`/ds kill ID…`."""

from __future__ import annotations

import pytest

from bot.errors import HostUnreachable
from bot.models import Container, ContainerSpec, OperationState
from tests.services.laws import check_laws
from tests.services.world import ADMIN, JANE, JIHOON, World


@pytest.fixture
def mine(world: World) -> Container:
    """Jane's RStudio on Jane's VM."""
    world.has_vm("web")
    world.done("rstudio")
    return _all(world)[0]


def _all(world: World) -> list[Container]:
    return [one for host in world.machines() for one in host._list(True, None)]


@pytest.mark.parametrize("digits", [4, 12, 64])
def test_killed_by_its_id_or_the_beginning_of_it(
    world: World, mine: Container, digits: int
) -> None:
    op_id = world.done(f"kill {mine.id[:digits]}")
    assert _all(world) == []
    assert mine.name in world.told(op_id)
    check_laws(world)


def test_killed_by_its_name(world: World, mine: Container) -> None:
    world.done(f"kill {mine.name}")
    assert _all(world) == []


def test_several_at_once(world: World, mine: Container) -> None:
    world.done("shiny")
    world.done("kill " + " ".join(one.short_id for one in _all(world)) + f" {mine.name}")
    assert _all(world) == []
    check_laws(world)


def test_the_beginning_of_two_ids_is_a_question(world: World, mine: Container) -> None:
    host = world.machines()[0]
    twin = host._run(ContainerSpec("byhand", "rocker/rstudio"))
    running = host._containers.pop(twin.id)
    twin_id = mine.id[:6] + twin.id[6:]
    object.__setattr__(running.container, "id", twin_id)
    host._containers[twin_id] = running
    told = world.refused(f"kill {mine.id[:6]}")
    assert "2 containers" in told
    shown = str(world.chat.replies[-1].blocks)
    assert f"kill {mine.short_id}" in shown and f"kill {twin_id[:12]}" in shown
    assert len(_all(world)) == 2


def test_an_unknown_id_is_told_with_one_like_it(world: World, mine: Container) -> None:
    wrong = ("0" if mine.id[11] != "0" else "1").join([mine.id[:11], ""])
    assert f"/ds kill {mine.short_id}" in world.refused(f"kill {wrong}")
    assert "/ds ps" in world.refused("kill zzzz")
    assert _all(world) == [mine]


def test_one_unknown_of_several_kills_none(world: World, mine: Container) -> None:
    world.refused(f"kill {mine.short_id} zzzz")
    assert _all(world) == [mine]
    check_laws(world)


def test_a_vm_that_does_not_answer_is_named_when_nothing_is_found(
    world: World, mine: Container
) -> None:
    world.silent.add("192.0.2.1")
    world.machines()[0].is_reachable = False
    assert "web" in world.refused("kill zzzz")


def test_somebody_elses_container_is_left_alone(world: World, mine: Container) -> None:
    world.refused(f"kill {mine.short_id}", JIHOON)
    assert _all(world) == [mine]
    check_laws(world)
    world.done(f"kill {mine.short_id}", ADMIN)
    assert _all(world) == []


def test_a_vms_owner_may_kill_what_others_run_on_it(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio on web", ADMIN)
    (container,) = _all(world)
    assert container.labels["ds-bot.owner"] == ADMIN != JANE
    world.done(f"kill {container.short_id}")
    assert _all(world) == []


def test_what_was_started_by_hand_is_its_vms_owners(world: World, mine: Container) -> None:
    byhand = world.machines()[0]._run(ContainerSpec("byhand", "rocker/rstudio"))
    world.refused(f"kill {byhand.id[:12]}", JIHOON)
    world.done(f"kill {byhand.id[:12]}")
    assert _all(world) == [mine]


def test_gone_meanwhile_is_success(world: World, mine: Container) -> None:
    host = world.machines()[0]
    host.fail("remove", HostUnreachable("lost"), after=True)
    world.done(f"kill {mine.short_id}")
    assert _all(world) == []
    check_laws(world)


def test_a_vm_that_never_answers_is_told(world: World, mine: Container) -> None:
    op_id = world.ask(f"kill {mine.short_id}")
    host = world.machines()[0]
    for _ in range(100):
        host.fail("remove", HostUnreachable("silent"))
    world.run()
    assert world.state(op_id) is OperationState.FAILED
    check_laws(world)


@pytest.mark.parametrize("verb", ["kill", "stop"])
def test_few_digits_mean_nothing_for_sure_while_a_vm_is_silent(
    world: World, mine: Container, verb: str
) -> None:
    """They may be the beginning of an id there, which the person had in mind."""
    world.has_vm("db")
    world.silent.add("192.0.2.2")
    world.hosts.boot("192.0.2.2").is_reachable = False
    told = world.refused(f"{verb} {mine.id[:6]}")
    assert "db" in told and mine.name in told
    assert f"{verb} {mine.short_id}" in str(world.chat.replies[-1].blocks)
    assert _all(world) == [mine]
    check_laws(world)
    world.done(f"{verb} {mine.short_id}")


def test_a_name_or_the_vm_that_is_meant_is_enough_while_another_is_silent(
    world: World, mine: Container
) -> None:
    world.has_vm("db")
    world.silent.add("192.0.2.2")
    world.hosts.boot("192.0.2.2").is_reachable = False
    world.done(f"stop {mine.id[:6]} on web")
    world.done(f"kill {mine.name}")
    assert _all(world) == []
