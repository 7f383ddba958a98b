"""One archive out of several: each folder below a name of its own, all below one."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

_LEVEL = 6  # as `tar -z` has it


@dataclass(frozen=True, slots=True)
class Archive:
    """A gzipped tar. files and bytes: how many, and how large they are unpacked."""

    content: bytes = field(repr=False)
    files: int
    bytes: int


def packed(
    top: str, folders: Iterable[tuple[str, Callable[[], bytes]]], at: datetime
) -> Archive:  # fmt: skip
    """The folders, by their name and what gives each as a gzipped tar, asked one after the other.

    The same files are the same bytes, whenever they are packed. at: the time of the folders.
    """
    whole = io.BytesIO()
    files = size = 0
    with (
        gzip.GzipFile("", "wb", _LEVEL, whole, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w|") as tar,
    ):
        tar.addfile(_folder(top, at))
        for name, give in folders:
            tar.addfile(_folder(f"{top}/{name}", at))
            with tarfile.open(fileobj=io.BytesIO(give()), mode="r|gz") as part:
                for member in part:
                    member.name = f"{top}/{name}/{member.name}"
                    member.pax_headers = {}  # else the old name in them would count
                    tar.addfile(member, part.extractfile(member) if member.isreg() else None)
                    files += member.isreg()
                    size += member.size if member.isreg() else 0
    return Archive(whole.getvalue(), files, size)


def _folder(name: str, at: datetime) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, int(at.timestamp())
    return member
