"""`/ds export`: the work leaves the VM once, whole, and only to whom its owner wants."""

from __future__ import annotations

import io
import tarfile
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.slack_errors import refused
from bot.errors import ChatUnknown, HostUnreachable
from bot.models import OperationState
from tests.fakes.chat import FakeShare
from tests.fakes.hosts import FakeHost
from tests.services.laws import check_laws
from tests.services.stories import saved_work
from tests.services.world import ADMIN, GENERAL, JANE, JIHOON, World

MB = 1_000_000
WORKSPACE, CONFIG = "ds-u0jane-workspace", "ds-u0jane-config"


@pytest.fixture
def vm(world: World) -> FakeHost:
    """Jane's VM with work in it; no container runs."""
    saved_work(world)
    host = world.machines()[0]
    host.volumes[CONFIG]["rstudio-prefs.json"] = b"{}"
    return host


def shared(world: World) -> FakeShare:
    [only] = world.chat.shares
    return only


def unpacked(share: FakeShare) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(share.file.content), mode="r:gz") as tar:
        files = {each.name: tar.extractfile(each) for each in tar.getmembers() if each.isreg()}
        return {name: file.read() for name, file in files.items() if file is not None}


def offered(world: World) -> dict[str, str]:
    """Label and command of each button in the last private answer."""
    found: dict[str, str] = {}
    for block in world.chat.replies[-1].blocks:
        elements: list[dict[str, Any]] = block.get("elements", [])
        found |= {each["text"]["text"]: each["value"] for each in elements if "value" in each}
    return found


# --- where it goes ---


def test_it_is_asked_first_with_what_there_is_and_who_would_see_it(
    world: World, vm: FakeHost
) -> None:
    told = world.refused("export rstudio")

    assert world.chat.shares == []
    assert "/home/rstudio/workspace (6 B)" in told and "at most 100.0 MB" in told
    assert "Whoever can read this channel can open the files" in told
    assert offered(world) == {
        "Post it here": "export rstudio --here on web",
        "Send it to me alone": "export rstudio --private on web",
    }


def test_here_is_the_thread_of_the_card(world: World, vm: FakeHost) -> None:
    op_id = world.done("export rstudio --here")

    share, [card] = shared(world), world.cards(op_id)
    assert (share.channel_id, share.thread_ts) == (GENERAL, card.ref.ts)
    top = share.file.name.removesuffix(".tar.gz")
    assert unpacked(share) == {
        f"{top}/workspace/thesis.R": b"x <- 1",
        f"{top}/config/rstudio-prefs.json": b"{}",
    }
    for words in (card.text, share.comment):
        assert "2 files, 8 B, from /home/rstudio/workspace" in words
        assert f"tar -xzf {share.file.name}" in words
    assert "thread below" in card.text
    check_laws(world)


def test_private_is_the_persons_own_conversation(world: World, vm: FakeHost) -> None:
    op_id = world.done("export --private")

    assert (shared(world).channel_id, shared(world).thread_ts) == (f"D{JANE[1:]}", None)
    assert f"sent to <@{JANE}> alone" in world.told(op_id)
    check_laws(world)


def test_where_nobody_else_reads_along_nothing_is_asked(world: World, vm: FakeHost) -> None:
    """The App Home, and the direct conversation with the bot."""
    world.chat.closed[GENERAL] = "not_in_channel"
    op_id = world.done("export --here")

    assert shared(world).channel_id == f"D{JANE[1:]}"
    assert shared(world).thread_ts == world.cards(op_id)[0].ref.ts


def test_two_wishes_at_once_are_a_question(world: World, vm: FakeHost) -> None:
    assert "Choose one" in world.refused("export --here --private")
    assert world.chat.shares == []


# --- whose it is ---


def test_a_running_container_names_it_too(world: World, vm: FakeHost) -> None:
    world.done("rstudio")
    [container] = vm._list(False, None)

    world.done(f"export {container.short_id} --private")

    assert any(name.endswith("thesis.R") for name in unpacked(shared(world)))


def test_nobody_else_gets_it(world: World, vm: FakeHost) -> None:
    world.done("rstudio")
    [container] = vm._list(False, None)

    for line in (f"export {container.short_id} --private", "export rstudio --private on web"):
        assert f"<@{JANE}>" in world.refused(line, JIHOON)
    assert world.chat.shares == []
    check_laws(world)


def test_a_vms_owner_does_not_get_what_others_wrote_on_it(world: World, vm: FakeHost) -> None:
    """They may kill the container, which tells nothing; the files are another person's."""
    world.done("rstudio on web", ADMIN)
    [container] = vm._list(False, None)
    vm.volumes["ds-u0admin-workspace"]["secret.R"] = b"s <- 1"

    assert f"<@{ADMIN}>" in world.refused(f"export {container.short_id} --private")
    assert world.chat.shares == []


def test_an_admin_gets_the_work_of_a_vms_owner(world: World, vm: FakeHost) -> None:
    told = world.refused("export on web", ADMIN)
    assert f"<@{JANE}>" in told

    world.done("export --private on web", ADMIN)
    assert shared(world).channel_id == f"D{ADMIN[1:]}"
    assert any(name.endswith("thesis.R") for name in unpacked(shared(world)))


def test_an_admins_own_work_comes_before_that_of_others(world: World, vm: FakeHost) -> None:
    vm.volumes["ds-u0admin-workspace"] = {"mine.R": b"y <- 2"}

    world.done("export --private on web", ADMIN)

    assert [name.rsplit("/", 1)[-1] for name in unpacked(shared(world))] == ["mine.R"]


# --- what there is ---


def test_too_much_is_told_with_its_parts_and_what_to_do_instead(world: World, vm: FakeHost) -> None:
    vm.volumes[WORKSPACE]["data.csv"] = bytes(101 * MB)

    told = world.refused("export --here")

    assert "101.0 MB" in told and "at most 100.0 MB" in told
    assert "/home/rstudio/workspace (101.0 MB)" in told and "Export…" in told
    assert world.chat.shares == []


@pytest.mark.parametrize("files", [{}, {"empty.R": b""}])
def test_nothing_is_told_as_nothing(world: World, vm: FakeHost, files: dict[str, bytes]) -> None:
    vm.volumes = {WORKSPACE: files}

    assert "no files" in world.refused("export --private")


def test_a_program_that_keeps_nothing_says_so(world: World, vm: FakeHost) -> None:
    assert "Shiny Server has no folders that outlive it" in world.refused("export shiny")


def test_what_grew_meanwhile_is_not_sent(world: World, vm: FakeHost) -> None:
    """It is measured when it is asked for, and once more while it is packed."""

    def grow() -> None:
        vm.volumes[WORKSPACE]["data.csv"] = bytes(101 * MB)

    vm.fail("archive", HostUnreachable("silent"))
    world.later(timedelta(seconds=1), grow)
    op_id = world.ask("export --private")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert world.chat.shares == [] and "grown to more than 100.0 MB" in world.told(op_id)


def test_a_program_that_was_mistyped_is_offered(world: World, vm: FakeHost) -> None:
    assert "export rstudio --private" in world.refused("export rstudoi --private")


# --- what goes wrong ---


def test_a_vm_that_is_silent_for_a_while_is_asked_again(world: World, vm: FakeHost) -> None:
    vm.fail("archive", HostUnreachable("silent"))

    world.done("export --private")

    assert any(name.endswith("thesis.R") for name in unpacked(shared(world)))


def test_a_lost_answer_is_looked_up(world: World, vm: FakeHost) -> None:
    world.chat.lose_answer("share")

    op_id = world.done("export --here")

    assert "is in the thread below" in world.told(op_id)
    check_laws(world)


def test_what_nobody_knows_is_told_as_that_with_the_files_name(world: World, vm: FakeHost) -> None:
    world.chat.fail("share", ChatUnknown("silent"))

    op_id = world.done("export --here")

    told = world.told(op_id)
    assert "has not said whether it took the archive" in told
    assert "-work-" in told and "Export again" in str(world.cards(op_id)[-1].blocks)
    assert "--here" not in str(world.cards(op_id)[-1].blocks), "whoever clicks is asked again"
    assert world.chat.shares == []


def test_slack_may_show_it_a_little_later(world: World, vm: FakeHost) -> None:
    world.chat.lose_answer("share")
    world.chat.fail("shared", refused("thread_not_found"), times=3)

    op_id = world.done("export --here")

    assert "is in the thread below" in world.told(op_id)


def test_a_file_that_slack_does_not_take_is_a_failure(world: World, vm: FakeHost) -> None:
    world.chat.fail("share", refused("missing_scope"))
    op_id = world.ask("export --here")
    world.run()

    assert world.state(op_id) is OperationState.FAILED
    assert "still on the VM" in world.told(op_id)
    check_laws(world)


def test_a_restart_while_it_is_packed_sends_it_once(world: World, vm: FakeHost) -> None:
    vm.fail("archive", HostUnreachable("silent"))
    world.later(timedelta(seconds=1), world.die)

    op_id = world.done("export --here")

    assert world.deaths == 1
    assert "is in the thread below" in world.told(op_id)
    check_laws(world)


# --- the buttons ---


def test_what_was_killed_can_be_exported_by_a_button(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio")
    [container] = world.machines()[0]._list(True, None)

    op_id = world.done(f"kill {container.short_id}")

    assert "export rstudio on web" in str(world.cards(op_id)[-1].blocks)


def test_what_another_person_wrote_has_no_such_button(world: World) -> None:
    world.has_vm("web")
    world.done("rstudio on web", ADMIN)
    [container] = world.machines()[0]._list(True, None)

    op_id = world.done(f"kill {container.short_id}")

    assert "export" not in str(world.cards(op_id)[-1].blocks)
