"""Tars as they pass by: where one ends, and one made of several."""

from __future__ import annotations

import io
import tarfile
from typing import Literal

import pytest

from bot.adapters.docker_tars import Merged, TarWatch

GB = 1_000_000_000


def header(name: str, size: int, format: Literal[0, 1, 2]) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(format)


def tar(*members: tuple[str, bytes]) -> bytes:
    """A folder's name ends with "/"."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize("size", [1, 511, 512, 513, 100_000])
def test_the_end_is_seen_in_pieces_of_any_size(size: int) -> None:
    whole = tar(("한글" * 60, b"\0" * 5_000), ("b", b""))
    watch = TarWatch()

    for start in range(0, len(whole), size):
        watch.take(whole[start : start + size])

    assert watch.is_over


@pytest.mark.parametrize("blocks", range(14))
def test_no_cut_looks_like_the_end(blocks: int) -> None:
    """Also where the content has the empty blocks that end a tar."""
    watch = TarWatch()

    watch.take(tar(("한글" * 60, b"\0" * 5_000), ("b", b""))[: blocks * 512])

    assert not watch.is_over


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_file_may_have_more_than_8_gb(format: Literal[1, 2]) -> None:
    """Its size does not fit into a plain header."""
    size = 9 * GB
    watch = TarWatch()
    watch.take(header("한글" * 60, size, format))
    piece, left = bytes(50_000_000), -(-size // 512) * 512
    while left > 0:
        watch.take(piece[:left])
        left -= len(piece)
        assert not watch.is_over

    watch.take(bytes(1024))

    assert watch.is_over


def test_the_size_in_a_pax_header_counts_once() -> None:
    """Go leaves the plain one zero then."""
    records = b"16 size=1000000\n"
    extended = tarfile.TarInfo("x")
    extended.type, extended.size = tarfile.XHDTYPE, len(records)
    watch = TarWatch()
    watch.take(extended.tobuf(tarfile.USTAR_FORMAT) + records.ljust(512, b"\0"))
    watch.take(header("large", 0, tarfile.USTAR_FORMAT) + bytes(1_000_448))
    assert not watch.is_over

    watch.take(header("empty", 0, tarfile.USTAR_FORMAT) + bytes(1024))

    assert watch.is_over


def test_a_links_size_says_nothing() -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "to"
    data = bytearray(link.tobuf(tarfile.USTAR_FORMAT))
    watch = TarWatch()

    watch.take(bytes(data) + bytes(1024))

    assert watch.is_over


@pytest.mark.parametrize("what", [b"no tar " * 100, b"\x1f\x8b" + b"x" * 600])
def test_what_is_no_tar_is_an_error(what: bytes) -> None:
    with pytest.raises(tarfile.TarError):
        TarWatch().take(what)


def test_entries_are_merged_below_their_folders() -> None:
    pieces: list[bytes] = []
    merged = Merged(pieces.append)

    merged.add(iter([tar(("R", b"r" * 700), ("R/한글" * 40, b"x"))]), "opt/lib", is_whole=True)
    merged.add(iter([tar(("doc/", b""), ("doc/a", b"a"))]), "usr/share", is_whole=False)
    merged.add(iter([tar(("top", b"t"))]), "", is_whole=False)
    merged.close()

    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces)), mode="r:") as found:
        assert found.getnames() == ["opt/lib/R", "opt/lib/" + "R/한글" * 40, "usr/share/doc", "top"]
    watch = TarWatch()
    watch.take(b"".join(pieces))
    assert watch.is_over


def test_links_stay_links() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as file:
        for name, kind, to in [("R/h", tarfile.LNKTYPE, "R/x"), ("R/s", tarfile.SYMTYPE, "../x")]:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, to
            file.addfile(member)
    pieces: list[bytes] = []
    merged = Merged(pieces.append)

    merged.add(iter([packed.getvalue()]), "opt", is_whole=True)
    merged.close()

    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as found:
        assert [member.linkname for member in found] == ["opt/R/x", "../x"]
