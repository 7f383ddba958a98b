"""Whether a page answers, asked of real servers on the loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.adapters.web import HttpWeb

PATIENT = timedelta(seconds=20)
SHORT = timedelta(milliseconds=300)
Act = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A server; `pages` maps a path to what it does, `asked` lists the paths in order."""

    def __init__(self) -> None:
        self.pages: dict[str, Act] = {}
        self.asked: list[str] = []
        self.released = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                site.pages[self.path](self)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server below HTTP: takes one connection, reads the question, and does `answer`."""

    def serve() -> None:
        with listener:
            connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            try:
                answer(connection)
            except OSError:
                return  # the client has hung up

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(20)
    assert not thread.is_alive()


def status(code: int) -> Act:
    def act(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return act


def redirect(to: str, code: int = 302) -> Act:
    def act(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Location", to)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return act


def answers(url: str, timeout: timedelta = PATIENT) -> bool:
    return HttpWeb().answers(url, timeout)


@pytest.mark.parametrize("code", [200, 201, 204, 304, 401, 403, 404, 500, 502, 503])
def test_only_200_is_an_answer(site: Site, code: int) -> None:
    """Shiny Server answers 503 and RStudio 502 through a proxy while they start."""
    site.pages["/"] = status(code)

    assert answers(f"{site.url}/") is (code == 200)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(site: Site, code: int) -> None:
    """RStudio's front page leads to its sign-in page, relative to itself."""
    site.pages["/"] = redirect("auth-sign-in?appUri=%2F", code)
    site.pages["/auth-sign-in?appUri=%2F"] = status(200)

    assert answers(f"{site.url}/")
    assert site.asked == ["/", "/auth-sign-in?appUri=%2F"]


def test_a_redirect_may_lead_to_another_server(site: Site) -> None:
    other = Site()
    other.pages["/there"] = status(200)
    site.pages["/"] = redirect(f"{other.url}/there")

    assert answers(f"{site.url}/")
    other.close()


def test_the_page_a_redirect_leads_to_decides(site: Site) -> None:
    site.pages["/"] = redirect("/broken")
    site.pages["/broken"] = status(500)

    assert not answers(f"{site.url}/")


def test_a_circle_of_redirects_ends(site: Site) -> None:
    site.pages["/"] = redirect("/")

    assert not answers(f"{site.url}/")
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    "to", ["ftp://127.0.0.1/", "file:///etc/passwd", "http://", "http://[", ""]
)
def test_a_redirect_to_nowhere_is_no_answer(site: Site, to: str) -> None:
    site.pages["/"] = redirect(to)

    assert not answers(f"{site.url}/")


def test_a_page_without_end_is_not_read(site: Site) -> None:
    """The status is all we want; a log stream as a front page must not fill the memory."""

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(b"and so on\n")
        site.released.wait(30)

    site.pages["/"] = endless

    assert answers(f"{site.url}/")


def test_a_server_that_says_nothing_costs_the_timeout_and_no_more(site: Site) -> None:
    site.pages["/"] = lambda request: None if site.released.wait(30) else None
    began = time.monotonic()

    assert not answers(f"{site.url}/", SHORT)
    assert SHORT.total_seconds() * 0.9 < time.monotonic() - began < 5


def test_redirects_share_one_timeout(site: Site) -> None:
    """Five redirects, each almost too slow, would otherwise take five timeouts."""

    def slow(request: BaseHTTPRequestHandler) -> None:
        site.released.wait(0.2)
        redirect("/")(request)

    site.pages["/"] = slow
    began = time.monotonic()

    assert not answers(f"{site.url}/", SHORT)
    assert time.monotonic() - began < 0.9  # six redirects of 0.2 s would be 1.2 s


def test_a_server_that_dribbles_is_given_up_in_time() -> None:
    """Each byte is in time for the socket, and the answer never comes."""
    released = threading.Event()

    def dribble(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not released.wait(0.05):
            connection.sendall(b"x")

    with raw_server(dribble) as url, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(answers, url, SHORT)
        wait([asking], 10)
        is_in_time = asking.done()
        released.set()

        assert is_in_time
        assert not asking.result()


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"\x00" * 100_000,
    ],
    ids=["nothing", "ssh", "no number", "zeros"],
)
def test_what_is_no_http_is_no_answer(reply: bytes) -> None:
    """Whatever listens at that port; `docker run` publishes it before the program is up."""
    with raw_server(lambda connection: connection.sendall(reply)) as url:
        assert not answers(url)


def test_a_port_at_which_nothing_listens_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert not answers(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "http://", "http://[::1", "http://a b/", "ftp://127.0.0.1/", "http://x:99999/",
     f"http://{'a' * 70}.invalid/"],
)  # fmt: skip
def test_what_is_no_address_is_no_answer(url: str) -> None:
    assert not answers(url)


def test_no_time_is_no_answer(site: Site) -> None:
    assert not answers(f"{site.url}/", timedelta(0))
    assert site.asked == []


def test_the_networks_proxy_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may not reach the VMs, or answer for them."""
    proxy = Site()
    site.pages["/"] = status(200)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)

    assert answers(f"{site.url}/")
    assert proxy.asked == []
    proxy.close()
