"""The Docker Engine of each VM, through the docker SDK over one warm SSH connection per VM."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import docker
import paramiko
from docker.types import LogConfig

from bot.adapters.docker_channels import EngineApi, EngineChannels
from bot.adapters.docker_errors import engine_errors, refusal
from bot.adapters.engine_install import install_engine
from bot.adapters.pull_progress import PullFold
from bot.adapters.ssh import CONNECT_TIMEOUT, ENGINE_SESSIONS, ConnectionBroke, Ssh
from bot.adapters.ssh_keys import BotKey
from bot.errors import ContainerNotFound, HostError, ImageNotFound
from bot.models import (
    Container,
    ContainerSpec,
    Engine,
    HostAccess,
    PortBinding,
    PullProgress,
    Text,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

# A pull keeps its session for minutes, so half of them stay free for quick questions.
_PULLS_AT_ONCE = ENGINE_SESSIONS // 2
# A chatty container must not fill a VM's 25 GB disk: two files of 10 MB each.
_LOG_CONFIG = {"max-size": "10m", "max-file": "2"}

# docker-py 7.2.0 leaves "/" in what it puts into a URL, so "x/../../images" would be another
# question. What does not look like a name is no container and no image.
_CONTAINER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_IMAGE_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_IMAGE_NAME = re.compile(
    rf"{_IMAGE_PART}(:\d+)?(/{_IMAGE_PART})*(:\w[\w.-]*)?(@sha256:[0-9a-f]{{64}})?", re.ASCII
)
_EXIT_CODE = re.compile(r"Exited \((\d+)\)")


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
        self._address = access.address
        self._ssh = Ssh(access, key, connect_timeout)
        self._channels = EngineChannels(self._ssh)
        self._lock = threading.Lock()
        self._api: EngineApi | None = None
        self._api_transport: paramiko.Transport | None = None
        self._pulls = threading.BoundedSemaphore(_PULLS_AT_ONCE)

    def host_key(self) -> str:
        return self._ssh.host_key()

    def engine(self) -> Engine:
        info = self._read(lambda api: api.info())
        return Engine(
            version=info["ServerVersion"],
            operating_system=info["OperatingSystem"],
            cpus=info["NCPU"],
            memory_bytes=info["MemTotal"],
            containers_running=info["ContainersRunning"],
        )

    def install_engine(self, tell: Callable[[str], None]) -> None:
        install_engine(self._ssh, tell)
        self.engine()

    def has_image(self, image: str) -> bool:
        try:
            self._image_id(image)
        except ImageNotFound:
            return False
        return True

    def pull(self, image: str, tell: Callable[[PullProgress], None]) -> str:
        _check_image(image)
        with self._pulls, closing(self._pulling(image)) as steps:
            for progress in steps:
                tell(progress)
        return self._image_id(image)

    def run(self, spec: ContainerSpec) -> Container:
        """As the port says. When the connection breaks while the container is being created, it
        may exist all the same: look for its name."""
        _check_image(spec.image)
        container_id = self._act(lambda api: _create(api, spec))
        try:
            self._act(lambda api: api.start(container_id))
            return self.get(container_id)
        except HostError:
            self._clean_up(container_id)
            raise

    def containers(self, *, all: bool = False, label: str | None = None) -> list[Container]:
        filters = {"label": [label]} if label else {}
        rows = self._read(lambda api: api.containers(all=all, filters=filters))
        return sorted(map(_container, rows), key=lambda found: found.created_at, reverse=True)

    def get(self, container_id: str) -> Container:
        full_id = self._inspect(container_id)["Id"]
        rows = self._read(lambda api: api.containers(all=True, filters={"id": full_id}))
        if not rows:
            raise _no_container()
        return _container(rows[0])

    def environment(self, container_id: str) -> dict[str, str]:
        entries = self._inspect(container_id)["Config"]["Env"] or []
        return {name: value for name, _, value in (entry.partition("=") for entry in entries)}

    def logs(self, container_id: str, tail: int) -> str:
        _check_container(container_id)
        output: bytes = self._read(lambda api: api.logs(container_id, tail=tail))
        return output.decode(errors="replace")

    def remove(self, container_id: str) -> None:
        """As the port says. Its anonymous volumes go with it; named volumes are never touched."""
        try:
            _check_container(container_id)
            self._act(lambda api: api.remove_container(container_id, v=True, force=True))
        except ContainerNotFound:
            return

    def close(self) -> None:
        """Drop the connection for good."""
        self._channels.close()
        self._ssh.close()

    def _pulling(self, image: str) -> Generator[PullProgress, None, None]:
        fold = PullFold()
        api = self._agreed_api()
        with engine_errors(self._address):
            for row in api.pull(image, stream=True, decode=True):
                if "error" in row:
                    raise refusal(row["error"])
                if fold.take(row):
                    yield fold.progress

    def _image_id(self, image: str) -> str:
        _check_image(image)
        found = self._read(lambda api: api.inspect_image(image))  # type: ignore[no-untyped-call]
        return str(found["Id"])

    def _inspect(self, container_id: str) -> dict[str, Any]:
        _check_container(container_id)
        found: dict[str, Any] = self._read(lambda api: api.inspect_container(container_id))
        return found

    def _clean_up(self, container_id: str) -> None:
        try:
            self.remove(container_id)
        except HostError as error:
            log.warning("container %s on %s stays behind: %s", container_id, self._address, error)

    def _read(self, ask: Callable[[docker.APIClient], T]) -> T:
        try:
            return self._act(ask)
        except ConnectionBroke:
            return self._act(ask)

    def _act(self, ask: Callable[[docker.APIClient], T]) -> T:
        api = self._agreed_api()
        with engine_errors(self._address):
            return ask(api)

    def _agreed_api(self) -> EngineApi:
        """The client, on one API version per SSH connection: the engine may have been upgraded."""
        transport = self._ssh.transport()
        with self._lock:
            if self._api is None or self._api_transport is not transport:
                self._api = self._negotiated()
                self._api_transport = transport
            return self._api

    def _negotiated(self) -> EngineApi:
        with engine_errors(self._address):
            api = EngineApi(self._channels)
            api.agree_on_version()
            return api


def _create(api: docker.APIClient, spec: ContainerSpec) -> str:
    """Id of a new, stopped container.

    The engine may answer with warnings, as when its kernel cannot limit memory: it has done all
    that it can then, so they are logged and no error.
    """
    created = api.create_container(
        spec.image,
        command=list(spec.command) or None,
        name=spec.name,
        environment=spec.environment,
        labels=spec.labels,
        ports=[binding.container_port for binding in spec.ports],
        host_config=_host_config(api, spec),
    )
    if created.get("Warnings"):
        log.info("container %s: %s", spec.name, created["Warnings"])
    return str(created["Id"])


def _host_config(api: docker.APIClient, spec: ContainerSpec) -> dict[str, Any]:
    """No restart policy: what ended stays ended, and is seen to have."""
    config: dict[str, Any] = api.create_host_config(
        port_bindings={
            binding.container_port: ("0.0.0.0", binding.host_port) for binding in spec.ports
        },
        mem_limit=None if spec.memory_mb is None else f"{spec.memory_mb}m",
        nano_cpus=None if spec.cpus is None else round(spec.cpus * 1_000_000_000),
        log_config=LogConfig(type=LogConfig.types.JSON, config=_LOG_CONFIG),
    )
    return config


def _container(row: dict[str, Any]) -> Container:
    """A row of GET /containers/json (Docker Engine API v1.41)."""
    exit_code = _EXIT_CODE.match(row["Status"])
    return Container(
        id=row["Id"],
        name=_own_name(row["Names"]),
        image=row["Image"],
        command=row["Command"],
        created_at=datetime.fromtimestamp(row["Created"], UTC),
        is_running=row["State"] == "running",
        status=row["Status"],
        ports=_bindings(row["Ports"] or []),
        labels=row["Labels"] or {},
        exit_code=int(exit_code[1]) if exit_code else None,
    )


def _own_name(names: list[str]) -> str:
    """Links add names like "/other/alias"; its own has one slash, at the start."""
    return next((name[1:] for name in names if name.count("/") == 1), "")


def _bindings(ports: list[dict[str, Any]]) -> tuple[PortBinding, ...]:
    """Published TCP ports, each once: the engine lists them for IPv4 and for IPv6."""
    pairs = {
        (port["PrivatePort"], port["PublicPort"])
        for port in ports
        if port.get("PublicPort") and port.get("Type") == "tcp"
    }
    return tuple(PortBinding(inside, outside) for inside, outside in sorted(pairs))


def _check_container(container_id: str) -> None:
    if not _CONTAINER_NAME.fullmatch(container_id):
        raise _no_container()


def _check_image(image: str) -> None:
    if not _IMAGE_NAME.fullmatch(image):
        raise ImageNotFound(Text("No registry has that image, or it is not public."))


def _no_container() -> ContainerNotFound:
    return ContainerNotFound(Text("There is no such container, or not any more."))


def _is_same_place(one: HostAccess, other: HostAccess) -> bool:
    return (one.address, one.port) == (other.address, other.port)
