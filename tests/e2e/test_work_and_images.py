"""What people wrote in RStudio gets off a real VM, and its images are drawn, as they really are."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from sandbox.bot_process import BotProcess
from sandbox.outside import Outside, address_in
from sandbox.slack.records import Message
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.typist import Typist
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

VM = "work-e2e"
IN_R = 'write.csv(faithful, "/home/rstudio/workspace/faithful.csv"); dir.create("~/workspace/ü")'


@pytest.fixture(scope="module")
def bot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path_factory.mktemp("work")) as running:
        yield running


@pytest.fixture(scope="module")
def jane(world: World, bot: BotProcess) -> Iterator[Typist]:
    typist = Typist(world.slack, JANE, PLATFORM, print)
    yield typist
    typist.do(f"vm cancel {VM}", "is cancelled", VM_S)


@pytest.fixture(scope="module")
def killed(world: World, jane: Typist) -> Message:
    """The card that says that an RStudio was killed in which R had written a file."""
    outside = Outside(world)
    address = address_in(jane.do(f"vm {VM}", "is ready", VM_S).text)
    jane.do(f"rstudio on {VM}", "is ready", APP_S)
    [container] = outside.containers_on(address)
    outside.run_on_vm(address, f"docker exec -u rstudio {container} Rscript -e '{IN_R}'")
    card = jane.do(f"kill {container[:12]}", "Killed and removed", QUICK_S)
    assert outside.run_on_vm(address, "docker ps --all --quiet") == ""
    return card


def content_of(world: World, file_id: str) -> bytes:
    address = world.slack.api_url.removesuffix("/api/") + f"/files-pri/T0-{file_id}/file"
    request = Request(address, headers={"Authorization": f"Bearer {world.slack.bot_token}"})
    with urlopen(request, timeout=30) as answer:
        content: bytes = answer.read()
    return content


def test_what_r_wrote_is_in_the_archive_of_a_container_that_is_gone(
    world: World, jane: Typist, killed: Message, tmp_path: Path
) -> None:
    question = jane.answer(f"export on {VM}")
    assert "/home/rstudio/workspace" in question.text
    card = jane.do(f"export --here on {VM}", "is in the thread below", QUICK_S)

    [reply] = [each for each in world.slack.messages(PLATFORM) if each.thread_ts == card.ts]
    [file_id] = reply.files
    named = re.search(r"tar -xzf (\S+\.tar\.gz)", card.text)
    assert named is not None
    (tmp_path / named[1]).write_bytes(content_of(world, file_id))
    subprocess.run(["tar", "-xzf", named[1]], cwd=tmp_path, check=True)
    [unpacked] = [each for each in tmp_path.iterdir() if each.is_dir()]
    assert {each.name for each in unpacked.iterdir()} == {"workspace", "config", "sessions"}
    rows = (unpacked / "workspace" / "faithful.csv").read_text().splitlines()
    assert rows[0] == '"","eruptions","waiting"' and len(rows) == 273
    assert (unpacked / "workspace" / "ü").is_dir()


def test_the_archive_for_one_alone_is_in_no_channel(
    world: World, jane: Typist, killed: Message
) -> None:
    jane.do(f"export rstudio --private on {VM}", "alone:", QUICK_S)

    last = world.slack.messages(world.slack.direct(JANE))[-1]
    assert last.files and last.thread_ts is None
    assert content_of(world, last.files[0]).startswith(b"\x1f\x8b")


def test_the_images_of_the_vm_are_drawn(world: World, jane: Typist, killed: Message) -> None:
    jane.do(f"pull rocker/r-base rocker/shiny on {VM}", "On the VM", APP_S)

    answer = jane.answer(f"lineage on {VM}")

    [picture] = [block for block in answer.blocks if block["type"] == "image"]
    assert content_of(world, picture["slack_file"]["id"]).startswith(b"\x89PNG")
    told: str = picture["alt_text"]
    for image in ("rocker/rstudio", "rocker/shiny"):
        assert re.search(rf"{image} builds on rocker/r-base and adds [0-9.]+ [kM]B\.", told), told
    assert "rocker/r-base builds on no other image here" in told
    assert sizes(answer) is not None


def sizes(answer: Message) -> Any:
    """What all take, and what sharing saves: told by the engine, so not known beforehand."""
    return re.search(
        r"3 images on \S+ take [0-9.]+ [MG]B; shared layers save [0-9.]+ [MG]B", answer.text
    )
