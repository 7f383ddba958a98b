"""Saved work as files: whole and readable, or not there."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.save_files import SaveFiles
from bot.errors import HostUnreachable, SaveFailed

NAME = "volume-1.tar.gz"


def tar_of(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return whole.getvalue()


WORK = tar_of({"home/model.R": b"lm(dist ~ speed, cars)\n", "home/빈 파일": b""})


def given_as(content: bytes, size: int = 700) -> Callable[[Callable[[bytes], None]], None]:
    def fill(write: Callable[[bytes], None]) -> None:
        for begin in range(0, len(content), size):
            write(content[begin : begin + size])

    return fill


@pytest.fixture
def files(tmp_path: Path) -> SaveFiles:
    return SaveFiles(tmp_path / "saves")


def test_what_was_kept_is_read(files: SaveFiles) -> None:
    digest = files.keep("one", NAME, given_as(WORK))

    assert files.check("one", NAME, digest) == 2
    assert b"".join(files.read("one", NAME)) == WORK


@given(st.dictionaries(st.text("abc/", min_size=1, max_size=9), st.binary(max_size=3_000)))
def test_any_content_is_counted_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, bytes]
) -> None:
    files, work = SaveFiles(tmp_path_factory.mktemp("saves")), tar_of(content)
    digest = files.keep("one", NAME, given_as(work))

    assert files.check("one", NAME, digest) == len(content)
    assert b"".join(files.read("one", NAME)) == work


def test_nobody_else_can_read_it(files: SaveFiles, tmp_path: Path) -> None:
    files.keep("one", NAME, given_as(WORK))
    files.note("one", {"name": "jekyll-dev"})

    written = [path for path in (tmp_path / "saves").rglob("*")]
    assert len(written) == 3
    assert [path.name for path in written if path.stat().st_mode & 0o077] == []


def test_a_file_that_broke_off_has_no_name(files: SaveFiles, tmp_path: Path) -> None:
    def breaks(write: Callable[[bytes], None]) -> None:
        write(WORK[:700])
        raise HostUnreachable("the connection broke")

    with pytest.raises(HostUnreachable):
        files.keep("one", NAME, breaks)

    assert list((tmp_path / "saves" / "one").iterdir()) == []
    files.keep("one", NAME, given_as(WORK))
    assert [path.name for path in (tmp_path / "saves" / "one").iterdir()] == [NAME]


def test_a_tar_that_is_cut_is_no_save(files: SaveFiles) -> None:
    digest = files.keep("one", NAME, given_as(WORK[:1_100]))

    with pytest.raises(SaveFailed):
        files.check("one", NAME, digest)


@pytest.mark.parametrize("at", [15, -12])
def test_a_damaged_file_is_no_save(files: SaveFiles, tmp_path: Path, at: int) -> None:
    digest = files.keep("one", NAME, given_as(WORK))
    file = tmp_path / "saves" / "one" / NAME
    damaged = bytearray(file.read_bytes())
    damaged[at] ^= 0xFF
    file.write_bytes(damaged)

    with pytest.raises(SaveFailed):
        files.check("one", NAME, digest)


def test_another_content_is_no_save(files: SaveFiles, tmp_path: Path) -> None:
    digest = files.keep("one", NAME, given_as(WORK))
    other = gzip.compress(tar_of({"home/model.R": b"rm(list = ls())\n"}))
    (tmp_path / "saves" / "one" / NAME).write_bytes(other)

    with pytest.raises(SaveFailed):
        files.check("one", NAME, digest)


def test_a_disk_that_is_full_is_told(tmp_path: Path) -> None:
    (tmp_path / "saves").write_text("no folder")

    with pytest.raises(SaveFailed, match="disk does not keep it"):
        SaveFiles(tmp_path / "saves").keep("one", NAME, given_as(WORK))


def test_what_is_removed_is_gone_and_may_be_removed_again(files: SaveFiles) -> None:
    files.keep("one", NAME, given_as(WORK))
    files.keep("two", NAME, given_as(WORK))
    files.remove("one")
    files.remove("one")

    assert files.ids() == ["two"]
    with pytest.raises(SaveFailed):
        list(files.read("one", NAME))


def test_a_file_is_there_on_this_machine_or_not(files: SaveFiles) -> None:
    files.keep("one", NAME, given_as(WORK))

    assert files.has("one", NAME)
    assert not files.has("one", "volume-2.tar.gz")
    assert timedelta(0) <= files.age("one") < timedelta(minutes=1)


def test_there_is_room(files: SaveFiles) -> None:
    assert files.room() > 1_000_000
    assert files.ids() == []
