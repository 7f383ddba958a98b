"""What stands around the commands: who somebody is, which language, and where files go."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.replies.blocks import File, Reply, section
from bot.shell.cli import main as shell
from bot.shell.documents import Documents
from bot.shell.results import Status, answered
from bot.shell.saving import save


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SL_USERNAME", "SL_API_KEY", "DATABASE_URL", "DS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DS_HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("nothing_set")
def test_what_is_missing_is_named_and_slack_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shell", "vm", "list"]) == 1

    said = capsys.readouterr().err
    assert "SL_USERNAME" in said and "SL_API_KEY" in said
    assert "SLACK" not in said


@pytest.mark.parametrize("name", ["", "no such name", "x" * 33, "a:b", "U0JANE/..", "-a", "이름"])
def test_a_name_that_could_be_taken_for_another_id_is_refused(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        shell(["--user", name, "vm", "list"])

    assert ended.value.code == 2
    assert "--user" in capsys.readouterr().err


def test_help_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        shell(["--help"])

    said = capsys.readouterr().out
    for status in Status:
        assert f"{status.exit_status} " in said


# --- files ---


def test_a_file_replaces_none_in_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert [save(File("a.log", bytes([i])), None) for i in (1, 2, 3)] == [
        "a.log",
        "a-2.log",
        "a-3.log",
    ]
    assert (tmp_path / "a-2.log").read_bytes() == b"\x02"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\evil", "evil"),
        (".bashrc", "bashrc"),
        ("..", "file"),
        ("", "file"),
    ],
)
def test_a_file_never_leaves_its_directory(tmp_path: Path, name: str, written: str) -> None:
    assert save(File(name, b"1"), str(tmp_path)) == str(tmp_path / written)
    assert [path.name for path in tmp_path.iterdir()] == [written]


def test_a_file_does_not_follow_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "a.log").symlink_to(target)

    assert save(File("a.log", b"1"), str(tmp_path)) == str(tmp_path / "a-2.log")
    assert not target.exists()


def test_a_file_goes_where_it_is_wanted(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    wanted = tmp_path / "wanted.log"
    for content in (b"1", b"2"):
        assert save(File("a.log", content), str(wanted)) == str(wanted)
    assert wanted.read_bytes() == b"2"
    with open(1, "w", closefd=False) as out:
        previous, sys.stdout = sys.stdout, out
        try:
            assert save(File("a.log", b"\x00\xff"), "-") == "-"
        finally:
            sys.stdout = previous
    assert capfdbinary.readouterr().out == b"\x00\xff"


# --- documents ---


def test_each_result_is_one_line_of_json() -> None:
    out = io.StringIO()
    documents = Documents(out)
    for _ in range(2):
        documents.show(answered("ps", Status.DONE, Reply("a\nb", [section("a\nb 한글")])))

    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first == second
    assert first["text"] == "a\nb 한글"
    assert set(first) == {
        "command", "status", "operation", "text", "facts", "links", "next", "files",
    }  # fmt: skip
