"""What operators see of a process: /healthz and /metrics."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot import metrics
from bot.adapters.health import Check, Health
from bot.adapters.http_server import HttpServer
from bot.adapters.slack_socket import SlackSocket
from sandbox.slack import SlackSandbox
from tests.transports.test_http import connect, get


@pytest.fixture
def server(health: Health) -> Iterator[HttpServer]:
    """As in Socket Mode: no /slack/events."""
    server = HttpServer(health, port=0)
    server.start()
    yield server
    server.close()


def test_healthz_names_every_part_and_is_200_when_all_work(
    server: HttpServer, health: Health
) -> None:
    health.register("database", lambda: Check(True, "SQLite"))
    health.register("scheduler", lambda: Check(True, age_s=1.26))

    status, text = get(server, "/healthz")

    assert status == 200
    assert json.loads(text) == {
        "status": "ok",
        "checks": {
            "database": {"ok": True, "detail": "SQLite", "age_s": None},
            "scheduler": {"ok": True, "detail": "", "age_s": 1.3},
        },
    }


def test_healthz_is_503_when_one_part_does_not_work(server: HttpServer, health: Health) -> None:
    health.register("database", lambda: Check(True))
    health.register("cloud", lambda: Check(False, "no answer"))

    status, text = get(server, "/healthz")

    assert status == 503
    assert json.loads(text)["status"] == "failing"
    assert json.loads(text)["checks"]["database"]["ok"] is True


def test_healthz_tells_whether_slack_can_be_heard(
    server: HttpServer, health: Health, socket: SlackSocket, slack: SlackSandbox
) -> None:
    health.register("slack", socket.check)
    assert get(server, "/healthz")[0] == 200
    age_s = json.loads(get(server, "/healthz")[1])["checks"]["slack"]["age_s"]
    assert 0 <= age_s < 10

    slack.faults.refuse("apps.connections.open", "invalid_auth", times=50)
    slack.cut_connections()
    slack.wait_for(lambda: get(server, "/healthz")[0] == 503)

    assert not json.loads(get(server, "/healthz")[1])["checks"]["slack"]["ok"]


def test_a_check_that_raises_has_failed_and_its_text_is_not_shown() -> None:
    """An error's text may carry an address with a password."""

    def check() -> Check:
        raise OSError("postgresql://bot:secret@db")

    health = Health()
    health.register("database", check)

    assert health.report().checks["database"] == Check(False, "OSError")


def test_a_check_that_hangs_costs_the_limit_once_and_is_not_started_again() -> None:
    """A probe every few seconds must not pile up threads."""
    release, started = threading.Event(), []

    def check() -> Check:
        started.append(1)
        release.wait(10)
        return Check(True)

    health = Health(limit=timedelta(seconds=0.05), keep=timedelta(0))
    health.register("cloud", check)
    health.register("database", lambda: Check(True))

    began = time.monotonic()
    reports = [health.report() for _ in range(3)]

    assert time.monotonic() - began < 1
    assert [report.checks["cloud"].ok for report in reports] == [False] * 3
    assert reports[-1].checks["cloud"].detail == "no answer for 0 s"
    assert reports[-1].checks["database"].ok
    assert len(started) == 1
    release.set()


def test_a_report_is_kept_for_a_while() -> None:
    asked: list[int] = []

    def check() -> Check:
        asked.append(1)
        return Check(True)

    health = Health(keep=timedelta(minutes=1))
    health.register("database", check)
    for _ in range(5):
        health.report()

    assert len(asked) == 1


def test_without_slack_only_this_machine_is_served_and_no_events_are_taken(
    server: HttpServer,
) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert get(server, "/slack/events")[0] == 404
    assert get(server, "/")[0] == 404


def test_metrics_are_prometheus_text_and_count_what_happened(server: HttpServer) -> None:
    metrics.COMMANDS.labels("vm", "accepted").inc()
    metrics.show_operations({("vm", "running"): 2, ("app", "done"): 1})
    metrics.show_operations({("vm", "done"): 3})
    metrics.show_vms({"ready": 4})

    connection = connect(server)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    lines = answer.read().decode().splitlines()
    connection.close()

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert 'ds_bot_operations{kind="vm",state="done"} 3.0' in lines
    assert not any('state="running"' in line for line in lines)
    assert 'ds_bot_vms{state="ready"} 4.0' in lines
    assert any(
        line.startswith('ds_bot_commands_total{command="vm",outcome="accepted"}') for line in lines
    )
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
