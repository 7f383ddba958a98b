"""The guard in front of Bolt, and the life of the HTTP server."""

from __future__ import annotations

import json
import logging
import socket as sockets
import time
from collections.abc import Callable
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_bolt import App
from slack_sdk.signature import SignatureVerifier

from bot.adapters.health import Health
from bot.adapters.http_server import HttpServer
from bot.adapters.slack_http import MAX_BODY, Refused, SlackRequests, verified
from sandbox.slack import SlackSandbox
from tests.transports.conftest import Listeners

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SECRET, NOW = "shared-with-slack", 1_800_000_000.0
COMMAND = urlencode({"command": "/ds", "text": "body-not-for-logs", "trigger_id": "1"}).encode()

Send = Callable[..., tuple[int, bytes]]


@pytest.fixture
def send(http: HttpServer, slack: SlackSandbox) -> Send:
    """POSTs a body, signed rightly and now unless a header says otherwise (None: left out)."""

    def post(body: bytes, headers: dict[str, Any] | None = None) -> tuple[int, bytes]:
        stamp = str(int(time.time()))
        verifier = SignatureVerifier(slack.signing_secret)
        try:
            signature = verifier.generate_signature(timestamp=stamp, body=body)
        except UnicodeDecodeError:
            signature = "v0=" + "0" * 64
        sent = {
            "Content-Type": FORM,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature,
        } | (headers or {})
        kept = {name: value for name, value in sent.items() if value is not None}
        connection = connect(http)
        try:
            connection.request("POST", "/slack/events", body, kept)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    return post


def connect(server: HttpServer) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", server.port, timeout=5)


def get(server: HttpServer, path: str) -> tuple[int, bytes]:
    connection = connect(server)
    connection.request("GET", path)
    answer = connection.getresponse()
    status, text = answer.status, answer.read()
    connection.close()
    return status, text


REFUSED = {
    "wrong signature": (COMMAND, {"X-Slack-Signature": "v0=" + "0" * 64}),
    "no signature": (COMMAND, {"X-Slack-Signature": None}),
    "no timestamp": (COMMAND, {"X-Slack-Request-Timestamp": None}),
    "stale timestamp": (COMMAND, {"X-Slack-Request-Timestamp": str(int(time.time()) - 600)}),
    "timestamp of the future": (COMMAND, {"X-Slack-Request-Timestamp": "99999999999"}),
    "timestamp no number": (COMMAND, {"X-Slack-Request-Timestamp": "yesterday"}),
    "timestamp of other digits": (COMMAND, {"X-Slack-Request-Timestamp": b"\xb2\xb3"}),
    "timestamp without end": (COMMAND, {"X-Slack-Request-Timestamp": "1" * 5000}),
    "signature not ASCII": (COMMAND, {"X-Slack-Signature": b"v0=\xe9\xff"}),
    "body not UTF-8": (b"text=\xff\xfe", {}),
    "unsigned and malformed": (b"payload=notjson", {"X-Slack-Signature": "v0=1"}),
    "unsigned broken JSON": (b"{broken", {"Content-Type": JSON, "X-Slack-Signature": "v0=1"}),
    "changed by one byte": (COMMAND + b"x", {"X-Slack-Signature": "v0=" + "a" * 64}),
    "empty": (b"", {"X-Slack-Signature": ""}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_slack_did_not_sign_gets_an_empty_401_and_is_not_logged(
    case: str, send: Send, listeners: Listeners, caplog: pytest.LogCaptureFixture
) -> None:
    body, headers = REFUSED[case]
    caplog.set_level(logging.DEBUG)

    assert send(body, headers) == (401, b"")

    assert listeners.commands == []
    assert "body-not-for-logs" not in caplog.text and "notjson" not in caplog.text


MALFORMED = {
    "payload no JSON": (b"payload=notjson", FORM),
    "payload no object": (b"payload=%5B1%5D", FORM),
    "payload null": (b"payload=null", FORM),
    "broken JSON": (b'{"type": "event_callback", ', JSON),
    "JSON list": (b"[1, 2]", JSON),
    "JSON number": (b"5", JSON),
    "JSON without end": (b"[" * 100_000, JSON),
    "team no object": (b'{"type": "event_callback", "authorizations": 5}', JSON),
    "empty": (b"", FORM),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_signed_body_that_is_none_of_slacks_gets_400(
    case: str, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    body, content_type = MALFORMED[case]

    assert send(body, {"Content-Type": content_type}) == (400, b"")
    assert "Traceback" not in caplog.text


def test_what_is_signed_reaches_the_listener(send: Send, listeners: Listeners) -> None:
    status, answer = send(COMMAND)

    assert (status, answer) == (200, b"you said body-not-for-logs")
    assert len(listeners.commands) == 1


def test_a_body_larger_than_slacks_largest_gets_413(send: Send, listeners: Listeners) -> None:
    assert send(b"text=" + b"x" * MAX_BODY)[0] == 413
    assert listeners.commands == []


def test_a_body_that_does_not_come_is_not_waited_for(http: HttpServer) -> None:
    """Slack has given up after 3 s; anybody else only holds the connection."""
    with sockets.create_connection(("127.0.0.1", http.port), timeout=5) as connection:
        head = "POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\ntext="
        connection.sendall(head.encode())

        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_an_ssl_check_is_answered_and_does_nothing(send: Send, listeners: Listeners) -> None:
    """Slack looks at the certificate now and then."""
    body = urlencode({"ssl_check": "1", "token": "t", "command": "/ds"}).encode()

    assert send(body, {"X-Slack-Signature": None}) == (200, b"")
    assert listeners.commands == []


def test_url_verification_is_answered(send: Send) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "c-1", "token": "t"}).encode()

    status, answer = send(body, {"Content-Type": JSON})

    assert status == 200 and json.loads(answer) == {"challenge": "c-1"}


def test_headers_that_only_bolt_knows_have_no_effect(send: Send, listeners: Listeners) -> None:
    """Headers are not signed: with these, Bolt would skip the listener and say 200."""
    lazy = {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "answer"}

    assert send(COMMAND, lazy)[0] == 200
    assert len(listeners.commands) == 1


def test_an_answer_that_failed_is_no_200(send: Send) -> None:
    body = urlencode({"command": "/ds", "text": "fail", "trigger_id": "1"}).encode()

    assert send(body)[0] == 500


@given(
    body=st.binary(max_size=200),
    stamp=st.text(max_size=30) | st.integers(0, 10**22).map(str),
    signature=st.text(max_size=80),
)
def test_nothing_unsigned_is_let_through_or_breaks_the_guard(
    body: bytes, stamp: str, signature: str
) -> None:
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}

    with pytest.raises(Refused) as refused:
        verified(SECRET.encode(), headers, body, NOW)

    assert refused.value.status == 401


@pytest.mark.parametrize(("age_s", "is_taken"), [(0, 1), (300, 1), (-300, 1), (301, 0), (-301, 0)])
def test_a_signature_holds_for_five_minutes(age_s: int, is_taken: int) -> None:
    stamp = str(int(NOW) - age_s)
    signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=COMMAND)
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature or ""}

    if is_taken:
        assert verified(SECRET.encode(), headers, COMMAND, NOW) == COMMAND.decode()
    else:
        with pytest.raises(Refused, match="stale"):
            verified(SECRET.encode(), headers, COMMAND, NOW)


# --- life -------------------------------------------------------------------------------------


def test_a_request_under_way_is_answered_before_the_server_ends(
    http: HttpServer, send: Send, listeners: Listeners, later: Callable[..., Any]
) -> None:
    body = urlencode({"command": "/ds", "text": "wait", "trigger_id": "1"}).encode()
    asked = later(send, body)
    assert listeners.held.wait(10)

    closed = later(http.close)
    with pytest.raises(OSError):  # no more are taken
        while True:
            sockets.create_connection(("127.0.0.1", http.port), timeout=1).close()
    assert not closed.done()
    listeners.release.set()

    assert asked.result()[0] == 200
    closed.result(10)


def test_a_listener_that_hangs_does_not_hold_the_end_up_for_ever(
    app: App, slack: SlackSandbox, listeners: Listeners, later: Callable[..., Any]
) -> None:
    requests = SlackRequests(app, slack.signing_secret)
    server = HttpServer(
        Health(), port=0, host="127.0.0.1", slack=requests, drain=timedelta(seconds=1)
    )
    server.start()
    slack.use_http(f"{server.url}/slack/events")
    asked = later(slack.user("U0JANE").command, "C0GENERAL", "/ds", "wait")
    assert listeners.held.wait(10)

    began = time.monotonic()
    server.close()

    assert time.monotonic() - began < 3
    listeners.release.set()
    asked.result()


def test_a_listener_that_waits_does_not_hold_up_the_health_page(
    http: HttpServer, send: Send, listeners: Listeners, later: Callable[..., Any]
) -> None:
    body = urlencode({"command": "/ds", "text": "wait", "trigger_id": "1"}).encode()
    asked = later(send, body)
    assert listeners.held.wait(10)

    assert get(http, "/healthz")[0] == 200
    listeners.release.set()
    assert asked.result()[0] == 200


def test_a_port_that_is_taken_is_an_error_of_start(http: HttpServer) -> None:
    with pytest.raises(OSError, match="in use"):
        HttpServer(Health(), port=http.port, host="127.0.0.1").start()


def test_closing_twice_or_without_start_is_success() -> None:
    server = HttpServer(Health(), port=0)
    server.close()
    server.start()
    server.close()
    server.close()


def test_answers_do_not_wait_for_the_clients_tcp_ack(http: HttpServer) -> None:
    """Without TCP_NODELAY each answer on a kept connection takes 40 ms more."""
    connection = connect(http)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        connection.request("GET", "/nowhere")
        connection.getresponse().read()
        took.append(time.perf_counter() - began)
    connection.close()

    assert sorted(took)[10] < 0.03
