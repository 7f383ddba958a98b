"""What only the real adapter does: single requests, waiting, remembering, and keeping silent."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bot.adapters.slack import EVENT_TYPE, SlackChat, SlackIdentity
from bot.adapters.slack_api import Patience, SlackAccess
from bot.adapters.slack_outbox import Pace
from bot.errors import BotError, ChatError, ChatRefused, ChatUnknown
from bot.models import MessageRef
from sandbox.slack import Rules, SlackSandbox
from sandbox.slack.workspace import Draft
from tests.fakes.clock import FakeClock

GENERAL, JANE = "C0GENERAL", "U0JANE"
SECOND = timedelta(seconds=1)
SECRET = "the-text-is-a-secret"
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": SECRET}}]
VIEW = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "A form"},
    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": SECRET}}],
}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def slack(clock: FakeClock) -> Iterator[SlackSandbox]:
    rules = Rules(pacing=True, time=lambda: clock.now().timestamp())
    with SlackSandbox(rules=rules) as sandbox:
        yield sandbox


@pytest.fixture
def chat(slack: SlackSandbox, clock: FakeClock) -> Iterator[SlackChat]:
    access = SlackAccess(
        slack.bot_token, slack.api_url, timeout=0.5 * SECOND, quick_timeout=0.3 * SECOND
    )
    chat = SlackChat(access, clock)
    yield chat
    chat.close()


def outcomes(slack: SlackSandbox, method: str) -> list[str]:
    return [call.outcome for call in slack.calls_to(method)]


def response_url(slack: SlackSandbox) -> str:
    """A private answer's address, as in the payload of a command that Jane typed."""
    workspace, interactions = slack._workspace, slack._interactions
    user, channel = workspace.user(JANE), workspace.channel(GENERAL)
    path = slack._call(lambda: interactions._response_urls.issue(user, channel))
    return f"{slack.url}{path}"


def trigger(slack: SlackSandbox) -> str:
    return slack._call(lambda: slack._interactions._triggers.issue(JANE))


# --- posting ---


def test_a_post_says_all_that_keeps_it_harmless(slack: SlackSandbox, chat: SlackChat) -> None:
    """Nothing that a person typed becomes a mention, a link or a preview."""
    chat.post(GENERAL, "hello", BLOCKS, "op-1")

    [call] = slack.calls_to("chat.postMessage")
    assert call.args["metadata"] == {"event_type": EVENT_TYPE, "event_payload": {"key": "op-1"}}
    assert (call.args["unfurl_links"], call.args["unfurl_media"]) == (False, False)
    assert (call.args["link_names"], call.args["parse"]) == (False, "none")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda faults: faults.drop_after("chat.postMessage"),
        lambda faults: faults.drop_before("chat.postMessage"),
        lambda faults: faults.server_error("chat.postMessage"),
        lambda faults: faults.slow("chat.postMessage", 1.0),
        lambda faults: faults.refuse("chat.postMessage", "internal_error"),
        lambda faults: faults.refuse("chat.postMessage", "fatal_error"),
        lambda faults: faults.refuse("chat.postMessage", "request_timeout"),
    ],
    ids=["answer lost", "not sent", "500", "too slow", "internal", "fatal", "timeout"],
)
def test_a_post_without_an_answer_is_sent_once(
    slack: SlackSandbox, chat: SlackChat, spoil: Callable[[Any], None]
) -> None:
    """slack_sdk's own default would send it again, and the channel would see it twice."""
    spoil(slack.faults)

    with pytest.raises(ChatUnknown):
        chat.post(GENERAL, "once", BLOCKS, "op-1")

    assert len(slack.calls_to("chat.postMessage")) == 1
    assert len(slack.messages(GENERAL)) <= 1


def test_a_post_that_was_too_early_is_sent_when_slack_says(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    """At a 429 nothing was posted: that is waiting, not repeating."""
    slack.faults.rate_limit("chat.postMessage", times=2, retry_after_s=7)
    begun = clock.now()

    chat.post(GENERAL, "once", BLOCKS, "op-1")

    assert clock.now() - begun == 14 * SECOND
    assert len(slack.messages(GENERAL)) == 1


def test_a_post_does_not_wait_for_ever(
    slack: SlackSandbox, clock: FakeClock, chat: SlackChat
) -> None:
    slack.faults.rate_limit("chat.postMessage", times=99, retry_after_s=30)
    begun = clock.now()

    with pytest.raises(ChatUnknown):
        chat.post(GENERAL, "never", BLOCKS, "op-1")

    assert clock.now() - begun <= Patience().busy


def test_other_methods_go_on_while_one_is_rate_limited(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    slack.faults.rate_limit("users.info", retry_after_s=60)
    with pytest.raises(ChatUnknown):
        chat.member(JANE)
    begun = clock.now()

    chat.post(GENERAL, "hello", BLOCKS, "op-1")
    with pytest.raises(ChatUnknown):  # not even asked: somebody is waiting for us
        chat.member(JANE)

    assert clock.now() == begun
    assert outcomes(slack, "users.info") == ["rate_limited"]
    clock.advance(60 * SECOND)
    assert chat.member(JANE).is_full_member


def test_many_posts_in_one_channel_never_meet_slacks_limit(
    slack: SlackSandbox, chat: SlackChat
) -> None:
    for number in range(10):
        chat.post(GENERAL, "hello", BLOCKS, f"op-{number}")

    assert set(outcomes(slack, "chat.postMessage")) == {"ok"}


# --- finding ---


def test_a_key_is_found_pages_back(slack: SlackSandbox, chat: SlackChat, clock: FakeClock) -> None:
    """A busy channel must not hide what we posted."""
    start = clock.now()
    ref = chat.post(GENERAL, "hello", BLOCKS, "op-1")
    for number in range(450):
        slack.user(JANE).say(GENERAL, f"{number}")

    assert chat.find(GENERAL, "op-1", start) == ref
    assert len(slack.calls_to("conversations.history")) == 3


def test_somebody_elses_message_with_our_key_is_not_ours(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    """Metadata can be read, and so copied, by every app; we could not edit theirs."""
    start = clock.now()
    ref = chat.post(GENERAL, "hello", BLOCKS, "op-1")
    slack._workspace.message(GENERAL, ref.ts).bot_id = "B0OTHER"

    assert chat.find(GENERAL, "op-1", start) is None


def test_a_search_is_asked_again_when_the_answer_is_lost(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    ref = chat.post(GENERAL, "hello", BLOCKS, "op-1")
    slack.faults.drop_after("conversations.history")
    slack.faults.server_error("conversations.history")

    assert chat.find(GENERAL, "op-1", clock.now() - 60 * SECOND) == ref


# --- editing ---


def test_an_edit_is_repeated_until_it_is_taken(slack: SlackSandbox, chat: SlackChat) -> None:
    """The same text twice is the same message."""
    ref = chat.post(GENERAL, "Starting", BLOCKS, "op-1")
    slack.faults.drop_before("chat.update")
    slack.faults.drop_after("chat.update")
    slack.faults.refuse("chat.update", "internal_error")
    slack.faults.rate_limit("chat.update", retry_after_s=5)

    chat.update(ref, "Ready", BLOCKS)

    assert slack.messages(GENERAL)[0].text == "Ready"


def test_an_edit_says_again_that_nothing_becomes_a_link(
    slack: SlackSandbox, chat: SlackChat
) -> None:
    """chat.update has other defaults than chat.postMessage, and resets what it is not told."""
    ref = chat.post(GENERAL, "Starting", BLOCKS, "op-1")

    chat.update(ref, "Ready", [])

    [call] = slack.calls_to("chat.update")
    assert (call.args["link_names"], call.args["parse"]) == (False, "none")
    assert slack.messages(GENERAL)[0].blocks == []
    assert slack.messages(GENERAL)[0].metadata is not None


def test_busy_cards_never_meet_slacks_limit(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    """20 cards whose bars move every second, for five minutes."""
    refs = [MessageRef(GENERAL, slack._call(lambda: _said(slack))) for _ in range(20)]
    for second in range(0, 300, 2):
        for ref in refs:
            chat.update_soon(ref, f"{second}", BLOCKS)
        clock.advance(2 * SECOND)
    for ref in refs:
        chat.update(ref, "Ready", BLOCKS)

    assert set(outcomes(slack, "chat.update")) == {"ok"}
    assert {message.text for message in slack.messages(GENERAL)} == {"Ready"}


def _said(slack: SlackSandbox) -> str:
    workspace = slack._workspace
    return workspace.post(workspace.channel(GENERAL), workspace.bot, Draft(text="0")).ts


def test_closing_ends_edits(slack: SlackSandbox, chat: SlackChat) -> None:
    ref = chat.post(GENERAL, "Starting", BLOCKS, "op-1")
    chat.close()

    with pytest.raises(ChatUnknown):
        chat.update(ref, "Ready", BLOCKS)


# --- people ---


def test_a_person_is_asked_about_once_in_five_minutes(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    for _ in range(3):
        chat.member(JANE)
    assert len(slack.calls_to("users.info")) == 1

    clock.advance(timedelta(minutes=5))

    chat.member(JANE)
    assert len(slack.calls_to("users.info")) == 2


def test_somebody_waiting_is_not_kept_by_a_slow_slack(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    """A click must be answered within three seconds; the last answer will do."""
    chat.member(JANE)
    clock.advance(timedelta(minutes=30))
    slack.faults.slow("users.info", 1.0)

    assert chat.member(JANE).is_full_member


def test_the_check_tells_who_we_are(slack: SlackSandbox, chat: SlackChat) -> None:
    assert chat.check() == SlackIdentity("T0SANDBOX", "B0DSBOT", "U0DSBOT")


def test_a_wrong_token_is_told(slack: SlackSandbox, clock: FakeClock) -> None:
    chat = SlackChat(SlackAccess("xoxb-wrong", slack.api_url), clock)

    with pytest.raises(ChatRefused) as caught:
        chat.check()

    assert caught.value.code == "invalid_auth"
    assert "xoxb" not in str(caught.value)


# --- private answers and modals ---


def test_an_answer_waits_when_it_is_too_early(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    url, begun = response_url(slack), clock.now()
    slack.faults.rate_limit("response_url", retry_after_s=3)

    chat.respond(url, "hello", BLOCKS, replace=False)

    assert clock.now() - begun == 3 * SECOND
    assert len(slack.ephemerals(JANE)) == 1


def test_an_answer_shows_no_preview(slack: SlackSandbox, chat: SlackChat) -> None:
    """Whoever makes the preview opens the link, and a one-time link is then used up."""
    chat.respond(response_url(slack), "https://a.example/once", BLOCKS, replace=False)

    [call] = slack.calls_to("response_url")
    assert (call.args["unfurl_links"], call.args["unfurl_media"]) == (False, False)
    assert call.args["response_type"] == "ephemeral"


@pytest.mark.parametrize("fault", ["server_error", "drop_before", "drop_after"])
def test_an_answer_without_an_answer_is_sent_once(
    slack: SlackSandbox, chat: SlackChat, fault: str
) -> None:
    url = response_url(slack)
    getattr(slack.faults, fault)("response_url")

    with pytest.raises(ChatUnknown):
        chat.respond(url, "hello", BLOCKS, replace=False)

    assert len(slack.calls_to("response_url")) == 1


def test_an_answer_may_replace_what_it_answers(slack: SlackSandbox, chat: SlackChat) -> None:
    url = response_url(slack)
    chat.respond(url, "Really?", BLOCKS, replace=False)

    chat.respond(url, "Done", BLOCKS, replace=True)

    assert [message.text for message in slack.ephemerals(JANE)] == ["Done"]


def test_a_modal_is_opened_with_one_request(slack: SlackSandbox, chat: SlackChat) -> None:
    slack.faults.drop_after("views.open")

    with pytest.raises(ChatUnknown):
        chat.open_view(trigger(slack), VIEW)

    assert len(slack.calls_to("views.open")) == 1


def test_a_modal_that_slack_does_not_take_is_told(slack: SlackSandbox, chat: SlackChat) -> None:
    long = VIEW | {"title": {"type": "plain_text", "text": "x" * 25}}

    with pytest.raises(ChatRefused) as caught:
        chat.open_view(trigger(slack), long)

    assert caught.value.code == "invalid_arguments"


# --- silence ---


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """As if an operator had turned the root logger up."""
    caplog.set_level(logging.DEBUG)
    return caplog


def failing(slack: SlackSandbox, chat: SlackChat) -> list[ChatError]:
    """One error of each kind from each way of talking, with secrets in the questions."""
    ref = chat.post(GENERAL, SECRET, BLOCKS, "op-1")
    url = response_url(slack)
    chat.respond(url, SECRET, BLOCKS, replace=False)
    acts: dict[str, Callable[[], object]] = {
        "chat.postMessage": lambda: chat.post(GENERAL, SECRET, BLOCKS, "op-2"),
        "chat.update": lambda: chat.update(ref, SECRET, BLOCKS),
        "response_url": lambda: chat.respond(url, SECRET, BLOCKS, replace=False),
        "views.open": lambda: chat.open_view(trigger(slack), VIEW),
    }
    spoils: list[Callable[[str], None]] = [
        lambda method: slack.faults.refuse(method, "invalid_blocks"),
        lambda method: slack.faults.server_error(method, times=50),
        lambda method: slack.faults.drop_before(method, times=50),
    ]
    errors = []
    for method, act in acts.items():
        for spoil in spoils:
            spoil(method)
            try:
                act()
            except ChatError as error:
                errors.append(error)
            slack.faults.clear()
    return errors


def test_no_secret_is_logged_and_none_is_in_an_error(
    slack: SlackSandbox, clock: FakeClock, everything_logged: pytest.LogCaptureFixture
) -> None:
    """A log is read by more people than a private answer."""
    access = SlackAccess(slack.bot_token, slack.api_url)
    chat = SlackChat(access, clock, pace=Pace(patience=5 * SECOND))
    errors = failing(slack, chat)
    chat.close()
    assert len(errors) == 12

    ours = [record for record in everything_logged.records if "aiohttp" not in record.name]
    told = "\n".join(
        [record.getMessage() + str(record.exc_info) for record in ours]
        + ["".join(traceback.format_exception(error)) for error in errors]
        + [repr(access)]
    )
    assert "invalid_blocks" in told
    for secret in (slack.bot_token, SECRET, "/commands/"):
        assert secret not in told


# --- answers that make no sense ---


class OddServer:
    """Answers every request with the same bytes."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> OddServer:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def ok(**fields: object) -> bytes:
    return json.dumps({"ok": True} | fields).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        b"null",
        b"[1]",
        b'"ok"',
        b"7",
        b"\xff\xfe",
        b"{}",
        ok(),
        ok(channel="C1"),
        ok(channel=None, ts="1.0"),
        ok(channel={"id": "C1"}, ts="1.0"),
        ok(channel="C1", ts=7),
    ],
)
def test_an_answer_that_makes_no_sense_is_unknown(body: bytes, clock: FakeClock) -> None:
    """A gateway's page, or half an answer: it may have been posted all the same."""
    with OddServer(200, body, {}) as server:
        chat = SlackChat(SlackAccess("xoxb-1", f"{server.url}/api/"), clock)

        with pytest.raises(ChatUnknown):
            chat.post(GENERAL, "hello", BLOCKS, "op-1")


@pytest.mark.parametrize(
    "body",
    [
        ok(team_id="T1", bot_id="B1", user_id="U1"),
        ok(team_id="T1", bot_id="B1", user_id="U1", user=[]),
        ok(team_id="T1", bot_id="B1", user_id="U1", user={"id": None}),
        ok(team_id="T1", bot_id="B1", user_id="U1", user={"id": "U1", "enterprise_user": 1}),
    ],
)
def test_a_person_that_makes_no_sense_is_unknown(body: bytes, clock: FakeClock) -> None:
    with OddServer(200, body, {}) as server:
        chat = SlackChat(SlackAccess("xoxb-1", f"{server.url}/api/"), clock)

        with pytest.raises(ChatUnknown):
            chat.member("U1")


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (404, b"used_url", ChatRefused, "used_url"),
        (410, b"<html>Gone</html>", ChatRefused, "http_410"),
        (404, b'{"ok":false,"error":"expired_url"}', ChatRefused, "expired_url"),
        (200, b'{"ok":false,"error":"used_url"}', ChatRefused, "used_url"),
        (502, b"<html>Bad Gateway</html>", ChatUnknown, None),
    ],
)
def test_the_answers_of_a_response_url(
    status: int, body: bytes, error: type[BotError], code: str | None, clock: FakeClock
) -> None:
    """slack_sdk's `respond` raises for none of them."""
    with OddServer(status, body, {}) as server:
        chat = SlackChat(SlackAccess("xoxb-1", f"{server.url}/api/"), clock)

        with pytest.raises(error) as caught:
            chat.respond(f"{server.url}/commands/secret", "hello", BLOCKS, replace=False)

    assert getattr(caught.value, "code", None) == code
