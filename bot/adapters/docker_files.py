"""Files into and out of containers, as the tar streams of Docker Engine API v1.41
(/containers/{id}/archive).

What comes out was written by anybody: it is read as a stream, never unpacked to a disk, and no
further than was asked for.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from bot.errors import EngineRefused, TooLarge
from bot.models import Text

MOST_FILES = 1_000
_FOLDER_MODE, _FILE_MODE = 0o755, 0o644
# What a tar may have besides the files' bytes: headers and padding, long names, links.
_AROUND_BYTES = 8_000_000
_MODES_KEPT = 0o777  # no set-uid, no set-gid


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom the files in a container belong to."""

    uid: int = 0
    gid: int = 0


def packed(files: Mapping[str, bytes], owner: Owner, is_there: Callable[[str], bool]) -> bytes:
    """A tar to be unpacked at "/": the files, and the folders above them that are not there yet.

    is_there: whether the container has a folder. Raises EngineRefused for a path that is relative
    or leads upwards.
    """
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for folder in _missing_folders(files, is_there):
            tar.addfile(_folder(folder, owner))
        for path, content in files.items():
            tar.addfile(_file(_checked(path), len(content), owner), io.BytesIO(content))
    return plain.getvalue()


def packed_folder(path: str, owner: Owner) -> bytes:
    """A tar that gives an existing folder to somebody, to be unpacked at "/"."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(_folder(_checked(path), owner))
    return plain.getvalue()


def unpacked(chunks: Iterable[bytes], most_bytes: int) -> dict[str, bytes]:
    """The regular files of a tar by their path below its first entry; of a file its own name.

    Raises TooLarge as soon as it is known.
    """
    files: dict[str, bytes] = {}
    with legible():
        for member, content in _members(chunks, most_bytes, MOST_FILES):
            if content is not None:
                files[_below(member.name) or posixpath.basename(member.name)] = content.read()
    return files


def repacked(chunks: Iterable[bytes], most_bytes: int) -> bytes:
    """The same files and folders as a gzipped tar, without the first entry's own name.

    Raises TooLarge as soon as it is known.
    """
    packed_again = io.BytesIO()
    with legible(), tarfile.open(fileobj=packed_again, mode="w:gz", compresslevel=6) as tar:
        for member, content in _members(chunks, most_bytes, None):
            name = _below(member.name)
            if name:
                member.name, member.mode = name, member.mode & _MODES_KEPT
                member.pax_headers = {}
                tar.addfile(member, content)
    return packed_again.getvalue()


def user_in(passwd: str, name: str) -> Owner | None:
    """The user of that name in /etc/passwd (passwd(5))."""
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) > 3 and fields[0] == name and fields[2].isdigit() and fields[3].isdigit():
            return Owner(int(fields[2]), int(fields[3]))
    return None


def _members(
    chunks: Iterable[bytes], most_bytes: int, most_files: int | None
) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Folders (without content) and regular files; links, devices and pipes are left out."""
    total = count = 0
    with tarfile.open(fileobj=_Bounded(chunks, most_bytes), mode="r|") as tar:
        for member in tar:
            if _leads_outside(member.name) or not (member.isreg() or member.isdir()):
                continue
            total += member.size if member.isreg() else 0
            count += 1
            if total > most_bytes or (most_files is not None and count > most_files):
                raise _too_large(most_bytes)
            yield member, tar.extractfile(member)


@contextmanager
def legible() -> Iterator[None]:
    """What is no tar, though it should be one, is the engine's fault."""
    try:
        yield
    except tarfile.TarError as error:
        raise EngineRefused(Text("The VM sent files that cannot be read.")) from error


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(
        Text("These are more than {most} MB, or too many files.", most=f"{most_bytes / 1e6:g}")
    )


class _Bounded(io.RawIOBase):
    """A tar's chunks as a file. Raises TooLarge when they are more than the files may have."""

    def __init__(self, chunks: Iterable[bytes], most_bytes: int) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        self._most_bytes = most_bytes
        self._left = most_bytes + _AROUND_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts: list[bytes] = []
        wanted = size
        while wanted > 0 and (self._rest or self._next()):
            part = bytes(self._rest[:wanted])
            self._rest = self._rest[len(part) :]
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _next(self) -> bool:
        chunk = next(self._chunks, b"")
        self._left -= len(chunk)
        if self._left < 0:
            raise _too_large(self._most_bytes)
        self._rest = memoryview(chunk)
        return bool(chunk)


def _missing_folders(paths: Iterable[str], is_there: Callable[[str], bool]) -> list[str]:
    """The folders above the files that have to be made, the outermost first."""
    above: set[str] = set()
    for path in paths:
        folder = posixpath.dirname(_checked(path))
        while folder:
            above.add(folder)
            folder = posixpath.dirname(folder)
    return [folder for folder in sorted(above) if not is_there(f"/{folder}")]


def _checked(path: str) -> str:
    """The path below "/"."""
    inside = path.removeprefix("/")
    if not path.startswith("/") or not inside or _leads_outside(inside):
        raise EngineRefused(Text("`{path}` is no path of a file in a container.", path=path))
    return inside


def _leads_outside(name: str) -> bool:
    return name.startswith("/") or ".." in name.split("/")


def _below(name: str) -> str:
    """An entry's path below the first one, whose name all have at their front; "" for itself."""
    return name.strip("/").partition("/")[2]


def _folder(path: str, owner: Owner) -> tarfile.TarInfo:
    member = _entry(path, owner)
    member.type, member.mode = tarfile.DIRTYPE, _FOLDER_MODE
    return member


def _file(path: str, size: int, owner: Owner) -> tarfile.TarInfo:
    member = _entry(path, owner)
    member.size, member.mode = size, _FILE_MODE
    return member


def _entry(path: str, owner: Owner) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.uid, member.gid = owner.uid, owner.gid
    member.mtime = int(datetime.now(UTC).timestamp())
    return member
