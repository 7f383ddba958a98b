"""What `bot.ports.ContainerHost` promises, held against VMs in memory and real ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.ssh_keys import HostKeys
from bot.errors import (
    ContainerNotFound,
    EngineMissing,
    EngineRefused,
    HostKeyMismatch,
    HostUnreachable,
    ImageNotFound,
    NameTaken,
    PortTaken,
)
from bot.models import ContainerSpec, PortBinding, PullProgress
from sandbox.softlayer.hypervisor import Hypervisor
from tests.contracts.host_worlds import (
    CONNECT_TIMEOUT,
    QUITTER,
    QUITTER_ENVIRONMENT,
    QUITTER_EXIT_CODE,
    QUITTER_LINES,
    SLEEPER,
    FakeWorld,
    RealWorld,
    World,
    host_of,
    real_world,
    wait_until_ended,
    wipe,
)

engine = pytest.mark.engine


@pytest.fixture(scope="module")
def hypervisor() -> Hypervisor:
    from sandbox.vms import VmContainers

    return VmContainers()


@pytest.fixture(scope="module")
def docker_vm(hypervisor: Hypervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One real VM for the whole file; each test finds it without containers."""
    with real_world(hypervisor, tmp_path_factory.mktemp("keys")) as world:
        yield world


@pytest.fixture(params=["fake", pytest.param("real", marks=engine)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A VM with an engine, SLEEPER and QUITTER."""
    if request.param == "fake":
        yield FakeWorld.boot()
        return
    world: World = request.getfixturevalue("docker_vm")
    yield world
    wipe(world)


@pytest.fixture
def real(world: World) -> RealWorld:
    """The same, for what only a real VM can show."""
    assert isinstance(world, RealWorld)
    return world


only_real = pytest.mark.parametrize("world", [pytest.param("real", marks=engine)], indirect=True)


@pytest.fixture(params=["fake", pytest.param("real", marks=[engine, pytest.mark.slow])])
def plain_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A VM without an engine."""
    if request.param == "fake":
        yield FakeWorld.boot(has_engine=False)
        return
    hypervisor: Hypervisor = request.getfixturevalue("hypervisor")
    with real_world(hypervisor, tmp_path_factory.mktemp("keys"), has_engine=False) as world:
        yield world


# --- reaching the VM -----------------------------------------------------------------------------


def test_the_machine_shows_the_key_that_was_pinned(world: World) -> None:
    """The key is made before the VM is ordered, so even the first connection is verified."""
    assert host_of(world).host_key() == world.access.host_key


def test_without_a_pinned_key_the_shown_one_is_reported(world: World) -> None:
    """An operator who allows unknown keys must still be able to see and pin them."""
    unpinned = replace(world.access, host_key=None)

    assert world.hosts.on(unpinned).host_key() == world.access.host_key


def test_another_host_key_is_refused(world: World, tmp_path: Path) -> None:
    """A machine that took over the address must get no command and no secret."""
    other_key = HostKeys(tmp_path).for_operation("other").public
    impostor = world.hosts.on(replace(world.access, host_key=other_key))

    with pytest.raises(HostKeyMismatch):
        impostor.containers()
    with pytest.raises(HostKeyMismatch):
        impostor.run(ContainerSpec("app", SLEEPER))

    assert host_of(world).containers(all=True) == []


def test_a_dead_address_is_unreachable_within_the_timeout(world: World) -> None:
    """A VM that is gone must not hold up the caller for longer than the connect timeout."""
    began = time.monotonic()

    with pytest.raises(HostUnreachable):
        world.hosts.on(world.dead_access).containers()

    assert time.monotonic() - began < CONNECT_TIMEOUT.total_seconds() + 1


def test_a_forgotten_vm_can_be_reached_again(world: World) -> None:
    """An address may be handed to a new VM after the old one was cancelled."""
    host_of(world).engine()

    world.hosts.forget(world.access)

    assert host_of(world).containers() == []


def test_many_threads_may_ask_at_once(world: World) -> None:
    """More callers than sshd allows sessions: they wait for each other, none fails."""
    host = host_of(world)
    host.run(ContainerSpec("app", SLEEPER))

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: host.containers(), range(64)))

    assert {len(found) for found in answers} == {1}


@only_real
def test_reads_go_on_after_sshd_was_restarted(real: RealWorld) -> None:
    """An upgrade of the VM's sshd must not be seen by whoever looks at its containers."""
    host = host_of(real)
    host.run(ContainerSpec("app", SLEEPER))

    real.cut_connections()

    assert [found.name for found in host.containers()] == ["app"]
    host.remove("app")
    assert host.containers(all=True) == []


# --- the engine ----------------------------------------------------------------------------------


def test_the_engine_says_what_it_is(world: World) -> None:
    """The figures that `ds-bot check` and the placement of containers go by."""
    found = host_of(world).engine()

    assert found.version
    assert found.operating_system
    assert found.cpus > 0
    assert found.memory_bytes > 0
    assert found.containers_running == 0


def test_a_missing_engine_is_told_apart_and_can_be_installed(plain_world: World) -> None:
    """The plain image has no Docker: the bot must notice, install it, and find it there."""
    host = host_of(plain_world)
    told: list[str] = []
    with pytest.raises(EngineMissing):
        host.engine()
    assert host.host_key() == plain_world.access.host_key

    host.install_engine(told.append)

    assert any("docker.io" in line for line in told)
    assert host.containers(all=True) == []
    host.install_engine(told.append)
    assert host.engine().version


# --- images --------------------------------------------------------------------------------------


def test_a_pull_brings_the_image(world: World) -> None:
    """`pull` ends when a container can be made of the image, and tells its id."""
    host = host_of(world)
    image = world.published()
    assert host.has_image(SLEEPER)
    assert not host.has_image(image)

    image_id = host.pull(image, lambda progress: None)

    assert image_id.startswith("sha256:")
    assert host.has_image(image)
    assert host.has_image(f"{image}:latest")
    assert host.pull(image, lambda progress: None) == image_id


def test_pull_progress_only_grows(world: World) -> None:
    """A bar that jumps back looks broken; one that ends early looks stuck."""
    steps: list[PullProgress] = []

    host_of(world).pull(world.published(), steps.append)

    assert [step.done_bytes for step in steps] == sorted(step.done_bytes for step in steps)
    assert [step.layers_done for step in steps] == sorted(step.layers_done for step in steps)
    assert all(step.done_bytes <= step.total_bytes for step in steps)
    assert (steps[-1].layers_done, steps[-1].layers_total) == (2, 2)
    assert steps[-1].phase == "extracting"


def test_an_unknown_image_is_not_found(world: World) -> None:
    """The person typed a name that no registry has: that is their answer, not an outage."""
    host = host_of(world)

    with pytest.raises(ImageNotFound):
        host.pull(world.unpublished(), lambda progress: None)

    assert not host.has_image(world.unpublished())


@pytest.mark.parametrize("image", ["", "-x", "a b", "x/../../containers/json", "UPPER/case?"])
def test_what_is_no_image_name_is_not_found(world: World, image: str) -> None:
    """What people type ends up in a URL of the engine; it must not become another question."""
    host = host_of(world)

    assert not host.has_image(image)
    with pytest.raises(ImageNotFound):
        host.pull(image, lambda progress: None)


@only_real
def test_a_registry_over_its_limit_is_a_refusal(real: RealWorld) -> None:
    """Docker Hub limits pulls per address: that is no missing image, and it passes."""
    with pytest.raises(EngineRefused, match="limits how much this VM") as caught:
        host_of(real).pull(f"{real.registry.address}/busy", lambda progress: None)

    assert not isinstance(caught.value, ImageNotFound)


# --- containers ----------------------------------------------------------------------------------


def test_a_container_is_what_was_asked_for(world: World) -> None:
    """Everything that the bot later reads off a container was put there by `run`."""
    host = host_of(world)
    spec = ContainerSpec(
        name="shiny-1",
        image=SLEEPER,
        ports=(PortBinding(3838, 13838), PortBinding(8787, 18787)),
        labels={"ds-bot": "1", "ds-owner": "U1"},
        command=("/bin/sleep", "5000"),
    )

    started = host.run(spec)

    assert len(started.id) == 64
    assert started.short_id == started.id[:12]
    assert (started.name, started.image, started.command) == (
        "shiny-1",
        SLEEPER,
        "/bin/sleep 5000",
    )
    assert started.is_running
    assert started.exit_code is None
    assert started.status.startswith("Up")
    assert started.ports == spec.ports
    assert started.labels == spec.labels
    assert [found.id for found in host.containers()] == [started.id]


def test_a_container_is_found_by_id_prefix_and_name(world: World) -> None:
    """People copy the short id from a message, or type the name."""
    host = host_of(world)
    started = host.run(ContainerSpec("app", SLEEPER))

    found = [host.get(key) for key in (started.id, started.short_id, "app")]

    assert {container.id for container in found} == {started.id}


@pytest.mark.parametrize("key", ["nosuch", "", "..", "x/../../images/json", "*", "é"])
def test_an_unknown_container_is_not_found(world: World, key: str) -> None:
    """Typing errors are the common case; none may reach another part of the engine's API."""
    host = host_of(world)

    with pytest.raises(ContainerNotFound):
        host.get(key)
    with pytest.raises(ContainerNotFound):
        host.environment(key)
    with pytest.raises(ContainerNotFound):
        host.logs(key, 10)


def test_a_port_of_another_container_is_taken(world: World) -> None:
    """The bot then tries the next port, so nothing may stay behind under the wanted name."""
    host = host_of(world)
    host.run(ContainerSpec("first", SLEEPER, ports=(PortBinding(3838, 13838),)))

    with pytest.raises(PortTaken):
        host.run(ContainerSpec("second", SLEEPER, ports=(PortBinding(3838, 13838),)))

    assert [found.name for found in host.containers(all=True)] == ["first"]


def test_a_port_of_another_program_is_taken(world: World) -> None:
    """The VM may run things that Docker knows nothing of."""
    host = host_of(world)

    with world.outsider(13839), pytest.raises(PortTaken):
        host.run(ContainerSpec("app", SLEEPER, ports=(PortBinding(3838, 13839),)))

    assert host.containers(all=True) == []


def test_a_freed_port_can_be_used_again(world: World) -> None:
    """Killing a container gives its port back at once."""
    host = host_of(world)
    spec = ContainerSpec("app", SLEEPER, ports=(PortBinding(3838, 13838),))
    host.remove(host.run(spec).id)

    assert host.run(spec).ports == spec.ports


def test_a_name_is_taken_even_by_an_ended_container(world: World) -> None:
    """Engines keep ended containers and their names."""
    host = host_of(world)
    ended = host.run(ContainerSpec("app", QUITTER))

    with pytest.raises(NameTaken):
        host.run(ContainerSpec("app", SLEEPER))

    assert [found.id for found in host.containers(all=True)] == [ended.id]


def test_an_image_that_is_not_on_the_vm_is_not_found(world: World) -> None:
    """`run` does not pull: pulling is a phase of its own, with its own progress."""
    host = host_of(world)

    with pytest.raises(ImageNotFound):
        host.run(ContainerSpec("app", "ds-test/absent"))

    assert host.containers(all=True) == []


def test_an_ended_container_is_listed_only_on_request(world: World) -> None:
    """An R script that ends at once must be seen to have ended, and how."""
    host = host_of(world)
    host.run(ContainerSpec("app", QUITTER))
    wait_until_ended(host, "app")

    assert host.containers() == []
    (found,) = host.containers(all=True)
    assert not found.is_running
    assert found.exit_code == QUITTER_EXIT_CODE
    assert found.status.startswith(f"Exited ({QUITTER_EXIT_CODE})")


def test_newest_containers_come_first(world: World) -> None:
    """As `docker ps` lists them."""
    host = host_of(world)
    for name in ("oldest", "middle", "newest"):
        host.run(ContainerSpec(name, SLEEPER))

    assert [found.name for found in host.containers()] == ["newest", "middle", "oldest"]


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("ds-bot", {"mine", "yours"}),
        ("ds-owner=U1", {"mine"}),
        ("ds-owner=U", set()),
        ("nothing", set()),
    ],
)
def test_containers_are_chosen_by_label(world: World, label: str, names: set[str]) -> None:
    """The bot lists and kills only what carries its own labels."""
    host = host_of(world)
    host.run(ContainerSpec("mine", SLEEPER, labels={"ds-bot": "1", "ds-owner": "U1"}))
    host.run(ContainerSpec("yours", SLEEPER, labels={"ds-bot": "1", "ds-owner": "U2"}))
    host.run(ContainerSpec("foreign", SLEEPER))

    assert {found.name for found in host.containers(label=label)} == names


def test_the_environment_can_be_read_back(world: World) -> None:
    """The RStudio password lives only there, and is read when its owner asks to see it."""
    host = host_of(world)
    secret = {"PASSWORD": "a=b c", "EMPTY": ""}
    started = host.run(ContainerSpec("app", QUITTER, environment=secret))

    found = host.environment(started.id)

    assert found.items() >= (secret | QUITTER_ENVIRONMENT).items()


def test_the_last_lines_of_output_can_be_read(world: World) -> None:
    """They say why a container ended."""
    host = host_of(world)
    host.run(ContainerSpec("app", QUITTER))
    wait_until_ended(host, "app")

    assert host.logs("app", 2).split() == list(QUITTER_LINES[-2:])
    assert host.logs("app", 100).split() == list(QUITTER_LINES)


def test_removing_kills_what_runs(world: World) -> None:
    """`/ds kill` means it."""
    host = host_of(world)
    started = host.run(ContainerSpec("app", SLEEPER))

    host.remove(started.short_id)

    assert host.containers(all=True) == []
    with pytest.raises(ContainerNotFound):
        host.get(started.id)


def test_removing_what_is_gone_is_success(world: World) -> None:
    """Two people may click "kill" at once, and an operation may be resumed after a crash."""
    host = host_of(world)
    started = host.run(ContainerSpec("app", SLEEPER))

    host.remove(started.id)
    host.remove(started.id)
    host.remove("nosuch")
    host.remove("x/../../images")


@only_real
def test_limits_reach_the_engine(real: RealWorld) -> None:
    """One container must not starve the others of its VM."""
    host_of(real).run(ContainerSpec("app", SLEEPER, memory_mb=64, cpus=0.5))

    limits = real.shell("docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' app")
    assert limits == f"{64 * 2**20} 500000000"


@only_real
def test_more_cpus_than_the_vm_has_are_refused(real: RealWorld) -> None:
    """The engine says no to that, and nothing may stay behind."""
    with pytest.raises(EngineRefused, match="that many CPUs"):
        host_of(real).run(ContainerSpec("app", SLEEPER, cpus=4096))

    assert host_of(real).containers(all=True) == []
