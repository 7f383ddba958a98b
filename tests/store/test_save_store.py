"""What is kept of saved work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bot.store import SaveRow, SaveStore

AT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
FIRST = SaveRow(
    id="a" * 40, vm="b" * 40, hostname="jekyll-dev", owner_id="U0JANE", saved_at=AT,
    expires_at=AT + timedelta(days=14), bytes=20_000_000_000, manifest={"volumes": []},
)  # fmt: skip
SECOND = replace(FIRST, id="c" * 40, vm="d" * 40, saved_at=AT + timedelta(hours=1))
OTHERS = replace(FIRST, id="e" * 40, vm="f" * 40, hostname="lab", owner_id="U0BOB")


@pytest.fixture
def store(database: sa.Engine) -> SaveStore:
    store = SaveStore(database)
    for row in (FIRST, SECOND, OTHERS):
        store.add(row)
    return store


def test_what_was_written_is_read(store: SaveStore) -> None:
    assert store.get(FIRST.id) == FIRST
    assert store.of_vm(SECOND.vm) == [SECOND]


def test_the_newest_of_a_name_comes_first(store: SaveStore) -> None:
    assert store.named("jekyll-dev") == [SECOND, FIRST]
    assert store.of("U0BOB") == [OTHERS]
    assert store.of() == [SECOND, FIRST, OTHERS]


def test_written_twice_is_once_as_last_written(store: SaveStore) -> None:
    store.add(replace(FIRST, image_guid="guid", image_bytes=3))

    assert store.get(FIRST.id).image_guid == "guid"
    assert len(store.of()) == 3


def test_it_is_remembered_where_it_is_restored(store: SaveStore) -> None:
    assert not store.is_restored_on("vm")
    store.restored(FIRST.id, "vm")

    assert store.is_restored_on("vm")
    assert store.get(FIRST.id) == replace(FIRST, restored_as="vm")
    assert store.get(SECOND.id).restored_as is None


def test_it_expires_at_its_instant(store: SaveStore) -> None:
    assert store.expired(FIRST.expires_at - timedelta(seconds=1)) == []
    assert store.expired(FIRST.expires_at) == [SECOND, FIRST, OTHERS]


def test_it_is_held_for_longer_and_never_shorter(store: SaveStore) -> None:
    later = FIRST.expires_at + timedelta(days=2)
    store.hold(FIRST.id, later)
    store.hold(FIRST.id, AT)

    assert store.get(FIRST.id).expires_at == later


def test_what_is_removed_is_gone_and_may_be_removed_again(store: SaveStore) -> None:
    store.remove(FIRST.id)
    store.remove(FIRST.id)

    with pytest.raises(LookupError):
        store.get(FIRST.id)
    assert store.named("jekyll-dev") == [SECOND]
