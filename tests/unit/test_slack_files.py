"""Files on their way to Slack: what is asked how often, and what nobody may read in a log."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.adapters.slack import SlackChat
from bot.adapters.slack_api import SlackAccess
from bot.errors import ChatRefused, ChatUnknown
from sandbox.slack import Rules, SlackSandbox
from tests.fakes.clock import FakeClock

GENERAL = "C0GENERAL"
GET_URL, COMPLETE = "files.getUploadURLExternal", "files.completeUploadExternal"
SECOND = timedelta(seconds=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def slack(clock: FakeClock) -> Iterator[SlackSandbox]:
    with SlackSandbox(rules=Rules(time=lambda: clock.now().timestamp())) as sandbox:
        yield sandbox


@pytest.fixture
def chat(slack: SlackSandbox, clock: FakeClock) -> Iterator[SlackChat]:
    chat = SlackChat(SlackAccess(slack.bot_token, slack.api_url), clock)
    yield chat
    chat.close()


def share(chat: SlackChat) -> None:
    chat.share(GENERAL, None, "all.csv", b"1;2\n", "All of it")


def names(slack: SlackSandbox) -> list[str]:
    """The names of the files that a channel has."""
    files = slack._workspace.files
    return [files[each].name for message in slack.messages(GENERAL) for each in message.files]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda slack: slack.faults.drop_before(COMPLETE),
        lambda slack: slack.faults.drop_after(COMPLETE),
        lambda slack: slack.faults.server_error(COMPLETE),
        lambda slack: slack.faults.refuse(COMPLETE, "internal_error"),
        lambda slack: slack.faults.refuse(COMPLETE, "file_update_failed"),
    ],
)
def test_sharing_is_asked_for_once(
    slack: SlackSandbox, chat: SlackChat, spoil: Callable[[SlackSandbox], None]
) -> None:
    spoil(slack)

    with pytest.raises(ChatUnknown):
        share(chat)

    assert len(slack.calls_to(COMPLETE)) == 1
    assert len(names(slack)) <= 1


def test_a_rate_limit_before_sharing_is_waited_out(
    slack: SlackSandbox, chat: SlackChat, clock: FakeClock
) -> None:
    """Slack has not looked at it then."""
    slack.faults.rate_limit(COMPLETE, retry_after_s=5)
    before = clock.now()

    share(chat)

    assert names(slack) == ["all.csv"]
    assert clock.now() - before >= 5 * SECOND


def test_asking_for_an_address_may_be_repeated(slack: SlackSandbox, chat: SlackChat) -> None:
    slack.faults.drop_after(GET_URL)

    share(chat)

    assert len(slack.calls_to(GET_URL)) == 2
    assert names(slack) == ["all.csv"]


class Uploads:
    """A Slack that wants the bytes at an address of the test's, and how those are answered."""

    def __init__(self, status: int = 200, address: str | None = None, silence_s: float = 0) -> None:
        self.asked: list[str] = []
        self.is_over = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append(self.path)
                if self.path == "/upload/the-secret":
                    outer.is_over.wait(silence_s)
                    self.answer(status, b"OK")
                else:
                    url = address or f"{outer.url}/upload/the-secret"
                    body = {"ok": True, "upload_url": url, "file_id": "F1", "files": []}
                    self.answer(200, json.dumps(body).encode())

            def answer(self, code: int, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def chat(self) -> SlackChat:
        access = SlackAccess("xoxb-1", f"{self.url}/api/", upload_timeout=0.3 * SECOND)
        return SlackChat(access, FakeClock())

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.is_over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, None), (400, ChatRefused), (413, ChatRefused), (429, ChatUnknown), (503, ChatUnknown)],
)
def test_what_was_not_taken_is_not_completed(
    status: int, error: type[Exception] | None, caplog: pytest.LogCaptureFixture
) -> None:
    """And the address, with which anybody could send, is in no log and no error."""
    caplog.set_level(logging.DEBUG)
    with Uploads(status) as slack:
        if error is None:
            assert slack.chat().upload("plot.png", b"PNG", "") == "F1"
            assert slack.asked[-1] == f"/api/{COMPLETE}"
            return
        with pytest.raises(error) as caught:
            slack.chat().upload("plot.png", b"PNG", "")

    assert slack.asked == [f"/api/{GET_URL}", "/upload/the-secret"]
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "the-secret" not in told


def test_silence_while_sending_ends() -> None:
    with Uploads(silence_s=60) as slack, pytest.raises(ChatUnknown):
        slack.chat().upload("plot.png", b"PNG", "")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "nonsense", "ftp://127.0.0.1/x"])
def test_bytes_are_sent_over_http_only(address: str) -> None:
    with Uploads(address=address) as slack:
        with pytest.raises((ChatRefused, ChatUnknown)):
            slack.chat().upload("plot.png", b"PNG", "")

        assert slack.asked == [f"/api/{GET_URL}"]
