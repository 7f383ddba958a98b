"""What holds by whichever transport Slack reaches the bot."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient

from bot.adapters.bolt import bolt_app
from bot.metrics import ACK_SECONDS
from sandbox.outside import wait_until
from sandbox.slack import SlackSandbox
from tests.sandbox_slack.builders import SUBMIT, button, modal
from tests.transports.conftest import GENERAL, JANE, Listeners


def acks(transport: str) -> float:
    """How many acks have been counted."""
    (family,) = ACK_SECONDS.collect()
    return next(
        (
            sample.value
            for sample in family.samples
            if sample.name.endswith("_count") and sample.labels["transport"] == transport
        ),
        0.0,
    )


def test_a_command_is_acked_at_once_and_counted(slack: SlackSandbox, connected: str) -> None:
    before = acks(connected)

    seen = slack.user(JANE).command(GENERAL, "/ds", "vm jekyll-dev")

    assert (seen.text, seen.error) == ("you said vm jekyll-dev", None)
    (ack,) = slack.acks
    assert ack.seconds < 0.5  # of Slack's 3 s, on a machine that does other things too
    wait_until(lambda: acks(connected) > before, 5)  # counted once it is sent
    assert acks(connected) == before + 1


def test_fifty_commands_at_once_are_all_acked(
    slack: SlackSandbox, connected: str, later: Callable[..., Any], listeners: Listeners
) -> None:
    texts = [f"vm box-{number}" for number in range(50)]
    jane = slack.user(JANE)

    seen = [later(jane.command, GENERAL, "/ds", text) for text in texts]

    assert [outcome.result().text for outcome in seen] == [f"you said {text}" for text in texts]
    assert len({command["trigger_id"] for command in listeners.commands}) == 50
    assert max(ack.seconds for ack in slack.acks) < 3


def test_what_no_listener_knows_is_acked_and_its_name_logged(
    slack: SlackSandbox, connected: str, client: WebClient, caplog: pytest.LogCaptureFixture
) -> None:
    """An old message's button must not end in Slack's warning sign."""
    blocks = [{"type": "actions", "elements": [button("gone.with_the_old_version")]}]
    client.chat_postMessage(channel=GENERAL, text="old", blocks=blocks)

    outcome = slack.user(JANE).click(slack.messages(GENERAL)[-1], "gone.with_the_old_version")

    assert outcome.error is None
    assert [ack.kind for ack in slack.acks] == ["interactive"]
    assert "block_actions gone.with_the_old_version" in caplog.text


def test_a_form_that_no_listener_knows_closes(
    slack: SlackSandbox, app: App, connected: str, client: WebClient
) -> None:
    @app.action("open")
    def show(ack: Ack, body: dict[str, Any]) -> None:
        client.views_open(
            trigger_id=body["trigger_id"], view=modal(callback_id="old", submit=SUBMIT)
        )
        ack()

    blocks = [{"type": "actions", "elements": [button("open")]}]
    client.chat_postMessage(channel=GENERAL, text="form", blocks=blocks)
    jane = slack.user(JANE)
    jane.click(slack.messages(GENERAL)[-1], "open")
    (view,) = slack.modals(JANE)

    assert jane.submit(view).error is None
    assert slack.modals(JANE) == []


def test_an_event_nobody_wants_is_not_sent_again(slack: SlackSandbox, connected: str) -> None:
    slack.user(JANE).open_home()
    slack.wait_for(lambda: slack.acks)

    assert [ack.kind for ack in slack.acks] == ["events_api"]


def test_what_a_listener_could_not_take_is_not_acked(
    slack: SlackSandbox, app: App, connected: str
) -> None:
    """Events come again then; an ack would be a lie."""
    seen: list[str] = []

    @app.event("app_home_opened")
    def opened(body: dict[str, Any]) -> None:
        seen.append(body["event_id"])
        if len(seen) == 1:
            raise RuntimeError("the database is locked")

    slack.user(JANE).open_home()
    slack.wait_for(lambda: slack.acks)

    assert len(seen) == 2 and len(set(seen)) == 1


def test_our_own_events_are_ignored(slack: SlackSandbox, app: App, connected: str) -> None:
    got: list[dict[str, Any]] = []
    app.event("app_home_opened")(lambda event: got.append(event))

    slack.user("U0DSBOT").open_home()
    slack.user(JANE).open_home()
    slack.wait_for(lambda: got and len(slack.acks) == 2)

    assert [event["user"] for event in got] == [JANE]


def test_making_the_app_and_answering_ask_nothing_of_slack(
    slack: SlackSandbox, connected: str
) -> None:
    """`auth.test` at the boot or in the first request would cost the ack when Slack is slow."""
    slack.user(JANE).command(GENERAL, "/ds", "help")

    assert slack.calls_to("auth.test") == []


def test_the_app_is_made_without_slack_and_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = WebClient("xoxb-token", base_url="http://127.0.0.1:1/api/")

    bolt_app(client, None)

    assert client.token == "xoxb-token"
    assert caplog.records == []


def test_bolt_never_logs_bodies_even_when_everything_is_at_debug(
    slack: SlackSandbox, connected: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    slack.user(JANE).command(GENERAL, "/ds", "vm body-not-for-logs")

    assert "body-not-for-logs" not in caplog.text
