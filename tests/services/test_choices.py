"""Asked on which VM, who presses a button gets what they typed, there."""

from __future__ import annotations

import pytest

from tests.replies.block_kit import check_message
from tests.services.world import World


@pytest.mark.parametrize(
    "line",
    [
        "rstudio",
        "r-base",
        "toolchain",
        "pull rocker/shiny",
        "pull rocker/shiny rocker/rstudio",
        "rmi rocker/shiny",
        "run rocker/rstudio",
        "run rocker/rstudio -p 7777:8787 -P --name mine --rm -m 2g --cpus 1.5 -e 'A=b c' -e D=",
        "run r-base -p 80:80 -- Rscript -e 'cat(1, \"on\")'",
    ],
)
def test_a_choice_does_what_was_typed(world: World, line: str) -> None:
    world.has_vm("web")
    world.has_vm("db")
    world.refused(line)
    reply = world.chat.replies[-1]
    values = [each["value"] for block in reply.blocks for each in block.get("elements", [])]
    typed = world._grammar.parse(line).request
    chosen = [world._grammar.parse(value).request for value in values]
    assert [each.args for each in chosen] == [typed.args | {"vm": name} for name in ("web", "db")]
    assert {each.kind for each in chosen} == {typed.kind}


def test_a_command_too_long_for_a_button_says_what_to_add(world: World) -> None:
    """Quoting makes it longer than what was typed."""
    world.has_vm("web")
    world.has_vm("db")

    told = world.refused("run r-base -- sh -c " + '"' + "'" * 900 + '"')

    reply = world.chat.replies[-1]
    check_message(told, reply.blocks)
    assert "'value'" not in str(reply.blocks)
    assert "type it yourself for: web, db" in str(reply.blocks)
