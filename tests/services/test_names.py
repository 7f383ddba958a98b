"""Mistyped names: the answer is the whole command that was meant, as text and as a button."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.models import VmState
from bot.replies.texts import LANGUAGES
from bot.services.names import near
from config.settings import load_policy
from handlers.commands import commands
from handlers.sender import Typed
from tests.services.world import ADMIN, JANE, JIHOON, World


def offered(world: World) -> list[dict[str, object]]:
    """The buttons of the last answer."""
    blocks = world.chat.replies[-1].blocks
    return [each for block in blocks for each in block.get("elements", []) if "value" in each]


def asked(world: World, line: str, who: str = JANE) -> str:
    """Ask a question; gives the text of the answer."""
    typed = Typed(line, world.caller(who), f"{line} {who}", world.chat.issue_response_url())
    before = len(world.chat.replies)
    world.core.boundary._sender.answer(
        typed,
        lambda language: world.core.boundary._reply(
            world.core.grammar.parse(line), typed.caller, language
        ),
    )
    assert len(world.chat.replies) == before + 1
    return world.chat.replies[-1].text


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("vm cancel jekyl-dev", "vm cancel jekyll-dev"),
        ("vm prepare jekyl-dev", "vm prepare jekyll-dev"),
        ("rstudio on jekyl-dev", "rstudio on jekyll-dev"),
        ("pull rocker/shiny rocker/verse on jekyl-dev",
         "pull rocker/shiny rocker/verse on jekyll-dev"),
        ("toolchain on jekyll-dv", "toolchain on jekyll-dev"),
        ("run -p 7777:8787 -m 2g -e 'A=b c' --name jekyl-dev x on jekyl-dev -- sh -c 'a b'",
         "run x -p 7777:8787 --name jekyl-dev --memory 2048m -e 'A=b c' on jekyll-dev"
         " -- sh -c 'a b'"),
        ("kill 5c061b59b648 on jekyl-dev", "kill 5c061b59b648 on jekyll-dev"),
    ],
)  # fmt: skip
def test_a_vms_name_is_corrected_within_the_command(world: World, typed: str, meant: str) -> None:
    world.has_vm("jekyll-dev")
    world.has_vm("other")

    told = world.refused(typed)

    (button,) = offered(world)
    assert button["value"] == meant
    assert f"/ds {meant}" in told


@pytest.mark.parametrize("line", ["ps on jekyl-dev", "images on jekyl-dev", "info on jekyl-dev"])
def test_questions_are_corrected_in_the_same_way(world: World, line: str) -> None:
    world.has_vm("jekyll-dev")

    told = asked(world, line)

    (button,) = offered(world)
    assert button["value"] == line.replace("jekyl-", "jekyll-")
    assert str(button["value"]) in told


@pytest.mark.parametrize("word", ["kill", "stop", "logs", "url"])
def test_a_containers_id_is_corrected_with_the_command_it_was_typed_for(
    world: World, word: str
) -> None:
    world.has_vm("web")
    world.done("shiny")
    with world.meddling.off():
        (container,) = world.machines()[0]._list(True, None)
    wrong = ("0" if container.id[5] != "0" else "1").join([container.id[:5], container.id[6:8]])

    told = world.refused(f"{word} {wrong}") if word in ("kill", "stop") else asked(
        world, f"{word} {wrong}"
    )  # fmt: skip

    (button,) = offered(world)
    assert button["value"] == f"{word} {container.short_id}"
    assert f"/ds {word} {container.short_id}" in told


def test_a_button_that_destroys_asks_first(world: World) -> None:
    world.has_vm("jekyll-dev")

    world.refused("vm cancel jekyl-dev")
    (cancel,) = offered(world)
    world.refused("rstudio on jekyl-dev")
    (start,) = offered(world)

    assert "Everything on it is deleted" in str(cancel["confirm"])
    assert "confirm" not in start


def test_somebody_elses_vm_is_proposed_to_admins_alone(world: World) -> None:
    world.has_vm("jekyll-dev")

    world.refused("vm cancel jekyl-dev", JIHOON)
    assert offered(world) == []

    world.refused("vm cancel jekyl-dev", ADMIN)
    assert [each["value"] for each in offered(world)] == ["vm cancel jekyll-dev"]


def test_the_button_of_a_correction_works(world: World) -> None:
    op_id = world.has_vm("jekyll-dev")
    world.refused("vm cancel jekyl-dev")

    world.done(str(offered(world)[0]["value"]))

    assert world.vm(op_id).state is VmState.GONE


def lines() -> Iterator[str]:
    for command in commands(load_policy()):
        if command.kind == "help":
            continue
        flags = [f"{flag.typed} {flag.example}".strip() for flag in command.flags]
        tail = " -- sh -c 'echo \"a b\" it'" if command.tail else ""
        vm = " on web" if command.takes_vm else ""
        yield command.example
        yield f"{command.example} {' '.join(flags)}{vm}{tail}"


@pytest.mark.parametrize("line", list(lines()))
def test_a_request_can_be_written_as_it_is_typed(world: World, line: str) -> None:
    request = world.core.grammar.parse(line).request

    written = world.core.grammar.line(request.kind, request.args)

    assert world.core.grammar.parse(written).request == request


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("kil 5c061b59b648", "kill 5c061b59b648"),
        ("vm cancl jekyll-dev", "vm cancel jekyll-dev"),
        ("rstudio jekyll-dev", "rstudio on jekyll-dev"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mistyped_command_is_offered_whole(
    world: World, typed: str, meant: str, language: str
) -> None:
    who = JANE if language == "en" else JIHOON
    url = world.chat.issue_response_url()
    world.core.boundary.take(Typed(typed, world.caller(who), typed, url))
    world.core.boundary.close()

    assert meant in [each["value"] for each in offered(world)]
    assert f"`/ds {meant}`" in world.chat.replies[-1].text


def test_what_is_not_alike_is_not_proposed() -> None:
    assert near("web", ["database", "jekyll-dev"]) == []
    assert near("jekyl", ["jekyll-dev", "jekyll", "jekyll"]) == ["jekyll", "jekyll-dev"]
