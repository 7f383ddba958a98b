"""The process by itself, with neither a bot, nor Slack, nor a VM: it carries out what it can."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.bot_process import clean_environment
from sandbox.processes import END_WITH_PARENT

pytestmark = pytest.mark.slow

TIMEOUT_S = 120.0


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    found = clean_environment() | {
        "DS_HOME": str(tmp_path / "home"),
        "SL_USERNAME": "nobody",
        "SL_API_KEY": "nothing",
        "SL_ENDPOINT_URL": "http://127.0.0.1:9/xmlrpc/v3.1",  # nobody listens there
        "LANG": "C.UTF-8",
    }
    for name in ("DATABASE_URL", "SLACK_BOT_TOKEN", "DS_CONFIG", "LC_ALL", "LC_MESSAGES"):
        found.pop(name, None)
    if request.param == "postgres":
        found["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    return found


def begin(environment: Mapping[str, str], *words: str, lines: str = "") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*END_WITH_PARENT, sys.executable, "-m", "bot", "shell", "--json", *words],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(lines)
    process.stdin.close()
    process.stdin = None
    return process


def test_an_operation_is_carried_out_without_a_bot(environment: dict[str, str]) -> None:
    """Refused by the service, so that nothing outside is needed: through the engine all the same"""
    process = begin(environment, "vm", "prepare", "nobodys")
    out, errors = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 1, errors
    document = json.loads(out)
    assert document["status"] == "refused" and document["operation"]
    assert "nobodys" in document["text"]


def test_shells_that_begin_together_all_get_their_end(environment: dict[str, str]) -> None:
    """One of them sits down, and carries out for all; or each in turn."""
    processes = [
        begin(environment, "--user", name, "vm", "prepare", "nobodys") for name in ("ann", "bob")
    ]
    for process in processes:
        out, errors = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 1, errors
        assert json.loads(out)["status"] == "refused"


def test_a_script_stops_at_what_does_not_work(environment: dict[str, str]) -> None:
    lines = "vm list\n# a remark\n\nnonsense\nvm list\n"
    process = begin(environment, lines=lines)
    out, errors = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 2, errors
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["done", "not_understood"]


def test_an_order_that_cannot_reach_softlayer_fails_and_says_so(
    environment: dict[str, str],
) -> None:
    config = Path(environment["DS_HOME"]).parent / "quick.yaml"
    config.write_text("timeouts: {query: 1s, order: 1s, settle: 1s}\n")
    process = begin(environment | {"DS_CONFIG": str(config)}, "vm", "alpha")
    out, errors = process.communicate(timeout=TIMEOUT_S)

    assert process.returncode == 1, errors
    assert json.loads(out)["status"] in ("failed", "refused")
