"""Which waiting edit of which message may be sent when: rules only, no thread and no clock.

chat.update is Tier 3: some 50 calls a minute for the whole workspace, shared by all cards. So
progress gets a part of that and a newer edit replaces one still waiting, while final states each
have their turn, before all progress.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.adapters.slack_errors import ChatBusy
from bot.errors import ChatUnknown
from bot.models import MessageRef
from bot.ports import Blocks

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast messages are edited. With several replicas give each its share of the minute.

    window: a little more than Slack's minute, because requests do not travel equally fast.
    """

    soon_per_minute: int = 30  # for progress; what is left of `per_minute` is for final states
    per_minute: int = 40  # Slack takes about 50 of a workspace
    window: timedelta = timedelta(seconds=61)
    between: timedelta = timedelta(seconds=3)  # from one edit of a message to its next
    first_pause: timedelta = timedelta(seconds=1)  # after trouble; doubles with each further try
    longest_pause: timedelta = timedelta(seconds=30)
    patience: timedelta = timedelta(minutes=5)  # from the first try of an edit to giving it up
    doubt: timedelta = timedelta(seconds=15)  # how late a request without an answer may land

    def pause(self, tries: int) -> timedelta:
        """How long to wait after so many tries that brought no usable answer."""
        return min(self.first_pause * (1 << min(tries - 1, 16)), self.longest_pause)


@dataclass(eq=False, slots=True)
class Edit:
    """What a message shall show. taken: told when Slack has it; only final states have one."""

    ref: MessageRef
    text: str
    blocks: Blocks
    number: int
    taken: Future[None] | None = None
    not_before: datetime = _LONG_AGO
    first_try: datetime | None = None
    tries: int = 0

    @property
    def is_final(self) -> bool:
        return self.taken is not None


@dataclass(slots=True)
class _Card:
    """One message. `soon` is always newer than all of `finals`."""

    finals: deque[Edit] = field(default_factory=deque)
    soon: Edit | None = None
    edited_at: datetime = _LONG_AGO
    # Edits whose request got no answer, and until when it may still land.
    doubts: list[tuple[datetime, Edit]] = field(default_factory=list)

    @property
    def next(self) -> Edit | None:
        return self.finals[0] if self.finals else self.soon


class Outbox:
    """The edits that wait. At most one that was taken may be unsettled. Not safe for threads."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._cards: dict[MessageRef, _Card] = {}
        self._sent: deque[datetime] = deque(maxlen=pace.per_minute)
        self._closed_until = _LONG_AGO
        self._numbers = itertools.count()

    # --- what comes in ---------------------------------------------------------------------------

    def put_soon(self, ref: MessageRef, text: str, blocks: Blocks, now: datetime) -> None:
        """Progress: takes the place of progress still waiting.

        The first of a message waits as if it had been edited just now: what ends before goes from
        its post straight to its final state, and that need not keep a distance.
        """
        card = self._card(ref)
        soon = Edit(ref, text, blocks, card.soon.number if card.soon else next(self._numbers))
        if card.soon is not None:
            soon.not_before = card.soon.not_before
        elif card.edited_at == _LONG_AGO:
            soon.not_before = now + self._pace.between
        card.soon = soon

    def put_final(self, ref: MessageRef, text: str, blocks: Blocks) -> Future[None]:
        """A final state: progress still waiting is forgotten. Gives its answer."""
        card = self._card(ref)
        card.soon = None
        taken: Future[None] = Future()
        card.finals.append(Edit(ref, text, blocks, next(self._numbers), taken))
        return taken

    def drop_soon(self) -> None:
        """Forget all progress that waits."""
        for card in self._cards.values():
            card.soon = None

    def drop_finals(self, error: ChatUnknown) -> None:
        """Give up: whoever waits for a final state gets the error."""
        for card in self._cards.values():
            while card.finals:
                _tell(card.finals.popleft(), error)

    # --- what goes out ---------------------------------------------------------------------------

    @property
    def has_finals(self) -> bool:
        return any(card.finals for card in self._cards.values())

    def next_at(self) -> datetime | None:
        """When `take` has something to give, if nothing changes; None when nothing waits."""
        return min((self._due_at(edit) for edit in self._nexts()), default=None)

    def take(self, now: datetime) -> Edit | None:
        """The edit to be sent now, if one may be. It counts as sent; settle it afterwards."""
        due = [edit for edit in self._nexts() if self._due_at(edit) <= now]
        if not due:
            return None
        edit = min(due, key=lambda each: (not each.is_final, each.number))
        self._remove(edit)
        self._sent.append(now)
        edit.tries += 1
        edit.first_try = edit.first_try or now
        return edit

    def settle(self, edit: Edit, error: Exception | None, now: datetime) -> bool:
        """Say what became of a taken edit. Returns False when it is lost for good.

        A rate limit holds back all edits; trouble that passes only this one.
        """
        card = self._card(edit.ref)
        card.edited_at = now
        if error is None:
            self._confirm_if_doubtful(card, edit, now)
            return _tell(edit, None)
        if isinstance(error, ChatBusy):
            self._closed_until = max(self._closed_until, now + error.retry_after)
            return self._put_back(card, edit, error, now, error.retry_after)
        if isinstance(error, ChatUnknown):
            card.doubts.append((now + self._pace.doubt, edit))
            return self._put_back(card, edit, error, now, self._pace.pause(edit.tries))
        return _tell(edit, error)

    def tidy(self, now: datetime) -> None:
        """Forget messages of which nothing has to be known any more."""
        edge = now - self._pace.between
        for card in self._cards.values():
            card.doubts = [doubt for doubt in card.doubts if doubt[0] > now]
        self._cards = {
            ref: card
            for ref, card in self._cards.items()
            if card.next or card.edited_at > edge or card.doubts
        }

    # --- within ----------------------------------------------------------------------------------

    def _card(self, ref: MessageRef) -> _Card:
        return self._cards.setdefault(ref, _Card())

    def _nexts(self) -> Iterator[Edit]:
        return (card.next for card in self._cards.values() if card.next)

    def _due_at(self, edit: Edit) -> datetime:
        pace = self._pace
        room = self._room_at(pace.per_minute if edit.is_final else pace.soon_per_minute)
        distant = self._cards[edit.ref].edited_at + pace.between
        return max(edit.not_before, self._closed_until, room, distant)

    def _room_at(self, limit: int) -> datetime:
        """When fewer than `limit` edits have been sent in the window before."""
        if len(self._sent) < limit:
            return _LONG_AGO
        return self._sent[-limit] + self._pace.window

    def _remove(self, edit: Edit) -> None:
        card = self._cards[edit.ref]
        if card.finals:
            card.finals.popleft()
        else:
            card.soon = None

    def _put_back(
        self, card: _Card, edit: Edit, error: Exception, now: datetime, pause: timedelta
    ) -> bool:
        """Have it tried again, unless something newer has come or it has been tried too long."""
        if now + pause > (edit.first_try or now) + self._pace.patience:
            return _tell(edit, error)
        edit.not_before = now + pause
        if edit.is_final:
            card.finals.appendleft(edit)
        elif card.next is None:
            card.soon = edit
        return True

    def _confirm_if_doubtful(self, card: _Card, edit: Edit, now: datetime) -> None:
        """An older edit that got no answer may land after this final state: say it again then."""
        until = max((at for at, doubted in card.doubts if doubted is not edit), default=_LONG_AGO)
        if edit.is_final and until > now and card.next is None:
            card.soon = Edit(edit.ref, edit.text, edit.blocks, next(self._numbers))
            card.soon.not_before = until


def _tell(edit: Edit, error: Exception | None) -> bool:
    """Tell whoever waits. False when an error was told to nobody."""
    if edit.taken is None:
        return error is None
    if error is None:
        edit.taken.set_result(None)
    else:
        edit.taken.set_exception(error)
    return True
