"""Making images: what is said meanwhile, and how it ends when it must end early.

`docker` and `mmdebstrap` are small programs of the test's own; real images are made by whoever
first runs the tests that need them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sandbox.images import base, build, recipes
from sandbox.images.base import ImageFailed

_PATIENCE_S = 20.0
FAKE_IMAGES = """\
import sys
from sandbox.foreground import say, stoppable
from sandbox.images import build
build.image_id = lambda name: None
with stoppable():
    build.ensure_images(["shiny", "vm_plain"], say)
    sys.exit(5)
say("clean")
"""


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for programs, first on the path; the sandbox's home is beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setenv("DS_SANDBOX_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(build, "image_id", lambda name: None)
    program(folder, "mmdebstrap", 'for last; do :; done; echo tar >"$last"')
    program(folder, "docker", f'echo "$*" >>{tmp_path}/docker.log')
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def called(tmp_path: Path) -> list[str]:
    """The names of the images that were made, in order."""
    lines = (tmp_path / "docker.log").read_text().splitlines()
    return [line.split("ds-sandbox.image=")[1].split()[0] for line in lines]


def test_parents_are_made_before_their_children(tmp_path: Path) -> None:
    build.ensure_images(["hadleyverse", "vm_docker"])

    made = called(tmp_path)
    assert made[0] == "base"
    assert set(made) == {"base", "r_base", "rstudio", "hadleyverse", "vm_plain", "vm_docker"}
    assert made.index("r_base") < made.index("rstudio") < made.index("hadleyverse")
    assert made.index("vm_plain") < made.index("vm_docker")


def test_who_waits_is_told_how_long_and_how_far(tmp_path: Path) -> None:
    told: list[str] = []

    build.ensure_images(["r_devel"], told.append)

    assert told[0].startswith(
        "making 2 images from Debian's packages, this once; takes about 1 min"
    )
    assert "making the image r_base (R)" in told
    assert told[-1].endswith("(2 of 2)")


def test_the_base_is_made_once_even_if_the_engine_lost_it(programs: Path, tmp_path: Path) -> None:
    build.ensure_images(["r_base"])
    program(programs, "mmdebstrap", "exit 1")

    build.ensure_images(["r_base"])

    assert called(tmp_path) == ["base", "r_base"] * 2


def test_bootstrap_makes_the_base_unless_the_engine_has_it(programs: Path, tmp_path: Path) -> None:
    archives = tmp_path / "home"
    assert base.main() == 0
    assert not list(archives.glob("*.tar"))  # the engine said that it is there

    program(programs, "docker", "exit 1")
    assert base.main() == 0
    assert [path.read_text() for path in archives.glob("*.tar")] == ["tar\n"]


def test_a_base_that_cannot_be_made_leaves_nothing(
    programs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program(programs, "docker", "exit 1")
    program(programs, "mmdebstrap", 'for last; do :; done; echo half >"$last"; echo bad; exit 1')

    assert base.main() == 1

    assert "mmdebstrap failed:\n  bad" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["base.lock"]


def test_one_that_fails_ends_the_others(programs: Path, tmp_path: Path) -> None:
    """Nobody wants to wait for minutes to read what went wrong in the first seconds."""
    script = 'case "$*" in *=r_base*) echo no space left; exit 1 ;; *=vm_plain*) sleep 600 ;; esac'
    program(programs, "docker", script)
    began = time.monotonic()

    with pytest.raises(ImageFailed, match="the image r_base: docker failed:\n  no space left"):
        build.ensure_images(["vm_plain", "r_base"])

    assert time.monotonic() - began < _PATIENCE_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("at_work", ["mmdebstrap", "docker"])
def test_a_signal_ends_the_programs_at_work(
    programs: Path, tmp_path: Path, number: signal.Signals, at_work: str
) -> None:
    """Ctrl-C while images are made must neither wait for minutes nor leave anything at work."""
    pid = tmp_path / "pid"
    note = f"echo $$ >{pid}.$$; mv {pid}.$$ {pid}"
    program(programs, at_work, f'case "$*" in *import*) exit ;; esac; {note}; exec sleep 600')
    with subprocess.Popen(
        [sys.executable, "-c", FAKE_IMAGES], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + _PATIENCE_S
        while not pid.exists():
            assert process.poll() is None and time.monotonic() < deadline
            threading.Event().wait(0.02)
        process.send_signal(number)
        output, errors = process.communicate(timeout=_PATIENCE_S)

    assert process.returncode == 0, errors
    assert output.decode().endswith("clean\n")
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()
    assert not (tmp_path / "home" / "base.draft").exists()


def test_estimates_are_given_for_every_image() -> None:
    assert all(recipe.about and recipe.seconds > 0 for recipe in recipes.RECIPES)
