"""`/ds rstudio` and `/ds shiny`: pulled, started, and proved to answer."""

from __future__ import annotations

from datetime import timedelta

from bot.errors import HostUnreachable
from bot.models import Container, ContainerSpec, OperationState, PortBinding, VmState
from tests.fakes.hosts import FakeHost, FakeImage
from tests.services.laws import check_laws
from tests.services.stories import needs_attention
from tests.services.world import ADMIN, JANE, JIHOON, World

DONE, FAILED, REFUSED = OperationState.DONE, OperationState.FAILED, OperationState.REFUSED


def _host(world: World) -> FakeHost:
    """The first VM's machine, connected to or not."""
    vm = world.vms()[0]
    if vm.address not in world.hosts._by_address:
        world.done("rstudio on " + vm.hostname, vm.owner_id)
        host = world.host_of(vm.op_id)
        for one in host._list(True, None):
            host._remove(one.id)
        host.images.clear()
    return world.host_of(vm.op_id)


def _containers(world: World) -> list[Container]:
    return [one for host in world.machines() for one in host._list(True, None)]


def _methods(host: FakeHost) -> list[str]:
    return [method for method, _ in host.calls]


def test_rstudio_is_pulled_started_and_told_with_its_address(world: World) -> None:
    world.has_vm("web")
    op_id = world.done("rstudio")
    (container,) = _containers(world)
    assert container.image == "rocker/rstudio"
    assert container.labels["ds-bot.owner"] == JANE
    assert "http://192.0.2.1:8787/" in world.told(op_id)
    assert "`rstudio`" in world.told(op_id)
    check_laws(world)


def test_shiny_needs_no_password(world: World) -> None:
    world.has_vm("web")
    op_id = world.done("shiny")
    assert "http://192.0.2.1:3838/" in world.told(op_id)
    assert "password" not in str(world.cards(op_id)[-1].blocks)
    (run,) = [args for method, args in world.machines()[0].calls if method == "create"]
    assert isinstance(run[0], ContainerSpec) and run[0].environment == {}


def test_every_container_has_a_password_of_its_own(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio")
    world.done("rstudio")
    runs = [args[0] for method, args in world.machines()[0].calls if method == "create"]
    passwords = {run.environment["PASSWORD"] for run in runs if isinstance(run, ContainerSpec)}
    assert len(passwords) == 2
    assert all(len(each) >= 20 for each in passwords)
    check_laws(world)


def test_an_image_that_is_there_is_not_pulled_again(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio")
    world.done("rstudio")
    assert _methods(world.machines()[0]).count("pull") == 1


def test_a_port_that_a_container_has_is_passed_over(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio")
    second = world.done("rstudio")
    assert "http://192.0.2.1:8788/" in world.told(second)
    assert _methods(world.machines()[0]).count("start") == 2, "nothing was tried in vain"
    check_laws(world)


def test_a_port_that_an_outsider_has_is_passed_over(world: World) -> None:
    world.has_vm("web")
    _host(world).taken_ports |= {3838, 3839}
    op_id = world.done("shiny")
    assert "http://192.0.2.1:3840/" in world.told(op_id)
    check_laws(world)


def test_no_free_port_is_told(world: World) -> None:
    world.has_vm("web")
    _host(world).taken_ports |= set(range(3838, 3938))
    op_id = world.ask("shiny")
    world.run()
    assert world.state(op_id) is FAILED
    assert "3838" in world.told(op_id)
    check_laws(world)


def test_an_image_that_no_registry_has_is_told(world: World) -> None:
    world.has_vm("web")
    del world.images["rocker/shiny"]
    op_id = world.ask("shiny")
    world.run()
    assert world.state(op_id) is FAILED
    assert "No registry has that image" in world.told(op_id)
    assert _containers(world) == []
    check_laws(world)


def test_a_container_that_ends_at_once_is_told_with_its_last_words_and_removed(
    world: World,
) -> None:
    world.images["rocker/shiny"] = FakeImage(output=("no licence",), exit_code=3)
    world.has_vm("web")
    op_id = world.ask("shiny")
    world.run()
    assert world.state(op_id) is FAILED
    shown = str(world.cards(op_id)[-1].blocks)
    assert "no licence" in shown
    assert "Exited (3)" in shown
    assert _containers(world) == []
    check_laws(world)


def test_a_page_that_never_answers_is_told_and_its_container_left_to_its_owner(
    world: World,
) -> None:
    world.has_vm("web")
    world.web.silent.add("http://192.0.2.1:8787/auth-sign-in")
    began = world.sim.now()
    op_id = world.ask("rstudio")
    world.run()
    assert world.state(op_id) is FAILED
    (container,) = _containers(world)
    assert f"kill {container.short_id}" in str(world.cards(op_id)[-1].blocks)
    assert world.sim.now() - began < world.policy.timeouts.ready + timedelta(minutes=1)
    check_laws(world)


def test_a_slow_page_is_waited_for(world: World) -> None:
    world.has_vm("web")
    world.web.slow["http://192.0.2.1:8787/auth-sign-in"] = 50
    world.done("rstudio")


def test_a_vm_that_is_not_ready_is_waited_for(world: World) -> None:
    order, op_id = world.ask("vm web"), world.ask("rstudio")
    world.run()
    assert (world.state(order), world.state(op_id)) == (DONE, DONE)
    check_laws(world)


def test_a_vm_that_fails_meanwhile_ends_the_wait(world: World) -> None:
    world.ssh_delay = timedelta(hours=1)
    order, op_id = world.ask("vm web"), world.ask("rstudio")
    world.run()
    assert (world.state(order), world.state(op_id)) == (FAILED, FAILED)
    check_laws(world)


def test_a_vm_that_is_cancelled_meanwhile_ends_the_wait_and_the_pull(world: World) -> None:
    world.has_vm("web")
    _host(world).fail("pull", HostUnreachable("cut off"))
    began = world.sim.now()
    op_id = world.ask("rstudio")
    world.later(timedelta(seconds=1), lambda: world.ask("vm cancel web"))
    world.run()
    assert world.state(op_id) is FAILED
    assert "was cancelled" in world.told(op_id)
    assert world.sim.now() - began < timedelta(minutes=1)
    check_laws(world)


def test_without_a_vm_one_is_offered(world: World) -> None:
    world.has_vm("rstudio-1", JIHOON)
    told = world.refused("rstudio")
    assert "/ds vm rstudio-2" in told
    assert "vm rstudio-2" in str(world.chat.replies[-1].blocks)


def test_of_several_vms_one_is_to_be_chosen(world: World) -> None:
    world.has_vm("web")
    world.has_vm("db")
    world.refused("rstudio")
    shown = str(world.chat.replies[-1].blocks)
    assert "rstudio on web" in shown and "rstudio on db" in shown
    op_id = world.done("rstudio on db")
    assert "192.0.2.2" in world.told(op_id)


def test_somebody_elses_vm_is_not_for_my_containers(world: World) -> None:
    world.has_vm("web", JIHOON)
    world.refused("rstudio on web")
    assert world.machines() == []
    world.done("rstudio on web", ADMIN)
    check_laws(world)


def test_a_vm_that_needs_attention_is_prepared_first(world: World) -> None:
    needs_attention(world)
    assert "/ds vm prepare web" in world.refused("rstudio")


def test_a_vm_that_is_being_cancelled_takes_nothing_new(world: World) -> None:
    world.has_vm("web", state=VmState.CANCELLING)
    world.refused("rstudio on web")
    world.refused("rstudio")
    assert world.machines() == []


def test_a_lost_answer_starts_no_second_container(world: World) -> None:
    world.has_vm("web")
    _host(world).fail("create", HostUnreachable("lost"), after=True)
    _host(world).fail("start", HostUnreachable("lost"), after=True)
    world.done("shiny")
    assert len(_containers(world)) == 1
    check_laws(world)


def test_made_but_not_started_is_made_anew(world: World) -> None:
    """A crash between the engine's calls may leave a container that lacks its files."""
    world.has_vm("web")
    host = _host(world)
    op_id = world.ask("shiny")
    with world.meddling.off():
        host._pull("rocker/shiny")
        labels = {"ds-bot.operation": op_id}
        host._create(ContainerSpec(f"shiny-{op_id}", "rocker/shiny", (), labels=labels))
    world.run()
    assert world.state(op_id) is DONE
    (container,) = _containers(world)
    assert container.is_running
    assert container.ports == (PortBinding(3838, 3838),)
    check_laws(world)
