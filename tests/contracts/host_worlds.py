"""Where the container-host contract is tried: VMs in memory, and real ones from the sandbox."""

from __future__ import annotations

import json
import posixpath
import shlex
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from bot.adapters.docker_host import DockerHosts
from bot.adapters.ssh import Ssh
from bot.adapters.ssh_keys import BotKey, HostKeyPair, HostKeys
from bot.errors import HostError
from bot.models import HostAccess
from bot.ports import ContainerHost, ContainerHosts
from sandbox.softlayer.hypervisor import Hypervisor
from tests.contracts.tiny_registry import TinyRegistry, serving
from tests.fakes.hosts import FAKE_HOST_KEY, FakeHost, FakeHosts, FakeImage, FakeRun

SLEEPER = "ds-test/sleeper"  # runs until it is killed
QUITTER = "ds-test/quitter"  # prints QUITTER_LINES and ends at once
QUITTER_LINES = ("one", "two", "three")
QUITTER_EXIT_CODE = 3
QUITTER_ENVIRONMENT = {"R_HOME": "/usr/lib/R"}
SERVER = "ds-test/server"  # runs until it is killed, and exposes SERVER_PORTS
SERVER_PORTS = (3838, 8787)
_SHELL = "ds-test/shell"

CONNECT_TIMEOUT = timedelta(seconds=10)
_COMMAND_TIMEOUT = timedelta(minutes=1)
_BOOT_TIMEOUT = timedelta(minutes=2)
_END_TIMEOUT_S = 30.0
_LAYERS = (3_000_000, 5_000_000)


class World(Protocol):
    """One VM with SLEEPER and QUITTER on it, and what a test may do to it from outside."""

    @property
    def hosts(self) -> ContainerHosts: ...

    @property
    def access(self) -> HostAccess: ...

    @property
    def dead_access(self) -> HostAccess:
        """An address at which nothing answers."""

    def published(self) -> str:
        """A new image of two layers that a registry has and the VM has not."""

    def unpublished(self) -> str:
        """An image that the registry has not."""

    def script(self, run: FakeRun) -> tuple[str, tuple[str, ...]]:
        """An image and a command that do what `run` says."""

    def outsider(self, port: int) -> AbstractContextManager[None]:
        """Something that is no container listens at that port."""


def host_of(world: World) -> ContainerHost:
    """The VM's engine."""
    return world.hosts.on(world.access)


def wipe(world: RealWorld) -> None:
    """Remove every container and volume of the VM."""
    host = host_of(world)
    for container in host.containers(all=True):
        host.remove(container.id)
    world.shell("docker volume ls -q | xargs -r docker volume rm -f")


def wait_until_ended(host: ContainerHost, container_id: str) -> None:
    """Until the container has ended by itself."""
    deadline = time.monotonic() + _END_TIMEOUT_S
    while host.get(container_id).is_running:
        assert time.monotonic() < deadline, f"{container_id} still runs"
        threading.Event().wait(0.05)


@dataclass
class FakeWorld:
    """In memory."""

    hosts: FakeHosts
    vm: FakeHost
    access: HostAccess = HostAccess("10.0.0.1", FAKE_HOST_KEY)
    dead_access: HostAccess = HostAccess("10.0.0.99", None)

    @classmethod
    def boot(cls, *, has_engine: bool = True) -> FakeWorld:
        hosts = FakeHosts()
        vm = hosts.boot("10.0.0.1", has_engine=has_engine)
        vm.images = {
            f"{SLEEPER}:latest": FakeImage(),
            f"{QUITTER}:latest": FakeImage(
                environment=QUITTER_ENVIRONMENT, output=QUITTER_LINES, exit_code=QUITTER_EXIT_CODE
            ),
            f"{SERVER}:latest": FakeImage(exposes=SERVER_PORTS),
        }
        return cls(hosts, vm)

    def published(self) -> str:
        self.vm.offer("rocker/tiny", FakeImage(layer_bytes=_LAYERS))
        return "rocker/tiny"

    def unpublished(self) -> str:
        return "rocker/none"

    def script(self, run: FakeRun) -> tuple[str, tuple[str, ...]]:
        self.vm.images[f"{_SHELL}:latest"] = FakeImage(program=lambda spec: run)
        return _SHELL, ("do", "it")

    @contextmanager
    def outsider(self, port: int) -> Iterator[None]:
        self.vm.taken_ports.add(port)
        yield
        self.vm.taken_ports.discard(port)


@dataclass
class RealWorld:
    """A VM of the sandbox: its own address, sshd, and Docker Engine."""

    hosts: DockerHosts
    access: HostAccess
    dead_access: HostAccess
    ssh: Ssh  # a second connection, for what the tests do behind the adapter's back
    registry: TinyRegistry

    def published(self) -> str:
        return self.registry.publish(_LAYERS)

    def unpublished(self) -> str:
        return f"{self.registry.address}/none"

    def script(self, run: FakeRun) -> tuple[str, tuple[str, ...]]:
        lines = []
        for path, content in run.files.items():
            lines += [f"mkdir -p {posixpath.dirname(path)}"]
            lines += [f"printf %s {shlex.quote(content.decode())} > {path}"]
        lines += [f"echo {shlex.quote(line)}" for line in run.output]
        lines += [f"sleep {run.lasts.total_seconds()}"]
        lines += ["sleep 100000" if run.exit_code is None else f"exit {run.exit_code}"]
        return _SHELL, ("/bin/sh", "-c", "\n".join(lines))

    def shell(self, command: str) -> str:
        """What a command on the VM prints; it must succeed."""
        result = self.ssh.run(command, _COMMAND_TIMEOUT)
        output = "\n".join(result.lines)
        assert result.exit_status == 0, output
        return output

    def cut_connections(self) -> None:
        """Restart the VM's sshd and end every connection to it but the one this runs over."""
        self.shell(
            "service ssh restart || exit 1;"
            " for pid in $(pgrep -f '^sshd: [^/]'); do [ $pid = $PPID ] || kill $pid; done"
        )

    @contextmanager
    def outsider(self, port: int) -> Iterator[None]:
        listen = f"import socket; s = socket.create_server(('', {port})); print('up', flush=True)"
        script = f"{listen}; input()"
        channel = self.ssh.transport().open_session()
        with channel:
            channel.exec_command(f"exec python3 -c {shlex.quote(script)}")
            assert channel.recv(3) == b"up\n"
            yield


@contextmanager
def real_world(
    hypervisor: Hypervisor, directory: Path, *, has_engine: bool = True
) -> Iterator[RealWorld]:
    """Boot a VM with our keys; it is destroyed when the context ends."""
    key = BotKey(directory / "bot")
    host_key = HostKeys(directory / "hosts").for_operation("contract")
    machine = hypervisor.boot(
        "contract-docker" if has_engine else "contract-plain",
        image="docker" if has_engine else "plain",
        cpus=1,
        memory_mb=1024,
        user_data=_cloud_config(host_key),
        authorized_keys=[key.public],
        labels={"ds-bot.test": "container-host"},
    )
    hosts = DockerHosts(key, CONNECT_TIMEOUT)
    access = HostAccess(machine.ip, host_key.public)
    ssh = Ssh(access, key.private)
    try:
        _wait_until_up(hosts.on(access), has_engine=has_engine)
        with serving(TinyRegistry(), ssh.transport()) as registry:
            dead = replace(access, address="172.17.255.250")  # Docker's own network, nobody there
            world = RealWorld(hosts, access, dead, ssh, registry)
            if has_engine:
                _import_images(world)
            yield world
    finally:
        hosts.close()
        ssh.close()
        hypervisor.destroy(machine.id)


def _cloud_config(host_key: HostKeyPair) -> str:
    private = "\n".join(f"    {line}" for line in host_key.private_openssh.splitlines())
    return (
        "#cloud-config\n"
        "ssh_keys:\n"
        f"  ed25519_private: |\n{private}\n"
        f"  ed25519_public: {host_key.public}\n"
    )


def _wait_until_up(host: ContainerHost, *, has_engine: bool) -> None:
    """Until sshd takes our key with the host key that we gave, and the engine answers."""
    deadline = time.monotonic() + _BOOT_TIMEOUT.total_seconds()
    while True:
        try:
            host.engine() if has_engine else host.host_key()
        except HostError:
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.2)
        else:
            return


def _import_images(world: RealWorld) -> None:
    """Make the two images on the VM out of its own shell: no registry, no network."""
    world.shell(
        "programs='/bin/sh /bin/sleep /bin/mkdir /bin/ln';"
        " libraries=$(ldd $programs | grep -o '/[^ :]*[.]so[^ ]*' | sort -u) &&"
        " echo 'analyst:x:1234:100::/:/bin/sh' > /tmp/passwd &&"
        " tar -chf /tmp/image.tar --transform 's,^tmp/,etc/,' $programs $libraries /tmp/passwd"
    )
    _import_image(world, SLEEPER, ["/bin/sleep", "100000"], {})
    echo = " && ".join(f"echo {line}" for line in QUITTER_LINES)
    quit_command = ["/bin/sh", "-c", f"{echo} && exit {QUITTER_EXIT_CODE}"]
    _import_image(world, QUITTER, quit_command, QUITTER_ENVIRONMENT)
    _import_image(world, SERVER, ["/bin/sleep", "100000"], {}, SERVER_PORTS)
    _import_image(world, _SHELL, ["/bin/sh"], {})


def _import_image(
    world: RealWorld,
    name: str,
    command: list[str],
    environment: dict[str, str],
    ports: tuple[int, ...] = (),
) -> None:
    changes = [f"CMD {json.dumps(command)}", *(f"EXPOSE {port}" for port in ports)]
    changes += [f"ENV {key}={value}" for key, value in environment.items()]
    options = " ".join(f"--change {shlex.quote(change)}" for change in changes)
    world.shell(f"docker import {options} /tmp/image.tar {name}")
