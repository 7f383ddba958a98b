"""Work on a real VM is saved, its VM cancelled, and all of it brought back on another one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from sandbox.outside import Outside, address_in, may_log_in, url_in
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.typist import Typist
from sandbox.world import World
from tests.bots import APP_S, VM_S, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

NAME = "thesis"
POLICY = "timeouts: {settle: 8s}\npoll: {cloud: 1s}\n"
HOME = "/var/lib/docker/volumes/ds-{person}-workspace/_data"
SITE = "/usr/local/lib/R/site-library/mine"


@pytest.fixture
def bot(world: World, tmp_path: Path) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path, policy=POLICY) as running:
        yield running


def test_a_released_vm_comes_back_with_its_work(world: World, bot: BotProcess) -> None:
    jane, outside = Typist(world.slack, JANE, PLATFORM, print), Outside(world)
    first = address_in(jane.do(f"vm {NAME}", "is ready", VM_S).text)
    rstudio = jane.do("rstudio", "is ready", APP_S)
    old_password = jane.password(rstudio)
    home = HOME.format(person=JANE.lower())
    written = (
        f"mkdir -m 0700 {home}/깊은 && echo 'x <- 1' > {home}/깊은/thesis.R"
        f" && ln -s 깊은/thesis.R {home}/link && chown -R 1000:1000 {home}"
        f" && docker exec $(docker ps -q) sh -c 'mkdir -p {SITE} && echo mine > {SITE}/DESCRIPTION'"
    )
    outside.run_on_vm(first, written)
    before = outside.run_on_vm(first, _listing(home))
    assert "thesis.R" in before

    report = jane.do(f"vm release {NAME}", "is saved and cancelled", VM_S)
    assert f"restore {NAME}" in str(report.blocks)
    assert NAME in jane.answer("saves").text + str(jane.answer("saves").blocks)
    assert "no VM" in jane.answer("vm list").text

    card = jane.do(f"restore {NAME}", "is restored", VM_S + APP_S)

    second = address_in(card.text)
    assert outside.run_on_vm(second, _listing(home)) == before
    site = outside.run_on_vm(second, f"docker exec $(docker ps -q) cat {SITE}/DESCRIPTION")
    assert site.strip() == "mine"
    there = outside.run_on_vm(second, "docker images --format '{{.Repository}}'; docker ps -aq")
    assert len(there.split()) == 2  # RStudio's image and container; nothing of how it was put back
    password, url = jane.password(card), url_in(str(card.blocks))
    assert password != old_password
    assert may_log_in(url, password)
    assert not may_log_in(url, old_password)


def _listing(home: str) -> str:
    """Names, owners, modes, kinds and contents of all that is there."""
    shown = (
        "find . -printf '%p %U:%G %m %y %l\\n' | sort && find . -type f | sort | xargs sha256sum"
    )
    return f"cd {home} && {shown}"
