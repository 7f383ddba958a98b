"""Terminals as a chat: messages are rows, and Slack never hears of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.clock import SteadyClock
from bot.adapters.local_chat import ChatRouter, LocalChat, NoSlack
from bot.errors import ChatRefused, ChatUnknown
from bot.models import MessageRef
from bot.ports import Chat
from bot.store import LocalStore, open_database
from tests.fakes.chat import FakeChat
from tests.fakes.clock import FakeClock

ALICE = "local:alice"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    engine = open_database(f"sqlite:///{tmp_path / 'ds-bot.db'}")
    yield LocalStore(engine)
    engine.dispose()


@pytest.fixture
def chat(store: LocalStore) -> Iterator[LocalChat]:
    local = LocalChat(store, SteadyClock())
    yield local
    local.close()


def test_a_post_is_a_row_and_found_by_its_key(chat: LocalChat, store: LocalStore) -> None:
    ref = chat.post(ALICE, "Order VM", [], "op1")

    assert chat.find(ALICE, "op1", NOW) == ref
    assert chat.find(ALICE, "op2", NOW) is None
    assert chat.post(ALICE, "Order VM", [], "op1") == ref
    assert [each.text for each in store.of_operation(ALICE, "op1")] == ["Order VM"]


def test_a_final_state_is_there_when_it_returns_and_stays(
    chat: LocalChat, store: LocalStore
) -> None:
    ref = chat.post(ALICE, "Order VM", [], "op1")
    for step in range(50):
        chat.update_soon(ref, f"step {step}", [])

    chat.update(ref, "ready", [])
    chat.close()

    message = store.get(int(ref.ts))
    assert message is not None and message.text == "ready"
    assert message.version <= 4, "progress has a pace"


def test_a_message_that_is_gone_cannot_be_updated(chat: LocalChat) -> None:
    with pytest.raises(ChatRefused) as caught:
        chat.update(MessageRef(ALICE, "77"), "ready", [])

    assert caught.value.code == "message_not_found"


def test_many_threads_post_at_once(chat: LocalChat) -> None:
    with ThreadPoolExecutor(8) as pool:
        refs = list(pool.map(lambda i: chat.post(ALICE, str(i), [], f"op{i}"), range(40)))

    assert len(set(refs)) == 40


def test_a_file_is_kept_once_beside_its_card(chat: LocalChat, store: LocalStore) -> None:
    ref = chat.post(ALICE, "Run it", [], "op1")
    for _ in range(2):
        chat.share(ALICE, ref.ts, "plot.png", b"PNG", "A plot")
    chat.share(ALICE, ref.ts, "plot.png", b"PNG 2", "A plot")

    _, first, second = store.of_operation(ALICE, "op1")
    assert (first.file_name, store.content(first.id)) == ("plot.png", b"PNG")
    assert store.content(second.id) == b"PNG 2"


def test_a_database_that_is_away_is_unknown(chat: LocalChat, store: LocalStore) -> None:
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE local_messages")

    with pytest.raises(ChatUnknown):
        chat.post(ALICE, "Order VM", [], "op1")


def test_slack_is_never_asked_about_a_terminal(chat: LocalChat, store: LocalStore) -> None:
    """An id that Slack does not know would be an error, or somebody else."""
    slack = FakeChat(FakeClock())
    router: Chat = ChatRouter(slack, chat)
    store.meet(ALICE, "ko", NOW)

    ref = router.post(router.open_dm(ALICE), "Order VM", [], "op1")
    router.update_soon(ref, "step", [])
    router.update(ref, "ready", [])
    router.share(ALICE, ref.ts, "a.log", b"1", "a log")
    router.publish_home(ALICE, {})

    assert router.member(ALICE).language == "ko"
    assert router.find(ALICE, "op1", NOW) == ref
    assert not slack.calls


@pytest.mark.parametrize(
    ("variable", "zone"),
    [("Asia/Seoul", "Asia/Seoul"), ("/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin")],
)
def test_a_terminal_is_in_the_machines_time_zone(
    chat: LocalChat, monkeypatch: pytest.MonkeyPatch, variable: str, zone: str
) -> None:
    monkeypatch.setenv("TZ", variable)

    assert chat.member(ALICE).tz == zone


def test_a_time_zone_that_is_none_is_no_trouble(
    chat: LocalChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "KST-9")

    assert chat.member(ALICE).tz


def test_everybody_else_is_slacks(chat: LocalChat, store: LocalStore) -> None:
    slack = FakeChat(FakeClock())
    router: Chat = ChatRouter(slack, chat)

    ref = router.post("C0GENERAL", "Order VM", [], "op1")
    router.update(ref, "ready", [])

    assert router.member("U0JIHOON").language == "ko"
    assert slack.message(ref).text == "ready"
    assert store.unseen("C0GENERAL") == []


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("member", ("U0JANE",)),
        ("post", ("C0GENERAL", "text", [], "key")),
        ("find", ("C0GENERAL", "key", NOW)),
        ("update", (MessageRef("C0GENERAL", "1.0"), "text", [])),
        ("open_dm", ("U0JANE",)),
        ("share", ("C0GENERAL", None, "a", b"1", "")),
        ("upload", ("a", b"1", "")),
    ],
)
def test_without_a_token_people_in_slack_are_out_of_reach(method: str, args: Any) -> None:
    with pytest.raises(ChatRefused) as caught:
        getattr(NoSlack(), method)(*args)

    assert caught.value.code == "no_slack"
