"""What reaches the bot by HTTP, and what happens when Slack delivers something twice."""

from __future__ import annotations

import http.client
import logging
import time
from urllib.parse import urlencode, urlsplit

import pytest
from slack_sdk.signature import SignatureVerifier

from tests.scenarios.world import GENERAL, JANE, Scenario

FORM = "application/x-www-form-urlencoded"


def body_of(bot: Scenario, text: str, trigger_id: str = "1.2.secret-trigger") -> bytes:
    fields = {
        "command": "/ds",
        "text": text,
        "team_id": "T0SANDBOX",
        "channel_id": GENERAL,
        "user_id": JANE,
        "trigger_id": trigger_id,
        "response_url": f"{bot.slack.url}/commands/none",
        "api_app_id": "A0DSBOT",
        "is_enterprise_install": "false",
    }
    return urlencode(fields).encode()


def post(bot: Scenario, body: bytes, *, at: str | None = None, signature: str | None = None) -> int:
    """The status of the bot's answer; signed rightly and now unless told otherwise."""
    stamp = str(int(time.time())) if at is None else at
    if signature is None:
        verifier = SignatureVerifier(bot.slack.signing_secret)
        signature = verifier.generate_signature(timestamp=stamp, body=body)
    connection = http.client.HTTPConnection(urlsplit(bot.http.url).netloc, timeout=5)
    headers = {
        "Content-Type": FORM,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature or "",
    }
    try:
        connection.request("POST", "/slack/events", body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_what_is_not_slacks_gets_401_and_leaves_nothing_in_the_log(
    http_bot: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = body_of(http_bot, "vm stolen-vm-name")
    old = str(int(time.time()) - 301)

    statuses = [
        post(http_bot, body, signature="v0=" + "0" * 64),
        post(http_bot, body, signature=""),
        post(http_bot, body, signature="v0=\xe4".encode("latin-1").decode("latin-1")),
        post(http_bot, body, at=old),
        post(http_bot, body, at="yesterday", signature="v0=" + "0" * 64),
        post(http_bot, b"text=\xff\xfe-stolen-vm-name", signature="v0=" + "0" * 64),
    ]

    assert statuses == [401] * 6
    assert "stolen-vm-name" not in caplog.text
    assert "secret-trigger" not in caplog.text
    assert http_bot.changed() == (0, 0, 0)


def test_the_same_trigger_id_twice_does_the_work_once(http_bot: Scenario) -> None:
    body = body_of(http_bot, "vm jekyll-dev")

    statuses = [post(http_bot, body) for _ in range(5)]
    http_bot.slack.wait_for(lambda: http_bot.slack.messages(GENERAL))
    http_bot.ended()

    assert statuses == [200] * 5
    assert len(http_bot.cloud.orders) == 1
    assert len(http_bot.slack.messages(GENERAL)) == 1


def test_a_double_click_is_one_wish(bot: Scenario) -> None:
    card = bot.card("vm jekyll-dev")
    before = len(bot.slack.messages(GENERAL))

    bot.click(card, "RStudio")
    bot.click(card, "RStudio")
    bot.slack.wait_for(lambda: bot.slack.messages(GENERAL)[before:])
    bot.ended()

    assert len(bot.slack.messages(GENERAL)) == before + 1
