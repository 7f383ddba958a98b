"""Buttons, modals, the App Home and response URLs, in front of a stock Bolt app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt import Ack, App, Respond
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from sandbox.slack import SlackSandbox
from sandbox.slack.manifest import DEFAULT_MANIFEST
from tests.sandbox_slack.builders import SUBMIT, button, modal, section, text_input
from tests.sandbox_slack.conftest import ManualClock

GENERAL, JANE, JIHOON = "C0GENERAL", "U0JANE", "U0JIHOON"
Body = dict[str, Any]
Connect = Callable[[], SocketModeHandler]


def actions(*elements: Body) -> Body:
    return {"type": "actions", "block_id": "acts", "elements": list(elements)}


def select(kind: str = "static_select", **fields: object) -> Body:
    options = [
        {"text": {"type": "plain_text", "text": name}, "value": name} for name in ("seo01", "tok02")
    ]
    return {"type": kind, "action_id": "pick", "options": options, **fields}


@pytest.fixture
def clicks(app: App, connect: Connect) -> list[Body]:
    """Every block_actions payload that the connected app has taken."""
    taken: list[Body] = []

    @app.action({"type": "block_actions", "action_id": "go"})
    @app.action({"type": "block_actions", "action_id": "pick"})
    def clicked(ack: Ack, body: Body) -> None:
        taken.append(body)
        ack()

    connect()
    return taken


def test_a_click_tells_who_where_and_what(
    client: WebClient, slack: SlackSandbox, clicks: list[Body]
) -> None:
    """The bot decides by these fields whether the click may do anything."""
    client.chat_postMessage(
        channel=GENERAL, text="x", blocks=[actions(button(value="job-1", style="danger"))]
    )
    (message,) = slack.messages(GENERAL)

    outcome = slack.user(JIHOON).click(message, "go")

    (body,) = clicks
    assert outcome.is_ok
    assert body["user"]["id"] == JIHOON
    assert body["container"] == {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": GENERAL,
        "is_ephemeral": False,
    }
    (action,) = body["actions"]
    assert (action["type"], action["value"], action["style"]) == ("button", "job-1", "danger")
    assert action["block_id"] == "acts" and action["text"]["text"] == "Go"
    assert body["message"]["ts"] == message.ts
    assert body["response_url"].startswith(slack.url + "/actions/")


@pytest.mark.parametrize(
    ("element", "value", "key", "chosen"),
    [
        (select(), "tok02", "selected_option", "tok02"),
        (select("radio_buttons"), "seo01", "selected_option", "seo01"),
        (select("overflow"), "seo01", "selected_option", "seo01"),
        (select("checkboxes"), ["seo01", "tok02"], "selected_options", ["seo01", "tok02"]),
        ({"type": "datepicker", "action_id": "pick"}, "2027-01-31", "selected_date", "2027-01-31"),
        ({"type": "users_select", "action_id": "pick"}, JANE, "selected_user", JANE),
    ],
)
def test_each_element_reports_its_choice_in_its_own_form(
    client: WebClient,
    slack: SlackSandbox,
    clicks: list[Body],
    element: Body,
    value: Any,
    key: str,
    chosen: Any,
) -> None:
    """`actions` and `state.values` carry the same choice, except for overflow menus."""
    client.chat_postMessage(channel=GENERAL, text="x", blocks=[actions(element)])

    slack.user(JANE).click(slack.messages(GENERAL)[-1], "pick", value)

    (action,) = clicks[-1]["actions"]
    found = action[key]
    values = found if isinstance(found, str) else _values(found)
    assert values == chosen
    state = clicks[-1]["state"]["values"]
    if element["type"] == "overflow":
        assert state == {}
    else:
        assert state["acts"]["pick"][key] == found


def _values(found: Any) -> Any:
    if isinstance(found, list):
        return [option["value"] for option in found]
    return found["value"]


def test_what_is_not_there_cannot_be_clicked(client: WebClient, slack: SlackSandbox) -> None:
    """A test that clicks a removed button must fail."""
    client.chat_postMessage(channel=GENERAL, text="x", blocks=[actions(select())])
    message = slack.messages(GENERAL)[-1]

    with pytest.raises(LookupError, match="gone"):
        slack.user(JANE).click(message, "gone")
    with pytest.raises(LookupError, match="mars"):
        slack.user(JANE).click(message, "pick", "mars")


def test_a_click_nobody_takes_shows_slacks_words(client: WebClient, slack: SlackSandbox) -> None:
    """No connection: the person sees that the app does not answer."""
    client.chat_postMessage(channel=GENERAL, text="x", blocks=[actions(button())])

    outcome = slack.user(JANE).click(slack.messages(GENERAL)[-1], "go")

    assert outcome.error == "dispatch_failed" and "isn't responding" in outcome.text


def test_an_ephemeral_message_is_not_repeated_in_the_payload(
    client: WebClient, slack: SlackSandbox, clicks: list[Body]
) -> None:
    """The bot must carry what it needs in the button's value."""
    client.chat_postEphemeral(
        channel=GENERAL, user=JANE, text="x", blocks=[actions(button(value="job-1"))]
    )
    slack.user(JANE).click(slack.ephemerals(JANE)[-1], "go")

    assert clicks[-1]["container"]["is_ephemeral"] is True
    assert "message" not in clicks[-1]


# --- modals -----------------------------------------------------------------------------------


@pytest.fixture
def form_app(app: App, connect: Connect) -> list[Body]:
    """An app whose `/ds` opens a form; gives what was submitted and closed."""
    got: list[Body] = []

    @app.command("/ds")
    def open_form(ack: Ack, command: Body, client: WebClient) -> None:
        kind = command["text"] or "form"
        client.views_open(
            trigger_id=command["trigger_id"],
            view=modal(text_input(), submit=SUBMIT, callback_id=kind, notify_on_close=True),
        )
        ack()

    @app.view("form")
    def submitted(ack: Ack, body: Body) -> None:
        got.append(body)
        name = body["view"]["state"]["values"]["name"]["typed"]["value"]
        if name.startswith("-"):
            ack(response_action="errors", errors={"name": "must not begin with -"})
        else:
            ack()

    @app.view("step")
    def next_step(ack: Ack) -> None:
        ack(response_action="push", view=modal(callback_id="done", clear_on_close=True))

    @app.view("swap")
    def swap(ack: Ack) -> None:
        ack(response_action="update", view=modal(text_input(), submit=SUBMIT, callback_id="form"))

    @app.view("all")
    def clear(ack: Ack) -> None:
        ack(response_action="clear")

    @app.view_closed("form")
    def closed(ack: Ack, body: Body) -> None:
        got.append(body)
        ack()

    connect()
    return got


def test_a_form_goes_from_trigger_to_submission(slack: SlackSandbox, form_app: list[Body]) -> None:
    """The ordinary way of a modal: open, fill in, submit, gone."""
    jane = slack.user(JANE)
    jane.command(GENERAL, "/ds")
    (view,) = slack.modals(JANE)

    outcome = jane.submit(view, {"name": "jekyll-dev"})

    assert outcome.is_ok and slack.modals(JANE) == []
    (body,) = form_app
    assert body["type"] == "view_submission"
    assert body["view"]["state"]["values"]["name"]["typed"] == {
        "type": "plain_text_input",
        "value": "jekyll-dev",
    }


def test_errors_keep_the_form_open(slack: SlackSandbox, form_app: list[Body]) -> None:
    """Both kinds: what Slack itself misses, and what the app objects to."""
    jihoon = slack.user(JIHOON)
    jihoon.command(GENERAL, "/ds")
    (view,) = slack.modals(JIHOON)

    assert jihoon.submit(view).errors == {"name": "필수 입력란을 작성해 주세요."}
    assert form_app == []
    assert jihoon.submit(view, {"typed": "-x"}).errors == {"name": "must not begin with -"}
    (still_open,) = slack.modals(JIHOON)
    assert still_open.errors and still_open.state["name"]["typed"]["value"] == "-x"


def test_a_submission_may_push_update_or_clear(slack: SlackSandbox, form_app: list[Body]) -> None:
    """The three other response actions."""
    jane = slack.user(JANE)

    jane.command(GENERAL, "/ds", "step")
    jane.submit(slack.modals(JANE)[-1], {"name": "a"})
    bottom, top = slack.modals(JANE)
    assert (top.previous_id, top.root_id) == (bottom.id, bottom.id)
    jane.close(top)
    assert slack.modals(JANE) == []

    jane.command(GENERAL, "/ds", "swap")
    (before,) = slack.modals(JANE)
    jane.submit(before, {"name": "kept"})
    (after,) = slack.modals(JANE)
    assert after.id == before.id and after.hash != before.hash
    assert after.state["name"]["typed"]["value"] == "kept"

    jane.command(GENERAL, "/ds", "all")
    jane.submit(slack.modals(JANE)[-1], {"name": "a"})
    assert slack.modals(JANE) == []


def test_closing_is_told_when_asked_for(slack: SlackSandbox, form_app: list[Body]) -> None:
    """notify_on_close: the bot can let go of what it held for the form."""
    jane = slack.user(JANE)
    jane.command(GENERAL, "/ds")

    jane.close(slack.modals(JANE)[-1], all_views=True)

    (body,) = form_app
    assert (body["type"], body["is_cleared"]) == ("view_closed", True)


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(SlackApiError) as refused:
        act()
    return str(refused.value.response["error"])


@pytest.fixture
def trigger(app: App, connect: Connect, slack: SlackSandbox) -> str:
    """A fresh trigger id of Jane's."""
    got: list[str] = []

    @app.command("/ds")
    def keep(ack: Ack, command: Body) -> None:
        got.append(command["trigger_id"])
        ack()

    connect()
    slack.user(JANE).command(GENERAL, "/ds")
    return got[0]


def test_a_trigger_id_lives_three_seconds(
    client: WebClient, trigger: str, clock: ManualClock
) -> None:
    """Nothing slow may come before views.open."""
    clock.advance(3.01)

    assert (
        code_of(lambda: client.views_open(trigger_id=trigger, view=modal())) == "expired_trigger_id"
    )


def test_a_trigger_id_opens_one_modal(client: WebClient, trigger: str, clock: ManualClock) -> None:
    """A second use is told apart from a late one."""
    clock.advance(2.9)
    client.views_open(trigger_id=trigger, view=modal())

    assert (
        code_of(lambda: client.views_open(trigger_id=trigger, view=modal()))
        == "exchanged_trigger_id"
    )


def test_a_refused_view_does_not_use_the_trigger_up(client: WebClient, trigger: str) -> None:
    """The bot can still show a plain modal when its rich one is refused."""
    assert (
        code_of(lambda: client.views_open(trigger_id=trigger, view=modal({"type": "x"})))
        == "invalid_arguments"
    )
    client.views_open(trigger_id=trigger, view=modal())


def test_no_more_than_three_modals_lie_on_each_other(
    app: App, client: WebClient, slack: SlackSandbox, trigger: str
) -> None:
    """push_limit_reached."""
    results: list[Any] = []

    @app.action("go")
    def push(ack: Ack, body: Body, client: WebClient) -> None:
        ack()
        try:
            results.append(
                client.views_push(trigger_id=body["trigger_id"], view=modal(actions(button())))[
                    "ok"
                ]
            )
        except SlackApiError as error:
            results.append(error.response["error"])

    client.views_open(trigger_id=trigger, view=modal(actions(button())))
    for _ in range(3):
        slack.user(JANE).click(slack.modals(JANE)[-1], "go")

    assert results == [True, True, "push_limit_reached"]
    assert len(slack.modals(JANE)) == 3


def test_a_view_is_updated_by_id_or_external_id_and_only_with_the_right_hash(
    client: WebClient, slack: SlackSandbox, trigger: str
) -> None:
    """The hash is how two updates at once are noticed."""
    view = client.views_open(trigger_id=trigger, view=modal(external_id="job-1"))["view"]
    again = modal(section("later"), external_id="job-1")

    client.views_update(external_id="job-1", view=again, hash=view["hash"])

    assert slack.modals(JANE)[0].blocks[0]["text"]["text"] == "later"
    assert (
        code_of(lambda: client.views_update(view_id=view["id"], view=again, hash=view["hash"]))
        == "hash_conflict"
    )


# --- App Home ---------------------------------------------------------------------------------


def test_opening_home_lets_the_app_publish_it(
    app: App, connect: Connect, slack: SlackSandbox
) -> None:
    """app_home_opened → views.publish; the second opening carries the view."""
    events: list[Body] = []

    @app.event("app_home_opened")
    def opened(event: Body, client: WebClient) -> None:
        events.append(event)
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section()]})

    connect()
    slack.user(JANE).open_home()
    slack.wait_for(lambda: slack.home(JANE))
    slack.user(JANE).open_home()
    slack.wait_for(lambda: len(slack.acks) == 2)

    assert [event["tab"] for event in events] == ["home", "home"]
    assert "view" not in events[0] and events[1]["view"]["type"] == "home"
    assert slack.home(JIHOON) is None


def test_publishing_needs_the_home_tab() -> None:
    """The manifest must enable it: `not_enabled` otherwise."""
    manifest = DEFAULT_MANIFEST | {"features": {}}
    with SlackSandbox(manifest) as slack:
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        home = {"type": "home", "blocks": [section()]}

        assert code_of(lambda: client.views_publish(user_id=JANE, view=home)) == "not_enabled"
        assert (
            code_of(lambda: client.chat_postMessage(channel=JANE, text="x"))
            == "messages_tab_disabled"
        )


# --- response URLs ----------------------------------------------------------------------------


@pytest.fixture
def webhook(app: App, connect: Connect, slack: SlackSandbox) -> WebhookClient:
    """The response URL of a command that Jane typed in a channel without the bot."""
    urls: list[str] = []

    @app.command("/ds")
    def keep(ack: Ack, command: Body) -> None:
        urls.append(command["response_url"])
        ack()

    connect()
    slack.user(JANE).command("C0SHINY", "/ds")
    return WebhookClient(urls[0])


def test_a_response_url_serves_five_times(webhook: WebhookClient, slack: SlackSandbox) -> None:
    """Too few for progress: the sixth is refused, and respond() does not raise."""
    answers = [webhook.send(text=f"{number}") for number in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert answers[0].body == "ok" and "used_url" in answers[5].body
    assert [message.text for message in slack.ephemerals(JANE)] == ["0", "1", "2", "3", "4"]


def test_a_response_url_lives_thirty_minutes(webhook: WebhookClient, clock: ManualClock) -> None:
    """After that the Web API is the only way."""
    clock.advance(30 * 60 - 1)
    assert webhook.send(text="in time").status_code == 200
    clock.advance(2)
    late = webhook.send(text="late")

    assert (late.status_code, "expired_url" in late.body) == (404, True)


def test_a_response_may_replace_and_delete_what_it_said(
    webhook: WebhookClient, slack: SlackSandbox
) -> None:
    """An ephemeral message can only be changed this way, and it stays ephemeral."""
    webhook.send(text="first")
    webhook.send(text="second", replace_original=True, response_type="in_channel")
    assert [message.text for message in slack.ephemerals(JANE)] == ["second"]

    webhook.send(delete_original=True)
    assert slack.ephemerals(JANE) == [] and slack.messages("C0SHINY") == []


def test_a_response_in_channel_is_seen_by_all(webhook: WebhookClient, slack: SlackSandbox) -> None:
    """No membership is needed."""
    webhook.send(text="for all", response_type="in_channel")

    assert [message.text for message in slack.messages("C0SHINY")] == ["for all"]


def test_a_bad_response_is_refused_and_costs_no_use(webhook: WebhookClient) -> None:
    """invalid_blocks by response URL too."""
    bad = webhook.send(text="x", blocks=[{"type": "blink"}])

    assert (bad.status_code, "invalid_blocks" in bad.body) == (400, True)
    assert [webhook.send(text="x").status_code for _ in range(5)] == [200] * 5


def test_an_ack_in_channel_shows_the_typed_command_too(
    app: App, connect: Connect, slack: SlackSandbox
) -> None:
    """Which is why commands that may carry secrets never use it."""

    @app.command("/ds")
    def answer(ack: Ack) -> None:
        ack(text="done", response_type="in_channel")

    connect()
    slack.user(JANE).command(GENERAL, "/ds", "vm <b>")

    said = [(message.user, message.text) for message in slack.messages(GENERAL)]
    assert said == [(JANE, "/ds vm &lt;b&gt;"), ("U0DSBOT", "done")]


def test_respond_replaces_the_message_that_was_clicked(
    app: App, connect: Connect, client: WebClient, slack: SlackSandbox
) -> None:
    """What Bolt's `respond` does after a button."""

    @app.action("go")
    def go(ack: Ack, respond: Respond) -> None:
        ack()
        respond(text="gone", replace_original=True)

    connect()
    client.chat_postMessage(channel=GENERAL, text="x", blocks=[actions(button())])
    slack.user(JANE).click(slack.messages(GENERAL)[-1], "go")

    (message,) = slack.messages(GENERAL)
    assert (message.text, message.blocks) == ("gone", [])


def test_waiting_ends_with_an_error_that_says_so(slack: SlackSandbox) -> None:
    """A test that waits for what never comes must fail, not hang."""
    with pytest.raises(TimeoutError):
        slack.wait_for(lambda: False, timeout=0.05)
