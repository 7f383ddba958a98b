"""`/ds r`: code is run once, in a container that is gone afterwards, and its end is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.slack_errors import refused
from bot.errors import ChatUnknown, HostUnreachable
from bot.models import Container, ContainerSpec, Mount, OperationState
from bot.services.r_container import RUN
from tests.fakes.hosts import FakeRun
from tests.fakes.r import PLOT, argument, killed_run, r_image, r_run
from tests.services.laws import check_laws
from tests.services.meddling import Point, Strike
from tests.services.world import GENERAL, JANE, JIHOON, World

IMAGE = "rocker/r-base"
SECOND = timedelta(seconds=1)


@pytest.fixture
def vm(world: World) -> World:
    """Jane's VM, and R that prints `[1] 2`."""
    offer(world, lambda code: r_run("[1] 2\n"))
    world.has_vm("web")
    return world


def offer(world: World, runs: Callable[[str], FakeRun]) -> None:
    world.images[IMAGE] = r_image(runs)


def containers(world: World) -> list[Container]:
    return [one for host in world.machines() for one in host._list(True, None)]


def started(world: World) -> list[ContainerSpec]:
    return [spec for host in world.machines() for spec in host.started]


def blocks(world: World, op_id: str, kind: str) -> list[dict[str, Any]]:
    return [block for block in world.cards(op_id)[-1].blocks if block["type"] == kind]


def shown(world: World, op_id: str) -> str:
    """All paragraphs of the card."""
    return "\n".join(block["text"]["text"] for block in blocks(world, op_id, "section"))


# --- what is shown -------------------------------------------------------------------------------


def test_the_card_shows_code_output_and_plots(vm: World) -> None:
    offer(vm, lambda code: r_run("     speed\n[1] 2\n", plots=[PLOT, PLOT]))

    op_id = vm.done("r plot(cars); 1 < 2")

    card = shown(vm, op_id)
    assert card.startswith("✅ R is done.")
    assert "```\nplot(cars); 1 &lt; 2\n```" in card
    assert "```\n     speed\n[1] 2\n```" in card
    pictures = blocks(vm, op_id, "image")
    assert [vm.chat.files[each["slack_file"]["id"]].content for each in pictures] == [PLOT, PLOT]
    assert pictures[0]["alt_text"] == "Plot 1 of 2 that R has drawn: plot(cars); 1 < 2"
    assert "R is done." in vm.told(op_id) and "[1] 2" in vm.told(op_id)
    check_laws(vm)


def test_nothing_to_show_is_said(vm: World) -> None:
    offer(vm, lambda code: r_run())

    op_id = vm.done("r x <- 1")

    assert "It printed and drew nothing." in vm.told(op_id)


def test_a_long_output_is_a_file_in_the_thread(vm: World) -> None:
    output = "".join(f"line {number}\n" for number in range(1000))
    offer(vm, lambda code: r_run(output))

    op_id = vm.done("r for (i in 1:1000) cat(i)")

    card, (share,) = shown(vm, op_id), vm.chat.shares
    assert "line 0\n" in card and "\n…\n" in card and "line 999" in card
    assert (share.file.content.decode(), share.channel_id) == (output, GENERAL)
    assert share.thread_ts == vm.cards(op_id)[0].ref.ts
    assert "whole output is in the thread" in vm.told(op_id)


def test_of_a_hundred_megabytes_the_ends_are_kept(vm: World) -> None:
    offer(vm, lambda code: r_run("x" * 900_000, printed=100_000_000))

    op_id = vm.done("r cat(strrep('x', 1e8))")

    assert "It printed 100.0 MB" in vm.told(op_id)
    assert b"99100000 bytes are left out" in vm.chat.shares[0].file.content
    assert len(shown(vm, op_id)) < 3000


ENDS = [
    (r_run("Error: no\nExecution halted\n", exit_code=1), "R stopped at an error."),
    (r_run(exit_code=3), "R ended with exit code 3."),
    (r_run(signal=11), "R was killed by signal 11"),
    (r_run(signal=9, out_of_memory=1), "needed more than 512 MB of memory"),
    (r_run("Execution halted\n", why="time", exit_code=1), "R was ended after 1m"),
    (r_run(why="stopped", signal=9), "R was stopped from outside"),
    (r_run("R: no\n", exit_code=125), "R could not be started."),
    (r_run("Error: \nExecution halted\n", exit_code=1, refused_processes=9), "than 64 processes"),
    (r_run("Error: \nExecution halted\n", exit_code=1, full=1), "128 MB for files were full"),
    (killed_run(), "R's container was killed before R was done"),
]


@pytest.mark.parametrize(("run", "told"), ENDS, ids=[told for _, told in ENDS])
def test_what_ended_it_is_told_with_a_warning(vm: World, run: FakeRun, told: str) -> None:
    """The bot has done its part, so it is no failure with an incident id."""
    offer(vm, lambda code: run)

    op_id = vm.done("r whatever()")

    assert told in vm.told(op_id)
    assert shown(vm, op_id).startswith("⚠️")
    assert containers(vm) == []
    check_laws(vm)


def test_a_memory_limit_that_only_a_child_met_is_no_bad_end(vm: World) -> None:
    offer(vm, lambda code: r_run("ok\n", out_of_memory=1))

    assert "R is done." in vm.told(vm.done("r system('greedy')"))


def test_more_plots_than_fit_are_counted(vm: World) -> None:
    offer(vm, lambda code: r_run(plots=[PLOT] * 5, drawn=12))

    assert "5 of its 12 plots are shown." in vm.told(vm.done("r for (i in 1:12) plot(i)"))


# --- the container -------------------------------------------------------------------------------


def test_the_container_may_do_nothing(vm: World) -> None:
    vm.done("r 1 + 1")

    (spec,) = started(vm)
    assert (spec.has_network, spec.is_confined, spec.scratch_mb) == (False, True, 128)
    assert (spec.memory_mb, spec.cpus, spec.processes) == (512, 1, 64)
    assert (spec.ports, spec.mounts, spec.environment) == ((), (), {})
    assert set(spec.capabilities) == {"SETUID", "SETGID", "KILL"}
    assert argument(spec, "code") == "1 + 1"
    assert argument(spec, "time") == "60.0"


def test_the_container_is_gone_afterwards(vm: World) -> None:
    vm.done("r 1 + 1")

    assert containers(vm) == []


def test_the_image_is_pulled_once(vm: World) -> None:
    vm.done("r 1")
    vm.done("r 2")

    methods = [method for host in vm.machines() for method, _ in host.calls]
    assert methods.count("pull") == 1


def test_runs_wait_for_one_another_in_the_order_in_which_they_came(vm: World) -> None:
    """Two at once would take all the memory of the default VM."""
    begun: list[tuple[str, timedelta]] = []
    at_start = vm.sim.now()

    def run(code: str) -> FakeRun:
        begun.append((code, vm.sim.now() - at_start))
        return r_run(lasts=20 * SECOND)

    vm.done("r 0")
    offer(vm, run)
    for host in vm.machines():
        host.images.clear()
        host.catalogue |= {f"{IMAGE}:latest": vm.images[IMAGE]}
    asked = [vm.ask(f"r {number}") for number in (1, 2, 3)]
    vm.run()

    assert [vm.state(each) for each in asked] == [OperationState.DONE] * 3
    starts = [at for _, at in begun]
    assert len(starts) == 3
    assert all(late - early >= 20 * SECOND for early, late in zip(starts, starts[1:], strict=False))
    check_laws(vm)


def test_a_run_that_somebody_removes_is_told_and_not_run_again(vm: World) -> None:
    offer(vm, lambda code: r_run(lasts=30 * SECOND))
    op_id = vm.ask("r Sys.sleep(30)")
    vm.later(10 * SECOND, lambda: vm.machines()[0]._remove(containers(vm)[0].id))
    vm.run()

    assert vm.state(op_id) is OperationState.FAILED
    assert "Somebody removed its container. The code was not run again." in vm.told(op_id)
    assert len(started(vm)) == 1


def test_a_run_that_never_ends_is_given_up_and_removed(vm: World) -> None:
    """Its watcher should have ended it; whatever became of that, the container goes."""
    offer(vm, lambda code: FakeRun((), None))

    op_id = vm.ask("r repeat {}")
    vm.run()

    assert vm.state(op_id) is OperationState.FAILED
    assert "It took longer than 1m 30s." in vm.told(op_id)
    assert containers(vm) == []
    (again,) = [each for each in blocks(vm, op_id, "actions")[0]["elements"]]
    assert again["value"] == "r -- repeat {}"


# --- what is kept --------------------------------------------------------------------------------


def test_what_is_kept_is_kept_for_a_person_and_a_channel(vm: World) -> None:
    offer(vm, lambda code: r_run(kept="yes"))
    vm.has_vm("lab", JIHOON)

    op_id = vm.done("r --keep x <- 1")
    vm.done("r --keep x <- 1", JIHOON)

    mounts = [spec.mounts for spec in started(vm)]
    assert mounts == [
        (Mount("ds-r-u0jane-c0general", "/keep"),),
        (Mount("ds-r-u0jihoon-c0general", "/keep"),),
    ]
    told = vm.told(op_id)
    assert "kept for you in this channel: `/ds r --keep` goes on with them" in told
    assert "`/ds r --fresh` forgets them" in told
    assert argument(started(vm)[0], "keep") == "1"


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("large", "more than 32 MB and were not kept"),
        ("failed", "could not be kept"),
        ("unchanged", "What was kept before is unchanged."),
        ("", "What was kept before is unchanged."),
    ],
)
def test_what_is_not_kept_is_said(vm: World, kept: str, told: str) -> None:
    offer(vm, lambda code: r_run(kept=kept, exit_code=0 if kept else 1))

    assert told in vm.told(vm.done("r --keep x <- 1"))


def test_what_was_kept_is_forgotten_by_name(vm: World) -> None:
    offer(vm, lambda code: r_run("[1] FALSE\n", forgot=True))

    op_id = vm.done("r --fresh exists('x')")

    assert "What you had kept in this channel is forgotten." in vm.told(op_id)
    assert (argument(started(vm)[0], "forget"), argument(started(vm)[0], "keep")) == ("1", "0")


@pytest.mark.parametrize(
    ("forgot", "told"),
    [(True, "What you had kept in this channel is forgotten."), (False, "You had kept nothing")],
)
def test_it_can_be_forgotten_without_code(vm: World, forgot: bool, told: str) -> None:
    offer(vm, lambda code: r_run(why="", forgot=forgot))

    assert vm.told(vm.done("r --fresh")).startswith(told)


def test_without_the_word_nothing_is_read_or_kept(vm: World) -> None:
    vm.done("r x <- 1")

    assert started(vm)[0].mounts == ()


def test_a_run_that_still_keeps_is_waited_for_and_told(vm: World) -> None:
    offer(vm, lambda code: FakeRun(("why busy", "end 1"), 0))

    told = vm.told(vm.done("r --keep x <- 2"))

    assert "Your other run with `--keep` goes on here." in told
    assert "unchanged" not in told


# --- trouble -------------------------------------------------------------------------------------


def test_a_plot_that_slack_has_not_looked_at_yet_is_shown_a_little_later(vm: World) -> None:
    """slack.md §5: a file may be unknown to blocks for a moment after its upload."""
    offer(vm, lambda code: r_run(plots=[PLOT]))
    vm.chat.fail("update", refused("invalid_blocks"), times=3)

    op_id = vm.done("r plot(1)")

    assert len(blocks(vm, op_id, "image")) == 1
    assert vm.chat.open_dm(JANE) not in vm.chat.messages


def test_pictures_that_slack_never_takes_are_given_up(vm: World) -> None:
    offer(vm, lambda code: r_run("[1] 2\n", plots=[PLOT]))
    vm.chat.fail("update", refused("invalid_blocks"), times=8)

    op_id = vm.done("r plot(1)")

    assert blocks(vm, op_id, "image") == []
    assert "Slack did not take the pictures." in shown(vm, op_id)
    assert "[1] 2" in shown(vm, op_id)
    check_laws(vm)


def test_a_plot_that_cannot_be_uploaded_costs_no_output(vm: World) -> None:
    offer(vm, lambda code: r_run("[1] 2\n", plots=[PLOT]))
    vm.chat.fail("upload", refused("missing_scope"))

    op_id = vm.done("r plot(1)")

    assert "Its plots cannot be shown" in vm.told(op_id)
    assert "[1] 2" in shown(vm, op_id)


def test_slack_away_for_long_costs_only_the_plots(vm: World) -> None:
    offer(vm, lambda code: r_run("[1] 2\n", plots=[PLOT]))
    vm.chat.fail("upload", ChatUnknown("silent"), times=1000)

    op_id = vm.done("r plot(1)")

    assert "Its plots cannot be shown" in vm.told(op_id)
    assert "[1] 2" in shown(vm, op_id)
    assert containers(vm) == []


def test_what_nobody_foresaw_leaves_no_container(vm: World, monkeypatch: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr("bot.services.r_run.told", broken)

    op_id = vm.ask("r plot(1)")
    vm.run()

    assert vm.given_up == [op_id]
    assert vm.state(op_id) is OperationState.FAILED
    assert containers(vm) == []
    assert len(started(vm)) == 1, "it was run again"


def test_an_upload_whose_answer_was_lost_is_done_again(vm: World) -> None:
    """Nobody sees a file that no block shows."""
    offer(vm, lambda code: r_run(plots=[PLOT, PLOT]))
    vm.chat.lose_answer("upload")

    assert len(blocks(vm, vm.done("r plot(1); plot(2)"), "image")) == 2


def test_a_file_whose_answer_was_lost_is_not_shared_again(vm: World) -> None:
    offer(vm, lambda code: r_run("x\n" * 5000))
    vm.chat.lose_answer("share")

    op_id = vm.done("r cat('x')")

    assert len(vm.chat.shares) == 1
    assert "whole output is in the thread" in vm.told(op_id)
    check_laws(vm)


def test_a_file_that_may_be_there_is_told_as_such(vm: World) -> None:
    offer(vm, lambda code: r_run("x\n" * 5000))
    vm.chat.fail("share", ChatUnknown("silent"))

    op_id = vm.done("r cat('x')")

    assert vm.chat.shares == []
    assert "may be in the thread" in vm.told(op_id)


def test_after_a_crash_a_file_is_there_once(vm: World) -> None:
    """Whether the death came before or after Slack had taken it."""
    offer(vm, lambda code: r_run("x\n" * 5000))
    vm.meddling.plan[Point("chat.share", 1)] = Strike.DEATH_BEFORE
    vm.done("r cat('x')")
    vm.meddling.plan[Point("chat.share", 3)] = Strike.DEATH_AFTER
    vm.done("r cat('y')")

    assert vm.deaths == 2
    assert len({share.file.name for share in vm.chat.shares}) == len(vm.chat.shares) == 2


def test_a_file_that_slack_refuses_costs_no_output(vm: World) -> None:
    offer(vm, lambda code: r_run("x\n" * 5000))
    vm.chat.fail("share", refused("missing_scope"))

    op_id = vm.done("r cat('x')")

    assert "not in the thread" in vm.told(op_id) and "x\nx" in shown(vm, op_id)
    check_laws(vm)


def test_a_container_that_cannot_be_removed_is_told(vm: World) -> None:
    vm.done("r 1")
    for _ in range(5):
        vm.machines()[0].fail("remove", HostUnreachable("silent"))

    op_id = vm.done("r 1")

    assert "its container could not be removed" in str(vm.cards(op_id)[-1].blocks)
    assert len([one for one in containers(vm) if RUN in one.labels]) == 1


def test_slack_away_for_a_while_changes_nothing(vm: World) -> None:
    offer(vm, lambda code: r_run(plots=[PLOT]))
    vm.chat.fail("upload", ChatUnknown("silent"), times=5)

    assert len(blocks(vm, vm.done("r plot(1)"), "image")) == 1


# --- which VM ------------------------------------------------------------------------------------


def test_with_several_vms_a_button_runs_the_same_code(vm: World) -> None:
    """Also code with what Slack would escape, and with an `on` of its own."""
    vm.has_vm("db")
    code = 'x <- c(a = 1) & TRUE; cat("&lt; -- on web")'
    line = code.replace("&", "&amp;").replace("<", "&lt;")

    vm.refused(f"r --keep {line}")
    (buttons,) = [each for each in vm.chat.replies[-1].blocks if each["type"] == "actions"]
    by_label = {each["text"]["text"]: each["value"] for each in buttons["elements"]}
    vm.done(by_label["db"])

    (spec,) = started(vm)
    assert argument(spec, "code") == code
    assert argument(spec, "keep") == "1"


def test_code_that_is_too_long_for_a_button_is_refused_in_words(vm: World) -> None:
    vm.has_vm("db")

    told = vm.refused(f"r {'x' * 3500}")

    assert "On which VM?" in told
