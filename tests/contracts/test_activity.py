"""What `ContainerHost.activity` promises, held against VMs in memory and real ones."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bot.adapters.docker_host import DockerHosts
from bot.adapters.ssh_keys import BotKey
from bot.errors import HostUnreachable
from bot.models import ContainerSpec
from tests.contracts.activity_worlds import (
    RSTUDIO,
    SHINY,
    ActivityWorld,
    FakeActivityWorld,
    RealActivityWorld,
    app_spec,
    container,
    grows,
    look_until,
    only_real,
)
from tests.contracts.host_worlds import SLEEPER, real_world, wipe

engine = pytest.mark.engine
A_MOMENT = timedelta(seconds=1)


@pytest.fixture(scope="module")
def vm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealActivityWorld]:
    """One real VM for the whole file, with RStudio and Shiny pulled."""
    from sandbox.hub.hub import Hub
    from sandbox.vms import VmContainers

    keys = tmp_path_factory.mktemp("keys")
    with Hub(is_public=False) as hub, real_world(VmContainers(hub.addresses), keys) as real:
        world = RealActivityWorld(real, keys / "somebody")
        for image in (RSTUDIO, SHINY):
            world.connection().pull(image, lambda progress: None)
        yield world


@pytest.fixture(params=["fake", pytest.param("real", marks=[engine, pytest.mark.slow])])
def world(request: pytest.FixtureRequest) -> Iterator[ActivityWorld]:
    if request.param == "fake":
        yield FakeActivityWorld()
        return
    found: RealActivityWorld = request.getfixturevalue("vm")
    yield found
    wipe(found.real)


@pytest.fixture
def real(world: ActivityWorld) -> RealActivityWorld:
    """The same, for what only a real VM can show."""
    assert isinstance(world, RealActivityWorld)
    return world


def run_rstudio(world: ActivityWorld) -> None:
    world.connection().run(app_spec("rstudio", RSTUDIO, 8787))


# --- the VM --------------------------------------------------------------------------------------


def test_a_vm_on_which_nothing_is(world: ActivityWorld) -> None:
    seen = world.connection().activity()

    assert seen.containers == ()
    assert seen.logins == 0
    assert seen.boot_id
    assert seen.cpu_s is not None


def test_looks_can_be_compared(world: ActivityWorld) -> None:
    """Counters mean something within one boot, and within one start of a container."""
    host = world.connection()
    host.run(ContainerSpec("app", SLEEPER))
    before = host.activity()
    world.pause()
    after = host.activity()

    assert after.at > before.at
    assert after.boot_id == before.boot_id
    assert (after.cpu_s or 0) >= (before.cpu_s or 0)
    first, second = container(before, "app"), container(after, "app")
    assert (first.id, first.started_at) == (second.id, second.started_at)


def test_a_plain_container_has_no_facts_of_r(world: ActivityWorld) -> None:
    host = world.connection()
    started = host.run(ContainerSpec("app", SLEEPER))

    found = container(host.activity(), "app")

    assert (found.id, found.image, found.app) == (started.id, SLEEPER, None)
    assert (found.sessions, found.session_cpu_s, found.is_executing) == (None, None, None)
    assert (found.viewers, found.connections) == (None, 0)
    assert found.cpu_s is not None and found.network_bytes is not None


def test_a_container_that_computes_shows(world: ActivityWorld) -> None:
    host = world.connection()
    host.run(ContainerSpec("sleeper", SLEEPER))
    host.run(world.computer())
    before = host.activity()

    after = look_until(world, grows(lambda seen: container(seen, "computer").cpu_s, before))

    assert grows(lambda seen: seen.cpu_s, before)(after)
    assert not grows(lambda seen: container(seen, "sleeper").cpu_s, before)(after)


def test_what_has_ended_is_left_out(world: ActivityWorld) -> None:
    host = world.connection()
    started = host.run(ContainerSpec("app", SLEEPER))
    host.stop(started.id, timedelta(0))

    assert host.activity().containers == ()


# --- RStudio -------------------------------------------------------------------------------------


def test_rstudio_without_anybody_has_no_session(world: ActivityWorld) -> None:
    run_rstudio(world)

    found = container(world.connection().activity(), "rstudio")

    assert found.app == "rstudio"
    assert (found.sessions, found.is_executing, found.viewers) == (0, False, None)


def test_an_untouched_tab_is_a_session_at_rest(world: ActivityWorld) -> None:
    """Its page polls for ever; nothing else tells it from one that is used."""
    run_rstudio(world)
    with world.tab():
        seen = look_until(world, lambda seen: container(seen, "rstudio").sessions == 1)
        found = container(seen, "rstudio")

        assert found.connections
        assert found.is_executing is False
        used_at = found.last_used_at
        assert used_at is not None

    left = look_until(world, lambda seen: container(seen, "rstudio").connections == 0)
    found = container(left, "rstudio")
    assert (found.sessions, found.last_used_at) == (1, used_at)


@pytest.mark.parametrize("way", ["compute", "compute_in_child"])
def test_a_silent_computation_shows_without_any_page(world: ActivityWorld, way: str) -> None:
    """The ten-hour loop that others cull."""
    run_rstudio(world)
    with world.tab() as tab:
        getattr(tab, way)()
    before = look_until(world, lambda seen: container(seen, "rstudio").connections == 0)

    after = look_until(world, grows(lambda seen: container(seen, "rstudio").session_cpu_s, before))

    found = container(after, "rstudio")
    assert (found.sessions, found.is_executing) == (1, True)
    look_until(world, grows(lambda seen: container(seen, "rstudio").cpu_s, before))


def test_r_that_waits_says_that_it_executes(world: ActivityWorld) -> None:
    """It uses no CPU, as when it waits for a database."""
    run_rstudio(world)
    with world.tab() as tab:
        tab.sleep()
        before = look_until(world, lambda seen: container(seen, "rstudio").is_executing is True)
        for _ in range(5):
            world.pause()
        after = world.connection().activity()

        assert container(after, "rstudio").is_executing is True
        assert not grows(lambda seen: container(seen, "rstudio").session_cpu_s, before)(after)

        tab.interrupt()
        look_until(world, lambda seen: container(seen, "rstudio").is_executing is False)


def test_a_suspended_session_is_none(world: ActivityWorld) -> None:
    run_rstudio(world)
    with world.tab():
        look_until(world, lambda seen: container(seen, "rstudio").sessions == 1)

    world.suspend()

    seen = look_until(world, lambda seen: container(seen, "rstudio").sessions == 0)
    found = container(seen, "rstudio")
    assert found.is_executing is False
    assert found.last_used_at is not None


@only_real
def test_a_killed_session_computes_no_more(real: RealActivityWorld) -> None:
    """It had no chance to say so."""
    run_rstudio(real)
    with real.tab() as tab:
        tab.sleep()
    look_until(real, lambda seen: container(seen, "rstudio").is_executing is True)

    real.real.shell("docker exec rstudio pkill -9 rsession")
    look_until(real, lambda seen: container(seen, "rstudio").sessions == 0)
    time.sleep(6)  # what is written within 5 s of a session's begin counts as its own
    with real.tab():
        seen = look_until(real, lambda seen: container(seen, "rstudio").sessions == 1)

    assert container(seen, "rstudio").is_executing is False


# --- Shiny ---------------------------------------------------------------------------------------


def test_a_live_viewer_shows_and_an_abandoned_app_does_not(world: ActivityWorld) -> None:
    world.connection().run(app_spec("shiny", SHINY, 3838))
    assert container(world.connection().activity(), "shiny").viewers == 0

    with world.viewer():
        seen = look_until(world, lambda seen: (container(seen, "shiny").viewers or 0) >= 1)
        found = container(seen, "shiny")
        assert found.connections
        assert found.sessions is None

    look_until(world, lambda seen: container(seen, "shiny").viewers == 0)


# --- logins --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["sleep 1000", "docker events", None])
def test_somebody_elses_connection_is_a_login(world: ActivityWorld, command: str | None) -> None:
    """Also one through which only ports are forwarded."""
    with world.login(command):
        look_until(world, lambda seen: seen.logins == 1)

    look_until(world, lambda seen: seen.logins == 0)


@only_real
def test_the_bots_own_connections_are_none(real: RealActivityWorld) -> None:
    """With many channels, of replicas, and after the connection was made anew."""
    replica = DockerHosts(BotKey(real.keys.parent / "bot"))
    try:
        other = replica.on(real.real.access)
        host = real.connection()
        with ThreadPoolExecutor(16) as pool:
            looks = list(pool.map(lambda one: one.activity(), [host, other] * 8))
        assert {look.logins for look in looks} == {0}

        real.real.cut_connections()
        assert {host.activity().logins, other.activity().logins} == {0}
    finally:
        replica.close()


@only_real
def test_who_was_not_let_in_is_no_login(real: RealActivityWorld) -> None:
    """Half the internet knocks at a VM's port 22."""
    with socket.create_connection((real.real.access.address, 22)) as stranger:
        assert stranger.recv(10).startswith(b"SSH-2.0")

        assert real.connection().activity().logins == 0


# --- what cannot be read -------------------------------------------------------------------------


@only_real
def test_without_its_engine_the_rest_of_a_vm_is_seen(real: RealActivityWorld) -> None:
    """The containers are unknown then, and not none, and nobody waits longer than was said."""
    host = real.connection()
    run_rstudio(real)
    whole = host.activity()
    real.real.shell("pkill -STOP -x dockerd")
    try:
        began = time.monotonic()
        seen = host.activity(2 * A_MOMENT)
        took = time.monotonic() - began
    finally:
        real.real.shell("pkill -CONT -x dockerd")

    assert seen.containers is None
    assert (seen.boot_id, seen.logins) == (whole.boot_id, 0)
    assert took < 4
    assert container(host.activity(), "rstudio").sessions == 0


@only_real
def test_a_vm_that_hangs_is_given_up(real: RealActivityWorld) -> None:
    """A look must not wait for one VM longer than it was told."""
    host = real.connection()
    host.activity()
    ours = "$(pgrep -f '^sshd: root@notty' | grep -v \"^$PPID$\")"
    real.real.shell(f"kill -STOP {ours}")
    try:
        began = time.monotonic()
        with pytest.raises(HostUnreachable):
            host.activity(A_MOMENT)
        assert time.monotonic() - began < 5
    finally:
        real.real.shell(f"kill -CONT {ours}")

    assert host.activity().containers == ()


@only_real
def test_a_look_leaves_nothing_behind(real: RealActivityWorld) -> None:
    host = real.connection()
    count = (
        "find / -xdev -newer /proc/1 -type f 2>/dev/null | grep -v -e ^/proc -e ^/var/lib | wc -l"
    )
    before = real.real.shell(count)
    host.activity()

    assert real.real.shell(count) == before
    assert "ds-bot-activity" not in real.real.shell("ps -eo args | grep -v grep")


# --- another boot --------------------------------------------------------------------------------


def test_a_facts_of_the_fake_can_be_unreadable() -> None:
    world = FakeActivityWorld()
    run_rstudio(world)
    world.vm.doing.unreadable |= {"logins", "rstudio.sessions"}

    seen = world.connection().activity()

    assert seen.logins is None and seen.boot_id
    assert container(seen, "rstudio").sessions is None
    world.vm.doing.unreadable |= {"containers"}
    assert world.connection().activity().containers is None


def test_another_boot_is_told_apart_in_memory() -> None:
    world = FakeActivityWorld()
    world.connection().run(world.computer())
    world.pause()
    before = world.connection().activity()

    world.vm.reboot()

    after = world.connection().activity()
    assert after.boot_id != before.boot_id
    assert after.containers == ()
    assert (after.cpu_s or 0) < (before.cpu_s or 0)


@only_real
def test_another_boot_is_told_apart(real: RealActivityWorld) -> None:
    """The last test: the VM is another one afterwards."""
    before = real.connection().activity()
    machine = real.real.shell("hostname")
    from sandbox.engine import local_engine

    with local_engine() as api:
        (row,) = [
            each
            for each in api.containers(filters={"label": "ds-bot.test=container-host"})
            if real.real.access.address in str(each["NetworkSettings"])
        ]
        api.restart(row["Id"], timeout=20)

    def answers() -> bool:
        try:
            real.real.shell("true")  # the tests' own connection broke, too
            return real.connection().activity(A_MOMENT * 5).containers is not None
        except HostUnreachable:
            return False

    deadline = time.monotonic() + 60
    while not answers():
        assert time.monotonic() < deadline, f"{machine} does not come back"
        real.pause()

    after = real.connection().activity()
    assert after.boot_id != before.boot_id
    assert after.containers == ()
