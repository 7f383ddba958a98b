"""Looking into named volumes, through the engine alone.

The SSH user may be one who may use Docker and is not root, so the volume's folder is not read
directly: the engine knows each volume's size, and it shows the files of a container that is never
started and has the volume mounted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import docker
from docker.types import Mount as EngineMount

from bot.adapters.docker_calls import EngineCalls
from bot.adapters.docker_files import repacked
from bot.adapters.docker_specs import check_volume
from bot.errors import ContainerNotFound, EngineRefused, HostError
from bot.models import Text

log = logging.getLogger(__name__)

_PATH = "/ds-bot-volume"
_LABELS = {"ds-bot.looks-into": "volume"}


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


def archive(calls: EngineCalls, volume: str, most_bytes: int) -> bytes:
    """The volume's files as a gzipped tar. Raises TooLarge, EngineRefused."""
    check_volume(volume)
    # Mounting a volume that is not there would make one.
    calls.read(lambda api: api.inspect_volume(volume))
    images = calls.read(lambda api: api.images())
    if not images:
        raise EngineRefused(Text("The VM needs any image before a volume can be looked into."))
    onlooker = calls.act(lambda api: _onlooker(api, images[0]["Id"], volume))
    try:
        return calls.again(lambda: _read(calls, onlooker, most_bytes))
    finally:
        _remove(calls, onlooker)


def _onlooker(api: docker.APIClient, image_id: str, volume: str) -> str:
    """Id of a container that is not meant to be started: its command does not exist."""
    mount = EngineMount(_PATH, volume, type="volume", read_only=True, no_copy=True)
    created = api.create_container(
        image_id,
        command=["/never-started"],
        labels=_LABELS,
        host_config=api.create_host_config(mounts=[mount], network_mode="none"),
    )
    return str(created["Id"])


def _read(calls: EngineCalls, onlooker: str, most_bytes: int) -> bytes:
    with (
        calls.long_calls,
        calls.stream("/containers/{0}/archive", onlooker, {"path": _PATH}) as chunks,
    ):
        return repacked(chunks, most_bytes)


def _remove(calls: EngineCalls, onlooker: str) -> None:
    try:
        calls.act(lambda api: api.remove_container(onlooker, force=True))
    except ContainerNotFound:
        return
    except HostError as error:
        log.warning("container %s on %s stays behind: %s", onlooker, calls.address, error)
