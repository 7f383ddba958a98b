"""Several folders in one archive that any tar unpacks."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.services.packing import packed

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)

names = st.text("ab ü한.-", min_size=1, max_size=120).filter(lambda name: name.strip(". "))
folders = st.dictionaries(
    st.sampled_from(["workspace", "config", "sessions"]),
    st.dictionaries(names, st.binary(max_size=2_000), max_size=5),
)


def zipped(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid = len(content), 0o600, 1000
            tar.addfile(member, io.BytesIO(content))
    return whole.getvalue()


@given(folders)
def test_every_file_is_below_its_folder_with_its_bytes(
    content: dict[str, dict[str, bytes]],
) -> None:
    archive = packed("web-work", ((n, partial(zipped, content[n])) for n in content), NOW)

    with tarfile.open(fileobj=io.BytesIO(archive.content), mode="r:gz") as tar:
        members = tar.getmembers()
        found = {each.name: tar.extractfile(each) for each in members if each.isreg()}
        read = {name: file.read() for name, file in found.items() if file is not None}
    expected = {f"web-work/{n}/{name}": data for n in content for name, data in content[n].items()}
    assert read == expected
    assert (archive.files, archive.bytes) == (len(expected), sum(map(len, expected.values())))
    assert all(each.name.split("/")[0] == "web-work" for each in members), "it spills when unpacked"


def test_the_same_files_are_the_same_bytes_whenever_they_are_packed() -> None:
    """What was packed is lost with the process; a terminal knows it again by its bytes."""
    part = zipped({"thesis.R": b"x <- 1"})

    assert packed("w", [("a", lambda: part)], NOW) == packed("w", [("a", lambda: part)], NOW)


def test_each_folder_is_asked_for_when_it_is_its_turn() -> None:
    """Not all of them are held in memory beside the archive."""
    asked: list[str] = []

    def give(name: str) -> bytes:
        asked.append(name)
        return zipped({"x": b"y"})

    parts = ((name, lambda name=name: give(name)) for name in asking(asked))
    packed("w", parts, NOW)
    assert asked == ["turn of a", "a", "turn of b", "b"]


def asking(asked: list[str]) -> Iterator[str]:
    for name in ("a", "b"):
        asked.append(f"turn of {name}")
        yield name


def test_tar_unpacks_it(tmp_path: Path) -> None:
    part = zipped({"data/한글 이름.csv": b"1;2\n"})
    (tmp_path / "work.tar.gz").write_bytes(packed("w", [("workspace", lambda: part)], NOW).content)

    subprocess.run(["tar", "-xzf", "work.tar.gz"], cwd=tmp_path, check=True)

    unpacked = tmp_path / "w" / "workspace" / "data" / "한글 이름.csv"
    assert unpacked.read_bytes() == b"1;2\n"
