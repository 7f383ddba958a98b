"""The weekly digest: each channel is told what its VMs have cost, in its own hours, once.

What is due is found by comparing instants, at every tick and on every replica; which week was told
is known by the operation that tells it.
"""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.costs import Life, Span, Taken, Week, costs, each_day, saved
from bot.errors import ChatRefused, ChatUnknown
from bot.models import Operation, OperationState, Vm, VmState, is_local
from bot.periods import last_weekly, local_day, week_before
from bot.ports import Chat, Clock, Journal
from bot.replies.blocks import Drawing, Reply
from bot.replies.digest import digest_in_words, digest_reply
from bot.services.duties import Errands
from bot.services.recorded import Json
from bot.services.spending import Spending
from bot.services.telling import PAUSES, Messenger
from bot.store.marks import REAPED
from config.idle import IdlePolicy, Subject
from config.quiet import quiet_until
from config.settings import Policy

log = logging.getLogger(__name__)

DIGEST = "digest"
CAUGHT_UP = timedelta(days=1)
"""For so long a digest that was missed is told."""

_LOOK_BACK = timedelta(days=9)  # a week of 169 hours, and the time in which it is caught up
_CANCELLED_WITHIN = timedelta(hours=2)  # of the decision; later it was somebody else's doing


@dataclass(frozen=True, slots=True)
class Digests:
    """Asks for the digests that are due."""

    spending: Spending
    errands: Errands
    policy: Policy
    clock: Clock

    def run(self, _: datetime | None = None) -> int:
        """Ask for them; gives how many were not asked for before."""
        if self.policy.digest is None:
            return 0
        now = self.clock.now()
        channels = {vm.channel_id for vm in self.spending.stores.vms.paid_since(now - _LOOK_BACK)}
        return sum(self._ask(channel_id, now) for channel_id in sorted(channels))

    def due_at(self, channel_id: str, now: datetime) -> datetime | None:
        """The instant of the digest that is to be told to a channel now; None when none is."""
        rule, idle = self.policy.digest, channel_policy(self.policy, channel_id)
        if rule is None or is_local(channel_id) or not self.policy.has_digest(channel_id):
            return None
        due = last_weekly(rule.weekday, rule.at, idle.zone, now)
        begins = quiet_until(idle.quiet_hours, idle.zone, due) or due
        is_quiet = quiet_until(idle.quiet_hours, idle.zone, now) is not None
        return due if begins <= now <= begins + CAUGHT_UP and not is_quiet else None

    def _ask(self, channel_id: str, now: datetime) -> bool:
        due = self.due_at(channel_id, now)
        if due is None:
            return False
        key = f"{channel_id}:{due.isoformat()}"
        if self.errands.is_known(DIGEST, key):
            return False
        args = {"channel": channel_id, "due": due.isoformat()}
        return self.errands.ask(DIGEST, args, key, channel_id) is not None


@dataclass(frozen=True, slots=True)
class TellDigest:
    """The duty "digest": word it, upload its picture, post it. Implements `Duty`.

    What it says is written down before anything is sent, so that it is the same after a crash.
    """

    spending: Spending
    messenger: Messenger
    policy: Policy
    chat: Chat
    clock: Clock

    def carry_out(self, op: Operation, journal: Journal) -> OperationState:
        worded = journal.step("word", lambda: self._worded(op))
        if not worded:
            return OperationState.DONE
        reply = _reply_from_json(worded)
        picture = journal.step("picture", lambda: self._upload(reply))
        plainer = digest_in_words(reply)
        shown = reply.illustrated(picture["file"]) if picture else plainer
        ref = self.messenger.post(
            journal, op, op.args["channel"], worded["language"],
            lambda _: shown, plainer=lambda _: plainer,
        )  # fmt: skip
        return OperationState.DONE if ref is not None else OperationState.FAILED

    def after_failure(self, op: Operation) -> None:
        """The next week has a digest of its own; `/ds cost channel` tells the same."""

    def week(self, channel_id: str, due: datetime) -> Week | None:
        """What is told of the week before an instant; None when the channel had no VM in it."""
        now, zone = self.clock.now(), channel_policy(self.policy, channel_id).zone
        days = week_before(due, zone)
        span = Span(days[0].begin, days[-1].end)
        everywhere = self.spending.lives(span, now)
        lives = [life for life in everywhere if life.vm.channel_id == channel_id]
        spent = costs(lives, span)
        if not spent.rows:
            return None
        taken = self._taken(lives, everywhere, span)
        return Week(
            spent,
            tuple(each_day(lives, days)),
            local_day(days[0], zone),
            taken=len(taken),
            saved=saved(taken, span.end),
            live=sum(1 for life in lives if life.vm.state.is_live),
        )

    def _taken(self, lives: Sequence[Life], everywhere: Sequence[Life], span: Span) -> list[Taken]:
        """The VMs that were cancelled in a span because nobody used them. everywhere: where a VM
        may have been restored."""
        decided = {
            mark.vm: mark.ended_at
            for mark in self.spending.stores.marks.since(span.begin)
            if mark.how == REAPED and mark.ended_at is not None
        }
        orders: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for life in everywhere:
            orders[_name(life.vm)].append(life.vm.asked_at)
        taken = []
        for life in lives:
            vm, claimed_at = life.vm, decided.get(life.vm.op_id)
            if vm.state is not VmState.GONE or vm.ended_at is None or claimed_at is None:
                continue
            if not span.begin <= vm.ended_at < span.end:
                continue
            if vm.ended_at - claimed_at > _CANCELLED_WITHIN:
                continue
            later = (at for at in orders[_name(vm)] if at > vm.ended_at)
            taken.append(Taken(vm, life.paid, min(later, default=None), life.by_started_hour))
        return taken

    def _worded(self, op: Operation) -> Json:
        channel_id, due = op.args["channel"], datetime.fromisoformat(op.args["due"])
        week = self.week(channel_id, due)
        if week is None:
            return {}
        reader = self.messenger.language(week.costs.rows[0].vm.owner_id)
        language = self.messenger.spoken_in(channel_id, reader)
        return _reply_to_json(digest_reply(week, language)) | {"language": language}

    def _upload(self, reply: Reply) -> Json:
        """The file that shows the picture; nothing where Slack does not take it. A file whose
        answer was lost is seen by nobody, so that it may be uploaded again."""
        drawing = reply.drawing
        assert drawing is not None
        for pause in (*PAUSES, None):
            try:
                return {"file": self.chat.upload(drawing.name, drawing.content, drawing.alt_text)}
            except ChatRefused as error:
                log.warning("the picture of a digest is not taken: %s", error.code)
                return {}
            except ChatUnknown as error:
                log.warning("the picture of a digest is perhaps not taken: %s", error)
            if pause is not None:
                self.clock.sleep(pause)
        return {}


def channel_policy(policy: Policy, channel_id: str) -> IdlePolicy:
    """The policy of a channel as such: that of VMs of which only the channel is known."""
    return policy.idle.of(Subject("", channel_id))


def _name(vm: Vm) -> tuple[str, str]:
    return vm.hostname, vm.owner_id


def _reply_to_json(reply: Reply) -> Json:
    drawing = reply.drawing
    assert drawing is not None
    return {
        "text": reply.text,
        "blocks": reply.blocks,
        "drawing": [drawing.name, b64encode(drawing.content).decode("ascii"), drawing.words],
    }


def _reply_from_json(recorded: Json) -> Reply:
    name, content, words = recorded["drawing"]
    drawing = Drawing(name, b64decode(content), words)
    return Reply(recorded["text"], recorded["blocks"], drawing=drawing)
