"""How it ended is told once, and never not at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.adapters.slack_errors import refused
from bot.models import OperationState
from tests.services.world import World


def _messages(world: World, key: str) -> int:
    return sum(message.key == key for message in world.chat.all_messages)


def test_an_end_whose_telling_got_no_answer_is_not_told_again(world: World) -> None:
    """The card was deleted, so it is told directly."""
    op_id = world.ask("vm web")
    world.run(timedelta(seconds=30))
    world.chat.delete(world.cards(op_id)[0].ref)
    world.chat.lose_answer("post")
    world.run()
    assert world.state(op_id) is OperationState.DONE
    assert _messages(world, f"{op_id}:final") == 1


@pytest.mark.parametrize("url", [None, "expired"])
def test_a_refusal_whose_telling_got_no_answer_is_not_told_again(
    world: World, url: str | None
) -> None:
    world.chat.fail("respond", refused("expired_url"))
    world.chat.lose_answer("post")
    op_id = world.ask("vm cancel nothing", response_url=url)
    world.run()
    assert world.state(op_id) is OperationState.REFUSED
    assert _messages(world, f"{op_id}:refused") + len(world.chat.replies) == 1


def test_where_nothing_may_be_read_the_end_is_told_all_the_same(world: World) -> None:
    world.chat.fail("find", refused("missing_scope"), times=9)
    op_id = world.ask("vm cancel nothing", response_url=None)
    world.run()
    assert _messages(world, f"{op_id}:refused") == 1
