"""What terminals are told: kept in rows, once per key, and forgotten in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.store import LocalStore
from tests.store.conftest import NOW

ALICE, BOB = "local:alice", "local:bob"
BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "새 VM"}}]


@pytest.fixture
def store(database: sa.Engine) -> LocalStore:
    return LocalStore(database)


def test_a_message_is_there_once_however_often_it_is_posted(store: LocalStore) -> None:
    first = store.post(ALICE, "op1", "Order VM", BLOCKS, NOW)

    assert store.post(ALICE, "op1", "Order VM", BLOCKS, NOW) == first
    assert store.post(BOB, "op1", "Order VM", BLOCKS, NOW) != first
    [message] = store.of_operation(ALICE, "op1")
    assert (message.text, message.blocks, message.version) == ("Order VM", BLOCKS, 1)


def test_an_edit_is_seen_by_its_version(store: LocalStore) -> None:
    made = store.post(ALICE, "op1", "Order VM", BLOCKS, NOW)

    assert store.edit(made, "ready", [])

    found = store.get(made)
    assert found is not None
    assert (found.text, found.blocks, found.version) == ("ready", [], 2)
    assert not store.edit(made + 1, "ready", [])


def test_all_about_an_operation_is_found_and_nothing_of_another(store: LocalStore) -> None:
    for key in ("op1", "op1:final", "op10", "op1x:final", "other"):
        store.post(ALICE, key, key, [], NOW)

    assert [each.key for each in store.of_operation(ALICE, "op1")] == ["op1", "op1:final"]
    assert store.of_operation(ALICE, "op%") == []


def test_what_was_shown_is_not_news_until_it_changes(store: LocalStore) -> None:
    made = store.post(ALICE, "op1", "Order VM", BLOCKS, NOW)
    [unseen] = store.unseen(ALICE)
    store.seen(unseen)
    assert store.unseen(ALICE) == []
    assert store.unseen(BOB) == []

    store.edit(made, "ready", [])

    assert [each.text for each in store.unseen(ALICE)] == ["ready"]


def test_a_file_keeps_its_bytes(store: LocalStore) -> None:
    made = store.post(ALICE, "op1:file", "a log", [], NOW, ("a.log", b"\x00\xff\n"))

    found = store.get(made)
    assert found is not None and found.file_name == "a.log"
    assert store.content(made) == b"\x00\xff\n"


def test_the_language_is_the_one_of_the_last_terminal(store: LocalStore) -> None:
    assert store.language(ALICE) is None
    store.meet(ALICE, "en", NOW)
    store.meet(ALICE, "ko", NOW + timedelta(days=1))

    assert store.language(ALICE) == "ko"


def test_old_messages_are_forgotten(store: LocalStore) -> None:
    store.post(ALICE, "old", "old", [], NOW)
    store.post(ALICE, "new", "new", [], NOW + timedelta(days=2))

    store.post(ALICE, "file", "file", [], NOW + timedelta(days=2), ("a.log", b"1"))

    assert store.forget(NOW + timedelta(days=1), NOW + timedelta(days=3)) == 2
    assert [each.key for each in store.unseen(ALICE)] == ["new"]
