"""Looking into one container, and putting files there before it begins."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from bot.adapters.docker_calls import EngineCalls
from bot.adapters.docker_errors import PathMissing
from bot.adapters.docker_files import Owner, packed, packed_folder, unpacked, user_in
from bot.adapters.docker_specs import check_container
from bot.models import ContainerSpec

ARCHIVE = "/containers/{0}/archive"  # of the engine's API
_PASSWD_BYTES = 1_000_000


def inspected(calls: EngineCalls, container_id: str) -> dict[str, Any]:
    """GET /containers/{id}/json. Raises ContainerNotFound."""
    check_container(container_id)
    found: dict[str, Any] = calls.read(lambda api: api.inspect_container(container_id))
    return found


def fetch(calls: EngineCalls, container_id: str, path: str, most_bytes: int) -> dict[str, bytes]:
    """The files under a path. Raises ContainerNotFound, TooLarge."""
    check_container(container_id)

    def read() -> dict[str, bytes]:
        with calls.long_calls, calls.stream(ARCHIVE, container_id, {"path": path}) as chunks:
            return unpacked(chunks, most_bytes)

    try:
        return calls.again(read)
    except PathMissing:
        return {}


def put_files(calls: EngineCalls, container_id: str, spec: ContainerSpec) -> None:
    """Put a spec's files into a container that has not been started, and give its volumes to
    their owners."""
    for mount in spec.mounts:
        if mount.owner is not None:
            owner = Owner(mount.owner, mount.owner)
            _put(calls, container_id, packed_folder(mount.path, owner))
    if spec.files:
        owner = _owner(calls, container_id)
        tar = packed(spec.files, owner, lambda path: _has(calls, container_id, path))
        _put(calls, container_id, tar)


def _put(calls: EngineCalls, container_id: str, tar: bytes) -> None:
    calls.act(lambda api: api.put_archive(container_id, "/", tar))


def _has(calls: EngineCalls, container_id: str, path: str) -> bool:
    status = calls.read(lambda api: api.head_status(ARCHIVE, container_id, {"path": path}))
    return status == HTTPStatus.OK


def _owner(calls: EngineCalls, container_id: str) -> Owner:
    """Whom a container's program runs as; root, when its image does not know the user."""
    user, _, group = (inspected(calls, container_id)["Config"]["User"] or "0").partition(":")
    if user.isdigit():
        return Owner(int(user), int(group) if group.isdigit() else 0)
    found = fetch(calls, container_id, "/etc/passwd", _PASSWD_BYTES).get("passwd", b"")
    return user_in(found.decode(errors="replace"), user) or Owner()
