"""What screen readers and notifications say of everything that the bot ever says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.errors import CloudRefused
from bot.models import VmState
from handlers.sender import Typed
from tests.fakes.hosts import FakeImage
from tests.replies.block_kit import texts_of
from tests.services.world import ADMIN, JANE, JIHOON, World

ACTS = [
    "vm lab", "vm lab", "vm prepare lab", "rstudio on web", "shiny on web", "hadleyverse on web",
    "r-base on web", "toolchain on web", "pull rocker/shiny on web", "pull no/such on web",
    "run rocker/shiny -P on web", "run no/such on web", "rmi rocker/shiny on web", "stop zzzz",
    "kill zzzz", "vm cancel nobody", "keep web", "extend web 4h", "export on web",
    "vm release lab", "admin reaper on", "r plot(cars) on web", "vm cancel lab",
]  # fmt: skip
QUESTIONS = [
    "help", "help vm", "dance", "vm", "vm list", "vm list --all", "ps", "ps --all", "ps on nobody",
    "search rstudio on web", "images on web", "info on web", "url", "logs zzzz", "why web",
    "admin reaper status", "lineage on web",
]  # fmt: skip

_DATE = re.compile(r"<!date\^\d+\^[^|<>]+\|[^<>]+>")
_SIGNS = re.compile(r"[*•⏳✅❌⚠⏰★]|```|\n|  ")


@pytest.mark.parametrize("who", [JANE, JIHOON])
def test_all_that_is_said_reads_well_aloud(world: World, who: str) -> None:
    tell_all(world, who)

    said = heard(world)
    assert len(said) > 60
    for text, _ in said:
        assert text.strip() and not _SIGNS.search(text), text
        assert text[0] not in ".,:;" and not re.search(r"[.:,;]\s*[.:,;]", text), text


@pytest.mark.parametrize("who", [JANE, JIHOON])
def test_every_instant_is_in_the_time_zone_of_its_reader(world: World, who: str) -> None:
    tell_all(world, who)

    said = heard(world)
    shown = [each["text"] for _, blocks in said for each in texts_of(blocks)
             if each["type"] == "mrkdwn"]  # fmt: skip
    plain = [each["text"] for _, blocks in said for each in texts_of(blocks)
             if each["type"] == "plain_text"]  # fmt: skip
    assert sum(bool(_DATE.search(text)) for text in shown) > 5
    for text in [*shown, *(text for text, _ in said)]:
        outside = _DATE.sub("", text)
        assert not re.search(r"\b20\d\d-\d\d|\bUTC\b|\d{1,2}:\d\d\b(?!\d)", ports_out(outside)), (
            text
        )
    assert not any("<!date" in text for text in plain)


def ports_out(text: str) -> str:
    """Without addresses, whose ports look like times, and without the example of `keep`."""
    return re.sub(
        r"until 9:00|tomorrow 9:00|내일 9:00|9:00까지|https?://\S+|\d+(\.\d+){3}\S*|\b\d+:\d{4,}|`[^`]*`",
        "",
        text,
    )


def heard(world: World) -> list[tuple[str, list[dict[str, Any]]]]:
    """Text and blocks of every state of every message, and of every private answer."""
    messages = [state for message in world.chat.all_messages for state in message.texts]
    return [*messages, *((reply.text, reply.blocks) for reply in world.chat.replies)]


def tell_all(world: World, who: str) -> None:
    """Have the bot say nearly everything it can."""
    world.has_vm("web", who)
    world.images |= {name: FakeImage() for name in ("rocker/r-base", "rocker/r-devel")}
    for line in ACTS:
        world.ask(line, who)
        world.run()
    world.cloud.fail("order", CloudRefused("no"))
    world.ask("vm other", who)
    world.run()
    world.has_vm("stuck", who, state=VmState.ATTENTION)
    for line in ("shiny on stuck", "shiny", "kill web", "vm cancel stuck"):
        world.ask(line, ADMIN if line == "kill web" else who)
        world.run()
    for number, line in enumerate(QUESTIONS):
        url = world.chat.issue_response_url()
        typed = Typed(line, world.caller(who), f"question-{number}", url)
        with world.meddling.off():
            world.core.boundary.take(typed)
    with world.meddling.off():
        world.core.boundary.close()
