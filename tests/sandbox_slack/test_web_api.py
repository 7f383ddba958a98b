"""The Web API through the stock client."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.request import Request, urlopen

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from sandbox.slack import Rules, SlackSandbox
from sandbox.slack.manifest import DEFAULT_MANIFEST
from tests.sandbox_slack.builders import modal, section
from tests.sandbox_slack.conftest import ManualClock

GENERAL, SHINY, PLATFORM, ARCHIVED = "C0GENERAL", "C0SHINY", "C0PLATFORM", "C0OLD"


def refusal(act: Callable[[], object]) -> str:
    """The error code with which a call is refused."""
    with pytest.raises(SlackApiError) as refused:
        act()
    return str(refused.value.response["error"])


def test_a_posted_message_can_be_read_back(client: WebClient, slack: SlackSandbox) -> None:
    """The bot finds its own message again by metadata after a crash."""
    metadata = {"event_type": "ds_op", "event_payload": {"key": "op-1"}}

    posted = client.chat_postMessage(
        channel=GENERAL, text="hello", blocks=[section()], metadata=metadata
    )
    found = client.conversations_history(channel=GENERAL, include_all_metadata=True)
    without = client.conversations_history(channel=GENERAL)

    assert found["messages"][0]["metadata"] == metadata
    assert found["messages"][0]["ts"] == posted["ts"] == slack.messages(GENERAL)[0].ts
    assert "metadata" not in without["messages"][0]


def test_history_begins_after_oldest_unless_inclusive(client: WebClient) -> None:
    """A look-up that starts at a known ts must not miss or repeat it."""
    stamps = [client.chat_postMessage(channel=GENERAL, text=f"{n}")["ts"] for n in range(3)]

    after = client.conversations_history(channel=GENERAL, oldest=stamps[1])
    since = client.conversations_history(channel=GENERAL, oldest=stamps[1], inclusive=True)

    assert [entry["text"] for entry in after["messages"]] == ["2"]
    assert [entry["text"] for entry in since["messages"]] == ["2", "1"]


def test_history_pages_through_everything_once(client: WebClient) -> None:
    """The stock client follows next_cursor; none may be lost or come twice."""
    for number in range(7):
        client.chat_postMessage(channel=GENERAL, text=f"{number}")

    texts, has_more = [], []
    for page in client.conversations_history(channel=GENERAL, limit=3):
        texts += [entry["text"] for entry in page["messages"]]
        has_more.append(page["has_more"])

    assert texts == [f"{number}" for number in reversed(range(7))]
    assert has_more == [True, True, False]


def test_replies_stay_in_their_thread(client: WebClient) -> None:
    """Logs go to threads so that the channel stays readable."""
    parent = client.chat_postMessage(channel=GENERAL, text="parent")["ts"]
    client.chat_postMessage(channel=GENERAL, text="reply", thread_ts=parent)

    history = client.conversations_history(channel=GENERAL)["messages"]
    replies = client.conversations_replies(channel=GENERAL, ts=parent)["messages"]

    assert [(entry["text"], entry["reply_count"]) for entry in history] == [("parent", 1)]
    assert [entry["text"] for entry in replies] == ["parent", "reply"]


def test_update_replaces_text_and_blocks_and_keeps_metadata(client: WebClient) -> None:
    """`text` without `blocks` removes the blocks: buttons that were used must go."""
    metadata = {"event_type": "ds_op", "event_payload": {}}
    posted = client.chat_postMessage(
        channel=GENERAL, text="a", blocks=[section()], metadata=metadata
    )

    updated = client.chat_update(channel=GENERAL, ts=posted["ts"], text="b")

    assert updated["message"]["text"] == "b"
    assert "blocks" not in updated["message"]
    assert updated["message"]["metadata"] == metadata
    assert updated["message"]["edited"]["user"] == "U0DSBOT"


def test_a_direct_message_can_be_sent_to_a_user_id_and_edited_by_channel_id(
    client: WebClient,
) -> None:
    """chat.update needs the D… id that chat.postMessage answers with."""
    posted = client.chat_postMessage(channel="U0JANE", text="private")

    assert posted["channel"] == client.conversations_open(users="U0JANE")["channel"]["id"]
    assert posted["channel"].startswith("D")
    client.chat_update(channel=posted["channel"], ts=posted["ts"], text="edited")
    assert (
        refusal(lambda: client.chat_update(channel="U0JANE", ts=posted["ts"], text="x"))
        == "channel_not_found"
    )


def test_long_posts_are_cut_and_long_updates_refused(client: WebClient) -> None:
    """The two methods differ, and only the second tells."""
    posted = client.chat_postMessage(channel=GENERAL, text="x" * 50_000)

    assert len(posted["message"]["text"]) == 40_000
    assert (
        refusal(lambda: client.chat_update(channel=GENERAL, ts=posted["ts"], text="x" * 4001))
        == "msg_too_long"
    )


REFUSALS: dict[str, Callable[[WebClient], object]] = {
    "not_in_channel": lambda c: c.conversations_history(channel=SHINY),
    "channel_not_found": lambda c: c.chat_postMessage(channel="C0NOWHERE", text="x"),
    "is_archived": lambda c: c.chat_postMessage(channel=ARCHIVED, text="x"),
    "no_text": lambda c: c.api_call("chat.postMessage", json={"channel": GENERAL}),
    "user_not_found": lambda c: c.users_info(user="U0NOBODY"),
    "message_not_found": lambda c: c.chat_update(channel=GENERAL, ts="1.000001", text="x"),
    "user_not_in_channel": lambda c: c.chat_postEphemeral(
        channel=PLATFORM, user="U0JIHOON", text="x"
    ),
    "cannot_dm_bot": lambda c: c.conversations_open(users="U0DSBOT"),
    "user_disabled": lambda c: c.conversations_open(users="U0GONE"),
    "method_not_supported_for_channel_type": lambda c: c.conversations_join(channel=PLATFORM),
    "no_such_subteam": lambda c: c.usergroups_users_list(usergroup="S0NONE"),
    "invalid_blocks": lambda c: c.chat_postMessage(
        channel=GENERAL, text="x", blocks=[{"type": "blink"}]
    ),
    "invalid_blocks_format": lambda c: c.chat_postMessage(channel=GENERAL, text="x", blocks="{"),
    "invalid_metadata_format": lambda c: c.chat_postMessage(
        channel=GENERAL, text="x", metadata={"event_type": "a"}
    ),
    "thread_not_found": lambda c: c.conversations_replies(channel=GENERAL, ts="1.000001"),
    "invalid_trigger_id": lambda c: c.views_open(trigger_id="1.2.x", view=modal()),
    "not_found": lambda c: c.views_update(view_id="V0NONE", view=modal()),
    "invalid_arguments": lambda c: c.views_publish(user_id="U0JANE", view=modal()),
    "file_not_found": lambda c: c.files_info(file="F0NONE"),
    "bot_not_found": lambda c: c.bots_info(bot="B0OTHER"),
    "invalid_cursor": lambda c: c.users_list(cursor="!"),
    "unknown_method": lambda c: c.api_call("chat.shout"),
}


@pytest.mark.parametrize(("code", "act"), REFUSALS.items(), ids=REFUSALS)
def test_refusals_carry_slacks_code(
    client: WebClient, code: str, act: Callable[[WebClient], object]
) -> None:
    """The bot tells a person what to do by this code."""
    assert refusal(lambda: act(client)) == code


def test_other_peoples_messages_cannot_be_changed(client: WebClient, slack: SlackSandbox) -> None:
    """A stale ts must never overwrite what a person wrote."""
    said = slack.user("U0JANE").say(GENERAL, "mine")

    assert (
        refusal(lambda: client.chat_update(channel=GENERAL, ts=said.ts, text="x"))
        == "cant_update_message"
    )
    assert refusal(lambda: client.chat_delete(channel=GENERAL, ts=said.ts)) == "cant_delete_message"


def test_people_come_with_locale_and_flags(client: WebClient) -> None:
    """Language and permission to use the bot are read from users.info."""
    korean = client.users_info(user="U0JIHOON", include_locale=True)["user"]
    guest = client.users_info(user="U0GUEST")["user"]

    assert (korean["locale"], korean["tz"]) == ("ko-KR", "Asia/Seoul")
    assert guest["is_restricted"] and "locale" not in guest


def test_lists_show_what_the_bot_may_see(client: WebClient) -> None:
    """Private channels only when it is in them; archived ones on request."""
    public = client.conversations_list(exclude_archived=True)["channels"]
    private = client.conversations_list(types="private_channel")["channels"]
    members = client.conversations_members(channel=SHINY)["members"]
    group = client.usergroups_users_list(usergroup="S0ADMINS")["users"]

    assert {c["id"] for c in public} == {GENERAL, "C0DATASCI", "C0DATAKO", SHINY}
    assert [c["id"] for c in private] == [PLATFORM]
    assert "U0DSBOT" not in members
    assert group == ["U0ADMIN"]


def test_joining_a_public_channel_lets_the_bot_read_it(client: WebClient) -> None:
    """After the join, what was not_in_channel works."""
    client.conversations_join(channel=SHINY)

    assert client.conversations_history(channel=SHINY)["messages"] == []
    assert client.conversations_info(channel=SHINY)["channel"]["is_member"]


@pytest.mark.parametrize(
    ("token", "method", "code"),
    [
        (None, "auth.test", "not_authed"),
        ("xoxb-wrong", "auth.test", "invalid_auth"),
        ("xapp-sandbox-app", "auth.test", "not_allowed_token_type"),
        ("xoxb-sandbox-bot", "apps.connections.open", "not_allowed_token_type"),
    ],
)
def test_tokens_are_checked(slack: SlackSandbox, token: str | None, method: str, code: str) -> None:
    """A bot with the wrong token must notice here, not at the first person's command."""
    client = WebClient(token, base_url=slack.api_url)

    assert refusal(lambda: client.api_call(method)) == code


def test_a_token_may_come_in_the_body(slack: SlackSandbox) -> None:
    """Slack takes it there too, in a form."""
    body = f"token={slack.bot_token}&channel={GENERAL}&text=from+a+form".encode()
    request = Request(slack.api_url + "chat.postMessage", data=body, method="POST")

    with urlopen(request) as response:
        assert json.load(response)["ok"]

    assert slack.messages(GENERAL)[-1].text == "from a form"


def test_a_missing_scope_is_named() -> None:
    """The manifest we ship must ask for every scope that we use."""
    manifest = DEFAULT_MANIFEST | {"oauth_config": {"scopes": {"bot": ["commands"]}}}
    with SlackSandbox(manifest) as slack:
        client = WebClient(slack.bot_token, base_url=slack.api_url)

        with pytest.raises(SlackApiError) as refused:
            client.chat_postMessage(channel=GENERAL, text="x")

    answer = refused.value.response
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")


def test_a_file_goes_up_in_three_steps_and_is_shared(
    client: WebClient, slack: SlackSandbox
) -> None:
    """files_upload_v2 is what the bot uses for charts."""
    done = client.files_upload_v2(
        filename="plot.png", content=b"\x89PNG", channel=GENERAL, title="Plot", alt_txt="a plot"
    )
    info = client.files_info(file=done["file"]["id"])["file"]
    request = Request(info["url_private"], headers={"Authorization": f"Bearer {slack.bot_token}"})

    with urlopen(request) as response:
        assert response.read() == b"\x89PNG"
    assert (info["title"], info["mimetype"], info["alt_txt"]) == ("Plot", "image/png", "a plot")
    assert slack.messages(GENERAL)[-1].files == [info["id"]]


def test_the_rate_limit_of_a_method_is_its_tiers(clock: ManualClock) -> None:
    """chat.update: 50 in a minute; the 51st waits until the first is a minute old."""
    with SlackSandbox(rules=Rules(time=clock)) as slack:
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        ts = client.chat_postMessage(channel=GENERAL, text="0")["ts"]
        for number in range(50):
            client.chat_update(channel=GENERAL, ts=ts, text=f"{number}")
            clock.advance(0.5)

        with pytest.raises(SlackApiError) as refused:
            client.chat_update(channel=GENERAL, ts=ts, text="51")
        clock.advance(35)
        client.chat_update(channel=GENERAL, ts=ts, text="51")

    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "35"
    assert refused.value.response["error"] == "ratelimited"


def test_posts_are_paced_per_channel(clock: ManualClock) -> None:
    """About one per second and channel, with short bursts; other channels go on."""
    with SlackSandbox(rules=Rules(time=clock)) as slack:
        client = WebClient(slack.bot_token, base_url=slack.api_url)
        for _ in range(3):
            client.chat_postMessage(channel=GENERAL, text="x")

        assert refusal(lambda: client.chat_postMessage(channel=GENERAL, text="x")) == "ratelimited"
        client.chat_postMessage(channel="C0DATASCI", text="x")
        clock.advance(1)
        client.chat_postMessage(channel=GENERAL, text="x")
        slack.pacing.is_on = False
        for _ in range(9):
            client.chat_postMessage(channel=GENERAL, text="x")


def test_an_injected_429_is_waited_out_by_the_stock_retry_handler(
    client: WebClient, slack: SlackSandbox
) -> None:
    """This is how the bot's own pacing is tested."""
    slack.faults.rate_limit("chat.postMessage", times=1, retry_after_s=0)
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))

    client.chat_postMessage(channel=GENERAL, text="once")

    assert [call.outcome for call in slack.calls_to("chat.postMessage")] == ["rate_limited", "ok"]
    assert len(slack.messages(GENERAL)) == 1


def test_faults_hit_before_or_after_the_act(client: WebClient, slack: SlackSandbox) -> None:
    """A bot that cannot tell the two apart posts twice, or never."""
    slack.faults.drop_before("chat.postMessage")
    slack.faults.drop_after("chat.postMessage")
    slack.faults.server_error("chat.postMessage")
    slack.faults.refuse("chat.postMessage", "internal_error")

    with pytest.raises(ConnectionError):
        client.chat_postMessage(channel=GENERAL, text="lost")
    with pytest.raises(ConnectionError):
        client.chat_postMessage(channel=GENERAL, text="kept")
    with pytest.raises(SlackApiError) as broken:
        client.chat_postMessage(channel=GENERAL, text="500")
    assert refusal(lambda: client.chat_postMessage(channel=GENERAL, text="no")) == "internal_error"

    assert broken.value.response.status_code == 500
    assert [message.text for message in slack.messages(GENERAL)] == ["kept"]


def test_a_slow_answer_is_an_act_done(slack: SlackSandbox) -> None:
    """A client that gives up has still posted."""
    slack.faults.slow("chat.postMessage", 1.0)
    hasty = WebClient(slack.bot_token, base_url=slack.api_url, timeout=0.1, retry_handlers=[])  # type: ignore[arg-type]

    with pytest.raises(TimeoutError):
        hasty.chat_postMessage(channel=GENERAL, text="done")

    assert slack.messages(GENERAL)[-1].text == "done"


def test_calls_are_recorded_without_the_token(client: WebClient, slack: SlackSandbox) -> None:
    """Tests look at what the bot asked of Slack; a token has no place there."""
    client.chat_postMessage(channel=GENERAL, text="x")

    (call,) = slack.calls
    assert (call.method, call.outcome, call.args["text"]) == ("chat.postMessage", "ok", "x")
    assert "token" not in call.args


def test_reactions_and_permalinks(client: WebClient) -> None:
    """A reaction may stand for a message; a permalink leads to the page."""
    ts = client.chat_postMessage(channel=GENERAL, text="x")["ts"]
    client.reactions_add(channel=GENERAL, timestamp=ts, name="eyes")

    link = client.chat_getPermalink(channel=GENERAL, message_ts=ts)["permalink"]
    message = client.conversations_history(channel=GENERAL)["messages"][0]

    assert link.endswith(f"/archives/{GENERAL}/p{ts.replace('.', '')}")
    assert message["reactions"] == [{"name": "eyes", "users": ["U0DSBOT"], "count": 1}]
    assert (
        refusal(lambda: client.reactions_add(channel=GENERAL, timestamp=ts, name="eyes"))
        == "already_reacted"
    )
