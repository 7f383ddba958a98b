"""What the engine answers (Docker Engine API v1.41), turned into our own facts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from bot.models import Container, Engine, Image, PortBinding, SearchHit

_EXIT_CODE = re.compile(r"Exited \((\d+)\)")
_NO_NAME = "<none>:<none>"
# What makes no layer of its own, as classic builders and as BuildKit write it into the history.
_MAKES_NO_LAYER = re.compile(
    r"(?:/bin/sh -c #\(nop\)\s+)?(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER"
    r"|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)


def engine_of(info: dict[str, Any]) -> Engine:
    """GET /info."""
    return Engine(
        version=info["ServerVersion"],
        operating_system=info["OperatingSystem"],
        cpus=info["NCPU"],
        memory_bytes=info["MemTotal"],
        containers_running=info["ContainersRunning"],
        containers=info["Containers"],
        images=info["Images"],
        storage_driver=info["Driver"],
        kernel=info["KernelVersion"],
        architecture=info["Architecture"],
        warnings=tuple(info.get("Warnings") or ()),
    )


def container_of(row: dict[str, Any]) -> Container:
    """A row of GET /containers/json."""
    exit_code = _EXIT_CODE.match(row["Status"])
    return Container(
        id=row["Id"],
        name=_own_name(row["Names"] or []),  # null while it is being removed
        image=row["Image"],
        command=row["Command"],
        created_at=datetime.fromtimestamp(row["Created"], UTC),
        is_running=row["State"] == "running",
        status=row["Status"],
        ports=_bindings(row["Ports"] or []),
        labels=row["Labels"] or {},
        exit_code=int(exit_code[1]) if exit_code else None,
    )


def names_of(row: dict[str, Any]) -> tuple[str, ...]:
    """The names in a row of GET /images/json."""
    return tuple(name for name in row["RepoTags"] or () if name != _NO_NAME)


def image_of(row: dict[str, Any], found: dict[str, Any]) -> Image:
    """A row of GET /images/json, with GET /images/{id}/json of the same image."""
    digests = [
        name.partition("@")[2] for name in row.get("RepoDigests") or () if "@sha256:" in name
    ]
    return Image(
        id=row["Id"],
        names=names_of(row),
        created_at=datetime.fromtimestamp(row["Created"], UTC),
        size_bytes=row["Size"],
        layers=tuple(found["RootFS"].get("Layers") or ()),
        digest=digests[0] if digests else None,
    )


def layer_sizes_of(history: list[dict[str, Any]], count: int) -> tuple[int, ...]:
    """GET /images/{id}/history of an image with so many layers.

    The history has entries that are no layer, and does not say which: none is given when that
    cannot be told for sure.
    """
    oldest_first = [(row["Size"], row.get("CreatedBy") or "") for row in reversed(history)]
    likely = [size for size, made in oldest_first if size or not _MAKES_NO_LAYER.match(made)]
    certain = [size for size, _ in oldest_first if size]
    return next((tuple(each) for each in (certain, likely) if len(each) == count), ())


def hit_of(row: dict[str, Any]) -> SearchHit:
    """A row of GET /images/search."""
    return SearchHit(
        name=row["name"],
        description=row.get("description") or "",
        stars=row["star_count"],
        is_official=row["is_official"],
        is_automated=row.get("is_automated", False),
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
