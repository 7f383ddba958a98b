"""The main job with nothing faked but the data centre: the bot's own process over both transports,
real VMs, real engines, real programs. What came of it is looked at from outside the bot."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from sandbox.outside import Outside, address_in, may_log_in, page_at, url_in, wait_until
from sandbox.slack.records import Message
from sandbox.slack.seed import JANE, PLATFORM
from sandbox.typist import Typist
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S, Transport, running_bot

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]


@dataclass(frozen=True)
class Vms:
    """The two VMs of one run: their names, and the places of their cards."""

    docker: str
    plain: str
    docker_card: int
    plain_card: int


@pytest.fixture(scope="module", params=["socket", "http"])
def transport(request: pytest.FixtureRequest) -> Transport:
    chosen: Transport = request.param
    return chosen


@pytest.fixture(scope="module")
def bot(
    world: World, transport: Transport, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path_factory.mktemp(transport), transport) as running:
        yield running


@pytest.fixture(scope="module")
def jane(world: World, bot: BotProcess) -> Typist:
    return Typist(world.slack, JANE, PLATFORM, print)


@pytest.fixture(scope="module")
def outside(world: World) -> Outside:
    return Outside(world)


@pytest.fixture(scope="module")
def vms(jane: Typist, transport: Transport) -> Vms:
    """Both are ordered at once, so that one boots while the other does."""
    docker, plain = f"jekyll-{transport}", f"plain-{transport}"
    return Vms(docker, plain, jane.begin(f"vm {docker}"), jane.begin(f"vm {plain} --image plain"))


@pytest.fixture(scope="module")
def address(jane: Typist, vms: Vms) -> str:
    """Of the VM that came with Docker on it."""
    return address_in(jane.ended(vms.docker_card, "is ready", VM_S).text)


@pytest.fixture(scope="module")
def shiny(jane: Typist, vms: Vms, address: str) -> Message:
    return jane.do(f"shiny on {vms.docker}", "is ready", APP_S)


@pytest.fixture(scope="module")
def rstudio(jane: Typist, vms: Vms, address: str) -> Message:
    return jane.do(f"rstudio on {vms.docker}", "is ready", APP_S)


@pytest.fixture(scope="module")
def second_rstudio(jane: Typist, vms: Vms, rstudio: Message) -> Message:
    return jane.do(f"rstudio on {vms.docker}", "is ready", APP_S)


def test_slcli_lists_the_vm_under_its_name(outside: Outside, vms: Vms, address: str) -> None:
    assert vms.docker in outside.listed_by_slcli()


def test_the_vm_calls_itself_by_its_name(outside: Outside, vms: Vms, address: str) -> None:
    assert outside.run_on_vm(address, "hostname") == vms.docker


def test_shiny_answers_on_its_port_with_the_app(shiny: Message, address: str) -> None:
    assert url_in(shiny.text) == f"http://{address}:3838/"
    status, body = page_at(f"http://{address}:3838/")
    assert status == HTTPStatus.OK
    assert "Old Faithful" in body


def test_rstudio_answers_on_its_port_with_a_login_page(rstudio: Message, address: str) -> None:
    assert url_in(rstudio.text) == f"http://{address}:8787/"
    status, body = page_at(f"http://{address}:8787/auth-sign-in")
    assert status == HTTPStatus.OK
    assert "password" in body.lower()


def test_the_images_public_password_is_refused(rstudio: Message) -> None:
    assert not may_log_in(url_in(rstudio.text), "rstudio")


def test_the_password_that_the_button_shows_logs_in(jane: Typist, rstudio: Message) -> None:
    password = jane.password(rstudio)
    assert len(password) >= 20
    assert may_log_in(url_in(rstudio.text), password)


def test_a_password_is_in_no_message_log_store_or_process_list(
    world: World, bot: BotProcess, jane: Typist, rstudio: Message
) -> None:
    password = jane.password(rstudio)
    places = {
        "messages": str([world.slack.messages(PLATFORM), world.slack.ephemerals(JANE)]),
        "log": bot.log.read_text(),
        "command lines of all processes": _printed("ps", "axww"),
        "the bot's environment": _printed("ps", "eww", "-p", str(bot.pid)),
    }
    places |= {str(file): file.read_bytes().decode("latin-1") for file in _files(bot.home)}
    assert any(name.endswith("ds-bot.db") for name in places)
    assert "rstudio" in places["log"] + places["messages"]
    assert [name for name, content in places.items() if password in content] == []


def test_a_second_rstudio_gets_the_next_port_and_says_so(
    jane: Typist, rstudio: Message, second_rstudio: Message, address: str
) -> None:
    assert url_in(second_rstudio.text) == f"http://{address}:8788/"
    assert "port 8788, because 8787 is in use" in str(second_rstudio.blocks)
    assert page_at(f"http://{address}:8788/auth-sign-in")[0] == HTTPStatus.OK
    assert jane.password(second_rstudio) != jane.password(rstudio)


def test_docker_is_installed_where_there_was_none(outside: Outside, jane: Typist, vms: Vms) -> None:
    card = jane.ended(vms.plain_card, "is ready", VM_S)
    version = outside.run_on_vm(
        address_in(card.text), "docker version --format '{{.Server.Version}}'"
    )
    assert version
    assert version in str(card.blocks)


def test_ps_shows_what_runs_on_the_vm(
    jane: Typist,
    outside: Outside,
    address: str,
    shiny: Message,
    second_rstudio: Message,
) -> None:
    running = outside.containers_on(address)
    shown = json.dumps(jane.answer("ps").blocks)
    assert len(running) == 3
    assert [each for each in running if each[:12] not in shown] == []


def test_kill_removes_the_container_and_no_other(
    jane: Typist,
    outside: Outside,
    address: str,
    shiny: Message,
    second_rstudio: Message,
) -> None:
    before = outside.containers_on(address)
    command = kill_command(second_rstudio)
    jane.do(command, "removed", QUICK_S)
    killed = command.removeprefix("kill ")
    assert outside.containers_on(address) == [each for each in before if each[:12] != killed]
    names = outside.run_on_vm(address, "docker ps --all --format '{{.ID}}'").split()
    assert killed not in names


def test_a_cancelled_vm_is_gone_with_its_page(
    world: World, jane: Typist, outside: Outside, vms: Vms, shiny: Message
) -> None:
    jane.ended(vms.plain_card, "is ready", VM_S)
    for name in (vms.docker, vms.plain):
        jane.do(f"vm cancel {name}", "is cancelled", VM_S)
    assert {each.hostname for each in world.softlayer.live()}.isdisjoint({vms.docker, vms.plain})
    wait_until(lambda: {vms.docker, vms.plain}.isdisjoint(outside.listed_by_slcli()), QUICK_S)
    wait_until(lambda: _is_silent(url_in(shiny.text)), QUICK_S)


def kill_command(card: Message) -> str:
    """What its Kill button does, as a command."""
    found = re.search(r'"value": "(kill \w+)"', json.dumps(card.blocks))
    assert found, card.blocks
    return found[1]


def _printed(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _is_silent(url: str) -> bool:
    try:
        page_at(url)
    except OSError:
        return True
    return False


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]
