"""The bot in a workspace, over each transport."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.world import Scenario, scenario


@pytest.fixture(params=["socket", "http"])
def bot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scenario]:
    with scenario(request.param, tmp_path) as world:
        yield world


@pytest.fixture
def http_bot(tmp_path: Path) -> Iterator[Scenario]:
    with scenario("http", tmp_path) as world:
        yield world
