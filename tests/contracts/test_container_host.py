"""What `bot.ports.ContainerHost` promises, held against VMs in memory and real ones."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.ssh_keys import HostKeys
from bot.errors import (
    ContainerNotFound,
    EngineMissing,
    EngineRefused,
    HostKeyMismatch,
    HostUnreachable,
    ImageInUse,
    ImageNotFound,
    NameTaken,
    PortTaken,
    TooLarge,
)
from bot.models import ContainerSpec, Mount, PortBinding, PullProgress, SearchHit
from sandbox.softlayer.hypervisor import Hypervisor
from tests.contracts.host_worlds import (
    CONNECT_TIMEOUT,
    QUITTER,
    QUITTER_ENVIRONMENT,
    QUITTER_EXIT_CODE,
    QUITTER_LINES,
    SERVER,
    SERVER_PORTS,
    SLEEPER,
    FakeWorld,
    RealWorld,
    World,
    host_of,
    real_world,
    wait_until_ended,
    wipe,
)
from tests.fakes.hosts import FakeRun

engine = pytest.mark.engine

A_WHILE = timedelta(seconds=30)
A_MOMENT = timedelta(seconds=0.3)
MB = 1_000_000
KILLED = 137


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
    world: RealWorld = request.getfixturevalue("docker_vm")
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


@pytest.fixture(params=["fake", pytest.param("real", marks=[engine, pytest.mark.slow])])
def searching_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A VM whose engine reaches a search index."""
    if request.param == "fake":
        fake = FakeWorld.boot()
        fake.vm.index = [
            SearchHit("opencpu/rstudio", "", 18, False, False),
            SearchHit("rocker/rstudio", "RStudio Server image", 408, False, True),
            SearchHit("rocker/verse", "adds tidyverse to rstudio", 40, False, False),
            SearchHit("debian", "", 5000, True, False),
        ]
        yield fake
        return
    from sandbox.hub.hub import Hub
    from sandbox.vms import VmContainers

    with Hub(is_public=False) as hub:
        machines = VmContainers(hub.addresses)
        with real_world(machines, tmp_path_factory.mktemp("keys")) as world:
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
    assert found.containers_running == found.containers == 0
    assert found.images >= 2
    assert found.storage_driver
    assert found.kernel
    assert found.architecture == "x86_64"
    assert all(isinstance(warning, str) for warning in found.warnings)


def test_the_engine_counts_what_runs_and_what_is_there(world: World) -> None:
    host = host_of(world)
    host.run(ContainerSpec("runs", SLEEPER))
    host.run(ContainerSpec("ended", QUITTER))
    host.wait("ended", A_WHILE)

    found = host.engine()

    assert (found.containers_running, found.containers) == (1, 2)


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

    pulled = host.pull(image, lambda progress: None)

    assert pulled.image_id.startswith("sha256:")
    assert pulled.digest is not None and pulled.digest.startswith("sha256:")
    assert pulled.is_news
    assert host.has_image(image)
    assert host.has_image(f"{image}:latest")
    assert host.has_image(pulled.image_id)


def test_a_second_pull_tells_that_nothing_is_new(world: World) -> None:
    """Whoever asks for updates wants to know whether there was one."""
    host = host_of(world)
    image = world.published()
    first = host.pull(image, lambda progress: None)

    assert host.pull(image, lambda progress: None) == replace(first, is_news=False)


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


def test_images_with_a_name_are_listed(world: World) -> None:
    """With what tells one image's descent from another's."""
    host = host_of(world)
    name = world.published()
    pulled = host.pull(name, lambda progress: None)

    images = host.images()

    assert [image.created_at for image in images] == sorted(
        (image.created_at for image in images), reverse=True
    )
    assert all(image.names for image in images)
    [found] = [image for image in images if image.id == pulled.image_id]
    assert found.names == (f"{name}:latest",)
    assert found.digest == pulled.digest
    assert len(found.layers) == 2
    assert all(layer.startswith("sha256:") for layer in found.layers)
    assert found.size_bytes >= 8_000_000


def test_the_layers_of_an_image_have_sizes_that_add_up(world: World) -> None:
    """What two images share is told by them."""
    host = host_of(world)
    [image] = [each for each in host.images() if f"{SLEEPER}:latest" in each.names]

    sizes = host.layer_sizes(image.id)

    assert len(sizes) == len(image.layers)
    assert sum(sizes) == image.size_bytes
    assert host.layer_sizes(SLEEPER) == sizes
    with pytest.raises(ImageNotFound):
        host.layer_sizes(world.unpublished())


def test_a_removed_image_is_gone(world: World) -> None:
    host = host_of(world)
    image = world.published()
    host.pull(image, lambda progress: None)

    host.remove_image(image)

    assert not host.has_image(image)
    host.remove_image(image)
    host.remove_image("x/../../containers/json")


def test_an_image_of_which_a_container_was_made_stays(world: World) -> None:
    """Running or not: the engine keeps it, and the person hears why."""
    host = host_of(world)
    host.run(ContainerSpec("app", QUITTER))
    host.wait("app", A_WHILE)

    with pytest.raises(ImageInUse):
        host.remove_image(QUITTER)

    assert host.has_image(QUITTER)


def test_the_engine_searches(searching_world: World) -> None:
    """`docker search`, with the most stars first."""
    host = host_of(searching_world)

    hits = host.search("rstudio")
    fewer = host.search("rstudio", 2)

    assert hits[0].name == "rocker/rstudio"
    assert hits[0].stars > 0
    assert [hit.stars for hit in hits] == sorted((hit.stars for hit in hits), reverse=True)
    assert fewer == hits[:2]
    assert host.search("nothing-has-this-name") == []


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


def test_all_exposed_ports_are_published_where_the_engine_likes(world: World) -> None:
    """Where they are is read back, as nobody has chosen it."""
    host = host_of(world)

    started = host.run(ContainerSpec("app", SERVER, publishes_all=True))
    other = host.run(ContainerSpec("other", SERVER, publishes_all=True))

    assert tuple(binding.container_port for binding in started.ports) == SERVER_PORTS
    ports = {binding.host_port for one in (started, other) for binding in one.ports}
    assert len(ports) == 4
    assert min(ports) > 1024


def test_a_container_may_remove_itself(world: World) -> None:
    host = host_of(world)

    started = host.run(ContainerSpec("app", QUITTER, removes_itself=True))

    assert started.name == "app"
    with pytest.raises(ContainerNotFound):
        while True:
            host.wait(started.id, A_WHILE)
    assert host.containers(all=True) == []


def test_what_is_created_runs_once_it_is_started(world: World) -> None:
    """So that its id can be written down before anything of it runs."""
    host = host_of(world)

    made = host.create(ContainerSpec("app", SERVER, ports=(PortBinding(3838, 13838),)))
    assert made.status.startswith("Created")
    assert [host.get("app"), *host.containers(all=True)] == [made, made]
    assert host.containers() == []

    started = host.start(made.id)
    assert (started.id, started.is_running) == (made.id, True)
    assert PortBinding(3838, 13838) in started.ports
    assert host.start(made.id).is_running


def test_what_is_created_and_cannot_be_is_not_left_behind(world: World) -> None:
    host = host_of(world)
    host.create(ContainerSpec("app", SLEEPER))

    with pytest.raises(NameTaken):
        host.create(ContainerSpec("app", SLEEPER))
    with pytest.raises(ImageNotFound):
        host.create(ContainerSpec("other", "ds-test/absent"))

    assert [one.name for one in host.containers(all=True)] == ["app"]


@pytest.mark.parametrize("removes_itself", [False, True])
def test_a_port_that_is_taken_is_told_at_the_start(world: World, removes_itself: bool) -> None:
    host, ports = host_of(world), (PortBinding(3838, 13838),)
    host.run(ContainerSpec("first", SLEEPER, ports=ports))
    made = host.create(ContainerSpec("second", SLEEPER, ports=ports, removes_itself=removes_itself))

    with pytest.raises(PortTaken):
        host.start(made.id)

    left = {one.name for one in host.containers(all=True)}
    assert left == ({"first"} if removes_itself else {"first", "second"})


def test_what_has_removed_itself_cannot_be_started_again(world: World) -> None:
    """Whoever has its id knows by that that it has run."""
    host = host_of(world)
    made = host.create(ContainerSpec("app", QUITTER, removes_itself=True))

    assert host.start(made.id).id == made.id
    with pytest.raises(ContainerNotFound):
        while True:
            host.wait(made.id, A_WHILE)
    with pytest.raises(ContainerNotFound):
        host.start(made.id)


@only_real
def test_what_is_confined_has_no_way_out(real: RealWorld) -> None:
    """Code that anybody may send must not reach the network, the VM or its other containers."""
    spec = ContainerSpec(
        "app", SLEEPER, memory_mb=64, has_network=False, processes=32, user="1000", is_confined=True
    )
    host_of(real).run(spec)

    facts = ".NetworkMode .PidsLimit .Memory .MemorySwap .CapDrop .SecurityOpt .Privileged"
    template = " ".join(f"{{{{.HostConfig{fact}}}}}" for fact in facts.split())
    found = real.shell(f"docker inspect -f '{template} {{{{.Config.User}}}}' app")
    memory = 64 * 2**20
    assert found == f"none 32 {memory} {memory} [ALL] [no-new-privileges] false 1000"
    status = real.shell("cat /proc/$(docker inspect -f '{{.State.Pid}}' app)/status")
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


@only_real
def test_with_scratch_room_nothing_else_can_be_written(real: RealWorld) -> None:
    """Not even by root: no code may fill the VM's disk, whatever file system that has."""
    lines = [
        "echo a > /a || echo no root",
        "mkdir /etc/a || echo no folder",
        "echo a > /tmp/a && echo room",
        "printf %03000000d 1 > /tmp/b || echo full",
    ]
    spec = ContainerSpec(
        "app",
        "ds-test/shell",
        command=("/bin/sh", "-c", "\n".join(lines)),
        memory_mb=64,
        user="0",
        is_confined=True,
        capabilities=("KILL",),
        scratch_mb=2,
    )
    host = host_of(real)

    host.run(spec)
    host.wait("app", A_WHILE)

    said = host.logs("app", 20).splitlines()
    assert [line for line in said if line in ("no root", "no folder", "room", "full")] == [
        "no root", "no folder", "room", "full",
    ]  # fmt: skip
    kept = real.shell("docker inspect -f '{{.HostConfig.CapAdd}} {{.HostConfig.OomScoreAdj}}' app")
    assert kept == "[KILL] 500" or kept == "[CAP_KILL] 500"
    assert real.shell("docker diff app") == "A /tmp", "more than where it is mounted"


# --- waiting and stopping ------------------------------------------------------------------------


def test_waiting_tells_how_it_ended(world: World) -> None:
    image, command = world.script(FakeRun(exit_code=7, lasts=A_MOMENT))
    host = host_of(world)
    host.run(ContainerSpec("app", image, command=command))

    assert host.wait("app", A_WHILE) == 7
    assert host.wait("app", timedelta(0)) == 7


def test_waiting_ends_before_what_does_not(world: World) -> None:
    host = host_of(world)
    host.run(ContainerSpec("app", SLEEPER))

    assert host.wait("app", A_MOMENT) is None
    assert host.get("app").is_running


def test_nobody_waits_for_what_is_not_there(world: World) -> None:
    host = host_of(world)

    for key in ("nosuch", "x/../../images"):
        with pytest.raises(ContainerNotFound):
            host.wait(key, A_WHILE)
        with pytest.raises(ContainerNotFound):
            host.stop(key, A_WHILE)
        with pytest.raises(ContainerNotFound):
            host.fetch(key, "/etc", MB)


@only_real
def test_many_who_wait_leave_room_for_questions(real: RealWorld) -> None:
    """More of them than there are sessions."""
    host = host_of(real)
    host.run(ContainerSpec("app", SLEEPER))

    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(host.wait, "app", A_WHILE) for _ in range(16)]
        began = time.monotonic()
        for _ in range(5):
            host.containers()
        took = time.monotonic() - began
        host.remove("app")
        ends = [each.exception(timeout=30) or each.result() for each in waiting]

    assert took < 5
    assert all(isinstance(end, ContainerNotFound) or end == KILLED for end in ends)


def test_a_stopped_container_is_still_there(world: World) -> None:
    """Other than a removed one: its output and its files can be looked at."""
    host = host_of(world)
    host.run(ContainerSpec("app", SLEEPER))

    host.stop("app", timedelta(seconds=1))

    found = host.get("app")
    assert not found.is_running
    assert found.exit_code is not None
    host.stop("app", timedelta(seconds=1))


def test_the_newest_output_stays_when_it_is_cut(world: World) -> None:
    lines = tuple(f"line {number}" for number in range(1000))
    image, command = world.script(FakeRun(output=lines, exit_code=0))
    host = host_of(world)
    host.run(ContainerSpec("app", image, command=command))
    host.wait("app", A_WHILE)

    assert host.logs("app", 1000).splitlines() == list(lines)
    assert host.logs("app", 1000, most_bytes=18) == "line 998\nline 999\n"


# --- files ---------------------------------------------------------------------------------------


def test_files_are_there_when_the_container_begins(world: World) -> None:
    """A script and what it reads, in folders that the image may not have."""
    host = host_of(world)
    files = {"/work/run.R": b"plot(1)\n", "/work/in/a b.csv": b"x;y\n", "/etc/extra": bytes(300)}

    host.run(ContainerSpec("app", SLEEPER, files=files))

    inside = host.fetch("app", "/work", MB)
    assert inside == {"run.R": b"plot(1)\n", "in/a b.csv": b"x;y\n"}
    assert host.fetch("app", "/etc/extra", MB) == {"extra": bytes(300)}


@pytest.mark.parametrize("path", ["work/a", "/../a", "/work/../../a", "", "/"])
def test_files_go_nowhere_else(world: World, path: str) -> None:
    host = host_of(world)

    with pytest.raises(EngineRefused):
        host.run(ContainerSpec("app", SLEEPER, files={path: b"x"}))

    assert host.containers(all=True) == []


@only_real
@pytest.mark.parametrize(
    ("user", "owner"), [(None, "0/0"), ("1000:50", "1000/50"), ("analyst", "1234/100")]
)
def test_files_belong_to_whom_the_program_runs_as(
    real: RealWorld, user: str | None, owner: str
) -> None:
    """So that it may write beside them; what the image had keeps its owner."""
    host = host_of(real)
    image, command = real.script(FakeRun(files={"/work/out/plot.png": b"PNG"}, exit_code=0))
    files = {"/work/run.R": b"x", "/etc/extra/conf": b"y"}

    host.run(ContainerSpec("app", image, command=command, user=user, files=files, is_confined=True))

    assert host.wait("app", A_WHILE) == 0, host.logs("app", 5)
    assert host.fetch("app", "/work/out", MB) == {"plot.png": b"PNG"}
    for path, mode in (("/work", "drwxr-xr-x"), ("/work/run.R", "-rw-r--r--")):
        listed = real.shell(f"docker cp app:{path} - | tar -tv --numeric-owner").splitlines()
        assert listed[0].split()[:2] == [mode, owner]
    listed = real.shell("docker cp app:/etc - | tar -tv --numeric-owner").splitlines()
    assert listed[0].split()[1] == "0/0"


def test_what_a_container_wrote_can_be_fetched(world: World) -> None:
    """After it has ended, too."""
    written = {"/work/plots/one.png": b"1", "/work/plots/deep/two.png": b"22", "/work/a.csv": b"3"}
    image, command = world.script(FakeRun(files=written, exit_code=0))
    host = host_of(world)
    host.run(ContainerSpec("app", image, command=command))
    host.wait("app", A_WHILE)

    assert host.fetch("app", "/work/plots", MB) == {"one.png": b"1", "deep/two.png": b"22"}
    assert host.fetch("app", "/work/plots/", MB) == {"one.png": b"1", "deep/two.png": b"22"}
    assert host.fetch("app", "/work/a.csv", MB) == {"a.csv": b"3"}
    assert host.fetch("app", "/work/none", MB) == {}


def test_too_much_is_not_fetched(world: World) -> None:
    written = {"/work/a": b"x" * 600, "/work/b": b"y" * 600}
    image, command = world.script(FakeRun(files=written, exit_code=0))
    host = host_of(world)
    host.run(ContainerSpec("app", image, command=command))
    host.wait("app", A_WHILE)

    assert len(host.fetch("app", "/work", 1200)) == 2
    with pytest.raises(TooLarge):
        host.fetch("app", "/work", 1199)


@only_real
def test_links_are_not_followed(real: RealWorld) -> None:
    """A script must not make the bot show what is elsewhere."""
    host = host_of(real)
    lines = "mkdir /work; echo a > /work/a; ln -s /etc/passwd /work/b; ln -s / /work/c; ln -s a /d"
    host.run(ContainerSpec("app", "ds-test/shell", command=("/bin/sh", "-c", lines)))
    host.wait("app", A_WHILE)

    assert host.fetch("app", "/work", MB) == {"a": b"a\n"}
    assert host.fetch("app", "/work/c", MB) == {}
    assert host.fetch("app", "/d", MB) == {}


# --- volumes -------------------------------------------------------------------------------------


def test_a_volume_outlives_its_container(world: World) -> None:
    image, command = world.script(FakeRun(files={"/data/a.csv": b"1;2"}, exit_code=0))
    mounts = (Mount("ds-data", "/data"),)
    host = host_of(world)
    host.run(ContainerSpec("first", image, command=command, mounts=mounts))
    host.wait("first", A_WHILE)
    host.remove("first")

    host.run(ContainerSpec("second", SLEEPER, mounts=mounts))

    assert host.fetch("second", "/data", MB) == {"a.csv": b"1;2"}


def test_a_volume_can_be_measured_and_archived(world: World) -> None:
    """With no container of its own; and looking at it leaves nothing behind."""
    written = {"/data/a.csv": b"x" * 5000, "/data/deep/b.csv": b"y" * 3000}
    image, command = world.script(FakeRun(files=written, exit_code=0))
    host = host_of(world)
    host.run(ContainerSpec("app", image, command=command, mounts=(Mount("ds-data", "/data"),)))
    host.wait("app", A_WHILE)
    host.remove("app")

    size, packed = host.volume_size("ds-data"), host.archive("ds-data", 8000)

    assert size is not None and 8000 <= size < 20_000
    assert host.volume_sizes(["ds-data", "nosuch"]) == {"ds-data": size}
    assert _files_in(packed) == {"a.csv": b"x" * 5000, "deep/b.csv": b"y" * 3000}
    with pytest.raises(TooLarge):
        host.archive("ds-data", 7999)
    assert host.containers(all=True) == []


@pytest.mark.parametrize("volume", ["nosuch", "", "..", "/etc", "x/../../images"])
def test_a_volume_that_is_not_there_is_not_made(world: World, volume: str) -> None:
    host = host_of(world)

    assert host.volume_size(volume) is None
    assert host.volume_sizes([volume]) == {}
    with pytest.raises(EngineRefused):
        host.archive(volume, MB)
    assert host.volume_size(volume) is None
    assert host.containers(all=True) == []


@pytest.mark.parametrize("volume", ["/etc", "..", ""])
def test_only_named_volumes_are_mounted(world: World, volume: str) -> None:
    """Never a folder of the VM's."""
    host = host_of(world)

    with pytest.raises(EngineRefused):
        host.run(ContainerSpec("app", SLEEPER, mounts=(Mount(volume, "/data"),)))

    assert host.containers(all=True) == []


@only_real
def test_a_volume_is_given_to_its_owner(real: RealWorld) -> None:
    """A new one belongs to root, and RStudio's user could not write there."""
    image, command = real.script(FakeRun(files={"/home/r/work/a": b"1"}, exit_code=0))
    mounts = (Mount("ds-data", "/home/r/work", owner=1000),)
    host = host_of(real)

    host.run(ContainerSpec("app", image, command=command, user="1000", mounts=mounts))

    assert host.wait("app", A_WHILE) == 0, host.logs("app", 5)


@only_real
def test_ten_gigabytes_are_never_read(real: RealWorld) -> None:
    host = host_of(real)
    host.run(ContainerSpec("app", SLEEPER, mounts=(Mount("ds-data", "/data"),)))
    real.shell("truncate -s 10G $(docker volume inspect -f '{{.Mountpoint}}' ds-data)/zeros")
    began = time.monotonic()

    with pytest.raises(TooLarge):
        host.archive("ds-data", 50 * MB)
    with pytest.raises(TooLarge):
        host.fetch("app", "/data", 50 * MB)

    assert time.monotonic() - began < 10
    assert (host.volume_size("ds-data") or 0) >= 10 * 2**30
    assert [found.name for found in host.containers(all=True)] == ["app"]


def _files_in(packed: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isreg()}
        return {name: file.read() for name, file in files.items() if file is not None}
