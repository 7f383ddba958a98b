"""Where looking at a VM is tried: one in memory, and a real one with RStudio and Shiny on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import paramiko
import pytest

from bot.activity import ContainerActivity, VmActivity
from bot.adapters.ssh_keys import BotKey
from bot.models import ContainerSpec, PortBinding
from bot.ports import ContainerHost
from tests.contracts.host_worlds import FakeWorld, RealWorld, host_of
from tests.fakes.activity import FakeUse
from tests.fakes.clock import FakeClock
from tests.fakes.hosts import FakeHost, FakeHosts, FakeImage, FakeRun
from tests.pages import RStudioTab, ShinyViewer

only_real = pytest.mark.parametrize(
    "world",
    [pytest.param("real", marks=[pytest.mark.engine, pytest.mark.slow])],
    indirect=True,
)
"""For what only a real VM can show."""

RSTUDIO, SHINY = "rocker/rstudio", "rocker/shiny"
PASSWORD = "a password"
_STEP = timedelta(seconds=0.2)
_PATIENCE_S = 90.0
Page = TypeVar("Page", RStudioTab, ShinyViewer)
_GROWN_S = 0.3  # CPU time that shows that something computes


class Tab(Protocol):
    """A person's tab with RStudio."""

    def compute(self) -> None:
        """R computes, prints nothing and does not end."""

    def compute_in_child(self) -> None:
        """The same in a program that R waits for."""

    def sleep(self) -> None:
        """R waits, and does not end."""

    def interrupt(self) -> None:
        """R is at rest again."""


class ActivityWorld(Protocol):
    """One VM, and people who use it."""

    def connection(self) -> ContainerHost: ...

    def pause(self) -> None:
        """A moment passes."""

    def computer(self) -> ContainerSpec:
        """Of a container that computes for ever."""

    def tab(self) -> AbstractContextManager[Tab]:
        """Somebody opens the page of the container "rstudio"; leaving closes it."""

    def suspend(self) -> None:
        """RStudio's sessions are suspended."""

    def viewer(self) -> AbstractContextManager[None]:
        """Somebody looks at the app in the container "shiny"."""

    def login(self, command: str | None) -> AbstractContextManager[None]:
        """Somebody connects with another key, to run a command or to do nothing."""


def look_until(
    world: ActivityWorld, holds: Callable[[VmActivity], bool], host: ContainerHost | None = None
) -> VmActivity:
    """The first look of which that holds."""
    host = host or world.connection()
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        seen = host.activity()
        if holds(seen):
            return seen
        assert time.monotonic() < deadline, f"it never held; last: {seen}"
        world.pause()


def container(seen: VmActivity, name: str) -> ContainerActivity:
    assert seen.containers is not None
    return next(each for each in seen.containers if each.name == name)


def grows(read: Callable[[VmActivity], float | None], since: VmActivity) -> Callable[..., bool]:
    """Whether a counter has grown since a look."""

    def has_grown(seen: VmActivity) -> bool:
        now, before = read(seen), read(since)
        return now is not None and before is not None and now - before >= _GROWN_S

    return has_grown


def app_spec(app: str, image: str, port: int) -> ContainerSpec:
    """As the bot starts it, under the app's name."""
    return ContainerSpec(
        app,
        image,
        environment={"PASSWORD": PASSWORD},
        labels={"ds-bot": "1", "ds-bot.app": app},
        ports=(PortBinding(port, port),),
    )


@dataclass
class FakeActivityWorld:
    """In memory, on a clock that moves when somebody waits."""

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        fake = FakeWorld.boot()
        vm = FakeHost(now=self.clock.now, sleep=self.clock.sleep)
        vm.images = dict(fake.vm.images)
        vm.images |= {f"{name}:latest": FakeImage() for name in (RSTUDIO, SHINY)}
        hosts = FakeHosts()
        hosts.boot(fake.access.address, vm)
        self._world = FakeWorld(hosts, vm)
        self.vm = vm

    def connection(self) -> ContainerHost:
        return host_of(self._world)

    def pause(self) -> None:
        self.clock.advance(_STEP)

    def computer(self) -> ContainerSpec:
        image, command = self._world.script(FakeRun(cpus=1.0))
        return ContainerSpec("computer", image, command=command)

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        tab = _FakeTab(self.vm, FakeUse(connections=1, sessions=1, last_used_at=self.clock.now()))
        yield tab
        tab.use(connections=0)

    def suspend(self) -> None:
        self.vm.doing.use("rstudio", FakeUse(sessions=0, last_used_at=self.clock.now()))

    @contextmanager
    def viewer(self) -> Iterator[None]:
        self.vm.doing.use("shiny", FakeUse(connections=1, viewers=1))
        yield
        self.vm.doing.use("shiny", FakeUse())

    @contextmanager
    def login(self, command: str | None) -> Iterator[None]:
        self.vm.doing.logins += 1
        yield
        self.vm.doing.logins -= 1


class _FakeTab:
    def __init__(self, vm: FakeHost, use: FakeUse) -> None:
        self._vm = vm
        self._facts: dict[str, Any] = {
            "sessions": 1,
            "connections": 1,
            "last_used_at": use.last_used_at,
        }
        self.use()

    def use(self, **facts: object) -> None:
        self._facts |= facts
        self._vm.doing.use("rstudio", FakeUse(**self._facts))

    def compute(self) -> None:
        self.use(cpus=1.0, session_cpus=1.0, is_executing=True)

    compute_in_child = compute

    def sleep(self) -> None:
        self.use(cpus=0.0, session_cpus=0.0, is_executing=True)

    def interrupt(self) -> None:
        self.use(cpus=0.0, session_cpus=0.0, is_executing=False)


@dataclass
class RealActivityWorld:
    """A VM of the sandbox."""

    real: RealWorld
    keys: Path

    def connection(self) -> ContainerHost:
        return host_of(self.real)

    def pause(self) -> None:
        threading.Event().wait(_STEP.total_seconds())

    def computer(self) -> ContainerSpec:
        command = ("/bin/sh", "-c", "while :; do :; done")
        return ContainerSpec("computer", "ds-test/shell", command=command)

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        with self._open(lambda: RStudioTab(self._url(8787), PASSWORD)) as tab:
            yield _RealTab(tab)

    def suspend(self) -> None:
        self.real.shell("docker exec rstudio rstudio-server suspend-all")

    @contextmanager
    def viewer(self) -> Iterator[None]:
        with self._open(lambda: ShinyViewer(self._url(3838))):
            yield

    @contextmanager
    def login(self, command: str | None) -> Iterator[None]:
        """With paramiko itself: the bot's own client says whose it is."""
        key = BotKey(self.keys)
        self.real.shell(f"echo '{key.public}' >> /root/.ssh/authorized_keys")
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            self.real.access.address,
            username="root",
            pkey=key.private,
            look_for_keys=False,
            allow_agent=False,
        )
        with client:
            if command is not None:
                client.exec_command(command)
            yield

    def _url(self, port: int) -> str:
        return f"http://{self.real.access.address}:{port}/"

    @staticmethod
    @contextmanager
    def _open(begin: Callable[[], Page]) -> Iterator[Page]:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                page = begin()
                break
            except OSError:
                assert time.monotonic() < deadline, "the page does not come up"
                threading.Event().wait(_STEP.total_seconds())
        with page:
            yield page


class _RealTab:
    def __init__(self, tab: RStudioTab) -> None:
        self._tab = tab

    def compute(self) -> None:
        self._begin("repeat sqrt(2)")

    def compute_in_child(self) -> None:
        self._begin("system('while :; do :; done')")

    def sleep(self) -> None:
        self._begin("Sys.sleep(1e6)")

    def interrupt(self) -> None:
        before = self._tab.seen.count("Interrupted")
        self._tab.interrupt()
        deadline = time.monotonic() + _PATIENCE_S
        while self._tab.seen.count("Interrupted") == before:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)

    def _begin(self, code: str) -> None:
        before = self._tab.seen.count("begun")
        self._tab.give(f"cat('begun\\n'); {code}")
        deadline = time.monotonic() + _PATIENCE_S
        while self._tab.seen.count("begun") == before:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
