"""What a fake VM's volumes and containers hold, saved and put back as the tars that the adapter
makes (bot/adapters/docker_saving.py).

    vm.cut_after = 10_000               # a save breaks when so many bytes have been sent
    vm.fail("load_volume", HostUnreachable("lost"), after=True)
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.errors import EngineRefused, HostUnreachable
from bot.models import ContainerSpec

if TYPE_CHECKING:
    from tests.fakes.hosts import FakeHost

_FOLDER = "ds-bot-volume"
_NEVER_SAVED = ("/tmp", "/var/tmp", "/run", "/proc", "/sys", "/dev")
_PIECE_BYTES = 4_096
_ONE_LOOK = timedelta(seconds=1)


class SavingConnection:
    """The part of a `bot.ports.ContainerHost` that saves and puts back."""

    def _host(self) -> FakeHost:
        raise NotImplementedError

    def suspend(self, container_id: str, timeout: timedelta) -> int:
        host, left = self._host(), timeout
        with host.long_call("suspend", container_id, timeout):
            while True:
                with host.meanwhile():
                    found = host.find(container_id).container
                    sessions = host.doing.suspend(found) if found.is_running else 0
                if not sessions or left <= timedelta(0):
                    return sessions
                host.wait(min(left, _ONE_LOOK))
                left -= _ONE_LOOK

    def blueprint(self, container_id: str) -> ContainerSpec:
        with self._host().call("blueprint", container_id):
            found = self._host().find(container_id)
            ports = found.container.ports or found.spec.ports
            given = found.image.environment
            return replace(
                found.spec,
                ports=tuple(sorted(ports, key=lambda port: port.container_port)),
                environment={
                    key: value
                    for key, value in found.spec.environment.items()
                    if given.get(key) != value
                },
                publishes_all=found.spec.publishes_all and not found.container.is_running,
                mounts=tuple(replace(mount, owner=None) for mount in found.spec.mounts),
                files={},
            )

    def volumes(self) -> list[str]:
        with self._host().call("volumes"):
            return sorted(self._host().volumes)

    def save_volume(self, volume: str, write: Callable[[bytes], None]) -> None:
        host = self._host()
        with host.long_call("save_volume", volume):
            with host.meanwhile():
                if volume not in host.volumes:
                    raise EngineRefused("There is no such volume on the VM.")
                files = {f"{_FOLDER}/{path}": each for path, each in host.volumes[volume].items()}
            _send(host, _packed(files, _FOLDER), write)

    def load_volume(self, volume: str, tar: Iterator[bytes]) -> None:
        host = self._host()
        with host.long_call("load_volume", volume):
            with host.meanwhile():
                host.make_volume(volume)
            files = _unpacked(tar)
            with host.meanwhile():
                host.volumes[volume] |= {
                    path.removeprefix(f"{_FOLDER}/"): content for path, content in files.items()
                }

    def save_changes(self, container_id: str, write: Callable[[bytes], None]) -> None:
        host = self._host()
        with host.long_call("save_changes", container_id):
            with host.meanwhile():
                files = {
                    path.removeprefix("/"): content
                    for path, content in host.find(container_id).files.items()
                    if not any(path.startswith(f"{folder}/") for folder in _NEVER_SAVED)
                }
            _send(host, _packed(files), write)

    def load_changes(self, container_id: str, tar: Iterator[bytes]) -> None:
        host = self._host()
        with host.long_call("load_changes", container_id):
            with host.meanwhile():
                found = host.find(container_id)
            assert not found.container.is_running, "it is to be put back before the start"
            files = _unpacked(tar)
            with host.meanwhile():
                found.files |= {f"/{path}": content for path, content in files.items()}


def _send(host: FakeHost, tar: bytes, write: Callable[[bytes], None]) -> None:
    whole, tar = tar, tar[: host.cut_after]
    for start in range(0, len(tar), _PIECE_BYTES):
        write(tar[start : start + _PIECE_BYTES])
    if tar != whole:
        raise HostUnreachable("The connection to the VM broke.")


def _packed(files: dict[str, bytes], folder: str | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        if folder is not None:
            top = tarfile.TarInfo(folder)
            top.type, top.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(top)
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _unpacked(tar: Iterator[bytes]) -> dict[str, bytes]:
    """The regular files; of a tar that is not whole, none."""
    packed = b"".join(tar)
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as found:
            members = found.getmembers()
            files = {
                member.name: content.read()
                for member in members
                if (content := found.extractfile(member)) is not None
            }
            is_whole = packed[found.offset :].startswith(bytes(tarfile.BLOCKSIZE))
    except tarfile.TarError as error:
        raise _not_whole() from error
    if not is_whole:
        raise _not_whole()
    return files


def _not_whole() -> EngineRefused:
    return EngineRefused("What was saved is not whole, so that it cannot be put back.")
