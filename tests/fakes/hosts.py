"""VMs with a Docker Engine, and the pages in their containers, in memory.

Held to the same contract as the real thing (tests/contracts/test_container_host.py).

    hosts = FakeHosts()
    vm = hosts.boot("10.0.0.5", catalogue={"rocker/shiny": FakeImage()})
    vm.taken_ports.add(3838)            # somebody outside Docker listens there
    vm.fail("run", HostUnreachable("lost"), after=True)    # done, but the answer is lost
    web = FakeWeb(hosts)                # a page answers while its container runs
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot.errors import (
    ContainerNotFound,
    EngineMissing,
    EngineRefused,
    HostError,
    HostKeyMismatch,
    HostUnreachable,
    ImageNotFound,
    NameTaken,
    PortTaken,
)
from bot.models import Container, ContainerSpec, Engine, HostAccess, PullProgress

FAKE_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake"


@dataclass(frozen=True)
class FakeImage:
    """What a registry has under a name, and how a container of it behaves."""

    layer_bytes: tuple[int, ...] = (1_000, 20_000)
    environment: dict[str, str] = field(default_factory=dict)
    output: tuple[str, ...] = ()
    exit_code: int | None = None  # not None: it ends at once, with this code


@dataclass
class _Running:
    """A container and what belongs to it."""

    container: Container
    environment: dict[str, str]
    output: tuple[str, ...]


@dataclass(frozen=True)
class _Fault:
    method: str
    error: HostError
    is_after: bool


class FakeHost:
    """One VM: its state, its knobs, and `calls`, the log of (method, arguments)."""

    def __init__(
        self,
        *,
        catalogue: dict[str, FakeImage] | None = None,
        has_engine: bool = True,
        shows_key: str = FAKE_HOST_KEY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.catalogue = {_tagged(name): image for name, image in (catalogue or {}).items()}
        self.images: dict[str, FakeImage] = {}
        self.has_engine = has_engine
        self.install_error: EngineRefused | None = None
        self.is_reachable = True
        self.shows_key = shows_key
        self.taken_ports: set[int] = set()
        self.calls: list[tuple[str, tuple[object, ...]]] = []
        self._now = now
        self._containers: dict[str, _Running] = {}
        self._faults: list[_Fault] = []
        self._lock = threading.RLock()

    def offer(self, name: str, image: FakeImage) -> None:
        """Put an image into the registry that this VM pulls from."""
        self.catalogue[_tagged(name)] = image

    def fail(self, method: str, error: HostError, *, after: bool = False) -> None:
        """The next call of `method` raises: before it does anything, or `after` it is done."""
        self._faults.append(_Fault(method, error, after))

    def stop(self, container_id: str, exit_code: int = 0) -> None:
        """A container ends by itself."""
        with self._lock:
            running = self._find(container_id)
            running.container = replace(
                running.container,
                is_running=False,
                status=f"Exited ({exit_code}) Less than a second ago",
                ports=(),
                exit_code=exit_code,
            )

    def listens(self, port: int) -> bool:
        """Whether a running container is published at that port of the VM."""
        with self._lock:
            return self.is_reachable and port in self._published()

    @contextmanager
    def call(self, method: str, *arguments: object, needs_engine: bool = True) -> Iterator[None]:
        """Around each call: logged, one at a time, with the faults that were asked for."""
        with self._lock:
            self.calls.append((method, arguments))
            if not self.is_reachable:
                raise HostUnreachable("The VM does not answer over SSH.")
            self._raise_fault(method, is_after=False)
            if needs_engine and not self.has_engine:
                raise EngineMissing("No Docker Engine answers on the VM.")
            yield
            self._raise_fault(method, is_after=True)

    def _raise_fault(self, method: str, *, is_after: bool) -> None:
        for fault in self._faults:
            if fault.method == method and fault.is_after is is_after:
                self._faults.remove(fault)
                raise fault.error

    # What the connections below do to the VM, each inside `call`.

    def _engine(self) -> Engine:
        running = sum(one.container.is_running for one in self._containers.values())
        return Engine("20.10.24", "Debian GNU/Linux 12 (bookworm)", 2, 2**30, running)

    def _pull(self, image: str) -> str:
        name = _tagged(image)
        if name not in self.catalogue:
            raise ImageNotFound("No registry has that image, or it is not public.")
        self.images[name] = self.catalogue[name]
        return _image_id(name)

    def _run(self, spec: ContainerSpec) -> Container:
        image = self.images.get(_tagged(spec.image))
        if image is None:
            raise ImageNotFound("No registry has that image, or it is not public.")
        if any(one.container.name == spec.name for one in self._containers.values()):
            raise NameTaken("A container of that name exists on the VM.")
        wanted = {binding.host_port for binding in spec.ports}
        if wanted & (self._published() | self.taken_ports):
            raise PortTaken("That port is in use on the VM.")
        container = self._started(spec)
        environment = image.environment | spec.environment
        self._containers[container.id] = _Running(container, environment, image.output)
        if image.exit_code is not None:
            self.stop(container.id, image.exit_code)
        return self._containers[container.id].container

    def _started(self, spec: ContainerSpec) -> Container:
        return Container(
            id=secrets.token_hex(32),
            name=spec.name,
            image=spec.image,
            command=" ".join(spec.command),
            created_at=self._now(),
            is_running=True,
            status="Up Less than a second",
            ports=tuple(sorted(spec.ports, key=lambda binding: binding.container_port)),
            labels=dict(spec.labels),
        )

    def _list(self, everything: bool, label: str | None) -> list[Container]:
        found = [one.container for one in reversed(self._containers.values())]
        return [
            container
            for container in found
            if (everything or container.is_running) and _is_labelled(container, label)
        ]

    def _find(self, container_id: str) -> _Running:
        by_name = [one for one in self._containers.values() if one.container.name == container_id]
        by_id = [one for key, one in self._containers.items() if key.startswith(container_id)]
        if not container_id or not (by_name or by_id):
            raise ContainerNotFound("There is no such container (any more).")
        return (by_name or by_id)[0]

    def _remove(self, container_id: str) -> None:
        try:
            del self._containers[self._find(container_id).container.id]
        except ContainerNotFound:
            return

    def _published(self) -> set[int]:
        return {
            binding.host_port
            for one in self._containers.values()
            for binding in one.container.ports
            if one.container.is_running
        }


class FakeConnection:
    """A `bot.ports.ContainerHost`: one way to reach a FakeHost, or an address where none is."""

    def __init__(self, host: FakeHost | None, access: HostAccess) -> None:
        self._vm = host
        self._access = access

    def host_key(self) -> str:
        with self._host().call("host_key", needs_engine=False):
            return self._host().shows_key

    def engine(self) -> Engine:
        with self._host().call("engine"):
            return self._host()._engine()

    def install_engine(self, tell: Callable[[str], None]) -> None:
        host = self._host()
        with host.call("install_engine", needs_engine=False):
            if host.has_engine:
                return
            tell("Setting up docker.io ...")
            if host.install_error is not None:
                raise host.install_error
            host.has_engine = True

    def has_image(self, image: str) -> bool:
        with self._host().call("has_image", image):
            return _tagged(image) in self._host().images

    def pull(self, image: str, tell: Callable[[PullProgress], None]) -> str:
        host = self._host()
        with host.call("pull", image):
            image_id = host._pull(image)
            for progress in _progress(host.images[_tagged(image)].layer_bytes):
                tell(progress)
            return image_id

    def run(self, spec: ContainerSpec) -> Container:
        with self._host().call("run", spec):
            return self._host()._run(spec)

    def containers(self, *, all: bool = False, label: str | None = None) -> list[Container]:
        with self._host().call("containers", all, label):
            return self._host()._list(all, label)

    def get(self, container_id: str) -> Container:
        with self._host().call("get", container_id):
            return self._host()._find(container_id).container

    def environment(self, container_id: str) -> dict[str, str]:
        with self._host().call("environment", container_id):
            return dict(self._host()._find(container_id).environment)

    def logs(self, container_id: str, tail: int) -> str:
        with self._host().call("logs", container_id, tail):
            output = self._host()._find(container_id).output
            return "".join(f"{line}\n" for line in output[max(0, len(output) - tail) :])

    def remove(self, container_id: str) -> None:
        with self._host().call("remove", container_id):
            self._host()._remove(container_id)

    def _host(self) -> FakeHost:
        """The VM, if it is there and is the one that was meant."""
        if self._vm is None:
            raise HostUnreachable("The VM does not answer over SSH.")
        if self._vm.is_reachable and self._access.host_key not in (None, self._vm.shows_key):
            raise HostKeyMismatch("The machine is not the VM it should be.")
        return self._vm


class FakeHosts:
    """A `bot.ports.ContainerHosts`. Nothing answers at an address before a VM is booted there.

    `anywhere` makes the VM at an address that nobody booted, for tests whose addresses come from
    a fake cloud: `FakeHosts(anywhere=lambda access: FakeHost())`.
    """

    def __init__(self, anywhere: Callable[[HostAccess], FakeHost | None] = lambda _: None) -> None:
        self._anywhere = anywhere
        self._by_address: dict[str, FakeHost] = {}
        self._lock = threading.Lock()
        self.forgotten: list[HostAccess] = []

    def boot(self, address: str, host: FakeHost | None = None, /, **knobs: object) -> FakeHost:
        """A VM at that address: the given one, or a new one made with `FakeHost`'s arguments."""
        self._by_address[address] = host or FakeHost(**knobs)  # type: ignore[arg-type]
        return self._by_address[address]

    def at(self, address: str) -> FakeHost:
        """The VM at that address, to look at and to meddle with."""
        return self._by_address[address]

    def on(self, access: HostAccess) -> FakeConnection:
        with self._lock:
            if access.address not in self._by_address:
                host = self._anywhere(access)
                if host is None:
                    return FakeConnection(None, access)
                self._by_address[access.address] = host
            return FakeConnection(self._by_address[access.address], access)

    def forget(self, access: HostAccess) -> None:
        self.forgotten.append(access)

    def public_key(self) -> str:
        return FAKE_HOST_KEY + " ds-bot"

    def listens(self, address: str | None, port: int | None) -> bool:
        """Whether a running container is published there."""
        host = self._by_address.get(address or "")
        return host is not None and port is not None and host.listens(port)


class FakeWeb:
    """A `bot.ports.Web`: a page answers while a container is published at its address and port.

    `silent` has URLs that never answer; `slow` says how often a URL answers no before it does.
    """

    def __init__(self, hosts: FakeHosts) -> None:
        self._hosts = hosts
        self.silent: set[str] = set()
        self.slow: dict[str, int] = {}
        self.asked: list[str] = []

    def answers(self, url: str, timeout: timedelta) -> bool:
        self.asked.append(url)
        if url in self.silent:
            return False
        if self.slow.get(url, 0) > 0:
            self.slow[url] -= 1
            return False
        parts = urlsplit(url)
        return self._hosts.listens(parts.hostname, parts.port or 80)


def _tagged(image: str) -> str:
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"


def _image_id(tagged: str) -> str:
    return "sha256:" + hashlib.sha256(tagged.encode()).hexdigest()


def _is_labelled(container: Container, label: str | None) -> bool:
    if label is None:
        return True
    key, equals, value = label.partition("=")
    return key in container.labels and (not equals or container.labels[key] == value)


def _progress(layers: tuple[int, ...]) -> Iterator[PullProgress]:
    """Half of each layer, then all of it, then unpacked layer by layer."""
    total = sum(layers)
    halves = itertools.chain.from_iterable((size // 2, size - size // 2) for size in layers)
    for done in itertools.accumulate(halves):
        yield PullProgress(done, total, 0, len(layers))
    for complete in range(1, len(layers) + 1):
        yield PullProgress(total, total, complete, len(layers), phase="extracting")
