"""Clicks are written down with their operations, and found by the message they were made on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from bot.models import Caller, Click, ClickStage, MessageRef, Operation, OperationState
from bot.store import ClickStore, OperationStore
from tests.store.conftest import NOW

CARD = MessageRef("C0GENERAL", "1772442000.000100")
CLICK = Click(CARD, "kill 5c061b59b648", "Kill", "b1", text="RStudio is ready",
              blocks=[{"type": "divider"}])  # fmt: skip


def operation(op_id: str, user_id: str = "U0JANE", after: int = 0) -> Operation:
    caller = Caller(user_id, "T0", CARD.channel_id)
    args = {"ids": ["5c061b59b648"]}
    return Operation(op_id, "kill", args, caller, NOW + timedelta(seconds=after))


def test_a_click_is_kept_with_its_operation(database: sa.Engine) -> None:
    clicks = ClickStore(database)
    OperationStore(database).record(operation("a"), click=CLICK)
    OperationStore(database).record(operation("b"))

    assert clicks.of("a") == replace(CLICK, user_id="U0JANE", at=NOW)
    assert clicks.of("b") is None


def test_a_double_click_and_a_redelivery_leave_one(database: sa.Engine) -> None:
    store, within = OperationStore(database), timedelta(seconds=3)

    assert store.record(operation("a"), unless_within=within, click=CLICK)
    assert not store.record(operation("a"), unless_within=within, click=CLICK)
    assert not store.record(operation("b", after=1), unless_within=within, click=CLICK)
    assert ClickStore(database).of("b") is None


def test_only_clicks_that_were_let_in_count_for_the_message(database: sa.Engine) -> None:
    store, clicks = OperationStore(database), ClickStore(database)
    for after, op_id in enumerate(("c", "a", "b")):
        store.record(operation(op_id, f"U0{op_id}", after), click=CLICK)
    elsewhere = replace(CLICK, message=MessageRef(CARD.channel_id, "1772442000.000200"))
    store.record(operation("d", "U0D"), click=elsewhere)

    clicks.mark("a", ClickStage.OVER)
    clicks.mark("c", ClickStage.USED)
    clicks.mark("d", ClickStage.USED)

    assert [(each.user_id, each.stage) for each in clicks.on(CARD)] == [
        ("U0c", ClickStage.USED), ("U0a", ClickStage.OVER)
    ]  # fmt: skip


def test_a_click_is_forgotten_with_its_operation(database: sa.Engine) -> None:
    store, clicks = OperationStore(database), ClickStore(database)
    for op_id in ("a", "b"):
        store.record(operation(op_id, f"U0{op_id}"), click=CLICK)
    store.finish("a", OperationState.DONE, NOW)

    store.forget(NOW + timedelta(days=1))

    assert clicks.of("a") is None and clicks.of("b") is not None
