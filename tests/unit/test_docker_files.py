"""Tar streams from containers, some of them made by somebody who means no good."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.docker_files import (
    MOST_FILES,
    Owner,
    packed,
    packed_folder,
    repacked,
    unpacked,
    user_in,
)
from bot.adapters.docker_output import newest
from bot.errors import EngineRefused, TooLarge

MB = 1_000_000


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    for field, value in fields.items():
        setattr(member, field, value)
    return member


def tar_of(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for member, content in entries:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return plain.getvalue()


def chunks_of(content: bytes, size: int = 1000) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


HOSTILE = [
    entry("work/link", tarfile.SYMTYPE, linkname="/etc/shadow"),
    entry("work/hard", tarfile.LNKTYPE, linkname="../../etc/shadow"),
    entry("work/pipe", tarfile.FIFOTYPE),
    entry("work/disk", tarfile.BLKTYPE, devmajor=8),
    entry("work/tty", tarfile.CHRTYPE, devmajor=4),
    entry("work/../../etc/passwd"),
    entry("/etc/passwd"),
    entry(".."),
]


@pytest.mark.parametrize("member", HOSTILE, ids=lambda member: member.name)
def test_only_files_below_the_path_come_out(member: tarfile.TarInfo) -> None:
    folder, good = entry("work", tarfile.DIRTYPE), entry("work/good")
    stream = tar_of((folder, b""), (member, b""), (good, b"1"))

    assert unpacked(chunks_of(stream), MB) == {"good": b"1"}
    with tarfile.open(fileobj=io.BytesIO(repacked(chunks_of(stream), MB)), mode="r:gz") as tar:
        assert tar.getnames() == ["good"]


def test_no_more_is_read_than_was_asked_for() -> None:
    """A file of 10 GB is known by its header."""
    huge = entry("work/huge")
    huge.size = 10 * 10**9
    taken = 0

    def stream() -> Iterator[bytes]:
        nonlocal taken
        yield tar_of((entry("work", tarfile.DIRTYPE), b""))[:512] + huge.tobuf()
        while True:
            taken += 1
            yield bytes(100_000)

    for read in (unpacked, repacked):
        with pytest.raises(TooLarge):
            read(stream(), MB)
    assert taken < 5


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_endless_entries_without_content_end(kind: bytes) -> None:
    """Folders and links have no size of their own."""

    def stream() -> Iterator[bytes]:
        while True:
            yield entry("work/x", kind).tobuf() * 200

    for read in (unpacked, repacked):
        with pytest.raises(TooLarge):
            read(stream(), MB)


def test_more_files_than_anybody_shows_are_refused() -> None:
    def files(count: int) -> Iterator[bytes]:
        return chunks_of(tar_of(*((entry(f"work/{n}"), b"") for n in range(count))), 100_000)

    assert len(unpacked(files(MOST_FILES), MB)) == MOST_FILES
    with pytest.raises(TooLarge):
        unpacked(files(MOST_FILES + 1), MB)


@pytest.mark.parametrize("length", [600, 1100, 1700])
def test_a_stream_that_breaks_off_is_an_error(length: int) -> None:
    stream = tar_of((entry("work/a"), b"x" * 3000))[:length]

    for read in (unpacked, repacked):
        with pytest.raises(EngineRefused):
            read(chunks_of(stream), MB)


def test_nothing_keeps_special_rights_in_an_archive() -> None:
    stream = tar_of((entry("v", tarfile.DIRTYPE), b""), (entry("v/su", mode=0o6755), b"1"))

    with tarfile.open(fileobj=io.BytesIO(repacked(chunks_of(stream), MB)), mode="r:gz") as tar:
        assert [(member.name, member.mode) for member in tar] == [("su", 0o755)]


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60)
paths = st.lists(names.filter(lambda name: name not in (".", "..")), min_size=1, max_size=4)


@given(
    st.dictionaries(paths.map("/".join), st.binary(max_size=2000), max_size=8), st.integers(1, 5000)
)
def test_what_is_packed_is_unpacked(files: dict[str, bytes], size: int) -> None:
    """In chunks of any size, and with long names in any script."""
    stream = packed(
        {f"/work/{path}": body for path, body in files.items()}, Owner(), lambda _: True
    )

    assert unpacked(chunks_of(stream, size), MB) == files


def test_only_the_folders_that_are_missing_are_packed() -> None:
    """Their owner may write there; those that the image has stay as they are."""
    files = {"/etc/r/site/conf": b"1", "/work/run.R": b"2"}
    there = {"/etc", "/work"}

    stream = packed(files, Owner(1000, 50), there.__contains__)

    with tarfile.open(fileobj=io.BytesIO(stream)) as tar:
        found = {each.name: (each.uid, each.gid, each.mode, each.isdir()) for each in tar}
    assert found == {
        "etc/r": (1000, 50, 0o755, True),
        "etc/r/site": (1000, 50, 0o755, True),
        "etc/r/site/conf": (1000, 50, 0o644, False),
        "work/run.R": (1000, 50, 0o644, False),
    }


@pytest.mark.parametrize("path", ["a", "", "/", "/a/../../b", "/..", "//a"])
def test_a_path_that_leads_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(EngineRefused):
        packed({path: b"x"}, Owner(), lambda _: True)
    with pytest.raises(EngineRefused):
        packed_folder(path, Owner())


def test_a_user_is_found_by_name() -> None:
    passwd = "root:x:0:0::/root:/bin/sh\nbroken\nr:x:::\nrstudio:x:1000:100::/home:/bin/sh\n"

    assert user_in(passwd, "rstudio") == Owner(1000, 100)
    assert user_in(passwd, "nobody") is None
    assert user_in(passwd, "r") is None


def framed(*parts: bytes) -> bytes:
    return b"".join(b"\1\0\0\0" + len(part).to_bytes(4, "big") + part for part in parts)


@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(1, 400), st.integers(1, 2000))
def test_frames_are_put_together(parts: list[bytes], size: int, most: int) -> None:
    """Wherever the chunks begin and end."""
    everything = b"".join(parts)

    assert newest(chunks_of(framed(*parts), size), most, is_framed=True) == everything[-most:]
    assert newest(chunks_of(everything, size), most, is_framed=False) == everything[-most:]
