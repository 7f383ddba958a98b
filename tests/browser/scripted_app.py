"""A small app for the page's tests: each thing an app can do to the page, once."""

from __future__ import annotations

import threading
from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from sandbox.slack import SlackSandbox
from tests.sandbox_slack.builders import SUBMIT, button, modal, section, text_input

Body = dict[str, Any]
GENERAL = "C0GENERAL"
SURE = {
    "title": {"type": "plain_text", "text": "Delete the VM?"},
    "text": {"type": "mrkdwn", "text": "*jekyll-dev* and all its data will be gone."},
    "confirm": {"type": "plain_text", "text": "Delete"},
    "deny": {"type": "plain_text", "text": "Keep"},
    "style": "danger",
}
VM_FORM = modal(
    text_input(),
    {
        "type": "input",
        "block_id": "size",
        "label": {"type": "plain_text", "text": "Size"},
        "element": {
            "type": "static_select",
            "action_id": "picked",
            "options": [
                {"text": {"type": "plain_text", "text": text}, "value": value}
                for text, value in (("Small", "s"), ("Medium", "m"), ("Large", "l"))
            ],
        },
    },
    submit=SUBMIT,
    callback_id="vm",
    notify_on_close=True,
)


class ScriptedApp:
    """Answers `/ds` and clicks; keeps what it was sent."""

    def __init__(self, app: App, client: WebClient) -> None:
        self.client = client
        self.clicks: list[Body] = []
        self.commands: list[Body] = []
        self.submissions: list[Body] = []
        self.closings: list[Body] = []
        self.may_answer = threading.Event()  # a slow app waits for it
        app.command("/ds")(self._command)
        app.action({"type": "block_actions", "action_id": "go"})(self._click)
        app.action({"type": "block_actions", "action_id": "form"})(self._open_form)
        app.view("vm")(self._submit)
        app.view_closed("vm")(self._closed)
        app.event("app_home_opened")(self._home)

    def ask_to_delete(self) -> str:
        """A message with a button that asks first; gives its ts."""
        delete = button(confirm=SURE, style="danger", value="vm-1")
        acts: Body = {"type": "actions", "elements": [delete]}
        blocks: list[Body] = [section("Your VM *jekyll-dev*"), acts]
        return str(self.client.chat_postMessage(channel=GENERAL, text="x", blocks=blocks)["ts"])

    def _command(self, ack: Ack, body: Body) -> None:
        self.commands.append(body)
        if body["text"] == "form":
            ack()
            self.client.views_open(trigger_id=body["trigger_id"], view=VM_FORM)
        elif body["text"] == "slow":
            self.may_answer.wait(10)
            ack("Here I am.")
        else:
            ack(f"You typed *{body['text']}*")

    def _click(self, ack: Ack, body: Body) -> None:
        self.clicks.append(body)
        ack()
        if "message" in body:
            self.client.chat_update(
                channel=GENERAL, ts=body["message"]["ts"], text="*jekyll-dev* is gone."
            )

    def _open_form(self, ack: Ack, body: Body) -> None:
        ack()
        self.client.views_open(trigger_id=body["trigger_id"], view=VM_FORM)

    def _submit(self, ack: Ack, body: Body) -> None:
        self.submissions.append(body)
        name = body["view"]["state"]["values"]["name"]["typed"]["value"]
        if name == "taken":
            ack(response_action="errors", errors={"name": "This name is taken."})
        else:
            ack()

    def _closed(self, ack: Ack, body: Body) -> None:
        self.closings.append(body)
        ack()

    def _home(self, event: Body) -> None:
        if event["tab"] != "home":
            return
        acts = {"type": "actions", "elements": [button("form", "New VM", style="primary")]}
        self.client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": [section("Your VMs"), acts]}
        )


def serve(slack: SlackSandbox) -> tuple[App, WebClient]:
    """A Bolt app for this sandbox, and its client."""
    client = WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
    app = App(client=client, signing_secret=slack.signing_secret, process_before_response=True)
    return app, client
