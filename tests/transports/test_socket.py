"""Socket Mode when connections come and go."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk import WebClient

from bot.adapters.bolt import bolt_app
from bot.adapters.slack_socket import PING, SILENCE, SlackSocket
from bot.adapters.slack_wire import Link, LinkFailed
from sandbox.slack import SlackSandbox
from tests.transports.conftest import GENERAL, JANE, US, WITHIN, Listeners, until
from tests.transports.detour import Detour, DetouredClient

QUICK = {"ping": timedelta(seconds=0.1), "silence": timedelta(seconds=0.5)}


@pytest.fixture
def detour(slack: SlackSandbox) -> Iterator[Detour]:
    detour = Detour(slack.port)
    yield detour
    detour.close()


@pytest.fixture
def detoured(slack: SlackSandbox, detour: Detour) -> DetouredClient:
    return DetouredClient(detour, token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def make(
    slack: SlackSandbox, detoured: DetouredClient, listeners: Listeners
) -> Iterator[Callable[..., SlackSocket]]:
    """Makes a started socket behind the detour; closed at the end."""
    made: list[SlackSocket] = []

    def start(**options: Any) -> SlackSocket:
        app = bolt_app(detoured, None, lambda: US)
        listeners.listen(app)
        socket = SlackSocket(app, slack.app_token, **options)
        made.append(socket)
        socket.start()
        return socket

    yield start
    for socket in made:
        socket.close()


def says(slack: SlackSandbox, text: str) -> str:
    """What Jane sees of a command."""
    seen = slack.user(JANE).command(GENERAL, "/ds", text)
    return seen.error or seen.text


# --- connections ------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
def test_no_command_is_lost_when_slack_wants_another_connection(
    slack: SlackSandbox, socket: SlackSocket, later: Callable[..., Any], reason: str
) -> None:
    """Slack does this every few hours, to everybody. After `warning` the old one stays open."""
    stop = threading.Event()

    def keep_typing() -> list[str]:
        seen: list[str] = []
        while not stop.is_set() or len(seen) < 5:
            seen.append(says(slack, "help"))
        return seen

    typing = [later(keep_typing) for _ in range(4)]
    for opened in (2, 3):
        assert slack.disconnect(reason) >= 1
        slack.wait_for(lambda: slack.connections_opened >= opened)  # noqa: B023
        assert socket.wait_connected(WITHIN)
    stop.set()

    assert {text for seen in typing for text in seen.result()} == {"you said help"}
    assert max(ack.seconds for ack in slack.acks) < 1.5


def test_a_connection_that_was_cut_is_replaced_at_once(
    slack: SlackSandbox, socket: SlackSocket
) -> None:
    slack.cut_connections()
    slack.wait_for(lambda: slack.connections_opened == 2 and slack.connections == 1, timeout=5)
    assert socket.wait_connected(WITHIN)

    assert says(slack, "help") == "you said help"


def test_a_stream_that_ends_without_a_close_frame_is_replaced_at_once(
    slack: SlackSandbox, detour: Detour, make: Callable[..., SlackSocket]
) -> None:
    """slack_sdk's own client reads such a stream in a loop, for most of a minute."""
    socket = make()
    assert socket.wait_connected(WITHIN)

    detour.end()
    slack.wait_for(lambda: slack.connections_opened == 2, timeout=5)
    assert socket.wait_connected(WITHIN)

    assert says(slack, "help") == "you said help"


def test_a_connection_that_only_swallows_is_noticed(
    slack: SlackSandbox, detour: Detour, make: Callable[..., SlackSocket]
) -> None:
    """A firewall that forgot us sends no error: only pings without an answer tell."""
    socket = make(**QUICK)
    assert socket.wait_connected(WITHIN)

    detour.freeze()
    began = time.monotonic()
    slack.wait_for(lambda: slack.connections_opened == 2)

    assert time.monotonic() - began < 3
    assert socket.wait_connected(WITHIN)


@pytest.mark.slow
def test_with_the_settings_as_shipped_it_is_noticed_within_fifteen_seconds(
    slack: SlackSandbox, detour: Detour, make: Callable[..., SlackSocket]
) -> None:
    assert make().wait_connected(WITHIN)

    detour.freeze()
    began = time.monotonic()
    slack.wait_for(lambda: slack.connections_opened == 2, timeout=20)

    assert SILENCE.total_seconds() * 0.9 < time.monotonic() - began < 15


def test_a_quiet_connection_that_answers_pings_is_kept(
    slack: SlackSandbox, make: Callable[..., SlackSocket]
) -> None:
    """Most of the day nobody types anything."""
    socket = make(ping=timedelta(seconds=0.1), silence=timedelta(seconds=1))
    assert socket.wait_connected(WITHIN)
    opened_at = time.monotonic()

    while time.monotonic() - opened_at < 2.5:
        check = socket.check()
        assert check.ok and check.age_s is not None and check.age_s < 1
        time.sleep(0.02)

    assert slack.connections_opened == 1


def test_pings_leave_room_for_one_that_got_lost() -> None:
    assert PING * 3 < SILENCE <= timedelta(seconds=12)


def test_each_attempt_uses_a_new_address(
    slack: SlackSandbox, detour: Detour, detoured: DetouredClient, make: Callable[..., SlackSocket]
) -> None:
    """A ticket opens one connection; trying it again would fail for ever."""
    detour.refuse = 2
    socket = make()

    assert socket.wait_connected(WITHIN)
    assert len(set(detoured.addresses)) == 3
    assert says(slack, "help") == "you said help"


def test_it_connects_when_slack_comes_back(
    slack: SlackSandbox, make: Callable[..., SlackSocket]
) -> None:
    """The bot starts even while Slack is down."""
    slack.faults.server_error("apps.connections.open")
    slack.faults.refuse("apps.connections.open", "internal_error")
    socket = make()

    slack.wait_for(lambda: len(slack.calls_to("apps.connections.open")) == 2)
    assert socket.check().ok is False

    assert socket.wait_connected(WITHIN)
    assert socket.check().ok


def test_a_problem_is_told_without_the_ticket(
    slack: SlackSandbox, detour: Detour, detoured: DetouredClient, make: Callable[..., SlackSocket],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    detour.refuse = 1
    socket = make()
    assert socket.wait_connected(WITHIN)
    slack.faults.refuse("apps.connections.open", "invalid_auth", times=9)
    slack.cut_connections()
    until(lambda: "invalid_auth" in socket.check().detail)

    assert not socket.check().ok
    assert all(address.split("ticket=")[1] not in caplog.text for address in detoured.addresses)


def test_connections_that_are_refused_again_and_again_are_tried_less_often(
    slack: SlackSandbox, make: Callable[..., SlackSocket]
) -> None:
    """apps.connections.open is rate limited, and an eleventh connection is always sent away."""
    socket = make()
    for opened in (1, 2):
        slack.wait_for(lambda: slack.connections_opened >= opened)  # noqa: B023
        assert socket.wait_connected(WITHIN)
        began = time.monotonic()
        slack.cut_connections()

    slack.wait_for(lambda: slack.connections_opened >= 3, timeout=20)
    assert time.monotonic() - began > 1


def test_an_address_that_would_go_unencrypted_is_refused(client: WebClient) -> None:
    """slack_sdk encrypts on port 443 and nowhere else."""
    with pytest.raises(LinkFailed, match="8443"):
        Link("wss://127.0.0.1:8443/link/?ticket=1", client, 1.0, lambda *_: None, lambda _: None)


@pytest.mark.parametrize(("path", "why"), [("/link/?ticket=used", "401"), ("/?x=1", "200")])
def test_what_is_no_websocket_is_told_as_such(
    slack: SlackSandbox, client: WebClient, path: str, why: str
) -> None:
    address = slack.url.replace("http", "ws") + path
    with pytest.raises(LinkFailed, match=why):
        Link(address, client, 1.0, lambda *_: None, lambda _: None)


# --- acks -------------------------------------------------------------------------------------


def test_an_ack_too_long_for_the_wire_is_sent_without_its_text(
    slack: SlackSandbox, socket: SlackSocket
) -> None:
    seen = slack.user(JANE).command(GENERAL, "/ds", "long")

    assert (seen.error, seen.text) == (None, "")


def test_an_ack_goes_out_on_the_new_connection_when_the_old_one_broke(
    slack: SlackSandbox, socket: SlackSocket, listeners: Listeners, later: Callable[..., Any]
) -> None:
    typed = later(says, slack, "wait")
    assert listeners.held.wait(10)
    slack.cut_connections()
    slack.wait_for(lambda: slack.connections_opened == 2 and slack.connections == 1)

    listeners.release.set()

    assert typed.result() == "you said wait"


def test_a_slow_listener_does_not_hold_up_the_others(
    slack: SlackSandbox, socket: SlackSocket, listeners: Listeners, later: Callable[..., Any]
) -> None:
    """Stock Bolt has five threads for all listeners."""
    typed = [later(says, slack, "wait") for _ in range(10)]
    until(lambda: len(listeners.commands) == 10)

    assert says(slack, "help") == "you said help"
    listeners.release.set()
    assert {seen.result() for seen in typed} == {"you said wait"}


# --- the end ----------------------------------------------------------------------------------


def test_acks_under_way_are_sent_before_the_connection_is_closed(
    slack: SlackSandbox, socket: SlackSocket, listeners: Listeners, later: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    typed = later(says, slack, "wait")
    assert listeners.held.wait(10)
    closed = later(socket.close)
    until(lambda: not socket._taking)

    late = later(says, slack, "too late")
    assert slack.connections == 1
    until(lambda: "is not taken" in caplog.text)
    listeners.release.set()

    assert typed.result() == "you said wait"
    closed.result(10)
    slack.wait_for(lambda: slack.connections == 0)
    assert late.result() == "operation_timeout"
    assert [command["text"] for command in listeners.commands] == ["wait"]
    assert slack.connections_opened == 1


def test_a_listener_that_hangs_does_not_hold_the_end_up_for_ever(
    slack: SlackSandbox, make: Callable[..., SlackSocket], listeners: Listeners,
    later: Callable[..., Any],
) -> None:  # fmt: skip
    socket = make(drain=timedelta(seconds=0.2))
    assert socket.wait_connected(WITHIN)
    typed = later(says, slack, "wait")
    assert listeners.held.wait(10)

    began = time.monotonic()
    socket.close()

    assert time.monotonic() - began < 2
    slack.wait_for(lambda: slack.connections == 0)
    listeners.release.set()
    typed.result()


def test_closing_is_quick_and_twice_is_success(slack: SlackSandbox, socket: SlackSocket) -> None:
    began = time.monotonic()
    socket.close()
    socket.close()

    assert time.monotonic() - began < 1
    slack.wait_for(lambda: slack.connections == 0)
    assert not socket.check().ok


def test_closing_while_slack_is_down_does_not_wait_for_it(slack: SlackSandbox) -> None:
    client = WebClient(slack.bot_token, base_url="http://127.0.0.1:1/api/", retry_handlers=[])
    socket = SlackSocket(bolt_app(client, None), slack.app_token)
    socket.start()

    began = time.monotonic()
    socket.close()

    assert time.monotonic() - began < 2
    assert slack.connections_opened == 0
