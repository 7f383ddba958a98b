"""A person made of code: does what people do in Slack, and gets what they would see."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from sandbox.slack.forms import stateful_elements
from sandbox.slack.interactions import Click, Interactions, Outcome
from sandbox.slack.records import Json, Message, View
from sandbox.slack.workspace import Workspace

T = TypeVar("T")


class Loop(Protocol):
    """Runs things on the sandbox's own thread and gives their result."""

    def run(self, work: Coroutine[Any, Any, T]) -> T: ...

    def call(self, act: Callable[[], T]) -> T: ...


class Person:
    """One user, scripted. Methods block until the app has answered, or Slack gives up on it."""

    def __init__(
        self, user_id: str, loop: Loop, workspace: Workspace, interactions: Interactions
    ) -> None:
        self.id = user_id
        self._user = workspace.user(user_id)
        self._loop = loop
        self._workspace = workspace
        self._interactions = interactions

    def command(self, channel_id: str, name: str, text: str = "") -> Outcome:
        """Type a slash command: `command("C0GENERAL", "/ds", "vm jekyll-dev")`."""
        channel = self._workspace.channel(channel_id)
        return self._loop.run(self._interactions.command(self._user, channel, name, text))

    def say(self, channel_id: str, text: str) -> Message:
        """Post an ordinary message."""
        channel = self._workspace.channel(channel_id)
        return self._loop.call(lambda: self._interactions.say(self._user, channel, text))

    def click(
        self,
        where: Message | View,
        action_id: str,
        value: Any = None,
        *,
        block_id: str | None = None,
    ) -> Outcome:
        """Click a button, or pick `value` in a select, overflow, checkboxes, date picker …

        value: the option's value (a list for checkboxes and multi-selects), an id, a date or a
        text; for buttons it tells apart those with the same action id.
        Raises LookupError when the message or view is gone or has no such element or option.
        """

        async def act() -> Outcome:
            click = Click(action_id, value, block_id)
            return await self._interactions.click(self._user, self._live(where), click)

        return self._loop.run(act())

    def submit(self, view: View, values: Mapping[str, Any] | None = None) -> Outcome:
        """Fill in a modal and submit it.

        values: block id or action id → what is typed or picked; others stay as they are.
        Raises LookupError for an id or option that the modal has not.
        """

        async def act() -> Outcome:
            live = self._live_view(view)
            form = _form(live.blocks, values or {})
            return await self._interactions.submit(self._user, live, form)

        return self._loop.run(act())

    def close(self, view: View, *, all_views: bool = False) -> None:
        """Close a modal with its Cancel button, or the whole stack with the cross."""

        async def act() -> None:
            await self._interactions.close(self._user, self._live_view(view), all_views=all_views)

        self._loop.run(act())

    def open_home(self) -> None:
        """Open the app's Home tab; wait for what it publishes with `sandbox.wait_for`."""
        self._loop.call(lambda: self._interactions.open_app(self._user, "home"))

    def open_messages(self) -> str:
        """Open the app's Messages tab; gives the id of the direct conversation."""

        def act() -> str:
            self._interactions.open_app(self._user, "messages")
            return self._workspace.direct(self.id, self._workspace.bot.id).id

        return self._loop.call(act)

    def _live(self, where: Message | View) -> Message | View:
        if isinstance(where, View):
            return self._live_view(where)
        message = self._workspace.shown(self.id, where.channel, where.ts)
        if message is None:
            raise LookupError(f"{self.id} sees no message {where.ts} in {where.channel}")
        return message

    def _live_view(self, view: View) -> View:
        home = self._workspace.views.home(self.id)
        for open_view in (*self._workspace.views.stack(self.id), home):
            if open_view is not None and open_view.id == view.id:
                return open_view
        raise LookupError(f"{self.id} has no view {view.id} open")


def _form(blocks: list[Json], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    form: dict[str, dict[str, Any]] = {}
    left = set(values)
    for block_id, element in stateful_elements(blocks):
        action_id = element["action_id"]
        key = block_id if block_id in values else action_id
        if key in values:
            form.setdefault(block_id, {})[action_id] = values[key]
            left.discard(key)
    if left:
        raise LookupError(f"the modal has no inputs {sorted(left)}")
    return form
