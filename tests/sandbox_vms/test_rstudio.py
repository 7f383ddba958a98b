"""The sandbox's stand-in for RStudio: what others go by is as RStudio has it."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from sandbox.images.build import ensure_images
from tests.pages import RStudioTab

pytestmark = pytest.mark.engine

_PASSWORD = "a password"
_SOON_S = 30.0
_SESSIONS = "/home/rstudio/.local/share/rstudio"


@dataclass
class Server:
    """A container of this machine's engine."""

    id: str
    url: str

    def tab(self) -> RStudioTab:
        """As soon as the server answers."""
        found: list[RStudioTab] = []

        def try_it() -> bool:
            try:
                found.append(RStudioTab(self.url, _PASSWORD))
            except OSError:
                return False
            return True

        wait_until(try_it)
        return found[0]

    def shell(self, command: str) -> str:
        return docker("exec", self.id, "sh", "-c", command)

    def sessions(self) -> int:
        """How many are loaded."""
        return len(self.shell("rstudio-server active-sessions || true").splitlines()) - 1

    def properties(self, *names: str) -> list[str]:
        folder = f"{_SESSIONS}/sessions/active/session-*/properites"
        return [self.shell(f"cat {folder}/{name} 2>/dev/null || echo none") for name in names]

    def abend(self) -> str:
        return self.shell(f"cat {_SESSIONS}/sessions/active/session-*/session-persistent-state")


def docker(*arguments: str) -> str:
    done = subprocess.run(("docker", *arguments), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SOON_S
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    image = ensure_images(["rstudio"])["rstudio"]
    container = docker("run", "-d", "-e", f"PASSWORD={_PASSWORD}", *options, image)
    try:
        address = docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", container)
        yield Server(container, f"http://{address}:8787")
    finally:
        docker("rm", "-f", "-v", container)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_an_open_page_has_one_session_that_says_when_it_computes(server: Server) -> None:
    with server.tab() as tab:
        wait_until(lambda: server.sessions() == 1)
        assert server.properties("executing", "running") == ["none", "1"]

        tab.give("cat('begun\\n'); repeat sqrt(2)")
        tab.wait_for("begun")
        assert server.properties("executing") == ["1"]
        with server.tab() as other:  # a person has one session, in however many tabs
            other.wait_for("begun")
        assert server.sessions() == 1

        tab.interrupt()
        tab.wait_for("Interrupted")
        wait_until(lambda: server.properties("executing") == ["0"])

    assert server.sessions() == 1  # it stays when the tab is closed


def test_a_session_keeps_its_last_use_while_a_page_only_lies_open(server: Server) -> None:
    with server.tab() as tab:
        (before,) = server.properties("last-used")
        tab.give("cat(6 * 7)")
        tab.wait_for("42")

        assert server.properties("last-used") == [before]
    assert int(before) / 1000 == pytest.approx(time.time(), abs=60)


def test_what_is_suspended_is_written_down_and_goes_on(server: Server) -> None:
    with server.tab() as tab:
        tab.give("x <- 41; setwd('/tmp'); library(splines); cat('ready')")
        tab.wait_for("ready")

        server.shell("rstudio-server suspend-all")
        wait_until(lambda: server.sessions() == 0)
        wait_until(lambda: server.properties("running") == ["0"])
        assert server.abend() == 'abend="0"'

        tab.give("cat(x + 1, getwd(), 'package:splines' %in% search())")
        tab.wait_for("42 /tmp TRUE")


def test_a_session_at_work_suspends_itself_when_it_is_done(server: Server) -> None:
    """A computation of ten hours must not be lost in its ninth."""
    with server.tab() as tab:
        tab.give("cat('begun'); while (!file.exists('/tmp/go')) Sys.sleep(0.05); x <- 7")
        tab.wait_for("begun")

        server.shell("rstudio-server suspend-all")
        assert server.sessions() == 1

        server.shell("touch /tmp/go")
        wait_until(lambda: server.sessions() == 0)
        tab.give("cat('x =', x)")
        tab.wait_for("x = 7")


def test_a_session_at_work_can_be_forced(server: Server) -> None:
    with server.tab() as tab:
        tab.give("x <- 8; cat('begun'); Sys.sleep(1000)")
        tab.wait_for("begun")

        server.shell("rstudio-server force-suspend-all")
        wait_until(lambda: server.sessions() == 0)

        tab.give("cat('x =', x)")
        tab.wait_for("x = 8")


def test_a_bare_stop_loses_the_session_and_says_so() -> None:
    """Why sessions are suspended before a container is stopped."""
    volume = docker("volume", "create")
    try:
        with serving("-v", f"{volume}:{_SESSIONS}") as server, server.tab() as tab:
            tab.give("x <- 1; cat('ready')")
            tab.wait_for("ready")
            docker("stop", "-t", "1", server.id)

        with serving("-v", f"{volume}:{_SESSIONS}") as server, server.tab() as tab:
            tab.wait_for("abnormally terminated")
            tab.give("cat('x:', exists('x'))")
            tab.wait_for("x: FALSE")
            server.shell("rstudio-server suspend-all")
            wait_until(lambda: server.properties("running") == ["0"])

        with serving("-v", f"{volume}:{_SESSIONS}") as server, server.tab() as tab:
            tab.wait_for("goes on where it was suspended")
    finally:
        docker("volume", "rm", volume)


def test_without_the_password_nobody_gives_r_anything_to_do(server: Server) -> None:
    server.tab().close()

    with pytest.raises(AssertionError, match="the password is wrong"):
        RStudioTab(server.url, "rstudio")
    paths = (
        "rpc/client_init",
        "rpc/console_input",
        "rpc/interrupt",
        "events/get_events",
        "console",
    )
    for path in paths:
        status = server.shell(
            'python3 -c \'import http.client as h; c = h.HTTPConnection("127.0.0.1", 8787);'
            f' c.request("POST", "/{path}", "{{}}"); print(c.getresponse().status)\''
        )
        assert status == "401"
