"""Stories that the crash tests tell again and again, each time with another thing going wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bot.errors import CloudUnknown
from bot.models import CloudVm, OperationState, VmState
from tests.fakes.hosts import FakeImage
from tests.fakes.r import PLOT, r_image, r_run
from tests.services.world import JANE, JIHOON, World

LAG = timedelta(seconds=30)


@dataclass(frozen=True)
class Story:
    """before: what is there already, undisturbed. act: what is asked for, as operation ids.

    skip: beginnings of effects that another story strikes already.
    """

    name: str
    act: Callable[[World], list[str]]
    before: Callable[[World], object] = lambda world: None
    list_lag: timedelta = timedelta(0)
    skip: tuple[str, ...] = ()

    def begin(self, home: Path) -> World:
        """The world when everything that is there already is there."""
        world = World(home, list_lag=self.list_lag)
        with world.meddling.off():
            self.before(world)
        return world

    def told(self, world: World) -> list[OperationState]:
        """Have it happen; gives how each operation ended."""
        ids = self.act(world)
        world.run()
        return [world.state(op_id) for op_id in ids]


def somebodys(world: World, name: str) -> CloudVm:
    """A VM that was ordered by hand."""
    now = world.sim.now()
    vm = CloudVm(
        id=77, hostname=name, domain=world.policy.vm.domain, request_id=None,
        public_ip="192.0.2.200", private_ip=None, ordered_at=now - timedelta(days=9),
        provisioned_at=now - timedelta(days=9), transaction=None, is_running=True,
        is_hourly=True, hourly_rate=None, tags=frozenset(),
    )  # fmt: skip
    world.cloud.put(vm)
    return vm


def needs_attention(world: World, name: str = "web") -> str:
    """A VM whose preparation failed."""
    world.ssh_delay = timedelta(hours=1)
    op_id = world.ask(f"vm {name}")
    world.run()
    assert world.vm(op_id).state is VmState.ATTENTION
    world.sim.advance(timedelta(hours=1))
    world.ssh_delay = timedelta(seconds=20)
    return op_id


def perhaps_ordered(world: World) -> None:
    """A VM of which nobody knows whether it was ordered: it was."""
    world.cloud.list_lag = LAG
    world.cloud.lose_answer("order")
    op_id = world.ask("vm web")
    silent = CloudUnknown("silent")
    world.later(timedelta(seconds=1), lambda: world.cloud.fail("find", silent, times=60))
    world.run()
    world.cloud._faults.clear()
    assert world.vm(op_id).state is VmState.ATTENTION
    assert world.vm(op_id).cloud_id is None


def a_vm(world: World) -> str:
    return world.has_vm("web")


def two_containers(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio")
    world.done("shiny")


def kill_both(world: World) -> list[str]:
    with world.meddling.off():
        ids = [one.short_id for one in world.hosts.at("192.0.2.1")._list(True, None)]
    return [world.ask(f"kill {' '.join(ids)}")]


def stop_both(world: World) -> list[str]:
    with world.meddling.off():
        ids = [one.short_id for one in world.hosts.at("192.0.2.1")._list(True, None)]
    return [world.ask(f"stop {' '.join(ids)}")]


def a_pulled_image(world: World) -> None:
    world.has_vm("web")
    world.done("pull rocker/shiny")


def cancelled_during_boot(world: World) -> list[str]:
    asked = [world.ask("vm web")]
    world.later(timedelta(seconds=30), lambda: asked.append(world.ask("vm cancel web")))
    return asked


def cancelled_during_order(world: World) -> list[str]:
    """The order's answer was lost, and the VM is not listed yet."""
    world.cloud.lose_answer("order")
    asked = [world.ask("vm web")]
    world.later(timedelta(seconds=5), lambda: asked.append(world.ask("vm cancel web")))
    return asked


def app_and_order(world: World) -> list[str]:
    """RStudio is asked for while the VM is being made."""
    return [world.ask("vm web"), world.ask("rstudio")]


def ends_at_once(world: World) -> None:
    world.images["rocker/shiny"] = FakeImage(output=("no licence",), exit_code=3)
    world.has_vm("web")


def a_short_program(world: World) -> None:
    world.images["rocker/r-base"] = FakeImage(output=("2",), exit_code=0)
    world.has_vm("web")


def r_that_draws(world: World) -> None:
    """R that prints more than a message shows, draws, and takes a while."""
    run = r_run("x\n" * 2000, plots=[PLOT, PLOT], kept="yes", lasts=timedelta(seconds=3))
    world.images["rocker/r-base"] = r_image(lambda code: run)
    world.has_vm("web")


def saved_work(world: World) -> None:
    """An RStudio whose container is gone, and what was written in it."""
    world.has_vm("web")
    world.done("rstudio")
    with world.meddling.off():
        [container] = world.machines()[0]._list(True, None)
    world.done(f"kill {container.short_id}")
    world.machines()[0].volumes["ds-u0jane-workspace"]["thesis.R"] = b"x <- 1"


def work_at_rest(world: World) -> None:
    """An RStudio that runs with work in it, to be saved by the product itself."""
    world.saver.is_real = True
    world.has_vm("web")
    world.done("rstudio")
    world.machines()[0].volumes["ds-u0jane-workspace"]["thesis.R"] = b"x <- 1"


def released(world: World) -> None:
    """The same, saved and cancelled."""
    work_at_rest(world)
    world.done("vm release web")


STORIES = [
    Story("vm", lambda world: [world.ask("vm web")], list_lag=LAG),
    Story("vm plain", lambda world: [world.ask("vm web --image plain")]),
    Story("vm, name taken", lambda world: [world.ask("vm web")],
          lambda world: somebodys(world, "web")),
    Story("vm prepare", lambda world: [world.ask("vm prepare web")], needs_attention),
    Story("vm prepare, id unknown", lambda world: [world.ask("vm prepare web")], perhaps_ordered),
    Story("vm cancel", lambda world: [world.ask("vm cancel web")], a_vm),
    Story("vm cancel, not yours", lambda world: [world.ask("vm cancel web", JIHOON)], a_vm),
    Story("vm cancel during the boot", cancelled_during_boot, skip=("identity.",)),
    Story("vm cancel during the order", cancelled_during_order, list_lag=LAG, skip=("identity.",)),
    Story("rstudio", lambda world: [world.ask("rstudio")], a_vm),
    Story("rstudio before the VM is ready", app_and_order,
          skip=("cloud.", "identity.", "chat.", "host")),
    Story("shiny ends at once", lambda world: [world.ask("shiny")], ends_at_once),
    Story("run --rm", lambda world: [world.ask("run rocker/r-base --rm")], a_short_program,
          skip=("chat.", "identity.", "cloud.")),
    Story("run", lambda world: [world.ask("run rocker/r-base -p 80:80")], a_short_program,
          skip=("chat.", "identity.", "cloud.", "operations.")),
    Story("r", lambda world: [world.ask("r --keep plot(1)")], r_that_draws,
          skip=("identity.", "cloud.", "vms.", "hosts.")),
    Story("kill two", kill_both, two_containers),
    Story("stop two", stop_both, two_containers, skip=("chat.", "operations.")),
    Story("rmi", lambda world: [world.ask("rmi rocker/shiny")], a_pulled_image,
          skip=("chat.", "operations.")),
    Story("export", lambda world: [world.ask("export rstudio --here")], saved_work,
          skip=("identity.", "cloud.")),
    Story("export to one alone", lambda world: [world.ask("export --private")], saved_work,
          skip=("identity.", "cloud.", "host", "vms.", "operations.")),
    Story("vm release", lambda world: [world.ask("vm release web")], work_at_rest,
          skip=("identity.", "operations.")),
    Story("restore", lambda world: [world.ask("restore web")], released,
          skip=("chat.", "identity.", "operations.", "cloud.")),
    Story("two people at once",
          lambda world: [world.ask("vm web", JANE), world.ask("vm web", JIHOON)],
          skip=("host", "identity.", "cloud.get")),
]  # fmt: skip
