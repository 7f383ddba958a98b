"""Looking into named volumes, through the engine alone.

The SSH user may be one who may use Docker and is not root, so the volume's folder is not read
directly: the engine knows each volume's size, and it shows the files of a container that is never
started and has the volume mounted.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import docker
from docker.types import Mount as EngineMount

from bot.adapters.docker_calls import EngineCalls
from bot.adapters.docker_files import repacked
from bot.adapters.docker_inside import ARCHIVE, inspected
from bot.adapters.docker_specs import check_volume
from bot.errors import ContainerNotFound, EngineRefused, HostError
from bot.models import LOOKS_INTO, Text

log = logging.getLogger(__name__)

_EMPTY, _EMPTY_TAR = "ds-bot-empty:latest", bytes(1024)
PATH = "/ds-bot-volume"
_LABELS = {LOOKS_INTO: "volume"}


def volume_sizes(calls: EngineCalls, volumes: Iterable[str]) -> dict[str, int]:
    """Bytes in volumes of the engine's own, of those that are there.

    The engine walks through all volumes for that, which takes seconds when they are large.
    """
    wanted, sizes = set(volumes), {}
    found = calls.again(lambda: calls.act_long(lambda api: api.disk_usage()))
    for row in found.get("Volumes") or ():
        if row["Name"] in wanted:
            size = (row.get("UsageData") or {}).get("Size", -1)
            if size < 0:
                raise EngineRefused(Text("The VM does not tell how large that volume is."))
            sizes[str(row["Name"])] = int(size)
    return sizes


def volumes(calls: EngineCalls) -> list[str]:
    """The names of all volumes."""
    found = calls.read(lambda api: api.volumes())
    return sorted(str(row["Name"]) for row in found.get("Volumes") or ())


def archive(calls: EngineCalls, volume: str, most_bytes: int) -> bytes:
    """The volume's files as a gzipped tar. Raises TooLarge, EngineRefused."""
    check_there(calls, volume)

    def read(onlooker: str) -> bytes:
        with calls.long_calls, calls.stream(ARCHIVE, onlooker, {"path": PATH}) as chunks:
            return repacked(chunks, most_bytes)

    with onlooking(calls, volume) as onlooker:
        return calls.again(lambda: read(onlooker))


def check_there(calls: EngineCalls, volume: str) -> None:
    """Raises EngineRefused when there is no such volume: mounting it would make one."""
    check_volume(volume)
    calls.read(lambda api: api.inspect_volume(volume))


@contextmanager
def onlooking(calls: EngineCalls, volume: str, *, is_writable: bool = False) -> Iterator[str]:
    """Id of a container that has the volume at PATH, and is not meant to be started: its command
    does not exist. Made of any image, as nothing of that is looked at; of an empty one where there
    is none, as on a new VM."""
    images = calls.read(lambda api: api.images())
    is_bare = not images
    if is_bare:
        calls.act(lambda api: api.import_image_from_data(_EMPTY_TAR, _EMPTY))
        images = calls.read(lambda api: api.images())
    mount = EngineMount(PATH, volume, type="volume", read_only=not is_writable, no_copy=True)
    # A name of its own: also one whose id never came can be removed.
    name = f"ds-bot-onlooker-{secrets.token_hex(8)}"
    try:
        yield calls.act(lambda api: _create(api, images[0]["Id"], name, mount))
    finally:
        _remove(calls, name, volume)
        if is_bare:
            _remove_empty(calls)


def _create(api: docker.APIClient, image_id: str, name: str, mount: EngineMount) -> str:
    created = api.create_container(
        image_id,
        command=["/never-started"],
        name=name,
        labels=_LABELS,
        host_config=api.create_host_config(mounts=[mount], network_mode="none"),
    )
    return str(created["Id"])


def _remove_empty(calls: EngineCalls) -> None:
    try:
        calls.act(lambda api: api.remove_image(_EMPTY))
    except HostError as error:  # such as that somebody else looks into a volume with it now
        log.info("image %s on %s stays behind: %s", _EMPTY, calls.address, error)


def _remove(calls: EngineCalls, onlooker: str, volume: str) -> None:
    """With the volumes that its image asks for, but never the one that was looked into."""
    try:
        found = inspected(calls, onlooker)
        calls.read(lambda api: api.remove_container(onlooker, force=True))  # twice does no harm
        for name in {mount.get("Name") for mount in found["Mounts"]} - {None, volume}:
            calls.act(lambda api, name=name: api.remove_volume(name))  # type: ignore[misc]
    except ContainerNotFound:
        return
    except HostError as error:
        log.warning("container %s on %s stays behind: %s", onlooker, calls.address, error)
