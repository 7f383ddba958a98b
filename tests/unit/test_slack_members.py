"""Who counts as a full member, and for how long an answer is used."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.slack_errors import refused
from bot.adapters.slack_members import Members, member_of
from bot.errors import ChatError, ChatRefused, ChatUnknown
from bot.models import Member
from tests.fakes.clock import FakeClock

TEAM = "T1"
USER = {"id": "U1", "team_id": TEAM, "locale": "en-US", "tz": "Asia/Seoul", "deleted": False}
MINUTE = timedelta(minutes=1)


def test_a_person_of_our_workspace_is_a_full_member() -> None:
    assert member_of(USER, TEAM) == Member("U1", "en", True, "Asia/Seoul")


@pytest.mark.parametrize(
    "marks",
    [
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_bot": True},
        {"deleted": True},
        {"is_stranger": True},
        {"team_id": "T2"},
        {"team_id": None},
        {"id": "USLACKBOT"},
    ],
    ids=lambda marks: str(marks),
)
def test_everybody_else_is_not(marks: dict[str, Any]) -> None:
    """People of other companies see our buttons in shared channels."""
    assert not member_of(USER | marks, TEAM).is_full_member


def test_a_person_of_our_workspace_in_a_larger_organisation_is() -> None:
    """There `team_id` may name another workspace of theirs."""
    user = USER | {"team_id": "T2", "enterprise_user": {"teams": ["T2", TEAM]}}

    assert member_of(user, TEAM).is_full_member


@pytest.mark.parametrize(
    ("locale", "language"),
    [("ko-KR", "ko"), ("ko", "ko"), ("en-GB", "en"), ("ja-JP", "en"), (None, "en"), ("", "en")],
)
def test_korean_is_spoken_to_koreans_and_english_to_all_others(
    locale: str | None, language: str
) -> None:
    assert member_of(USER | {"locale": locale}, TEAM).language == language


@pytest.mark.parametrize("user", [{}, {"id": None}, {"id": ""}, {"id": "U1", "enterprise_user": 1}])
def test_what_is_no_user_is_an_error(user: dict[str, Any]) -> None:
    with pytest.raises((LookupError, ValueError, TypeError, AttributeError)):
        member_of(user, TEAM)


class Slack:
    """Answers with the member it has, or raises."""

    def __init__(self) -> None:
        self.answer: Member | ChatError = Member("U1", "en", True)
        self.asked = 0

    def ask(self, user_id: str) -> Member:
        self.asked += 1
        if isinstance(self.answer, ChatError):
            raise self.answer
        return self.answer


GUEST = Member("U1", "en", False)
SILENT = ChatUnknown("no answer")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def slack() -> Slack:
    return Slack()


@pytest.fixture
def members(slack: Slack, clock: FakeClock) -> Members:
    return Members(slack.ask, clock)


def test_slack_is_asked_again_after_five_minutes(
    members: Members, slack: Slack, clock: FakeClock
) -> None:
    """So that somebody made a guest is one here, too, soon after."""
    members.get("U1")
    slack.answer = GUEST
    clock.advance(5 * MINUTE - timedelta(seconds=1))
    assert members.get("U1").is_full_member
    assert slack.asked == 1

    clock.advance(timedelta(seconds=1))

    assert not members.get("U1").is_full_member
    assert slack.asked == 2


def test_an_answer_of_the_last_hour_serves_while_slack_is_silent(
    members: Members, slack: Slack, clock: FakeClock
) -> None:
    members.get("U1")
    slack.answer = SILENT
    clock.advance(59 * MINUTE)

    assert members.get("U1").is_full_member


def test_an_older_answer_lets_nobody_in(members: Members, slack: Slack, clock: FakeClock) -> None:
    members.get("U1")
    slack.answer = SILENT
    clock.advance(60 * MINUTE)

    with pytest.raises(ChatUnknown):
        members.get("U1")


def test_serving_an_old_answer_does_not_make_it_young(
    members: Members, slack: Slack, clock: FakeClock
) -> None:
    members.get("U1")
    slack.answer = SILENT
    for _ in range(2):
        clock.advance(29 * MINUTE)
        members.get("U1")
    clock.advance(2 * MINUTE)

    with pytest.raises(ChatUnknown):
        members.get("U1")


def test_a_no_from_slack_counts_at_once_and_later(
    members: Members, slack: Slack, clock: FakeClock
) -> None:
    """An account that is gone must not live on in our memory."""
    members.get("U1")
    clock.advance(6 * MINUTE)
    slack.answer = refused("user_not_found")
    with pytest.raises(ChatRefused):
        members.get("U1")
    slack.answer = SILENT

    with pytest.raises(ChatUnknown):
        members.get("U1")
