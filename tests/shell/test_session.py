"""A line goes in, its result comes out: as in Slack, without Slack."""

from __future__ import annotations

import shlex
from typing import NoReturn

import pytest

from bot.shell.cli import takes_code
from bot.shell.prompt import completions
from bot.shell.results import Status
from bot.shell.session import OWN_WORDS, line_of
from config.settings import load_policy
from handlers.commands import grammar as grammar_of
from handlers.grammar import Command
from tests.scenarios.world import access_to
from tests.shell.desk import Desk

pytest_plugins = ["tests.shell.desk_fixture"]

GRAMMAR = grammar_of(load_policy())


@pytest.mark.parametrize("command", GRAMMAR.commands, ids=lambda command: command.name)
def test_each_command_of_slack_is_answered_in_a_terminal(desk: Desk, command: Command) -> None:
    """Answered or refused with a reason: never broken, never taken for another word."""
    result = desk.do(command.example)

    assert result.status is not Status.NOT_UNDERSTOOD
    assert "incident" not in result.text or result.status is Status.FAILED and result.operation
    assert "Something unexpected" not in result.text
    assert result.document()["text"]


@pytest.mark.parametrize("word", [*OWN_WORDS, "exit"])
def test_no_command_of_slack_has_a_name_of_the_terminals_own(word: str) -> None:
    assert GRAMMAR.find([word]) is None


def test_help_lists_the_terminals_own_commands_too(desk: Desk) -> None:
    text = desk.do("help").document()["text"]

    for word in [*OWN_WORDS, "exit", *(command.name for command in GRAMMAR.commands)]:
        assert word in text


def test_a_vm_is_ordered_used_and_cancelled(desk: Desk) -> None:
    ordered = desk.do("vm alpha")
    [vm] = desk.core.vm_store.live()
    assert ordered.status is Status.DONE
    assert (vm.owner_id, vm.team_id, vm.channel_id) == ("local:alice", "local", "local:alice")
    assert ordered.document()["facts"]["vms"][0]["address"] == vm.address
    assert desk.cloud.get(vm.cloud_id or 0).tags >= {"ds-bot", "ds-owner-local:alice"}

    started = desk.do("/ds rstudio")
    assert started.document()["links"] == [f"http://{vm.address}:8787/"]

    [row] = desk.do("ps").document()["facts"]["containers"]
    assert row["owner"] == "local:alice" and row["has_password"]
    cancelled = desk.do("vm cancel alpha")
    assert cancelled.document()["facts"]["vms"][0]["state"] == "gone"
    assert desk.cloud.live == []


def test_progress_is_shown_and_then_the_end_in_the_language_of_the_terminal(desk: Desk) -> None:
    result = desk.do("vm alpha", language="ko")

    assert "준비" in result.text


def test_nothing_found_is_an_answer(desk: Desk) -> None:
    for line, name in (("vm list", "vms"), ("ps", "containers"), ("url", "urls")):
        result = desk.do(line)
        assert result.status is Status.DONE
        assert result.document()["facts"][name] == []


def test_what_vms_have_cost_is_facts_for_programs(desk: Desk) -> None:
    desk.do("vm alpha")

    [row] = desk.do("cost").document()["facts"]["costs"]
    assert row["name"] == "alpha" and row["usd"] >= 0


def test_a_picture_is_a_file_and_words(desk: Desk) -> None:
    desk.do("vm alpha")
    desk.do("pull rocker/rstudio")

    result = desk.do("lineage")

    assert any(file.content.startswith(b"\x89PNG") for file in result.files)
    assert "rocker/rstudio" in result.document()["text"]


def test_a_refusal_says_what_to_type(desk: Desk) -> None:
    refused = desk.do("rstudio")

    assert refused.status is Status.REFUSED and refused.operation
    assert refused.document()["next"]
    assert desk.cloud.orders == []


def test_what_is_no_command_is_recorded_nowhere(desk: Desk) -> None:
    assert desk.do("vn alpha").status is Status.NOT_UNDERSTOOD
    assert desk.do("").status is Status.DONE  # help, as in Slack
    assert desk.core.operation_store.counts() == {}


def test_somebody_else_s_vm_is_an_admins_to_cancel_and_not_in_ones_own_list(desk: Desk) -> None:
    desk.do("vm alpha", name="alice")

    assert desk.do("vm list", name="bob").document()["facts"]["vms"] == []
    everyones = desk.do("vm list --all", name="bob").document()["facts"]["vms"]
    assert [vm["owner"] for vm in everyones] == ["local:alice"]
    assert desk.do("vm cancel alpha", name="bob").status is Status.DONE


def test_a_password_is_its_owners_and_a_terminals_only(desk: Desk) -> None:
    desk.do("vm alpha")
    desk.do("rstudio")
    [vm] = desk.core.vm_store.live()
    host = desk.hosts.on(access_to(str(vm.address)))
    [container] = host.containers()
    password = host.environment(container.id)["PASSWORD"]

    shown = desk.do(f"password {container.short_id}")
    others = desk.do(f"password {container.short_id}", name="bob")
    desk.screen.is_private = False
    refused = desk.do(f"password {container.short_id}")

    assert shown.listings[0].rows == (("rstudio", password),)
    assert others.status is Status.REFUSED and password not in str(others)
    assert refused.status is Status.REFUSED and password not in str(refused)
    rows = desk.core.local_store.unseen("local:alice")
    assert password not in str(rows)


def test_ctrl_c_stops_waiting_and_not_the_operation(desk: Desk) -> None:
    desk.screen.interrupt = True
    left = desk.do("vm alpha")
    assert left.status in (Status.UNDER_WAY, Status.DONE)  # the fakes may be faster than a hand
    desk.screen.interrupt = False

    seen = desk.do(f"wait {left.operation}")

    assert seen.status is Status.DONE and "alpha is ready" in seen.document()["text"]


def test_ctrl_c_while_a_question_is_asked_is_no_crash(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(desk.screen, "asking", interrupted)

    assert desk.do("ps").status is Status.UNDER_WAY


def test_the_end_that_nobody_saw_is_shown_by_wait(desk: Desk) -> None:
    ordered = desk.do("vm alpha")
    [message] = desk.core.local_store.of_operation("local:alice", str(ordered.operation))
    desk.core.local_store.edit(message.id, message.text, message.blocks)  # unseen again

    assert desk.do("wait").operation == ordered.operation
    assert desk.do("wait").status is Status.REFUSED


def test_an_unforeseen_trouble_has_an_incident(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(desk.core.vm_store, "live", broken)
    result = desk.do("vm list")

    assert result.status is Status.FAILED
    incident = result.text.rpartition("`")[0].rpartition("`")[2]
    assert incident and f"incident {incident}" in caplog.text


def test_another_ones_operation_is_not_waited_for(desk: Desk) -> None:
    ordered = desk.do("vm alpha", name="alice")

    assert desk.do(f"wait {ordered.operation}", name="bob").status is Status.REFUSED
    assert desk.do("wait").status is Status.REFUSED  # nothing is under way
    assert desk.do("jobs").document()["facts"] == {"operations": []}


def test_what_was_said_meanwhile_is_news_once(desk: Desk) -> None:
    session = desk.session()
    session.do("vm alpha")
    assert session.unseen() == []  # it was shown

    desk.core.local_store.post("local:alice", "op:notice", "alpha is idle", [], desk.clock.now())
    [notice] = session.unseen()
    session.saw([notice])

    assert notice.text == "alpha is idle"
    assert session.unseen() == []


# --- lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", GRAMMAR.commands, ids=lambda command: command.name)
def test_words_of_a_script_mean_what_the_line_means(command: Command) -> None:
    words = command.example.split() if command.code else shlex.split(command.example)

    line = line_of(words, lambda word: takes_code(GRAMMAR, word))

    assert GRAMMAR.parse(line).request == GRAMMAR.parse(command.example).request


def test_quotes_of_a_script_are_kept() -> None:
    words = ["run", "rocker/r-base", "--", "R", "-e", "print('a b')"]

    request = GRAMMAR.parse(line_of(words, lambda word: takes_code(GRAMMAR, word))).request

    assert request.args["command"] == ["R", "-e", "print('a b')"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("vm c", ["cancel"]),
        ("/ds vm l", ["list"]),
        ("rst", ["rstudio"]),
        ("vm list --a", ["--all"]),
        ("ps o", ["on"]),
        ("help shi", ["shiny"]),
        ("pass", ["password"]),
        ("nonsense ", []),
    ],
)
def test_tab_completes(line: str, found: list[str]) -> None:
    assert completions(GRAMMAR, line) == found
