"""A chat in memory, held to the same contract as Slack (tests/contracts/test_chat.py).

chat = FakeChat(clock)
chat.lose_answer("post")            # the message is there, ChatUnknown is raised
chat.fail("member", ChatUnknown("silent"), times=3)         # nothing is done
chat.closed["C0OLD"] = "is_archived"                        # posts there are refused
chat.members["U0NEW"] = Member("U0NEW", "en", True)
assert chat.messages["C0GENERAL"][-1].text == "Ready"
assert chat.messages["C0GENERAL"][-1].shown == ["Starting", "Ready"]
assert chat.replies[-1].text == "Only you see this"
assert chat.views["V1"]["title"] == …
assert chat.homes["U0JANE"]["blocks"] == …
assert chat.files["F1"].alt_text == "A plot"
assert chat.shares[-1].file.name == "plot.png"
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.slack_errors import refused
from bot.errors import BotError, ChatUnknown
from bot.models import Member, MessageRef
from bot.ports import Blocks, Clock

_USES, _RESPONSE_TIME = 5, timedelta(minutes=30)
_TRIGGER_TIME = timedelta(seconds=3)
_ALT_TEXT = 1_000
_PEOPLE = (
    Member("U0JANE", "en", True, "America/Chicago"),
    Member("U0JIHOON", "ko", True, "Asia/Seoul"),
    Member("U0ADMIN", "en", True, "Asia/Seoul"),
    Member("U0GUEST", "en", False, "Europe/Berlin"),
    Member("U0GONE", "en", False),
)


@dataclass
class FakeMessage:
    """A message of ours and all it has ever said, the newest last."""

    ref: MessageRef
    key: str
    posted_at: datetime
    texts: list[tuple[str, Blocks]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.texts[-1][0]

    @property
    def blocks(self) -> Blocks:
        return self.texts[-1][1]

    @property
    def shown(self) -> list[str]:
        """Every text in order."""
        return [text for text, _ in self.texts]


@dataclass(frozen=True)
class FakeReply:
    """An answer through a response_url."""

    response_url: str
    text: str
    blocks: Blocks
    replace: bool


@dataclass(frozen=True)
class FakeFile:
    """A file that has been uploaded."""

    id: str
    name: str
    content: bytes
    alt_text: str = ""


@dataclass(frozen=True)
class FakeShare:
    """A file in a conversation."""

    channel_id: str
    thread_ts: str | None
    file: FakeFile
    comment: str
    at: datetime


@dataclass
class _Fault:
    error: BotError
    is_after: bool
    times: int


class FakeChat:
    """Implements `bot.ports.Chat`. Its public attributes may be read and changed at any time.

    Any channel id is one the bot is in, unless `closed` says otherwise. A response_url or trigger
    id that was not issued here counts as fresh when it is first seen. Edits are done at once.
    """

    def __init__(self, clock: Clock) -> None:
        self.members = {member.user_id: member for member in _PEOPLE}
        self.closed: dict[str, str] = {}  # channel id -> the code with which Slack refuses
        self.messages: dict[str, list[FakeMessage]] = {}  # by channel id, oldest first
        self.replies: list[FakeReply] = []  # every one that was taken, in order
        self.views: dict[str, dict[str, Any]] = {}  # open modals by view id
        self.homes: dict[str, dict[str, Any]] = {}  # App Homes by user id
        self.files: dict[str, FakeFile] = {}  # by id, shared ones included
        self.shares: list[FakeShare] = []  # in order
        self.calls: Counter[str] = Counter()  # by method, failed ones included
        self._clock = clock
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._faults: dict[str, list[_Fault]] = {}
        self._first_seen: dict[str, datetime] = {}  # response_urls and trigger ids
        self._uses: Counter[str] = Counter()

    # --- knobs ---

    def fail(self, method: str, error: BotError, *, after: bool = False, times: int = 1) -> None:
        """Have the next `times` calls of `method` raise, before or after they have their effect.

        A failing `update_soon` raises nothing, as in life: the edit is not shown.
        """
        with self._lock:
            self._faults.setdefault(method, []).append(_Fault(error, after, times))

    def lose_answer(self, method: str) -> None:
        """Have the next call of `method` done, and its answer lost."""
        self.fail(method, ChatUnknown("the answer was lost"), after=True)

    def issue_trigger(self) -> str:
        """The trigger id of a click made now."""
        return self._issued(f"{next(self._numbers)}.trigger")

    def issue_response_url(self) -> str:
        """The response_url of a command typed now."""
        return self._issued(f"https://hooks.slack.invalid/commands/{next(self._numbers)}")

    def close_view(self, view_id: str) -> None:
        """The person closes the modal."""
        with self._lock:
            del self.views[view_id]

    def delete(self, ref: MessageRef) -> None:
        """Somebody deletes a message."""
        with self._lock:
            self.messages[ref.channel_id].remove(self.message(ref))

    def message(self, ref: MessageRef) -> FakeMessage:
        """One message. Raises ChatRefused."""
        with self._lock:
            for message in self.messages.get(ref.channel_id, ()):
                if message.ref == ref:
                    return message
        raise refused("message_not_found")

    @property
    def all_messages(self) -> list[FakeMessage]:
        """Every message in the order in which they were posted."""
        with self._lock:
            every = [message for messages in self.messages.values() for message in messages]
            return sorted(every, key=lambda message: float(message.ref.ts))

    # --- Chat ---

    def member(self, user_id: str) -> Member:
        with self._called("member"):
            if user_id not in self.members:
                raise refused("user_not_found")
            return self.members[user_id]

    def post(self, channel_id: str, text: str, blocks: Blocks, key: str) -> MessageRef:
        with self._called("post"):
            if channel_id.startswith(("U", "W")):
                channel_id = self._direct(channel_id)
            self._check(channel_id)
            now = self._clock.now()
            ref = MessageRef(channel_id, self._new_ts(now))
            message = FakeMessage(ref, key, now, [(text, blocks)])
            self.messages.setdefault(channel_id, []).append(message)
            return ref

    def find(self, channel_id: str, key: str, since: datetime) -> MessageRef | None:
        with self._called("find"):
            if channel_id.startswith(("U", "W")):
                channel_id = self._direct(channel_id)
            if self.closed.get(channel_id) in ("channel_not_found", "not_in_channel"):
                raise refused(self.closed[channel_id])
            for message in reversed(self.messages.get(channel_id, [])):
                if message.key == key and message.posted_at >= since:
                    return message.ref
            return None

    def shown(self, ref: MessageRef) -> tuple[str, Blocks] | None:
        with self._called("shown"):
            if self.closed.get(ref.channel_id) in ("channel_not_found", "not_in_channel"):
                raise refused(self.closed[ref.channel_id])
            for message in self.messages.get(ref.channel_id, []):
                if message.ref == ref:
                    return message.text, message.blocks
            return None

    def update(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        with self._called("update"):
            self._edit(ref, text, blocks)

    def update_soon(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        try:
            with self._called("update_soon"):
                self._edit(ref, text, blocks)
        except BotError:
            return

    def open_dm(self, user_id: str) -> str:
        with self._called("open_dm"):
            return self._direct(user_id)

    def respond(self, response_url: str, text: str, blocks: Blocks, *, replace: bool) -> None:
        with self._called("respond"):
            if self._age(response_url) > _RESPONSE_TIME:
                raise refused("expired_url")
            if self._uses[response_url] >= _USES:
                raise refused("used_url")
            self._uses[response_url] += 1
            self.replies.append(FakeReply(response_url, text, blocks, replace))

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        with self._called("open_view"):
            if self._uses[trigger_id]:
                raise refused("exchanged_trigger_id")
            if self._age(trigger_id) > _TRIGGER_TIME:
                raise refused("expired_trigger_id")
            self._uses[trigger_id] += 1
            view_id = f"V{next(self._numbers)}"
            self.views[view_id] = view
            return view_id

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        with self._called("update_view"):
            if view_id not in self.views:
                raise refused("not_found")
            self.views[view_id] = view

    def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        with self._called("publish_home"):
            if user_id not in self.members:
                raise refused("user_not_found")
            self.homes[user_id] = view

    def upload(self, name: str, content: bytes, alt_text: str) -> str:
        with self._called("upload"):
            return self._kept(name, content, alt_text).id

    def share(
        self, channel_id: str, thread_ts: str | None, name: str, content: bytes, comment: str
    ) -> None:
        with self._called("share"):
            if channel_id.startswith(("U", "W")):
                channel_id = self._direct(channel_id)
            self._check(channel_id)
            file = self._kept(name, content, "")
            now = self._clock.now()
            self.shares.append(FakeShare(channel_id, thread_ts, file, comment, now))

    def shared(self, channel_id: str, thread_ts: str | None, name: str, since: datetime) -> bool:
        with self._called("shared"):
            if channel_id.startswith(("U", "W")):
                channel_id = self._direct(channel_id)
            if self.closed.get(channel_id) in ("channel_not_found", "not_in_channel"):
                raise refused(self.closed[channel_id])
            return any(
                (each.channel_id, each.thread_ts, each.file.name) == (channel_id, thread_ts, name)
                and each.at >= since
                for each in self.shares
            )

    # --- within ---

    @contextmanager
    def _called(self, method: str) -> Iterator[None]:
        with self._lock:
            self.calls[method] += 1
            self._strike(method, is_after=False)
            yield
            self._strike(method, is_after=True)

    def _strike(self, method: str, *, is_after: bool) -> None:
        for fault in self._faults.get(method, []):
            if fault.is_after == is_after and fault.times > 0:
                fault.times -= 1
                raise fault.error

    def _issued(self, name: str) -> str:
        with self._lock:
            self._first_seen[name] = self._clock.now()
        return name

    def _age(self, name: str) -> timedelta:
        now = self._clock.now()
        return now - self._first_seen.setdefault(name, now)

    def _direct(self, user_id: str) -> str:
        member = self.members.get(user_id)
        if member is None:
            raise refused("user_not_found")
        return f"D{user_id[1:]}"

    def _kept(self, name: str, content: bytes, alt_text: str) -> FakeFile:
        if not content:
            raise refused("missing_argument")
        file = FakeFile(f"F{next(self._numbers)}", name, content, alt_text[:_ALT_TEXT])
        self.files[file.id] = file
        return file

    def _check(self, channel_id: str) -> None:
        if channel_id in self.closed:
            raise refused(self.closed[channel_id])

    def _new_ts(self, now: datetime) -> str:
        """A `ts` as Slack's: the time, with digits that tell messages of one moment apart."""
        return f"{int(now.timestamp())}.{next(self._numbers):06d}"

    def _edit(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        message = self.message(ref)
        self._check(ref.channel_id)
        message.texts.append((text, blocks))
