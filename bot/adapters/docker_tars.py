"""Tars of any size as they pass by: whether one is whole, and one made of several.

Nothing is kept but the header that is being read. Formats: ustar, pax and GNU, as Go's archive/tar
(the engine's) writes them.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_BLOCK = tarfile.BLOCKSIZE
_PIECE_BYTES = 262_144
# pax records that we read; the kernel allows 64 KB for a file's extended attributes.
_MOST_RECORDS = 1_000_000
_WITHOUT_CONTENT = (
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
)
_TELLS_OF_THE_NEXT = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_ABOUT_OTHERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, *_TELLS_OF_THE_NEXT)


class TarWatch:
    """Follows a tar piece by piece, to know whether its end has come: a tar that was cut between
    two files looks like a whole one otherwise. entries: files, folders and links so far."""

    def __init__(self) -> None:
        self.entries = 0
        self._header = bytearray()
        self._left = 0  # bytes of an entry's content, and of what fills its last block
        self._records: bytearray | None = None  # of the pax header that is being read
        self._records_size = 0
        self._size: int | None = None  # of the next entry, by its pax header
        self._empty_blocks = 0

    @property
    def is_over(self) -> bool:
        """Whether both of the empty blocks that end a tar were there."""
        return self._empty_blocks >= 2

    def take(self, piece: bytes) -> None:
        """The next piece. Raises tarfile.TarError for what is no tar."""
        rest = memoryview(piece)
        while rest and not self.is_over:
            wanted = self._left or _BLOCK - len(self._header)
            part, rest = rest[:wanted], rest[wanted:]
            if self._left:
                self._content(part)
            else:
                self._header += part
                if len(self._header) == _BLOCK:
                    self._begin(bytes(self._header))
                    self._header.clear()

    def _content(self, part: memoryview) -> None:
        self._left -= len(part)
        if self._records is None:
            return
        self._records += part[: max(0, _MOST_RECORDS - len(self._records))]
        if not self._left:
            self._size = _size_in(bytes(self._records[: self._records_size]))
            self._records = None

    def _begin(self, header: bytes) -> None:
        if header.count(0) == _BLOCK:
            self._empty_blocks += 1
            return
        self._empty_blocks = 0
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        if member.type == tarfile.XHDTYPE and member.size:
            self._records, self._records_size = bytearray(), member.size
        size = 0 if member.type in _WITHOUT_CONTENT else member.size
        self.entries += member.type not in _ABOUT_OTHERS
        if member.type not in (tarfile.XHDTYPE, *_TELLS_OF_THE_NEXT):
            if self._size is not None and member.type not in _WITHOUT_CONTENT:
                size = self._size
            self._size = None
        self._left = -(-size // _BLOCK) * _BLOCK


def _size_in(records: bytes) -> int | None:
    """What pax records ("LENGTH key=value" and a line end) say of the next entry's size."""
    found = None
    try:
        while records:
            length = int(records.partition(b" ")[0])
            key, _, value = records[:length].partition(b" ")[2].rstrip(b"\n").partition(b"=")
            if key == b"size":
                found = int(value)
            records = records[max(1, length) :]
    except ValueError as error:
        raise tarfile.ReadError("a pax header that is none") from error
    return found


class Merged:
    """One tar, written as it is made, of entries that stood in others."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._out = _Out(write)
        self._tar = tarfile.TarFile(
            fileobj=self._out, mode="w", format=tarfile.PAX_FORMAT, copybufsize=_PIECE_BYTES
        )

    def add(self, chunks: Iterator[bytes], folder: str, *, is_whole: bool) -> None:
        """The entries of another tar, with their names below a folder; all of it is read.

        is_whole: False if of a folder only itself is wanted, so that no more is read. Raises
        tarfile.TarError.
        """
        with tarfile.open(fileobj=_In(chunks), mode="r|", bufsize=_PIECE_BYTES) as tar:
            while (member := tar.next()) is not None:
                self._add(member, tar.extractfile(member) if member.isreg() else None, folder)
                _forget_members(tar)
                if member.isdir() and not is_whole:
                    return
        for _ in chunks:
            pass

    def close(self) -> None:
        """Write the end."""
        self._tar.close()
        self._out.hand_over()

    def _add(self, member: tarfile.TarInfo, content: IO[bytes] | None, folder: str) -> None:
        member.name = posixpath.join(folder, member.name)
        if member.islnk():
            member.linkname = posixpath.join(folder, member.linkname)
        # These would be preferred to what the entry itself says.
        said = {"path", "linkpath", "size"}
        member.pax_headers = {
            key: value for key, value in member.pax_headers.items() if key not in said
        }
        self._tar.addfile(member, content)
        _forget_members(self._tar)


def _forget_members(tar: tarfile.TarFile) -> None:
    """Else each entry would stay in memory."""
    tar.members.clear()  # type: ignore[attr-defined]  # Python 3.11 to 3.14


class _In(io.RawIOBase):
    """Pieces as a file to be read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = memoryview(b"")

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        part, self._rest = self._rest[:size], self._rest[size:]
        return bytes(part)


class _Out(io.RawIOBase):
    """A file to be written, as few larger pieces."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__()
        self._write = write
        self._held = bytearray()
        self._written = 0

    def tell(self) -> int:
        return self._written

    def write(self, part: ReadableBuffer) -> int:
        before = len(self._held)
        self._held += part
        size = len(self._held) - before
        self._written += size
        if len(self._held) >= _PIECE_BYTES:
            self.hand_over()
        return size

    def hand_over(self) -> None:
        """Not `flush`, which Python calls by itself when a file is given up."""
        if self._held:
            piece, self._held = bytes(self._held), bytearray()
            self._write(piece)
