"""Programs that end when they are told to, or when whoever started them is no more."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.home import emptied, only_one, run_directory, sandbox_home
from sandbox.images.base import ImageFailed, run_or_fail
from sandbox.processes import END_WITH_PARENT, Cancelled, Programs, is_running, this_process

_PATIENCE_S = 20.0
SLEEP = ("sh", "-c", 'sleep 600 & echo $! >"$1"; wait', "sh")  # with a child of its own


def eventually(ask: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not ask():
        assert time.monotonic() < deadline, "it never came"
        threading.Event().wait(0.02)


def written(path: Path) -> str:
    """What a program has written to a file; it may not have yet."""
    eventually(lambda: path.exists() and path.read_text().strip())
    return path.read_text().strip()


def ended(pid: str) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_status_and_output_of_a_program_are_told() -> None:
    assert Programs().run(["sh", "-c", "echo $WHO; echo bad >&2; exit 3"], WHO="ada") == (
        3,
        "ada\nbad\n",
    )


def test_stopping_ends_programs_and_what_they_have_started(tmp_path: Path) -> None:
    programs = Programs()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(programs.run, [*SLEEP, str(tmp_path / "pid")])
        pid = written(tmp_path / "pid")

        programs.stop()

        with pytest.raises(Cancelled):
            running.result()
    eventually(lambda: ended(pid))
    with pytest.raises(Cancelled):
        programs.run(["true"])


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(ImageFailed, match="the image shiny: sh failed:\n  two\n  three") as caught:
        run_or_fail(Programs(), "shiny", "sh", "-c", "printf 'two\\nthree\\n'; exit 1")

    assert "four" not in str(caught.value)


def test_a_program_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Also when that one has no chance to do anything about it: kill -9."""
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen(sys.argv[2:])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    pid = tmp_path / "pid"
    command = [sys.executable, "-c", code, str(pid), *END_WITH_PARENT, "sleep", "600"]
    with subprocess.Popen(command) as parent:
        child = written(pid)
        eventually(lambda: Path(f"/proc/{child}/comm").read_text() == "sleep\n")

        parent.kill()

    eventually(lambda: ended(child))


def test_a_process_is_told_from_a_later_one_of_the_same_number() -> None:
    name = this_process()
    pid, _, started = name.partition(":")

    assert is_running(name)
    assert not is_running(f"{pid}:{int(started) + 1}")
    assert not is_running(f"{pid}:")
    assert not is_running("nonsense")


def test_a_process_that_has_ended_does_not_run() -> None:
    """Even while nobody has asked for its status."""
    with subprocess.Popen(["sleep", "600"]) as process:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        name = f"{process.pid}:{fields[19]}"
        assert is_running(name)

        process.kill()

        eventually(lambda: not is_running(name))


def test_what_killed_runs_left_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DS_SANDBOX_HOME", str(tmp_path))
    left = sandbox_home() / "runs" / "1:1"
    left.mkdir(parents=True)
    (left / "bot.log").write_text("")

    with run_directory() as mine:
        assert mine.is_dir()
        assert not left.exists()

    assert not mine.exists()


def test_a_draft_of_a_killed_run_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "half").write_text("")

    with emptied(tmp_path / "draft") as room:
        assert list(room.iterdir()) == []

    assert not room.exists()


def test_who_must_wait_for_a_lock_is_told_why(tmp_path: Path) -> None:
    told, order = threading.Event(), []

    def second() -> None:
        with only_one(tmp_path, "images", told.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with only_one(tmp_path, "images"):
        thread.start()
        assert told.wait(_PATIENCE_S)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
