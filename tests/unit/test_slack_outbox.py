"""The rules of the outbox, against a Slack that fails in every way it can."""

from __future__ import annotations

import heapq
from collections import defaultdict
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.slack_errors import ChatBusy, refused
from bot.adapters.slack_outbox import Edit, Outbox, Pace
from bot.errors import ChatRefused, ChatUnknown
from bot.models import MessageRef

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PACE = Pace()
# Patience without end: histories may hold more trouble than five minutes of it would bear.
SMALL = Pace(soon_per_minute=6, per_minute=9, patience=timedelta(days=1))
REFS = [MessageRef("C1", f"{number}.0") for number in range(4)]
A, B = REFS[0], REFS[1]
BEFORE = NOW - PACE.between  # what was put then may be sent now


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@dataclass
class Sent:
    """One request."""

    at: datetime
    ref: MessageRef
    number: int
    is_final: bool


@dataclass
class SlackModel:
    """Time, an outbox, and what Slack shows. Texts are numbers in the order of the calls."""

    outbox: Outbox
    now: datetime = NOW
    called: dict[MessageRef, list[tuple[int, bool]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    sent: list[Sent] = field(default_factory=list)
    shown: dict[MessageRef, list[int]] = field(default_factory=lambda: defaultdict(list))
    landing: list[tuple[datetime, int, str, MessageRef]] = field(default_factory=list)
    finals: list[tuple[int, Future[None]]] = field(default_factory=list)

    def call(self, ref: MessageRef, *, is_final: bool) -> None:
        number = sum(map(len, self.called.values()))
        self.called[ref].append((number, is_final))
        if is_final:
            self.finals.append((number, self.outbox.put_final(ref, str(number), [])))
        else:
            self.outbox.put_soon(ref, str(number), [], self.now)

    def take(self) -> Edit | None:
        edit = self.outbox.take(self.now)
        if edit is not None:
            self.sent.append(Sent(self.now, edit.ref, int(edit.text), edit.is_final))
        return edit

    def settle(self, edit: Edit, outcome: str) -> None:
        """ok, refused, busy, gone (never done), done (but no answer), late (done some time on)."""
        if outcome in ("ok", "done"):
            self.shown[edit.ref].append(int(edit.text))
        if outcome == "late":
            at = self.now + PACE.doubt - seconds(1)
            heapq.heappush(self.landing, (at, len(self.sent), edit.text, edit.ref))
        errors: dict[str, Exception] = {
            "refused": refused("message_not_found"),
            "busy": ChatBusy(seconds(7)),
        }
        error = None if outcome == "ok" else errors.get(outcome, ChatUnknown("no answer"))
        self.outbox.settle(edit, error, self.now)
        self.outbox.tidy(self.now)

    def pass_to(self, at: datetime) -> None:
        self.now = max(self.now, at)
        while self.landing and self.landing[0][0] <= self.now:
            _, _, text, ref = heapq.heappop(self.landing)
            self.shown[ref].append(int(text))

    def drain(self) -> None:
        """Let everything that waits be sent, and all that is under way land."""
        while (at := self.outbox.next_at()) is not None:
            self.pass_to(at)
            edit = self.take()
            assert edit is not None
            self.settle(edit, "ok")
        self.pass_to(self.now + MINUTE)


def played(data: st.DataObject, outcomes: list[str]) -> SlackModel:
    """A model after calls, sends and failures in an order that hypothesis chooses."""
    model = SlackModel(Outbox(SMALL))
    for _ in range(data.draw(st.integers(1, 60), "steps")):
        step = data.draw(st.sampled_from(["soon", "soon", "final", "send", "send", "wait"]))
        if step in ("soon", "final"):
            model.call(data.draw(st.sampled_from(REFS)), is_final=step == "final")
        elif step == "wait":
            model.pass_to(model.now + seconds(data.draw(st.sampled_from([0.1, 1, 4, 20, 61]))))
        elif (edit := model.take()) is not None:
            if data.draw(st.booleans(), "call meanwhile"):
                model.call(edit.ref, is_final=data.draw(st.booleans()))
            model.settle(edit, data.draw(st.sampled_from(outcomes)))
    return model


ORDERLY = ["ok", "ok", "refused", "busy", "gone", "done"]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_budget_of_any_minute_is_kept(data: st.DataObject) -> None:
    """Progress leaves room for final states; a retry is a request like any other."""
    model = played(data, ORDERLY)
    model.drain()

    for index, each in enumerate(model.sent):
        within = [s for s in model.sent[: index + 1] if s.at > each.at - MINUTE]
        assert len(within) <= SMALL.per_minute
        if not each.is_final:
            assert len(within) <= SMALL.soon_per_minute


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_edits_of_one_message_keep_their_distance(data: st.DataObject) -> None:
    model = played(data, ORDERLY)
    model.drain()

    last: dict[MessageRef, datetime] = {}
    for each in model.sent:
        if each.ref in last:
            assert each.at - last[each.ref] >= SMALL.between
        last[each.ref] = each.at


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_message_never_goes_back(data: st.DataObject) -> None:
    """Neither a bar, nor progress called for before a final state, lands after what is newer."""
    model = played(data, ORDERLY)
    model.drain()

    for shown in model.shown.values():
        assert shown == sorted(shown)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_every_final_state_is_sent_and_the_last_one_stands(data: st.DataObject) -> None:
    """Trouble that passes loses none of them, and none is coalesced away."""
    model = played(data, ["ok", "busy", "gone", "done"])
    model.drain()

    for number, taken in model.finals:
        assert taken.done() and taken.exception() is None
        assert any(number in shown for shown in model.shown.values())
    for ref, called in model.called.items():
        assert model.shown[ref][-1] == called[-1][0]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_final_state_stands_though_older_requests_land_late(data: st.DataObject) -> None:
    """A request that timed out may still be on its way: the final state is then said again."""
    model = played(data, ["ok", "late", "busy", "gone"])
    model.drain()

    for ref, called in model.called.items():
        number, is_final = called[-1]
        if is_final:
            assert model.shown[ref][-1] == number


# --- one by one ---


def texts_sent(outbox: Outbox, now: datetime, limit: int = 99) -> list[str]:
    """What is sent at this very moment, all of it taken well."""
    texts: list[str] = []
    while len(texts) < limit and (edit := outbox.take(now)) is not None:
        outbox.settle(edit, None, now)
        texts.append(edit.text)
    return texts


def test_newer_progress_replaces_older_in_its_place() -> None:
    """So that a busy card does not push itself in front, nor fall behind."""
    outbox = Outbox(PACE)
    outbox.put_soon(A, "a1", [], BEFORE)
    outbox.put_soon(B, "b1", [], BEFORE)
    outbox.put_soon(A, "a2", [], BEFORE)

    assert texts_sent(outbox, NOW) == ["a2", "b1"]


def test_final_states_go_before_progress() -> None:
    outbox = Outbox(PACE)
    outbox.put_soon(A, "progress", [], BEFORE)
    outbox.put_final(B, "final", [])

    assert texts_sent(outbox, NOW) == ["final", "progress"]


def test_a_final_state_keeps_its_distance_to_progress() -> None:
    outbox = Outbox(PACE)
    outbox.put_soon(A, "progress", [], BEFORE)
    assert texts_sent(outbox, NOW) == ["progress"]
    outbox.put_final(A, "final", [])

    assert texts_sent(outbox, NOW + PACE.between - seconds(0.1)) == []
    assert texts_sent(outbox, NOW + PACE.between) == ["final"]


def test_what_ends_soon_goes_straight_to_its_final_state() -> None:
    """Its first progress waits, so that nobody waits for the end."""
    outbox = Outbox(PACE)
    outbox.put_soon(A, "progress", [], NOW)
    assert texts_sent(outbox, NOW) == []
    outbox.put_soon(A, "more", [], NOW + seconds(2))
    assert texts_sent(outbox, NOW + seconds(2)) == []
    outbox.put_final(A, "final", [])

    assert texts_sent(outbox, NOW + seconds(2)) == ["final"]


def test_progress_stops_at_its_share_and_final_states_do_not() -> None:
    outbox = Outbox(PACE)
    for number in range(60):
        outbox.put_soon(MessageRef("C1", f"{number}"), "progress", [], BEFORE)
    assert len(texts_sent(outbox, NOW)) == PACE.soon_per_minute
    for number in range(20):
        outbox.put_final(MessageRef("C1", f"f{number}"), "final", [])

    assert texts_sent(outbox, NOW) == ["final"] * 10
    assert outbox.next_at() == NOW + PACE.window
    assert texts_sent(outbox, NOW + PACE.window)[:10] == ["final"] * 10


def test_a_rate_limit_holds_everything_back_for_as_long_as_slack_says() -> None:
    outbox = Outbox(PACE)
    outbox.put_final(A, "final", [])
    outbox.put_soon(B, "progress", [], BEFORE)
    edit = outbox.take(NOW)
    assert edit is not None

    outbox.settle(edit, ChatBusy(seconds(30)), NOW)

    assert texts_sent(outbox, NOW + seconds(29)) == []
    assert texts_sent(outbox, NOW + seconds(30)) == ["final", "progress"]


def test_trouble_with_one_message_does_not_hold_up_the_others() -> None:
    outbox = Outbox(PACE)
    outbox.put_final(A, "a", [])
    edit = outbox.take(NOW)
    assert edit is not None
    outbox.settle(edit, ChatUnknown("no answer"), NOW)
    outbox.put_final(B, "b", [])

    assert texts_sent(outbox, NOW) == ["b"]
    assert texts_sent(outbox, NOW + PACE.between) == ["a"]


def test_progress_that_failed_is_not_tried_again_once_there_is_newer() -> None:
    outbox = Outbox(PACE)
    outbox.put_soon(A, "old", [], BEFORE)
    edit = outbox.take(NOW)
    assert edit is not None
    outbox.put_soon(A, "new", [], BEFORE)
    outbox.settle(edit, ChatUnknown("no answer"), NOW)

    assert texts_sent(outbox, NOW + PACE.between) == ["new"]
    assert outbox.next_at() is None


def test_a_final_state_is_given_up_after_a_bounded_time() -> None:
    """Whoever waits must get an answer some day, even if Slack is down."""
    outbox = Outbox(PACE)
    taken = outbox.put_final(A, "final", [])
    now, tries = NOW, 0
    while (at := outbox.next_at()) is not None:
        now = max(now, at)
        edit = outbox.take(now)
        assert edit is not None
        outbox.settle(edit, ChatUnknown("no answer"), now)
        tries += 1

    assert isinstance(taken.exception(), ChatUnknown)
    assert now - NOW <= PACE.patience
    assert tries > 10


def test_a_refused_final_state_is_told_and_not_tried_again() -> None:
    outbox = Outbox(PACE)
    taken = outbox.put_final(A, "final", [])
    edit = outbox.take(NOW)
    assert edit is not None

    outbox.settle(edit, refused("message_not_found"), NOW)

    assert isinstance(taken.exception(), ChatRefused)
    assert outbox.next_at() is None


def test_lost_progress_is_reported() -> None:
    outbox = Outbox(PACE)
    outbox.put_soon(A, "progress", [], BEFORE)
    edit = outbox.take(NOW)
    assert edit is not None

    assert outbox.settle(edit, refused("message_not_found"), NOW) is False


def test_messages_of_yesterday_are_forgotten() -> None:
    """A bot that runs for months must not remember every card."""
    outbox = Outbox(PACE)
    for ref in REFS:
        outbox.put_final(ref, "final", [])
    texts_sent(outbox, NOW)

    outbox.tidy(NOW + MINUTE)

    assert outbox._cards == {}
