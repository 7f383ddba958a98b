"""Idle VMs, end to end: real VMs and pages, the bot's own process, which is killed on the way.

What is sped up is the policy; three minutes of computing are three minutes. That is six times as
long as the policy lets a VM be idle, as a computation of nine hours is with the shipped one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bot.models import Vm
from bot.store import MarkStore, open_database
from bot.store.marks import MarkRow
from sandbox.bot_process import BotProcess
from sandbox.foreground import say
from sandbox.outside import may_log_in, wait_until
from sandbox.slack.records import Message
from sandbox.slack.seed import ADMIN, JANE, PLATFORM
from sandbox.world import World
from tests.bots import APP_S, QUICK_S, VM_S, running_bot
from tests.e2e.idle_fleet import (
    BUTTONS,
    IDLE_AFTER_S,
    POLICY,
    TAKEN_S,
    TOLD_S,
    Fleet,
    fleet_of,
)
from tests.pages import RStudioTab

pytest_plugins = ["tests.world"]
pytestmark = [pytest.mark.engine, pytest.mark.slow]

COMPUTES_S = 180.0
WORK = "/home/rstudio/thesis.R"


@pytest.fixture(scope="module")
def bot(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BotProcess]:
    with running_bot(world, tmp_path_factory.mktemp("idle"), policy=POLICY) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(world: World, bot: BotProcess) -> Iterator[Fleet]:
    database = open_database(f"sqlite:///{bot.home / 'ds-bot.db'}")
    try:
        with fleet_of(world, bot, database) as running:
            yield running
    finally:
        database.dispose()


@pytest.fixture(scope="module")
def kept(fleet: Fleet) -> MarkRow:
    """The mark of `desk`, about which its people were told, and one of them has pressed Keep."""
    mark = fleet.told("desk")
    in_channel, in_person = sorted(fleet.notices(mark), key=lambda each: each.channel != PLATFORM)
    assert (in_channel.channel, in_person.channel) == (PLATFORM, fleet.world.slack.direct(JANE))
    for notice in (in_channel, in_person):
        assert "desk of" in notice.text and "is to be cancelled" in notice.text
        assert buttons_of(notice) == {
            label: value.format(name="desk") for label, value in BUTTONS.items()
        }
    fleet.press(in_channel, "Keep 4 h")
    return mark


@pytest.fixture(scope="module")
def closed(fleet: Fleet) -> Vm:
    """`web`, which was idle as soon as its page was closed; that was open for longer than an idle
    VM is left alone."""
    web = fleet.vm("web")
    fleet.holds_until(fleet.viewed_since + 2 * IDLE_AFTER_S, lambda: not fleet.newest_mark(web))
    assert "A Shiny app is open" in fleet.jane.answer("why web").text
    fleet.viewer.close()
    wait_until(lambda: fleet.is_idle(web), QUICK_S + 60)  # its R ends 20 s later
    return web


@dataclass(frozen=True)
class Taken:
    """`lab`, which was taken while the bot died twice."""

    mark: MarkRow
    report: Message


def test_one_that_is_kept_stays_and_its_notices_say_so(fleet: Fleet, kept: MarkRow) -> None:
    def shown() -> bool:
        return all("desk is kept until" in each.text for each in fleet.notices(kept))

    wait_until(shown, QUICK_S)
    for notice in fleet.notices(kept):
        assert f"by <@{JANE}>" in notice.text
        assert set(buttons_of(notice)).isdisjoint(BUTTONS)
    told = fleet.jane.answer("why desk")
    assert "is not in use" in told.text and "kept until" in str(told.blocks)


def test_one_that_nobody_can_tell_of_is_told_about_and_not_taken(fleet: Fleet) -> None:
    lost = fleet.vm("lost")
    for person in (JANE, ADMIN):
        [told] = wait_until(lambda person=person: fleet.saying(person, "lost:"), TOLD_S)  # type: ignore[misc]
        assert buttons_of(told) == {"Why?": "why lost"}
    assert "The VM does not answer" in fleet.jane.answer("why lost").text
    assert fleet.newest_mark(lost) is None


def test_a_dry_run_says_of_every_vm_what_follows_and_why(
    fleet: Fleet, kept: MarkRow, closed: Vm
) -> None:
    printed = fleet.bot.run("reap", "--dry-run")

    assert printed.returncode == 0, printed.stderr
    say(printed.stdout)
    rows = {row["VM"]: row for row in rows_of(printed.stdout)}
    assert {name: row["VERDICT"] for name, row in rows.items()} == {
        "lab": "busy", "web": "idle", "desk": "idle", "lost": "unknown",
    }  # fmt: skip
    assert {row["OWNER"] for row in rows.values()} == {JANE}
    assert rows["lab"]["WHY"].startswith("R is computing in container")
    assert rows["web"]["WHY"].startswith("Nothing has been in use for")
    assert "It is kept until" in rows["desk"]["WHY"]
    assert rows["lost"]["WHY"] == "The VM does not answer."
    assert rows["lab"]["NEXT"] == rows["desk"]["NEXT"] == "nothing"
    assert rows["lost"]["NEXT"] == "escalate"


def test_a_shiny_page_keeps_its_vm_only_while_it_is_open(fleet: Fleet, closed: Vm) -> None:
    assert len(fleet.notices(fleet.told("web"))) == 2

    report = fleet.ended("web is saved and cancelled", TAKEN_S)

    assert buttons_of(report)["Restore"].startswith("restore web --save ")
    wait_until(lambda: "web" not in fleet.outside.listed_by_slcli(), VM_S)
    assert {"lab", "desk"} <= set(fleet.outside.listed_by_slcli())


def test_a_silent_computation_that_nobody_watches_is_left_alone(fleet: Fleet) -> None:
    lab = fleet.vm("lab")

    fleet.holds_until(fleet.computing_since + COMPUTES_S, lambda: not fleet.newest_mark(lab))

    told = fleet.jane.answer("why lab").text
    assert "lab is in use" in told and "R is computing" in told


@pytest.fixture(scope="module")
def taken(fleet: Fleet) -> Taken:
    """R is at rest, its page stays open; the bot is killed after the notice, and after the save."""
    with RStudioTab(*fleet.rstudio) as tab:
        tab.interrupt()
        tab.give(f"writeLines('x <- 1', '{WORK}'); cat('written\\n')")
        tab.wait_for("written")
        mark = fleet.told("lab")
        fleet.bot.kill()
        assert len(fleet.saying(PLATFORM, "lab of <@")) == 1
        fleet.bot.start()
        card = fleet.ended("Save and cancel VM lab", TAKEN_S)
        fleet.shows(card, "Cancel at SoftLayer", VM_S)
        fleet.bot.kill()
        assert "lab" in fleet.outside.listed_by_slcli()
        fleet.bot.start()
        report = fleet.ended("lab is saved and cancelled", TAKEN_S)
    return Taken(mark, report)


def test_an_untouched_page_is_no_use_and_is_taken_once(fleet: Fleet, taken: Taken) -> None:
    wait_until(lambda: "lab" not in fleet.outside.listed_by_slcli(), VM_S)
    for place in (PLATFORM, JANE):
        assert len(fleet.saying(place, "lab was not in use: it is saved and cancelled")) == 1
        assert fleet.saying(place, "lab of <@") == []
    assert len(fleet.saying(PLATFORM, "lab is saved and cancelled.")) == 1
    last = MarkStore(fleet.database).newest(taken.mark.vm)
    assert last is not None and (last.number, last.how) == (taken.mark.number, "reaped")


def test_what_was_taken_comes_back_with_its_work(fleet: Fleet, taken: Taken) -> None:
    fleet.press(taken.report, "Restore")
    card = fleet.ended("is restored", VM_S + APP_S)

    address = fleet.address("lab")
    [container] = fleet.outside.containers_on(address)
    read = fleet.outside.run_on_vm(address, f"docker exec -u rstudio {container} cat {WORK}")
    assert read == "x <- 1"
    assert may_log_in(f"http://{address}:8787/", fleet.jane.password(card))


def buttons_of(message: Message) -> dict[str, str]:
    """Labels and values."""
    elements = [each for block in message.blocks for each in block.get("elements", [])]
    return {
        each["text"]["text"]: each.get("value", "") for each in elements if each["type"] == "button"
    }


def rows_of(table: str) -> list[dict[str, str]]:
    """Lines of a table by its heads, below which its columns begin."""
    heads, *lines = table.splitlines()
    starts = [found.start() for found in re.finditer(r"\S+", heads)]
    ends = [*starts[1:], None]
    columns = list(zip(heads.split(), starts, ends, strict=True))
    return [{head: line[start:end].strip() for head, start, end in columns} for line in lines]
