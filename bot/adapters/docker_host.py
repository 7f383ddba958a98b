"""The Docker Engine of each VM, through the docker SDK over one warm SSH connection per VM."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import paramiko

from bot.activity import VmActivity
from bot.adapters import (
    docker_activity,
    docker_blueprint,
    docker_inside,
    docker_saving,
    docker_sessions,
    docker_volumes,
)
from bot.adapters.docker_calls import PULLS_AT_ONCE, EngineCalls
from bot.adapters.docker_errors import RemovalUnderWay, engine_errors, refusal
from bot.adapters.docker_inside import inspected, put_files
from bot.adapters.docker_output import newest
from bot.adapters.docker_rows import (
    container_of,
    engine_of,
    hit_of,
    image_of,
    layer_sizes_of,
    names_of,
)
from bot.adapters.docker_specs import (
    check_container,
    check_image,
    check_spec,
    create,
    no_container,
)
from bot.adapters.engine_install import install_engine
from bot.adapters.pull_progress import PullFold
from bot.adapters.shared_pull import SharedPulls, Steps
from bot.adapters.ssh import CONNECT_TIMEOUT, Ssh
from bot.adapters.ssh_keys import BotKey
from bot.errors import ContainerNotFound, HostError, ImageNotFound
from bot.models import (
    Container,
    ContainerSpec,
    Engine,
    HostAccess,
    Image,
    Pulled,
    PullProgress,
    SearchHit,
)

log = logging.getLogger(__name__)

# Between two looks at a container that is waited for, in seconds: soon at first, then calmer.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0


class DockerHosts:
    """Warm connections, one per VM. Implements `bot.ports.ContainerHosts`."""

    def __init__(self, key: BotKey, connect_timeout: timedelta = CONNECT_TIMEOUT) -> None:
        self._key = key
        self._connect_timeout = connect_timeout
        self._lock = threading.Lock()
        self._hosts: dict[HostAccess, DockerHost] = {}

    def on(self, access: HostAccess) -> DockerHost:
        """The VM's engine; nothing is sent before its first use."""
        with self._lock:
            if access not in self._hosts:
                self._hosts[access] = DockerHost(access, self._key.private, self._connect_timeout)
            return self._hosts[access]

    def forget(self, access: HostAccess) -> None:
        """Drop every connection to that address, under whatever host key it was known."""
        with self._lock:
            gone = [known for known in self._hosts if _is_same_place(known, access)]
            hosts = [self._hosts.pop(known) for known in gone]
        for host in hosts:
            host.close()

    def public_key(self) -> str:
        return self._key.public

    def close(self) -> None:
        """Drop all connections."""
        with self._lock:
            hosts = list(self._hosts.values())
            self._hosts.clear()
        for host in hosts:
            host.close()


class DockerHost:
    """One VM's engine. Implements `bot.ports.ContainerHost`.

    Reads are asked once more when the connection broke under them. Acts never are: they raise
    HostUnreachable, and the caller looks what became of them.
    """

    def __init__(self, access: HostAccess, key: paramiko.PKey, connect_timeout: timedelta) -> None:
        self._ssh = Ssh(access, key, connect_timeout)
        self._calls = EngineCalls(self._ssh)
        self._pulls = SharedPulls(self._pulling, PULLS_AT_ONCE)

    def host_key(self) -> str:
        return self._ssh.host_key()

    def engine(self) -> Engine:
        return engine_of(self._calls.read(lambda api: api.info()))

    def install_engine(self, tell: Callable[[str], None]) -> None:
        install_engine(self._ssh, tell)
        self.engine()

    # --- images ---

    def has_image(self, image: str) -> bool:
        try:
            self._inspect_image(image)
        except ImageNotFound:
            return False
        return True

    def pull(self, image: str, tell: Callable[[PullProgress], None]) -> Pulled:
        check_image(image)
        return self._pulls.pull(image, tell)

    def search(self, term: str, most: int = 25) -> list[SearchHit]:
        rows = self._calls.read(lambda api: api.search(term, limit=most))
        return sorted(map(hit_of, rows), key=lambda hit: hit.stars, reverse=True)

    def images(self) -> list[Image]:
        rows = [row for row in self._calls.read(lambda api: api.images()) if names_of(row)]
        found = (self._image(row) for row in rows)
        return sorted(
            (image for image in found if image is not None),
            key=lambda image: image.created_at,
            reverse=True,
        )

    def layer_sizes(self, image: str) -> tuple[int, ...]:
        layers = self._inspect_image(image)["RootFS"].get("Layers") or ()
        history = self._calls.read(
            lambda api: api.history(image)  # type: ignore[no-untyped-call]
        )
        return layer_sizes_of(history, len(layers))

    def remove_image(self, image: str) -> None:
        try:
            check_image(image)
            self._calls.act(lambda api: api.remove_image(image))
        except ImageNotFound:
            return

    # --- containers ---

    def run(self, spec: ContainerSpec) -> Container:
        """As the port says. When the connection breaks while the container is being created, it
        may exist all the same: look for its name."""
        made = self.create(spec)
        with self._cleaning_up(made.id):
            return self.start(made.id)

    def create(self, spec: ContainerSpec) -> Container:
        """As the port says; of a connection that breaks meanwhile, see `run`."""
        check_spec(spec)
        container_id = self._calls.act(lambda api: create(api, spec))
        with self._cleaning_up(container_id):
            put_files(self._calls, container_id, spec)
            return self.get(container_id)

    def start(self, container_id: str) -> Container:
        """As the port says. What is gone right afterwards is given as ended."""
        made = self.get(container_id)
        self._calls.act(lambda api: api.start(made.id))
        try:
            return self.get(made.id)
        except ContainerNotFound:
            return replace(made, status="Exited")

    def containers(self, *, all: bool = False, label: str | None = None) -> list[Container]:
        filters = {"label": [label]} if label else {}
        rows = self._calls.read(lambda api: api.containers(all=all, filters=filters))
        return sorted(map(container_of, rows), key=lambda found: found.created_at, reverse=True)

    def get(self, container_id: str) -> Container:
        full_id = inspected(self._calls, container_id)["Id"]
        rows = self._calls.read(lambda api: api.containers(all=True, filters={"id": full_id}))
        if not rows:
            raise no_container()
        return container_of(rows[0])

    def environment(self, container_id: str) -> dict[str, str]:
        entries = inspected(self._calls, container_id)["Config"]["Env"] or []
        return {name: value for name, _, value in (entry.partition("=") for entry in entries)}

    def logs(
        self,
        container_id: str,
        tail: int,
        most_bytes: int = 1_000_000,
        timeout: timedelta = timedelta(seconds=20),
    ) -> str:
        until = time.monotonic() + timeout.total_seconds()
        is_framed = not inspected(self._calls, container_id)["Config"]["Tty"]
        params = {"stdout": 1, "stderr": 1, "tail": tail}

        def read() -> bytes:
            path = "/containers/{0}/logs"
            with self._calls.stream(path, container_id, params, until=until) as chunks:
                return newest(chunks, most_bytes, is_framed=is_framed)

        return self._calls.again(read).decode(errors="replace")

    def wait(self, container_id: str, timeout: timedelta) -> int | None:
        """As the port says. It looks again and again: the engine's own waiting would keep one of
        the few sessions for as long as the container runs."""
        deadline = time.monotonic() + timeout.total_seconds()
        pause = _FIRST_PAUSE_S
        while True:
            state = inspected(self._calls, container_id)["State"]
            if not state["Running"] and state["Status"] != "created":
                return int(state["ExitCode"])
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return None
            time.sleep(min(pause, remaining))
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def stop(self, container_id: str, grace: timedelta) -> None:
        check_container(container_id)
        seconds = max(0, round(grace.total_seconds()))
        self._calls.act_long(lambda api: api.stop(container_id, timeout=seconds))

    def remove(self, container_id: str) -> None:
        """As the port says. Its anonymous volumes go with it; named volumes are never touched."""
        try:
            check_container(container_id)
            self._calls.act(lambda api: api.remove_container(container_id, v=True, force=True))
        except (ContainerNotFound, RemovalUnderWay):
            return

    def activity(self, timeout: timedelta = timedelta(seconds=10)) -> VmActivity:
        return docker_activity.activity(self._calls, timeout)

    # --- files ---

    def fetch(self, container_id: str, path: str, most_bytes: int) -> dict[str, bytes]:
        return docker_inside.fetch(self._calls, container_id, path, most_bytes)

    def volume_size(self, volume: str) -> int | None:
        return self.volume_sizes([volume]).get(volume)

    def volume_sizes(self, volumes: Iterable[str]) -> dict[str, int]:
        return docker_volumes.volume_sizes(self._calls, volumes)

    def archive(self, volume: str, most_bytes: int) -> bytes:
        return docker_volumes.archive(self._calls, volume, most_bytes)

    # --- saving ---

    def suspend(self, container_id: str, timeout: timedelta) -> int:
        return docker_sessions.suspend(self._calls, container_id, timeout)

    def blueprint(self, container_id: str) -> ContainerSpec:
        return docker_blueprint.blueprint(self._calls, container_id)

    def volumes(self) -> list[str]:
        return docker_volumes.volumes(self._calls)

    def save_volume(self, volume: str, write: Callable[[bytes], None]) -> None:
        docker_saving.save_volume(self._calls, volume, write)

    def load_volume(self, volume: str, tar: Iterator[bytes]) -> None:
        docker_saving.load_volume(self._calls, volume, tar)

    def save_changes(self, container_id: str, write: Callable[[bytes], None]) -> None:
        docker_saving.save_changes(self._calls, container_id, write)

    def load_changes(self, container_id: str, tar: Iterator[bytes]) -> None:
        docker_saving.load_changes(self._calls, container_id, tar)

    def close(self) -> None:
        """Drop the connection for good."""
        self._calls.close()

    # --- within ---

    @contextmanager
    def _pulling(self, image: str) -> Iterator[Steps]:
        with closing(self._steps(image)) as steps:
            yield steps

    def _steps(self, image: str) -> Generator[PullProgress | Pulled, None, None]:
        fold = PullFold()
        api = self._calls.api()
        with engine_errors(self._calls.address):
            for row in api.pull(image, stream=True, decode=True):
                if "error" in row:
                    raise refusal(row["error"])
                if fold.take(row):
                    yield fold.progress
        yield Pulled(self._inspect_image(image)["Id"], fold.digest, fold.is_news)

    def _inspect_image(self, image: str) -> dict[str, Any]:
        check_image(image)
        found: dict[str, Any] = self._calls.read(
            lambda api: api.inspect_image(image)  # type: ignore[no-untyped-call]
        )
        return found

    def _image(self, row: dict[str, Any]) -> Image | None:
        """None when it was removed meanwhile."""
        try:
            return image_of(row, self._inspect_image(row["Id"]))
        except ImageNotFound:
            return None

    @contextmanager
    def _cleaning_up(self, container_id: str) -> Iterator[None]:
        """A container that was made for nothing does not stay behind."""
        try:
            yield
        except HostError:
            try:
                self.remove(container_id)
            except HostError as error:
                log.warning(
                    "container %s on %s stays behind: %s", container_id, self._calls.address, error
                )
            raise


def _is_same_place(one: HostAccess, other: HostAccess) -> bool:
    return (one.address, one.port) == (other.address, other.port)
