"""Work that leaves the VM: asked about in private, sent where its owner wants."""

from __future__ import annotations

import io
import re
import tarfile
from typing import Any
from urllib.request import Request, urlopen

import pytest

from sandbox.slack.records import Message
from tests.fakes.hosts import FakeHost
from tests.scenarios.world import GENERAL, JANE, JIHOON, Scenario, access_to


@pytest.fixture
def vm(bot: Scenario) -> FakeHost:
    """Jane's VM; her RStudio has been killed, and what she wrote is still there."""
    bot.card("vm jekyll-dev")
    bot.card("rstudio")
    [ready] = bot.core.vm_store.live()
    host = bot.hosts.at(str(ready.address))
    [container] = bot.hosts.on(access_to(host_address(bot))).containers()
    bot.card(f"kill {container.short_id}")
    host.volumes["ds-u0jane-workspace"]["thesis.R"] = b"x <- 1"
    return host


def host_address(bot: Scenario) -> str:
    [ready] = bot.core.vm_store.live()
    return str(ready.address)


def files_in(bot: Scenario, channel: str) -> list[tuple[Message, dict[str, Any]]]:
    """The files in a conversation, each with its message."""
    found = []
    for message in bot.slack.messages(channel):
        for file_id in message.files:
            call = next(
                call
                for call in bot.slack.calls_to("files.completeUploadExternal")
                if file_id in str(call.args["files"])
            )
            found.append((message, dict(call.args) | {"id": file_id}))
    return found


def names_in(bot: Scenario, file_id: str) -> list[str]:
    address = bot.slack.api_url.removesuffix("/api/") + f"/files-pri/T0-{file_id}/archive"
    request = Request(address, headers={"Authorization": f"Bearer {bot.slack.bot_token}"})
    with (
        urlopen(request, timeout=10) as answer,
        tarfile.open(fileobj=io.BytesIO(answer.read()), mode="r:gz") as tar,
    ):
        return [each.name for each in tar.getmembers() if each.isreg()]


def test_the_button_on_the_killed_containers_card_leads_to_the_thread(
    bot: Scenario, vm: FakeHost
) -> None:
    killed = bot.slack.messages(GENERAL)[-1]
    before = len(bot.slack.ephemerals(JANE))
    bot.click(killed, "Export work")
    [question] = bot.slack.wait_for(lambda: bot.slack.ephemerals(JANE)[before:])
    assert "Whoever can read this channel can open the files" in question.text
    assert files_in(bot, GENERAL) == []

    seen = len(bot.slack.messages(GENERAL))
    bot.click(question, "Post it here")
    bot.slack.wait_for(lambda: bot.slack.messages(GENERAL)[seen:])
    bot.ended(index=seen)

    [(message, file)] = files_in(bot, GENERAL)
    card = bot.slack.messages(GENERAL)[seen]
    assert message.thread_ts == card.ts
    assert "is in the thread below" in card.text
    [name] = names_in(bot, file["id"])
    assert re.fullmatch(r"jekyll-dev-work-2026-03-02-[a-z2-7]{8}/workspace/thesis\.R", name)


def test_private_goes_to_the_persons_own_conversation(bot: Scenario, vm: FakeHost) -> None:
    card = bot.card("export --private")

    assert files_in(bot, GENERAL) == []
    [(message, file)] = files_in(bot, bot.slack.direct(JANE))
    assert names_in(bot, file["id"])[0].endswith("/workspace/thesis.R")
    assert "tar -xzf" in message.text and "1 file, 6 B" in message.text
    assert f"was sent to <@{JANE}> alone" in card.text


def test_the_app_home_sends_it_without_asking(bot: Scenario, vm: FakeHost) -> None:
    """There only its owner reads along."""
    bot.slack.user(JANE).open_home()
    bot.slack.wait_for(lambda: bot.slack.home(JANE))
    view = bot.slack.home(JANE)
    assert view is not None
    [button] = [
        each
        for block in view.blocks
        for each in block.get("elements", [])
        if each.get("value") == "export on jekyll-dev"
    ]

    bot.slack.user(JANE).click(view, button["action_id"], button["value"])
    direct = bot.slack.direct(JANE)
    bot.slack.wait_for(lambda: files_in(bot, direct))

    [(message, _)] = files_in(bot, direct)
    assert message.thread_ts is not None
    assert "is in the thread below" in bot.ended(direct, 0).text


def test_somebody_else_is_told_whose_it_is(bot: Scenario, vm: FakeHost) -> None:
    answer = bot.answer("export rstudio --private on jekyll-dev", user=JIHOON)

    assert f"<@{JANE}>" in answer.text
    assert files_in(bot, GENERAL) == []
