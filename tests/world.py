"""The sandbox's whole world for tests that need one: real VMs, a hub, SoftLayer and Slack.

In a test module: `pytest_plugins = ["tests.world"]`, the mark `engine`, and the fixture `world`;
bots for it are in tests/bots.py.
One world serves all tests of a run, so VMs of different tests must have different names, and each
directory has a channel of its own: e2e #platform, browser #data-science and #데이터-분석, chaos
#general.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from sandbox.bot_process import BotProcess
from sandbox.world import World

_LOG_CHARACTERS = 6000


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Everything outside the bot."""
    with World() as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What went wrong is often in the bot's log only."""
    report = yield
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, BotProcess) and value.log.exists():
                report.sections.append(("log of the bot", value.log.read_text()[-_LOG_CHARACTERS:]))
    return report
