"""VMs with a Docker Engine, and the pages in their containers, in memory.

Held to the same contract as the real thing (tests/contracts/test_container_host.py).

    hosts = FakeHosts()
    vm = hosts.boot("10.0.0.5", catalogue={"rocker/shiny": FakeImage()})
    vm.taken_ports.add(3838)            # somebody outside Docker listens there
    vm.fail("run", HostUnreachable("lost"), after=True)    # done, but the answer is lost
    vm.offer("r-base", FakeImage(program=lambda spec: FakeRun(("hello",), 0, {"/a.txt": b"x"})))
    vm.index = [SearchHit("rocker/shiny", "", 9, False, False)]         # what `search` finds
    web = FakeWeb(hosts)                # a page answers while its container runs
"""

from __future__ import annotations

import hashlib
import io
import itertools
import posixpath
import re
import secrets
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from bot.activity import VmActivity
from bot.errors import (
    ContainerNotFound,
    EngineMissing,
    EngineRefused,
    HostError,
    HostKeyMismatch,
    HostUnreachable,
    ImageInUse,
    ImageNotFound,
    NameTaken,
    PortTaken,
    TooLarge,
)
from bot.models import (
    Container,
    ContainerSpec,
    Engine,
    HostAccess,
    Image,
    PortBinding,
    Pulled,
    PullProgress,
    SearchHit,
)
from tests.fakes.activity import FakeDoing
from tests.fakes.saving import SavingConnection

FAKE_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeFakeFakeFakeFakeFakeFakeFakeFakeFakeFake"


_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
_VOLUME_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FIRST_FREE_PORT = 32_768
_MOST_FILES = 1_000
_KILLED = 137
_ONE_LOOK = timedelta(seconds=1)


@dataclass(frozen=True)
class FakeRun:
    """What a container does: prints, leaves files behind, and ends (or runs on: None)."""

    output: tuple[str, ...] = ()
    exit_code: int | None = None
    files: dict[str, bytes] = field(default_factory=dict)  # by absolute path, once it has ended
    lasts: timedelta = timedelta(0)  # until it ends
    cpus: float = 0.0  # at work meanwhile


@dataclass(frozen=True)
class FakeImage:
    """What a registry has under a name, and how a container of it behaves.

    program: what a container made from a spec does, where `output` and `exit_code` do not tell.
    """

    layer_bytes: tuple[int, ...] = (1_000, 20_000)
    environment: dict[str, str] = field(default_factory=dict)
    output: tuple[str, ...] = ()
    exit_code: int | None = None  # not None: it ends at once, with this code
    exposes: tuple[int, ...] = ()
    layers: tuple[str, ...] = ()  # digests, the lowest first; made up when there are none
    created_at: datetime = _NEW_YEAR
    version: str = ""  # tells a newer image of the same name
    program: Callable[[ContainerSpec], FakeRun] | None = None
    is_local: bool = False  # made on the VM: no registry has it

    def run_of(self, spec: ContainerSpec) -> FakeRun:
        if self.program is not None:
            return self.program(spec)
        return FakeRun(self.output, self.exit_code)


@dataclass
class _Running:
    """A container and what belongs to it."""

    container: Container
    spec: ContainerSpec
    environment: dict[str, str]
    image: FakeImage
    run: FakeRun = FakeRun()
    ends_at: datetime | None = None
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def output(self) -> tuple[str, ...]:
        return self.run.output


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
        sleep: Callable[[timedelta], None] = lambda pause: time.sleep(pause.total_seconds()),
    ) -> None:
        self.catalogue = {_tagged(name): image for name, image in (catalogue or {}).items()}
        self.images: dict[str, FakeImage] = {}
        self.has_engine = has_engine
        self.install_error: EngineRefused | None = None
        self.is_reachable = True
        self.shows_key = shows_key
        self.taken_ports: set[int] = set()
        self.index: list[SearchHit] = []
        self.volumes: dict[str, dict[str, bytes]] = {}  # files by their path in the volume
        self.cut_after: int | None = None  # bytes of a save, after which the connection breaks
        self.warnings: tuple[str, ...] = ()
        self.calls: list[tuple[str, tuple[object, ...]]] = []
        self.started: list[ContainerSpec] = []  # one for each time that a program was started
        self.doing = FakeDoing(now)
        self._now = now
        self._sleep = sleep
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
            running = self.find(container_id)
            if running.spec.removes_itself:
                self._remove(container_id)
            running.container = replace(
                running.container,
                is_running=False,
                status=f"Exited ({exit_code}) Less than a second ago",
                ports=(),
                exit_code=exit_code,
            )

    def reboot(self) -> None:
        """Counters begin anew, and no container runs any more."""
        with self._lock:
            for running in list(self._containers.values()):
                if running.container.is_running:
                    self.stop(running.container.id, _KILLED)
            self.doing.reboot()

    def listens(self, port: int) -> bool:
        """Whether a running container is published at that port of the VM."""
        with self._lock:
            self._settle()
            return self.is_reachable and port in self._published()

    def make_volume(self, name: str) -> None:
        """A volume of that name, if there is none. Raises EngineRefused."""
        if not _VOLUME_NAME.fullmatch(name):
            raise EngineRefused("There is no such volume on the VM.")
        self.volumes.setdefault(name, {})

    def wait(self, pause: timedelta) -> None:
        """Time passes."""
        self._sleep(pause)

    @contextmanager
    def call(self, method: str, *arguments: object, needs_engine: bool = True) -> Iterator[None]:
        """Around each call: logged, one at a time, with the faults that were asked for."""
        with self._lock:
            self._begin(method, arguments, needs_engine=needs_engine)
            yield
            self._raise_fault(method, is_after=True)

    @contextmanager
    def long_call(self, method: str, *arguments: object) -> Iterator[None]:
        """The same, while other calls go on: what it does to the VM, it does `meanwhile`."""
        with self._lock:
            self._begin(method, arguments, needs_engine=True)
        yield
        self._raise_fault(method, is_after=True)

    @contextmanager
    def meanwhile(self) -> Iterator[None]:
        """Nothing else happens to the VM."""
        with self._lock:
            self._settle()
            yield

    def _begin(self, method: str, arguments: tuple[object, ...], *, needs_engine: bool) -> None:
        self.calls.append((method, arguments))
        if not self.is_reachable:
            raise HostUnreachable("The VM does not answer over SSH.")
        self._raise_fault(method, is_after=False)
        if needs_engine and not self.has_engine:
            raise EngineMissing("No Docker Engine answers on the VM.")
        self._settle()

    def _raise_fault(self, method: str, *, is_after: bool) -> None:
        for fault in self._faults:
            if fault.method == method and fault.is_after is is_after:
                self._faults.remove(fault)
                raise fault.error

    # What the connections below do to the VM, each inside `call`.

    def _settle(self) -> None:
        """Whatever was to end by now has ended."""
        for running in list(self._containers.values()):
            ends = running.ends_at is not None and running.ends_at <= self._now()
            if ends and running.container.is_running:
                self._write(running, running.run.files)
                self.stop(running.container.id, running.run.exit_code or 0)

    def _activity(self) -> VmActivity:
        running = [
            (one.container, one.run.cpus)
            for one in reversed(self._containers.values())
            if one.container.is_running
        ]
        return self.doing.look(running, has_engine=self.has_engine)

    def _engine(self) -> Engine:
        running = sum(one.container.is_running for one in self._containers.values())
        return Engine(
            "20.10.24",
            "Debian GNU/Linux 12 (bookworm)",
            2,
            2**30,
            running,
            containers=len(self._containers),
            images=len(self.images),
            storage_driver="overlay2",
            kernel="6.1.0-18-amd64",
            architecture="x86_64",
            warnings=self.warnings,
        )

    def _pull(self, image: str) -> Pulled:
        name = _tagged(image)
        if name not in self.catalogue:
            raise ImageNotFound("No registry has that image, or it is not public.")
        is_news = self.images.get(name) != self.catalogue[name]
        self.images[name] = self.catalogue[name]
        found = _image(name, self.images[name])
        return Pulled(found.id, found.digest, is_news)

    def _search(self, term: str, most: int) -> list[SearchHit]:
        hits = [
            hit for hit in self.index if term.lower() in f"{hit.name} {hit.description}".lower()
        ]
        return sorted(hits, key=lambda hit: hit.stars, reverse=True)[:most]

    def _images(self) -> list[Image]:
        found = [_image(name, image) for name, image in self.images.items()]
        return sorted(found, key=lambda image: image.created_at, reverse=True)

    def _layer_sizes(self, image: str) -> tuple[int, ...]:
        found = {name: each for name, each in self.images.items()
                 if image in (_image(name, each).id, name) or _tagged(image) == name}  # fmt: skip
        if not found:
            raise ImageNotFound("No registry has that image, or it is not public.")
        one = next(iter(found.values()))
        is_told = not one.layers or len(one.layers) == len(one.layer_bytes)
        return one.layer_bytes if is_told else ()

    def _remove_image(self, image: str) -> None:
        names = [each.names[0] for each in self._images() if image == each.id] or [_tagged(image)]
        used = {_tagged(one.spec.image) for one in self._containers.values()}
        if used & set(names):
            raise ImageInUse("A container was made of that image. Remove the container first.")
        for name in names:
            self.images.pop(name, None)

    def _run(self, spec: ContainerSpec) -> Container:
        made = self._create(spec)
        try:
            return self._start(made.id)
        except HostError:
            self._remove(made.id)
            raise

    def _create(self, spec: ContainerSpec) -> Container:
        image = self.images.get(_tagged(spec.image))
        _check(spec)
        if image is None:
            raise ImageNotFound("No registry has that image, or it is not public.")
        if any(one.container.name == spec.name for one in self._containers.values()):
            raise NameTaken("A container of that name exists on the VM.")
        container = self._made(spec)
        environment = image.environment | spec.environment
        made = _Running(container, spec, environment, image)
        self._containers[container.id] = made
        for mount in spec.mounts:
            self.make_volume(mount.volume)
        self._write(made, spec.files)
        return container

    def _start(self, container_id: str) -> Container:
        made = self.find(container_id)
        if made.container.is_running:
            return made.container
        spec = made.spec
        wanted = {binding.host_port for binding in spec.ports}
        if wanted & (self._published() | self.taken_ports):
            if spec.removes_itself:
                self._remove(container_id)
            raise PortTaken("That port is in use on the VM.")
        made.run = made.image.run_of(spec)
        made.ends_at = None if made.run.exit_code is None else self._now() + made.run.lasts
        self.started.append(spec)
        ports = self._bindings(spec, made.image)
        made.container = replace(
            made.container, is_running=True, status="Up Less than a second", ports=ports
        )
        self._settle()
        return made.container

    def _bindings(self, spec: ContainerSpec, image: FakeImage) -> tuple[PortBinding, ...]:
        bindings = list(spec.ports)
        if spec.publishes_all:
            free = itertools.count(max(_FIRST_FREE_PORT, *self._published(), 0) + 1)
            named = {binding.container_port for binding in bindings}
            bindings += [PortBinding(p, next(free)) for p in image.exposes if p not in named]
        return tuple(sorted(bindings, key=lambda binding: binding.container_port))

    def _write(self, running: _Running, files: dict[str, bytes]) -> None:
        """Into the container, or into the volume that is mounted there."""
        for path, content in files.items():
            for mount in running.spec.mounts:
                if path.startswith(f"{mount.path}/"):
                    self.volumes[mount.volume][path.removeprefix(f"{mount.path}/")] = content
                    break
            else:
                running.files[path] = content

    def _fetch(self, container_id: str, path: str, most_bytes: int) -> dict[str, bytes]:
        running = self.find(container_id)
        files = dict(running.files)
        for mount in running.spec.mounts:
            inside = self.volumes[mount.volume].items()
            files |= {f"{mount.path}/{name}": content for name, content in inside}
        folder = path.rstrip("/")
        found = {
            name.removeprefix(f"{folder}/") if name != folder else posixpath.basename(name): content
            for name, content in files.items()
            if name == folder or name.startswith(f"{folder}/")
        }
        if sum(map(len, found.values())) > most_bytes or len(found) > _MOST_FILES:
            raise TooLarge("These are more than was asked for, or too many files.")
        return found

    def _archive(self, volume: str, most_bytes: int) -> bytes:
        if volume not in self.volumes:
            raise EngineRefused("There is no such volume on the VM.")
        files = self.volumes[volume]
        if sum(map(len, files.values())) > most_bytes:
            raise TooLarge("These are more than was asked for, or too many files.")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return packed.getvalue()

    def _made(self, spec: ContainerSpec) -> Container:
        return Container(
            id=secrets.token_hex(32),
            name=spec.name,
            image=spec.image,
            command=" ".join(spec.command),
            created_at=self._now(),
            is_running=False,
            status="Created",
            ports=(),
            labels=dict(spec.labels),
        )

    def _list(self, everything: bool, label: str | None) -> list[Container]:
        found = [one.container for one in reversed(self._containers.values())]
        return [
            container
            for container in found
            if (everything or container.is_running) and _is_labelled(container, label)
        ]

    def find(self, container_id: str) -> _Running:
        """By its name, or the beginning of its id."""
        by_name = [one for one in self._containers.values() if one.container.name == container_id]
        by_id = [one for key, one in self._containers.items() if key.startswith(container_id)]
        if not container_id or not (by_name or by_id):
            raise ContainerNotFound("There is no such container (any more).")
        return (by_name or by_id)[0]

    def _remove(self, container_id: str) -> None:
        try:
            del self._containers[self.find(container_id).container.id]
        except ContainerNotFound:
            return

    def _published(self) -> set[int]:
        return {
            binding.host_port
            for one in self._containers.values()
            for binding in one.container.ports
            if one.container.is_running
        }


class FakeConnection(SavingConnection):
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
            names = {each.id for each in self._host()._images()} | self._host().images.keys()
            return image in names or _tagged(image) in names

    def pull(self, image: str, tell: Callable[[PullProgress], None]) -> Pulled:
        host = self._host()
        with host.call("pull", image):
            pulled = host._pull(image)
            if pulled.is_news:
                for progress in _progress(host.images[_tagged(image)].layer_bytes):
                    tell(progress)
            return pulled

    def search(self, term: str, most: int = 25) -> list[SearchHit]:
        with self._host().call("search", term, most):
            return self._host()._search(term, most)

    def images(self) -> list[Image]:
        with self._host().call("images"):
            return self._host()._images()

    def layer_sizes(self, image: str) -> tuple[int, ...]:
        with self._host().call("layer_sizes", image):
            return self._host()._layer_sizes(image)

    def remove_image(self, image: str) -> None:
        with self._host().call("remove_image", image):
            self._host()._remove_image(image)

    def run(self, spec: ContainerSpec) -> Container:
        with self._host().call("run", spec):
            return self._host()._run(spec)

    def create(self, spec: ContainerSpec) -> Container:
        with self._host().call("create", spec):
            return self._host()._create(spec)

    def start(self, container_id: str) -> Container:
        with self._host().call("start", container_id):
            return self._host()._start(container_id)

    def containers(self, *, all: bool = False, label: str | None = None) -> list[Container]:
        with self._host().call("containers", all, label):
            return self._host()._list(all, label)

    def get(self, container_id: str) -> Container:
        with self._host().call("get", container_id):
            return self._host().find(container_id).container

    def environment(self, container_id: str) -> dict[str, str]:
        with self._host().call("environment", container_id):
            return dict(self._host().find(container_id).environment)

    def logs(
        self,
        container_id: str,
        tail: int,
        most_bytes: int = 1_000_000,
        timeout: timedelta = timedelta(seconds=20),
    ) -> str:
        with self._host().call("logs", container_id, tail):
            output = self._host().find(container_id).output
            text = "".join(f"{line}\n" for line in output[max(0, len(output) - tail) :]).encode()
            return text[max(0, len(text) - most_bytes) :].decode(errors="replace")

    def wait(self, container_id: str, timeout: timedelta) -> int | None:
        host, left = self._host(), timeout
        with host.call("wait", container_id, timeout):
            running = host.find(container_id)
        while running.container.is_running and left > timedelta(0):
            host._sleep(min(left, _ONE_LOOK))
            left -= _ONE_LOOK
            with host._lock:
                host._settle()
                running = host.find(container_id)
        return running.container.exit_code

    def stop(self, container_id: str, grace: timedelta) -> None:
        with self._host().call("stop", container_id, grace):
            if self._host().find(container_id).container.is_running:
                self._host().stop(container_id, _KILLED)

    def activity(self, timeout: timedelta = timedelta(seconds=10)) -> VmActivity:
        with self._host().call("activity", needs_engine=False):
            return self._host()._activity()

    def fetch(self, container_id: str, path: str, most_bytes: int) -> dict[str, bytes]:
        with self._host().call("fetch", container_id, path, most_bytes):
            return self._host()._fetch(container_id, path, most_bytes)

    def volume_size(self, volume: str) -> int | None:
        with self._host().call("volume_size", volume):
            files = self._host().volumes.get(volume)
            return None if files is None else sum(map(len, files.values()))

    def volume_sizes(self, volumes: Iterable[str]) -> dict[str, int]:
        with self._host().call("volume_sizes", volumes):
            there = self._host().volumes
            return {each: sum(map(len, there[each].values())) for each in volumes if each in there}

    def archive(self, volume: str, most_bytes: int) -> bytes:
        with self._host().call("archive", volume, most_bytes):
            return self._host()._archive(volume, most_bytes)

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


def _image(name: str, image: FakeImage) -> Image:
    layers = tuple(_digest(f"{name} layer {n}") for n in range(len(image.layer_bytes)))
    return Image(
        id=_digest(f"{name} {image.version}"),
        names=(name,),
        created_at=image.created_at,
        size_bytes=sum(image.layer_bytes),
        layers=image.layers or layers,
        digest=None if image.is_local else _digest(f"{name} {image.version} manifest"),
    )


def _check(spec: ContainerSpec) -> None:
    """What no engine would take."""
    if not all(_VOLUME_NAME.fullmatch(mount.volume) for mount in spec.mounts):
        raise EngineRefused("There is no such volume on the VM.")
    if "/" in spec.files or not all(
        path.startswith("/") and ".." not in path.split("/") for path in spec.files
    ):
        raise EngineRefused("That is no path of a file in a container.")


def _digest(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


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
