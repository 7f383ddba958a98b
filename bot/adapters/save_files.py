"""Saved work as files of the bot's machine: a folder per save, a gzipped tar per volume.

A file has its name only when all of it is on the disk. Whether it can be read again is proved by
reading it: its content must be what was written, and a tar that is whole.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.adapters.docker_tars import TarWatch
from bot.errors import SaveFailed
from bot.models import Text

_LEVEL = 1  # a home is saved in the last minutes of a paid hour; more would save little room
_CHUNK = 1 << 20


class SaveFiles:
    """Implements `bot.services.saving.Archives`. Names are of our making, never a person's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def room(self) -> int:
        """Free bytes. Raises SaveFailed."""
        with _told():
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            return shutil.disk_usage(self._directory).free

    def keep(self, save_id: str, name: str, fill: Callable[[Callable[[bytes], None]], None]) -> str:
        """Write a file, over one of that name; gives the SHA-256 of its content.

        fill: called with what takes the content, piece by piece; what it raises comes through.
        Raises SaveFailed.
        """
        folder = self._directory / save_id
        partial = folder / f"{name}.partial"
        try:
            with _told():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                digest = _written(partial, fill)
                partial.rename(folder / name)
                _sync(folder)
                _sync(self._directory)
        except BaseException:
            with suppress(OSError):  # what it takes is needed by others
                partial.unlink(missing_ok=True)
            raise
        return digest

    def has(self, save_id: str, name: str) -> bool:
        """Whether a file is there, on this machine."""
        return (self._directory / save_id / name).is_file()

    def age(self, save_id: str) -> timedelta:
        """How long ago a save was written to last. Raises SaveFailed."""
        with _told():
            return timedelta(seconds=time.time() - (self._directory / save_id).stat().st_mtime)

    def check(self, save_id: str, name: str, digest: str) -> int:
        """Read a file to its end; gives how many files and folders are in it.

        Raises SaveFailed when its content is another, or no whole tar.
        """
        read, watch = hashlib.sha256(), TarWatch()
        with _told():
            for piece in self.read(save_id, name):
                read.update(piece)
                watch.take(piece)
            if not watch.is_over:
                raise tarfile.ReadError("the archive has no end")
        if read.hexdigest() != digest:
            raise SaveFailed(Text("What was saved is not what was read from the VM."))
        return watch.entries

    def read(self, save_id: str, name: str) -> Iterator[bytes]:
        """A file's content, piece by piece. Raises SaveFailed."""
        with _told(), gzip.open(self._directory / save_id / name, "rb") as zipped:
            while piece := zipped.read(_CHUNK):
                yield piece

    def note(self, save_id: str, manifest: dict[str, Any]) -> int:
        """Put down what the files are, for somebody who has nothing else; gives the bytes of all
        files. Raises SaveFailed."""
        with _told():
            folder = self._directory / save_id
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            written = folder / "manifest.json"
            written.touch(mode=0o600)
            written.write_text(json.dumps(manifest, indent=2, ensure_ascii=False))
            _sync(folder)
            return sum(file.stat().st_size for file in folder.iterdir())

    def remove(self, save_id: str) -> None:
        """Delete all of a save. Gone already is success. Raises SaveFailed."""
        with _told():
            shutil.rmtree(self._directory / save_id, ignore_errors=False, onerror=_unless_gone)

    def ids(self) -> list[str]:
        """Saves of which there is anything, whole or not. Raises SaveFailed."""
        with _told():
            return sorted(each.name for each in self._directory.glob("*") if each.is_dir())


def _written(partial: Path, fill: Callable[[Callable[[bytes], None]], None]) -> str:
    """Fills a file, to the disk; the SHA-256 of what is packed in it."""
    digest = hashlib.sha256()
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with gzip.GzipFile("", "wb", _LEVEL, file, mtime=0) as zipped:

            def write(piece: bytes) -> None:
                digest.update(piece)
                zipped.write(piece)

            fill(write)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


@contextmanager
def _told() -> Iterator[None]:
    """What a disk or a damaged file raises, as an error of ours."""
    try:
        yield
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise SaveFailed(
            Text("The bot's disk does not keep it: {why}", why=str(error)[:200])
        ) from error


def _sync(folder: Path) -> None:
    """Have the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unless_gone(_function: Any, _path: str, raised: Any) -> None:
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]
