"""What is in a volume, and what a container has changed, as a tar of any size, and back again.

Both ways piece by piece, so that 20 GB need no more memory than one. The tars are the engine's own:
owners by their numbers, modes, links, devices and times as they are. Its root is

* of a volume, one folder "ds-bot-volume", which is the volume itself with its owner and mode;
* of a container, "/", as `docker cp` would have it: "usr/local/lib/R/site-library/zoo/…".
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from bot.adapters.docker_calls import EngineCalls
from bot.adapters.docker_errors import PathMissing
from bot.adapters.docker_files import legible
from bot.adapters.docker_inside import ARCHIVE, inspected
from bot.adapters.docker_specs import check_volume
from bot.adapters.docker_tars import Merged, TarWatch
from bot.adapters.docker_volumes import PATH, check_there, onlooking
from bot.errors import EngineRefused, HostUnreachable
from bot.models import Text

_PIECE_BYTES = 262_144
_MOST_ROOTS = 2_000  # each is a question of its own: some 20 ms
# Of a container's own, never of its work: gone with the next start, or made by the engine.
_NEVER_SAVED = (
    *("/tmp", "/var/tmp", "/run", "/var/run", "/proc", "/sys", "/dev"),
    *("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv"),
)
_MODIFIED, _ADDED = 0, 1  # kinds in GET /containers/{id}/changes; 2 is what was deleted


def save_volume(calls: EngineCalls, volume: str, write: Callable[[bytes], None]) -> None:
    """Raises EngineRefused, HostUnreachable, and whatever `write` raises."""
    check_there(calls, volume)
    with calls.saves, _theirs_unwrapped(), onlooking(calls, volume) as onlooker:
        with _archive(calls, onlooker, PATH) as chunks:
            for chunk in chunks:
                with _theirs():
                    write(chunk)


def load_volume(calls: EngineCalls, volume: str, tar: Iterator[bytes]) -> None:
    """Raises EngineRefused, HostUnreachable, and whatever `tar` raises."""
    check_volume(volume)
    with (
        calls.saves,
        _theirs_unwrapped(),
        onlooking(calls, volume, is_writable=True) as onlooker,
    ):
        _load(calls, onlooker, tar)


def save_changes(calls: EngineCalls, container_id: str, write: Callable[[bytes], None]) -> None:
    """Raises ContainerNotFound, EngineRefused, HostUnreachable, and whatever `write` raises."""
    found = inspected(calls, container_id)
    rows = calls.again(lambda: calls.act_long(lambda api: api.changes(found["Id"])))
    roots = roots_of(rows, mounted_in(found))
    if len(roots) > _MOST_ROOTS:
        raise EngineRefused(Text("The container has changed too many single files to be saved."))

    def write_theirs(piece: bytes) -> None:
        with _theirs():
            write(piece)

    with calls.saves, _theirs_unwrapped():
        merged = Merged(write_theirs)
        for path, is_whole in roots.items():
            _add(calls, found["Id"], merged, path, is_whole=is_whole)
        merged.close()


def load_changes(calls: EngineCalls, container_id: str, tar: Iterator[bytes]) -> None:
    """Raises ContainerNotFound, EngineRefused, HostUnreachable, and whatever `tar` raises."""
    found = inspected(calls, container_id)
    if found["HostConfig"].get("ReadonlyRootfs"):
        return  # the one it is made after could not be written to either
    with calls.saves, _theirs_unwrapped():
        _load(calls, found["Id"], tar)


def mounted_in(found: dict[str, Any]) -> set[str]:
    """Paths at which a container, as GET /containers/{id}/json has it, shows something else."""
    mounts = {str(mount["Destination"]) for mount in found["Mounts"]}
    return mounts | set(found["HostConfig"].get("Tmpfs") or ())


def roots_of(rows: Iterable[dict[str, Any]], mounted: Iterable[str]) -> dict[str, bool]:
    """What to save of GET /containers/{id}/changes: paths, and whether with all that is below.

    An added folder is saved whole, unless something else is mounted below. A folder is listed as
    modified because of what is listed below it, so that nothing is saved of it itself.
    """
    kinds = {row["Path"]: row["Kind"] for row in rows}
    left_out = {*_NEVER_SAVED, *(posixpath.normpath(path) for path in mounted)}
    parents = {above for path in kinds for above in _above(path)}
    around = {above for path in left_out for above in _above(path)}
    roots: dict[str, bool] = {}
    for path in sorted(kinds, key=lambda path: path.split("/")):
        if not left_out.isdisjoint((path, *_above(path))):
            continue
        if any(roots.get(above) for above in _above(path)):
            continue
        if kinds[path] == _ADDED:
            roots[path] = path not in around
        elif kinds[path] == _MODIFIED and path not in parents:
            roots[path] = False  # a file; or a folder whose mode or owner is new
    return roots


def _above(path: str) -> Iterator[str]:
    """The folders above a path, without "/"."""
    while (path := posixpath.dirname(path)) not in ("/", ""):
        yield path


def _add(
    calls: EngineCalls, container_id: str, merged: Merged, path: str, *, is_whole: bool
) -> None:
    folder = posixpath.dirname(path).removeprefix("/")
    try:
        with _archive(calls, container_id, path, is_whole=is_whole) as chunks:
            merged.add(chunks, folder, is_whole=is_whole)
    except PathMissing:  # meanwhile, if it runs
        return


@contextmanager
def _archive(
    calls: EngineCalls, container_id: str, path: str, *, is_whole: bool = True
) -> Iterator[Iterator[bytes]]:
    """The pieces of a path's tar. If all of it is to be read, HostUnreachable unless it was all."""
    watch = TarWatch()

    def watched(chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            watch.take(chunk)
            yield chunk

    with legible(), calls.stream(ARCHIVE, container_id, {"path": path}) as chunks:
        yield watched(chunks)
    if is_whole and not watch.is_over:
        raise HostUnreachable(
            Text("The VM at {address} sent only a part of the files.", address=calls.address)
        )


def _load(calls: EngineCalls, container_id: str, tar: Iterator[bytes]) -> None:
    calls.act(lambda api: api.unpack(container_id, "/", _whole(tar)))


def _whole(tar: Iterator[bytes]) -> Iterator[bytes]:
    """Its pieces, none of them large. Raises EngineRefused when they are not a whole tar: the
    engine would take what there is."""
    watch = TarWatch()
    try:
        while True:
            with _theirs():
                piece = next(tar, None)
            if piece is None:
                break
            watch.take(piece)
            for start in range(0, len(piece), _PIECE_BYTES):
                yield piece[start : start + _PIECE_BYTES]
        if not watch.is_over:
            raise tarfile.ReadError("cut")
    except tarfile.TarError as error:
        raise EngineRefused(
            Text("What was saved is not whole, so that it cannot be put back.")
        ) from error


class _Theirs(Exception):
    """Carries an error of the caller's own past what renames errors of the connection: a full
    disk at the caller's end is no broken connection."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@contextmanager
def _theirs() -> Iterator[None]:
    """Around the caller's code."""
    try:
        yield
    except Exception as error:
        raise _Theirs(error) from error


@contextmanager
def _theirs_unwrapped() -> Iterator[None]:
    error = None
    try:
        yield
    except _Theirs as carried:
        error = carried.error
    if error is not None:
        raise error
