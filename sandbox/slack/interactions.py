"""What a person does in Slack, and what they see happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.slack import wording
from sandbox.slack.delivery import Delivery
from sandbox.slack.errors import NotDelivered, SlackError
from sandbox.slack.forms import STATELESS, action_of, find_element, missing_inputs, state_of
from sandbox.slack.limits import check_view
from sandbox.slack.payloads import Payloads
from sandbox.slack.records import Channel, Json, Message, User, View
from sandbox.slack.response_urls import ResponseUrls
from sandbox.slack.triggers import Triggers
from sandbox.slack.workspace import Change, Draft, Workspace

SLACKBOT = "USLACKBOT"
Readings = Mapping[str, Mapping[str, Any]]  # block_id -> action_id -> what was typed or picked


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a person sees at once after doing something.

    error: Slack's code when the app did not take it, else None. text: what is shown, Slack's own
    sentence in the person's language when there is an error. errors: what is wrong per block_id
    of a form. message: what was shown in the conversation, if anything was.
    """

    error: str | None = None
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    response_type: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    message: Message | None = None

    @property
    def is_ok(self) -> bool:
        return self.error is None and not self.errors


@dataclass(frozen=True, slots=True)
class Click:
    """One element used: which, what was picked or typed in it, and the rest of the form."""

    action_id: str
    reading: Any = None
    block_id: str | None = None
    form: Readings = field(default_factory=dict)


def escape(text: str) -> str:
    """What a person typed, as message text: none of it can be a mention or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Interactions:
    """Carries out commands, clicks, submissions and openings for any person."""

    def __init__(
        self,
        workspace: Workspace,
        delivery: Delivery,
        triggers: Triggers,
        response_urls: ResponseUrls,
        base_url: str,
    ) -> None:
        self._workspace = workspace
        self._delivery = delivery
        self._triggers = triggers
        self._response_urls = response_urls
        self._base_url = base_url
        self._payloads = Payloads(workspace)
        self._message_states: dict[tuple[str, str], Json] = {}

    # --- commands and messages -----------------------------------------------------------------

    async def command(self, user: User, channel: Channel, name: str, text: str) -> Outcome:
        """Type a slash command in a conversation."""
        if name not in self._workspace.manifest.commands:
            return self._slackbot_says(user, channel, "invalid_command", command=name)
        path = self._response_urls.issue(user, channel)
        payload = self._payloads.command(
            user, channel, (name, text), self._base_url + path, self._triggers.issue(user.id)
        )
        try:
            answer = await self._delivery.send("slash_commands", payload)
            return self._show_answer(path, answer, f"{name} {text}".strip())
        except NotDelivered as failure:
            code = failure.code
        except SlackError as refusal:
            code = refusal.code
        said = self._slackbot_says(user, channel, "command_failed", command=name, error=code)
        return replace(said, error=code)

    def say(self, user: User, channel: Channel, text: str, thread_ts: str | None = None) -> Message:
        """Post an ordinary message."""
        draft = Draft(text=escape(text), thread_ts=thread_ts)
        message = self._workspace.post(channel, user, draft)
        self._workspace.mark_read(user.id, channel.id)
        return message

    def _show_answer(self, path: str, answer: Any, typed: str) -> Outcome:
        if answer in (None, "", {}):
            return Outcome()
        body: Json = answer if isinstance(answer, dict) else {"text": str(answer)}
        issued = self._response_urls.by_path(path)
        response_type = str(body.get("response_type", "ephemeral"))
        if response_type == "in_channel":
            self._workspace.post(issued.channel, issued.user, Draft(text=escape(typed)))
        message = self._response_urls.show(issued, body)
        if message is None:
            return Outcome()
        return Outcome(
            text=message.text, blocks=message.blocks, response_type=response_type, message=message
        )

    def _slackbot_says(self, user: User, channel: Channel, key: str, **params: str) -> Outcome:
        text = escape(wording.say(user.locale, key, **params))
        draft = Draft(text=text, visible_to=user.id)
        message = self._workspace.post(channel, self._workspace.user(SLACKBOT), draft)
        return Outcome(key, text, response_type="ephemeral", message=message)

    # --- blocks ----------------------------------------------------------------------------------

    async def click(self, user: User, where: Message | View, click: Click) -> Outcome:
        """Use an element on a message, in a modal or on the Home tab.

        Raises LookupError when there is no such element or option.
        """
        block, element = find_element(where.blocks, click.action_id, click.block_id, click.reading)
        action = action_of(block, element, click.reading, self._workspace.next_ts())
        form = {key: dict(row) for key, row in click.form.items()}
        if element["type"] not in STATELESS:
            form.setdefault(block["block_id"], {})[click.action_id] = click.reading
        if isinstance(where, View):
            return await self._click_in_view(user, where, action, form)
        return await self._click_on_message(user, where, action, form)

    async def _click_on_message(
        self, user: User, message: Message, action: Json, form: Readings
    ) -> Outcome:
        channel = self._workspace.channel(message.channel)
        key = (user.id, message.ts)
        state = state_of(message.blocks, form, self._message_states.get(key, {}))
        self._message_states[key] = state
        payload = self._payloads.message_action(user, message, channel, [action], state)
        payload["trigger_id"] = self._triggers.issue(user.id)
        path = self._response_urls.issue(user, channel, message)
        payload["response_url"] = self._base_url + path
        return await self._interact(user, payload)

    async def _click_in_view(self, user: User, view: View, action: Json, form: Readings) -> Outcome:
        view.state = state_of(view.blocks, form, view.state)
        payload = self._payloads.view_action(user, view, [action])
        payload["trigger_id"] = self._triggers.issue(
            user.id, view.id if view.type == "modal" else None
        )
        return await self._interact(user, payload)

    async def _interact(self, user: User, payload: Json) -> Outcome:
        if not self._workspace.manifest.is_interactive:
            return self._failed(user, "not_interactive")
        try:
            await self._delivery.send("interactive", payload)
        except NotDelivered as failure:
            return self._failed(user, failure.code)
        return Outcome()

    def _failed(self, user: User, code: str) -> Outcome:
        return Outcome(code, wording.say(user.locale, f"action_{code}"))

    # --- modals ----------------------------------------------------------------------------------

    async def submit(self, user: User, view: View, form: Readings) -> Outcome:
        """Fill in a modal and submit it. Raises LookupError for an option it has not."""
        view.state = state_of(view.blocks, form, view.state)
        missing = missing_inputs(view.blocks, view.state)
        if missing:
            texts = {
                block_id: wording.say(user.locale, key, **params)
                for block_id, (key, params) in missing.items()
            }
            return self._complain(view, texts)
        payload = self._payloads.view_submission(user, view)
        payload["trigger_id"] = self._triggers.issue(user.id, view.id)
        try:
            answer = await self._delivery.send("interactive", payload)
            return self._follow(user, view, answer)
        except (NotDelivered, SlackError) as failure:
            return Outcome(failure.code, wording.say(user.locale, "view_trouble"))

    async def close(self, user: User, view: View, *, all_views: bool = False) -> None:
        """Close a modal, or with `all_views` the whole stack."""
        is_cleared = all_views or bool(view.content.get("clear_on_close"))
        closed = self._workspace.views.clear(user.id) if is_cleared else [view]
        self._workspace.views.close(view)
        self._views_changed(user)
        for gone in reversed(closed):
            if gone.content.get("notify_on_close"):
                payload = self._payloads.view_closed(user, gone, is_cleared=is_cleared)
                await self._interact(user, payload)

    def _follow(self, user: User, view: View, answer: Any) -> Outcome:
        """Do what the app's answer to a submission asks for; an empty one closes the modal."""
        views = self._workspace.views
        body: Json = answer if isinstance(answer, dict) else {}
        action = body.get("response_action")
        if action == "errors":
            return self._complain(view, dict(body.get("errors") or {}))
        if action in ("update", "push"):
            check_view(body.get("view"), "modal")
        if action == "update":
            views.update(view, body["view"])
        elif action == "push":
            views.push(user.id, body["view"], onto=view.id)
        elif action == "clear":
            views.clear(user.id)
        else:
            views.close(view)
        self._views_changed(user)
        return Outcome()

    def _complain(self, view: View, errors: dict[str, str]) -> Outcome:
        view.errors = errors
        self._views_changed(self._workspace.user(view.user))
        return Outcome(errors=errors)

    def _views_changed(self, user: User) -> None:
        self._workspace.tell(Change("views", frozenset({user.id})))

    # --- the app's own page ----------------------------------------------------------------------

    def open_app(self, user: User, tab: str) -> None:
        """Open the app's "home" or "messages" tab; the app is told if it asked to be."""
        workspace = self._workspace
        channel = workspace.direct(user.id, workspace.bot.id)
        if workspace.manifest.wants_event("app_home_opened"):
            view = workspace.views.home(user.id)
            self._delivery.send_event(self._payloads.app_home_opened(user, channel, tab, view))
