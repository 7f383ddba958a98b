"""Fixtures that make worlds; a plugin, so that the tests need not import them by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.durable_worlds import NOW, DbosWorld, FakeWorld, NewDbosWorld, NewWorld, Run

REAL = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=REAL)
def new_dbos(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewDbosWorld]:
    yield from _dbos_worlds(request, tmp_path)


@pytest.fixture(params=["fake", *REAL])
def new_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewWorld]:
    if request.param == "fake":
        yield FakeWorld
    else:
        yield from _dbos_worlds(request, tmp_path)


def _dbos_worlds(request: pytest.FixtureRequest, home: Path) -> Iterator[NewDbosWorld]:
    is_postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if is_postgres else "sqlite:///unused.db"
    worlds: list[DbosWorld] = []

    def new(run: Run) -> DbosWorld:
        worlds.append(DbosWorld(run, url, home))
        return worlds[-1]

    yield new
    for world in worlds:
        world.engine.close(NOW)
