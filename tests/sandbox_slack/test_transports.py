"""Socket Mode and signed HTTP, with the stock Bolt app at the other end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from urllib.request import urlopen

import aiohttp
import pytest
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.signature import Clock, SignatureVerifier

from sandbox.slack import Rules, SlackSandbox
from sandbox.slack.http_mode import sign
from tests.sandbox_slack.conftest import HttpApp, close_quickly

GENERAL, JANE, JIHOON = "C0GENERAL", "U0JANE", "U0JIHOON"
Connect = Callable[[], SocketModeHandler]


@pytest.fixture
def echo(app: App) -> list[dict[str, Any]]:
    """Commands that the app has got; it answers each with its text."""
    got: list[dict[str, Any]] = []

    @app.command("/ds")
    def answer(ack: Ack, command: dict[str, Any]) -> None:
        got.append(command)
        ack(f"you said {command['text']}")

    return got


# --- Socket Mode ------------------------------------------------------------------------------


def test_a_command_reaches_bolt_over_socket_mode_and_its_ack_is_shown(
    slack: SlackSandbox, echo: list[dict[str, Any]], connect: Connect
) -> None:
    """The whole way of `/ds` in its smallest form."""
    connect()

    seen = slack.user(JANE).command(GENERAL, "/ds", "vm jekyll-dev")

    assert (seen.text, seen.response_type, seen.error) == (
        "you said vm jekyll-dev",
        "ephemeral",
        None,
    )
    assert [message.text for message in slack.ephemerals(JANE)] == [seen.text]
    assert slack.ephemerals(JIHOON) == []
    (record,) = slack.acks
    assert record.kind == "slash_commands" and 0 < record.seconds < 0.5


def test_a_command_carries_exactly_the_documented_fields(
    slack: SlackSandbox, echo: list[dict[str, Any]], connect: Connect
) -> None:
    """Code that reads a field which Slack does not send works only here."""
    connect()

    slack.user(JANE).command("C0PLATFORM", "/ds", "<!channel> & co")

    (command,) = echo
    assert set(command) == {
        "token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name",
        "command", "text", "api_app_id", "is_enterprise_install", "response_url", "trigger_id",
    }  # fmt: skip
    assert command["is_enterprise_install"] == "false"
    assert command["channel_name"] == "privategroup"
    assert command["text"] == "<!channel> & co"  # should_escape is off: as it was typed


def test_without_a_connection_the_person_sees_dispatch_failed(slack: SlackSandbox) -> None:
    """A bot that is down must look as it does in Slack."""
    seen = slack.user(JANE).command(GENERAL, "/ds", "help")

    assert seen.error == "dispatch_failed"
    assert seen.text == '/ds failed with the error "dispatch_failed"'


def test_without_an_ack_in_time_the_person_sees_operation_timeout_in_their_language(
    slack: SlackSandbox, connect: Connect
) -> None:
    """An app that does not know the command never acks over Socket Mode."""
    connect()

    seen = slack.user(JIHOON).command(GENERAL, "/ds", "help")

    assert seen.error == "operation_timeout"
    assert "실행에 실패했습니다" in seen.text and "operation_timeout" in seen.text
    assert slack.acks == []


def test_an_unknown_command_never_reaches_the_app(
    slack: SlackSandbox, echo: list[dict[str, Any]], connect: Connect
) -> None:
    """Slack knows the commands by the manifest."""
    connect()

    seen = slack.user(JANE).command(GENERAL, "/foo", "bar")

    assert seen.text.startswith("/foo is not a valid command.")
    assert echo == []


def test_payloads_are_spread_over_all_connections(slack: SlackSandbox) -> None:
    """A button may be clicked on another replica than the one that posted it."""
    replicas: list[str] = []

    def replica(name: str) -> SocketModeHandler:
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        app = App(client=client, process_before_response=True)

        @app.command("/ds")
        def answer(ack: Ack) -> None:
            replicas.append(name)
            ack()

        return SocketModeHandler(app, slack.app_token)

    handlers = [replica("a"), replica("b")]
    for number, handler in enumerate(handlers, start=1):
        handler.connect()  # type: ignore[no-untyped-call]
        slack.wait_for(lambda: slack.connections == number)  # noqa: B023
    for _ in range(4):
        slack.user(JANE).command(GENERAL, "/ds")
    for handler in handlers:
        close_quickly(handler, slack)

    assert sorted(replicas) == ["a", "a", "b", "b"]


def test_the_app_reconnects_after_a_disconnect_frame(
    slack: SlackSandbox, echo: list[dict[str, Any]], connect: Connect
) -> None:
    """Slack recycles connections every few hours; no command may be lost by it."""
    connect()

    assert slack.disconnect("refresh_requested") == 1
    slack.wait_for(lambda: slack.connections_opened == 2 and slack.connections == 1)

    assert slack.user(JANE).command(GENERAL, "/ds", "again").text == "you said again"


def test_the_app_reconnects_after_its_connections_were_cut(
    slack: SlackSandbox, echo: list[dict[str, Any]], connect: Connect
) -> None:
    """A network fault comes without a close frame."""
    connect()

    assert slack.cut_connections() == 1
    slack.wait_for(lambda: slack.connections_opened == 2)

    assert slack.user(JANE).command(GENERAL, "/ds", "again").text == "you said again"


def socket_session(slack: SlackSandbox, act: Callable[[list[Any]], Any], count: int) -> None:
    """Run `act` with the first frames of `count` raw connections."""
    client = WebClient(slack.app_token, base_url=slack.api_url)

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            sockets = []
            for _ in range(count):
                url = client.api_call("apps.connections.open")["url"]
                sockets.append(await session.ws_connect(url))
            act([await socket.receive_json() for socket in sockets])
            for socket in sockets:
                await socket.close()

    asyncio.run(run())


def test_an_eleventh_connection_is_sent_away(slack: SlackSandbox) -> None:
    """Rolling deploys count both generations against the ten."""
    frames: list[Any] = []

    socket_session(slack, frames.extend, 11)

    assert [frame["type"] for frame in frames] == ["hello"] * 10 + ["disconnect"]
    assert frames[0]["connection_info"]["app_id"] == "A0DSBOT"
    assert frames[-1]["reason"] == "too_many_websockets"


def test_a_ticket_opens_one_connection(slack: SlackSandbox) -> None:
    """A client that keeps using an old address never connects again."""
    client = WebClient(slack.app_token, base_url=slack.api_url)
    url = client.api_call("apps.connections.open")["url"]

    async def run() -> int:
        async with aiohttp.ClientSession() as session:
            await (await session.ws_connect(url)).close()
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(url)
            return refused.value.status

    assert asyncio.run(run()) == 401


def test_an_event_not_acked_comes_again(app: App, connect: Connect, slack: SlackSandbox) -> None:
    """Events are retried, so the bot must know them by event_id."""
    seen: list[tuple[str, Any]] = []

    @app.event("app_home_opened")
    def opened(body: dict[str, Any], request: Any) -> None:
        retry = request.headers.get("x-slack-retry-num")
        seen.append((body["event_id"], retry))
        if retry == ["0"]:
            raise RuntimeError("not this time")

    connect()
    slack.user(JANE).open_home()
    slack.wait_for(lambda: [ack.kind for ack in slack.acks] == ["events_api"])

    assert [retry for _, retry in seen] == [["0"], ["1"]]
    assert len({event_id for event_id, _ in seen}) == 1


# --- HTTP -------------------------------------------------------------------------------------


def test_a_command_reaches_bolt_over_signed_http(
    slack: SlackSandbox, echo: list[dict[str, Any]], http_app: HttpApp
) -> None:
    """The same app, the same answer, by the other transport; Bolt checks the signature."""
    slack.use_http(http_app.url)

    seen = slack.user(JANE).command(GENERAL, "/ds", "vm x")

    assert seen.text == "you said vm x"
    headers, body = http_app.requests[-1]
    verifier = SignatureVerifier(slack.signing_secret, clock=_Clock(headers))
    assert verifier.is_valid_request(body, headers)
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(body.decode())["text"] == ["vm x"]


class _Clock(Clock):
    """The verifier's clock, at the moment the request was signed."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._now = float(headers["x-slack-request-timestamp"])

    def now(self) -> float:
        return self._now


@pytest.fixture
def clock() -> Any:
    """Real time here: Bolt refuses signatures that are five minutes old."""
    import time

    return time.time


def test_the_signature_is_slacks() -> None:
    """Held against slack_sdk's own generator."""
    verifier = SignatureVerifier("secret")

    assert sign("secret", "1700000000", b"a=b") == verifier.generate_signature(
        timestamp="1700000000", body=b"a=b"
    )


def test_a_request_url_must_answer_the_challenge(slack: SlackSandbox, http_app: HttpApp) -> None:
    """Slack does not take a URL that cannot prove itself."""
    slack.use_http(http_app.url)
    with pytest.raises(ValueError, match="challenge"):
        slack.use_http(slack.url + "/api/api.test")

    assert json.loads(http_app.requests[0][1])["type"] == "url_verification"


@pytest.mark.parametrize(
    ("path", "code"),
    [("/nowhere", "http_client_error"), (None, "dispatch_failed")],
)
def test_http_failures_are_shown_as_slack_shows_them(
    slack: SlackSandbox, path: str | None, code: str
) -> None:
    """Each failure of the request URL has its own word."""
    url = "http://127.0.0.1:1/slack/events" if path is None else slack.url + path
    with SlackSandbox(request_url=url) as other:
        assert other.user(JANE).command(GENERAL, "/ds").error == code


def test_an_event_is_retried_over_http_with_slacks_headers(app: App, http_app: HttpApp) -> None:
    """The header tells which attempt it is, and why."""

    @app.event("app_home_opened")
    def opened(request: Any) -> None:
        if "x-slack-retry-num" not in request.headers:
            raise RuntimeError("not this time")

    rules = Rules(event_retry_delays_s=(0.0,))
    with SlackSandbox(request_url=http_app.url, rules=rules) as slack:
        slack.user(JANE).open_home()
        slack.wait_for(lambda: slack.acks)

    first, second = (headers for headers, _ in http_app.requests)
    assert "x-slack-retry-num" not in first
    assert second["x-slack-retry-num"] == "1"
    assert second["x-slack-retry-reason"] == "http_error"


def test_the_page_answers(slack: SlackSandbox) -> None:
    """The address that the command line prints."""
    with urlopen(slack.page_url()) as response:
        assert response.status == 200
