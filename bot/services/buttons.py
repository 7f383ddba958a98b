"""Buttons are used once: when what they ask for has begun, they give way to who pressed them.

A click is written down with its operation. When the operation is let in, the button goes at once,
as soon as there is room; when it ends, the message is edited for good, as a step that a crash does
not lose. Both draw the message from all clicks that were ever let in on it, so it does not matter
who edits it last: two people, two replicas, or the operation whose card it is, after a crash. The
last edit begins with what the message says then, which may have changed since the click.
An operation that is refused leaves its button where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.errors import ChatError
from bot.models import Click, ClickStage, MessageRef, Operation, OperationState
from bot.ports import Blocks, Chat, Journal
from bot.replies.used import repainted
from bot.services.recorded import Json
from bot.store import ClickStore

log = logging.getLogger(__name__)

_ENDING = frozenset({"kill", "vm cancel"})
"""Operations after which the other buttons of their row are for nothing."""

_ROUNDS = 5  # edits until nobody else has pressed anything meanwhile


@dataclass(frozen=True, slots=True)
class UsedButtons:
    """Takes used buttons away.

    spoken_in: the language of a channel, else the one given. private: does it in a message that
    one person sees, later on.
    """

    clicks: ClickStore
    chat: Chat
    spoken_in: Callable[[str, str], str]
    private: Callable[[Operation, Click], None]

    def begun(self, op: Operation, journal: Journal, language: str) -> None:
        """The operation was let in."""
        click = self.clicks.of(op.id)
        if click is not None:
            journal.step("button", lambda: self._begin(op, click, language))

    def ended(self, op: Operation, journal: Journal, state: OperationState, language: str) -> None:
        """The operation is about to be told to have ended."""
        click = self.clicks.of(op.id)
        if click is not None and not click.is_private:
            journal.step("button: end", lambda: self._end(op, click, state, language))

    def repaint(self, message: MessageRef, blocks: Blocks, language: str) -> Blocks:
        """What a message of ours shows, without its used buttons."""
        return repainted(blocks, self.clicks.on(message), language)

    def _begin(self, op: Operation, click: Click, language: str) -> Json:
        self.clicks.mark(op.id, ClickStage.USED)
        if click.is_private:
            self.private(op, replace(click, stage=ClickStage.USED))
        else:
            spoken = self.spoken_in(click.message.channel_id, language)
            blocks = self.repaint(click.message, click.blocks, spoken)
            self.chat.update_soon(click.message, click.text, blocks)
        return {}

    def _end(self, op: Operation, click: Click, state: OperationState, language: str) -> Json:
        if op.kind in _ENDING and state is OperationState.DONE:
            self.clicks.mark(op.id, ClickStage.OVER)
        try:
            self._edit(click.message, self.spoken_in(click.message.channel_id, language))
        except ChatError as error:  # as where the bot was thrown out of the channel
            log.info("operation %s: its button stays: %s", op.id, error)
        return {}

    def _edit(self, message: MessageRef, language: str) -> None:
        """Until nobody else has pressed anything meanwhile."""
        known = self.clicks.on(message)
        for _ in range(_ROUNDS):
            shown = self.chat.shown(message)
            if shown is None:
                return
            text, blocks = shown
            self.chat.update(message, text, repainted(blocks, known, language))
            drawn, known = known, self.clicks.on(message)
            if known == drawn:
                return
