"""A ContainerSpec from a container: the way back of `docker_specs.create`.

What a ContainerSpec has no words for is lost, such as an entrypoint or a folder of the VM's that
somebody chose by hand. A port that only the VM itself may reach is left out: it would be open to
all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from bot.adapters.docker_calls import EngineCalls
from bot.adapters.docker_inside import inspected
from bot.errors import ImageNotFound
from bot.models import ContainerSpec, Mount, PortBinding

_OPEN_TO_ALL = ("", "0.0.0.0", "::")
_SIZE = re.compile(r"(?:^|,)size=(\d{1,9})m(?:,|$)")
_ID = re.compile(r"(sha256:)?[0-9a-f]{12,64}")


def blueprint(calls: EngineCalls, container_id: str) -> ContainerSpec:
    """Raises ContainerNotFound."""
    found = inspected(calls, container_id)
    try:
        image: dict[str, Any] = calls.read(
            lambda api: api.inspect_image(found["Image"])  # type: ignore[no-untyped-call]
        )
    except ImageNotFound:  # removed by force
        image = {}
    return spec_of(found, image)


def spec_of(found: dict[str, Any], image: dict[str, Any]) -> ContainerSpec:
    """From GET /containers/{id}/json, and GET /images/{id}/json of its image."""
    config, host, given = found["Config"], found["HostConfig"], image.get("Config") or {}
    command, user = config.get("Cmd") or [], config.get("User") or ""
    ports = _ports(found)
    is_confined = _is_confined(host)
    return ContainerSpec(
        name=found["Name"].removeprefix("/"),
        image=_image_name(config["Image"], image),
        ports=ports,
        environment=_environment(config.get("Env"), given.get("Env")),
        labels=_without(config.get("Labels") or {}, given.get("Labels") or {}),
        memory_mb=-(-host["Memory"] // 2**20) if host.get("Memory") else None,
        cpus=_cpus(host),
        command=() if command == (given.get("Cmd") or []) else tuple(command),
        publishes_all=bool(host.get("PublishAllPorts")) and not found["State"]["Running"],
        removes_itself=bool(host.get("AutoRemove")),
        mounts=_mounts(found),
        has_network=host.get("NetworkMode") != "none",
        processes=host["PidsLimit"] if (host.get("PidsLimit") or 0) > 0 else None,
        user=user if user != (given.get("User") or "") else None,
        is_confined=is_confined,
        capabilities=_capabilities(host) if is_confined else (),
        scratch_mb=_scratch_mb(host),
    )


def _image_name(asked_for: str, image: dict[str, Any]) -> str:
    """As the container was asked for; by an id means nothing to another VM."""
    names = image.get("RepoTags") or image.get("RepoDigests")
    return str(names[0]) if names and _ID.fullmatch(asked_for) else asked_for


def _environment(entries: Iterable[str] | None, given: Iterable[str] | None) -> dict[str, str]:
    def parted(each: Iterable[str] | None) -> dict[str, str]:
        return {name: value for name, _, value in (entry.partition("=") for entry in each or ())}

    return _without(parted(entries), parted(given))


def _without(all_of_it: dict[str, str], given: dict[str, str]) -> dict[str, str]:
    """What the image does not say anyway."""
    return {key: value for key, value in all_of_it.items() if given.get(key) != value}


def _ports(found: dict[str, Any]) -> tuple[PortBinding, ...]:
    """Those asked for, and those that the engine has chosen."""
    asked_for = found["HostConfig"].get("PortBindings") or {}
    published = (found.get("NetworkSettings") or {}).get("Ports") or {}
    pairs = {*_pairs(asked_for), *_pairs(published)}
    return tuple(PortBinding(inside, outside) for inside, outside in sorted(pairs))


def _pairs(bindings: dict[str, Any]) -> Iterator[tuple[int, int]]:
    for port, rows in bindings.items():
        number, _, protocol = port.partition("/")
        for row in rows or ():
            is_open = (row.get("HostIp") or "") in _OPEN_TO_ALL
            outside = str(row.get("HostPort") or "0")
            if protocol == "tcp" and is_open and outside.isdigit() and int(outside):
                yield int(number), int(outside)


def _cpus(host: dict[str, Any]) -> float | None:
    if host.get("NanoCpus"):
        return float(host["NanoCpus"] / 1_000_000_000)
    if host.get("CpuQuota", 0) > 0:
        return float(host["CpuQuota"] / (host.get("CpuPeriod") or 100_000))
    return None


def _mounts(found: dict[str, Any]) -> tuple[Mount, ...]:
    """Volumes, also those that the engine has named; in the order in which they were asked for."""
    order = [mount.get("Target") for mount in found["HostConfig"].get("Mounts") or ()]

    def place(mount: Mount) -> tuple[int, str]:
        return (order.index(mount.path) if mount.path in order else len(order), mount.path)

    mounts = [
        Mount(row["Name"], row["Destination"])
        for row in found["Mounts"]
        if row.get("Type") == "volume" and row.get("Name")
    ]
    return tuple(sorted(mounts, key=place))


def _is_confined(host: dict[str, Any]) -> bool:
    dropped = {name.upper() for name in host.get("CapDrop") or ()}
    options = {option.partition(":")[0] for option in host.get("SecurityOpt") or ()}
    return "ALL" in dropped and "no-new-privileges" in options


def _capabilities(host: dict[str, Any]) -> tuple[str, ...]:
    """Some engines write "CAP_KILL" for "KILL"."""
    return tuple(name.upper().removeprefix("CAP_") for name in host.get("CapAdd") or ())


def _scratch_mb(host: dict[str, Any]) -> int | None:
    size = _SIZE.search((host.get("Tmpfs") or {}).get("/tmp", ""))
    return int(size[1]) if host.get("ReadonlyRootfs") and size else None
