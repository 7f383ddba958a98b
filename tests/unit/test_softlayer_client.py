"""Calls to SoftLayer: how often, with what patience, and every page."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

import pytest

from bot.adapters.softlayer_client import ReadRetry, SoftLayerAccount, SoftLayerApi
from bot.errors import CloudNotFound, CloudRefused, CloudUnknown
from sandbox.softlayer import faults
from sandbox.softlayer.clock import ManualClock
from sandbox.softlayer.server import SoftLayerSandbox
from tests.fakes.clock import FakeClock

STEADY = ReadRetry(spread=lambda: 0.0)
PAUSES = [timedelta(milliseconds=500), timedelta(seconds=1)]
USER = "Account.getCurrentUser"


@pytest.fixture
def sandbox() -> Iterator[SoftLayerSandbox]:
    with SoftLayerSandbox(clock=ManualClock()) as sandbox:
        yield sandbox


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def api(sandbox: SoftLayerSandbox, clock: FakeClock) -> Iterator[SoftLayerApi]:
    api = api_of(sandbox.url, clock, page_size=100)
    yield api
    api.close()


def api_of(
    url: str, clock: FakeClock, *, page_size: int = 100, patience_s: float = 10
) -> SoftLayerApi:
    return SoftLayerApi(
        SoftLayerAccount("sandbox", "sandbox-key", url),
        clock,
        read_timeout=timedelta(seconds=patience_s),
        act_timeout=timedelta(seconds=patience_s),
        retry=STEADY,
        page_size=page_size,
    )


class Endpoint:
    """Answers every request with what `answer` says, and counts them and their connections."""

    def __init__(self, answer: Callable[[], tuple[int, dict[str, str], str]]) -> None:
        self.requests = 0
        self.headers: list[dict[str, str]] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.requests += 1
                endpoint.headers.append(dict(self.headers))
                status, headers, body = answer()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/xmlrpc/v3.1"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def xml_of(ids: list[int]) -> str:
    rows = "".join(
        f"<value><struct><member><name>id</name><value><int>{each}</int></value></member></struct></value>"
        for each in ids
    )
    return (
        "<?xml version='1.0'?><methodResponse><params><param><value><array><data>"
        f"{rows}</data></array></value></param></params></methodResponse>"
    )


def fault_of(text: str) -> str:
    return (
        "<?xml version='1.0'?><methodResponse><fault><value><struct>"
        "<member><name>faultCode</name><value><string>SoftLayer_Exception_Public</string></value></member>"
        f"<member><name>faultString</name><value><string>{escape(text)}</string></value></member>"
        "</struct></value></fault></methodResponse>"
    )


# --- reads and acts ---


@pytest.mark.parametrize("failures", [1, 2])
def test_a_read_is_asked_again_after_growing_pauses(
    sandbox: SoftLayerSandbox, api: SoftLayerApi, clock: FakeClock, failures: int
) -> None:
    sandbox.faults.add(replace(faults.http(503, USER), times=failures))

    assert api.read("Account", "getCurrentUser")["username"] == "sandbox"
    assert clock.slept == PAUSES[:failures]


def test_a_read_is_given_up_after_its_last_try(
    sandbox: SoftLayerSandbox, api: SoftLayerApi, clock: FakeClock
) -> None:
    sandbox.faults.add(replace(faults.dropped(USER), times=3))

    with pytest.raises(CloudUnknown):
        api.read("Account", "getCurrentUser")

    assert clock.slept == PAUSES
    assert sandbox.faults.pending == []


def test_a_refusal_is_not_asked_again(api: SoftLayerApi, clock: FakeClock) -> None:
    """It would only be slower."""
    with pytest.raises(CloudRefused):
        api.read("Virtual_Guest", "noSuchMethod")
    with pytest.raises(CloudNotFound):
        api.read("Virtual_Guest", "getObject", id=999, about_vm=True)

    assert clock.slept == []


@pytest.mark.parametrize(
    "fault",
    [faults.http(500), faults.http(503), faults.http(429), faults.dropped(), faults.rate_limited(),
     faults.internal_error()],
)  # fmt: skip
def test_an_act_is_one_request_whatever_comes_of_it(
    sandbox: SoftLayerSandbox, api: SoftLayerApi, clock: FakeClock, fault: faults.Fault
) -> None:
    """A second request could be a second VM. The fault strikes twice: once must be left."""
    sandbox.faults.add(replace(fault, times=2))

    with pytest.raises(CloudUnknown):
        api.act("Virtual_Guest", "createObject", {})

    assert len(sandbox.faults.pending) == 1
    assert clock.slept == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(clock: FakeClock, status: int) -> None:
    """The key must not go to wherever a captive portal points, nor an order be sent twice."""
    with Endpoint(lambda: (status, {"Location": "/elsewhere"}, "")) as endpoint:
        with pytest.raises(CloudUnknown):
            api_of(endpoint.url, clock).act("Virtual_Guest", "createObject", {})

        assert endpoint.requests == 1


def test_a_health_check_is_one_request(sandbox: SoftLayerSandbox, api: SoftLayerApi) -> None:
    sandbox.faults.add(replace(faults.http(503, USER), times=2))

    with pytest.raises(CloudUnknown):
        api.read_once("Account", "getCurrentUser")

    assert len(sandbox.faults.pending) == 1


def test_silence_ends_with_the_timeout(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/xmlrpc/v3.1"

        with pytest.raises(CloudUnknown, match="did not answer in time"):
            api_of(url, clock, patience_s=0.1).act("Virtual_Guest", "createObject", {})


@pytest.mark.parametrize(
    "body",
    ["", "hello", "<html><body>502</body></html>", "<?xml version='1.0'?><methodResponse>", "\x00"],
)
def test_an_answer_that_makes_no_sense_is_unknown(clock: FakeClock, body: str) -> None:
    """A proxy's page with status 200 says nothing about the order."""
    with Endpoint(lambda: (200, {"Content-Type": "text/xml"}, body)) as endpoint:
        with pytest.raises(CloudUnknown):
            api_of(endpoint.url, clock).act("Virtual_Guest", "createObject", {})

        assert endpoint.requests == 1


def test_the_loopback_is_asked_directly(
    sandbox: SoftLayerSandbox, api: SoftLayerApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the network cannot reach the sandbox, and the package heeds no NO_PROXY."""
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert api.read("Account", "getCurrentUser")["username"] == "sandbox"


def test_nobodys_configuration_file_has_a_say(
    sandbox: SoftLayerSandbox, clock: FakeClock, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's ~/.softlayer may be for another account: orders would go there."""
    (tmp_path / ".softlayer").write_text(
        "[softlayer]\nusername = other\napi_key = other\nendpoint_url = http://127.0.0.1:9\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))

    api = api_of(sandbox.url, clock)

    assert api.read("Account", "getCurrentUser")["username"] == "sandbox"
    api.close()


def test_the_key_is_not_printed() -> None:
    assert "hunter2" not in repr(SoftLayerAccount("u", "hunter2", "http://x/xmlrpc/v3.1"))


def test_a_rest_endpoint_is_refused() -> None:
    """Over REST the fault codes are lost, and urllib3 repeats deletes."""
    with pytest.raises(ValueError, match="XML-RPC is needed"):
        SoftLayerAccount("u", "k", "https://api.softlayer.com/rest/v3.1")


def test_pauses_grow_and_are_spread() -> None:
    pauses = list(ReadRetry(tries=4, first_pause=timedelta(seconds=1), spread=lambda: 0.5).pauses())

    assert pauses == [timedelta(seconds=each) for each in (1.5, 3, 6)]
    assert list(ReadRetry(tries=1).pauses()) == []


def test_many_threads_share_few_connections(sandbox: SoftLayerSandbox, api: SoftLayerApi) -> None:
    """Ten at a time, all others wait their turn."""
    with ThreadPoolExecutor(32) as pool:
        names = set(
            pool.map(lambda _: api.read("Account", "getCurrentUser")["username"], range(96))
        )

    assert names == {"sandbox"}
    api.close()
    assert api.read("Account", "getCurrentUser")["username"] == "sandbox"


# --- lists ---


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 300])
def test_every_row_comes_once_at_any_number_of_pages(
    sandbox: SoftLayerSandbox, api: SoftLayerApi, count: int
) -> None:
    sandbox.seed(count)

    rows = list(api.rows("Account", "getVirtualGuests", mask="mask[id]", root="virtualGuests"))

    assert [row["id"] for row in rows] == sorted(each.id for each in sandbox.live())
    assert len(rows) == count


def test_a_page_that_fails_is_asked_again_and_no_row_is_lost(
    sandbox: SoftLayerSandbox, api: SoftLayerApi, clock: FakeClock
) -> None:
    sandbox.seed(250)
    rows = api.rows("Account", "getVirtualGuests", mask="mask[id]", root="virtualGuests")
    first = next(rows)
    sandbox.faults.add(replace(faults.dropped(), times=2))

    assert len({first["id"], *(row["id"] for row in rows)}) == 250
    assert clock.slept == PAUSES


def test_a_list_that_breaks_off_is_an_error_not_a_short_list(
    sandbox: SoftLayerSandbox, api: SoftLayerApi
) -> None:
    """A sweep that took a part for the whole would forget VMs that cost money."""
    sandbox.seed(250)
    rows = api.rows("Account", "getVirtualGuests", mask="mask[id]", root="virtualGuests")
    next(rows)
    sandbox.faults.add(replace(faults.http(502), times=3))

    with pytest.raises(CloudUnknown):
        list(rows)


def test_without_a_total_a_full_page_is_followed_by_the_next(clock: FakeClock) -> None:
    """The package's own iter_call stops after its first page when the header is missing."""
    pages = iter([list(range(1, 11)), list(range(11, 21)), [21]])

    with Endpoint(lambda: (200, {}, xml_of(next(pages)))) as endpoint:
        api = api_of(endpoint.url, clock, page_size=10)
        rows = list(api.rows("Account", "getVirtualGuests", mask="mask[id]"))
        api.close()

        assert [row["id"] for row in rows] == list(range(1, 22))
        assert endpoint.requests == 3


def test_what_is_no_list_is_unknown(sandbox: SoftLayerSandbox, api: SoftLayerApi) -> None:
    with pytest.raises(CloudUnknown):
        list(api.rows("Account", "getCurrentUser", mask="mask[id]"))


def test_a_fault_in_plain_xml_is_read(clock: FakeClock) -> None:
    """What the sandbox answers comes from the package's own server; this is not."""
    with Endpoint(lambda: (200, {}, fault_of("Access Denied."))) as endpoint:
        with pytest.raises(CloudRefused, match="does not let the bot's user"):
            api_of(endpoint.url, clock).act("Virtual_Guest", "createObject", {})
