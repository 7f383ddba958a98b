"""Every error of slack_sdk's, and every code of Slack's that the bot can meet, has been judged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk import errors as slack
from slack_sdk.web import SlackResponse

import sandbox.slack
from bot.adapters import slack_errors
from bot.adapters.slack_errors import ChatBusy, classified, code_in, judged, known_codes
from bot.errors import ChatError, ChatRefused, ChatUnknown

# Codes by method: slack-ruby/slack-api-ref, docs.slack.dev/methods, 2026-08-20.
DOCUMENTED = {
    "chat.postMessage": """as_user_not_supported channel_not_found duplicate_channel_not_found
        duplicate_message_not_found ekm_access_denied invalid_blocks invalid_blocks_format
        invalid_metadata_format invalid_metadata_schema is_archived markdown_text_conflict
        message_limit_exceeded messages_tab_disabled metadata_must_be_sent_from_app
        metadata_too_large msg_blocks_too_long no_text not_in_channel rate_limited
        restricted_action restricted_action_non_threadable_channel
        restricted_action_read_only_channel restricted_action_thread_locked
        restricted_action_thread_only_channel slack_connect_canvas_sharing_blocked
        slack_connect_file_link_sharing_blocked slack_connect_lists_sharing_blocked
        team_not_found too_many_attachments too_many_contact_cards cannot_reply_to_message
        missing_file_data attachment_payload_limit_exceeded""",
    "chat.update": """as_user_not_supported block_mismatch cant_broadcast_message
        cant_update_message channel_not_found edit_window_closed external_channel_migrating
        invalid_attachments invalid_blocks invalid_metadata_format invalid_metadata_schema
        is_inactive markdown_text_conflict message_not_found metadata_must_be_sent_from_app
        metadata_too_large msg_too_long no_dual_broadcast_content_update no_text
        slack_connect_file_link_sharing_blocked team_not_found too_many_attachments
        update_failed invalid_blocks_format streaming_state_conflict""",
    "conversations.history": """channel_is_limited_access channel_not_found invalid_cursor
        invalid_metadata_filter_keys invalid_ts_latest invalid_ts_oldest not_in_channel
        restricted_action""",
    "conversations.open": """channel_not_found invalid_user_combination
        method_not_supported_for_channel_type missing_scope not_enough_users restricted_action
        too_many_users user_disabled user_not_found user_not_visible users_list_not_supplied
        app_cannot_join_channel""",
    "users.info": "too_many_users user_not_found user_not_visible",
    "views.open": """duplicate_external_id exchanged_trigger_id expired_trigger_id
        invalid_trigger_id view_too_large""",
    "views.publish": "duplicate_external_id hash_conflict not_enabled view_too_large",
    "files.getUploadURLExternal": """alt_txt_too_large file_type_not_allowed
        file_upload_size_restricted file_uploads_disabled file_uploads_except_images_disabled
        missing_argument snippet_too_large storage_limit_reached unknown_snippet_type
        slack_connect_file_upload_sharing_blocked""",
    "files.completeUploadExternal": """channel_not_found channels_limit_exceeded file_not_found
        file_update_failed invalid_channel not_in_channel posting_to_channel_denied
        slack_connect_blocked_file_type slack_connect_file_upload_sharing_blocked""",
    "views.update": "duplicate_external_id hash_conflict not_found view_too_large",
    "all methods": """access_denied accesslimited account_inactive deprecated_endpoint
        ekm_access_denied enterprise_is_restricted fatal_error internal_error invalid_arg_name
        invalid_arguments invalid_array_arg invalid_auth invalid_charset invalid_form_data
        invalid_post_type method_deprecated missing_post_type missing_scope no_permission
        not_allowed_token_type not_authed org_login_required ratelimited request_timeout
        service_unavailable team_access_not_granted team_added_to_org token_expired
        token_revoked two_factor_setup_required""",
}
# Slack's descriptions of these: "some aspect of the operation succeeded", "truncated",
# "temporarily", "until the transition is complete", "at this time", "internal failure".
PASSING = {
    "fatal_error",
    "internal_error",
    "request_timeout",
    "service_unavailable",
    "team_added_to_org",
    "external_channel_migrating",
    "update_failed",
    "file_update_failed",
}
RATE_LIMITS = {"ratelimited", "rate_limited"}
# Codes of the sandbox for methods that the bot does not call.
OTHER_METHODS = {
    "already_reacted",
    "bot_not_found",
    "invalid_types",
    "no_such_subteam",
    "thread_not_found",
}


def answered(status: int, data: Any, headers: dict[str, str] | None = None) -> Exception:
    response = SlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.com/api/chat.postMessage",
        req_args={},
        data=data,
        headers=headers or {},
        status_code=status,
    )
    return slack.SlackApiError("no", response)  # type: ignore[no-untyped-call]


def subclasses(of: type[Exception]) -> Iterator[type[Exception]]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.parametrize("kind", list(subclasses(slack.SlackClientError)), ids=lambda k: k.__name__)
def test_every_class_of_slack_sdk_is_judged(kind: type[Exception]) -> None:
    """A class that a new version brings must be looked at: was anything sent?"""
    judged_classes = {
        slack.SlackApiError,
        *slack_errors._NOT_SENT,
        *slack_errors._NO_ANSWER,
    }

    assert kind in judged_classes


@pytest.mark.parametrize("kind", slack_errors._NOT_SENT, ids=lambda k: k.__name__)
def test_what_was_never_sent_is_refused(kind: type[Exception]) -> None:
    assert isinstance(classified(kind("no")), ChatRefused)


@pytest.mark.parametrize(
    "error",
    [
        URLError(ConnectionRefusedError()),
        URLError(TimeoutError("timed out")),
        TimeoutError("timed out"),
        ConnectionResetError(),
        RemoteDisconnected(""),
        IncompleteRead(b""),
        BadStatusLine("x"),
        OSError("certificate"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        AttributeError("'list' object has no attribute 'get'"),
        slack.SlackClientNotConnectedError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_trouble_on_the_way_says_nothing(error: Exception) -> None:
    ours = classified(error)

    assert isinstance(ours, ChatUnknown)
    assert ours.is_passing


@pytest.mark.parametrize("method", DOCUMENTED)
def test_every_documented_code_is_judged(method: str) -> None:
    assert set(DOCUMENTED[method].split()) <= known_codes()


def test_codes_are_judged_as_slack_describes_them() -> None:
    """`ok: false` means that nothing was done, except where Slack speaks of its own trouble."""
    for code in {code for codes in DOCUMENTED.values() for code in codes.split()}:
        ours = classified(answered(200, {"ok": False, "error": code}))
        if code in RATE_LIMITS:
            assert isinstance(ours, ChatBusy), code
        elif code in PASSING:
            assert isinstance(ours, ChatUnknown) and not isinstance(ours, ChatBusy), code
        else:
            assert isinstance(ours, ChatRefused) and ours.code == code, code


def test_every_code_of_the_sandbox_is_judged() -> None:
    """The sandbox knows some that the method data does not have."""
    root = Path(sandbox.slack.__file__).parent
    source = "\n".join(path.read_text("utf-8") for path in root.rglob("*.py"))
    codes = set(re.findall(r"(?:SlackError|with_messages)\(\s*\"(\w+)\"", source))
    assert len(codes) > 30

    assert codes - known_codes() == OTHER_METHODS


def test_a_code_nobody_knows_is_a_refusal_with_that_code() -> None:
    ours = classified(answered(200, {"ok": False, "error": "brand_new_code"}))

    assert isinstance(ours, ChatRefused)
    assert ours.code == "brand_new_code"
    assert "brand_new_code" in str(ours)


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (500, {"ok": False, "error": "channel_not_found"}),
        (503, {"ok": False, "error": "Received a response in a non-JSON format: <html>"}),
        (200, {"ok": False, "error": "Received a response in a non-JSON format: hello"}),
        (200, {"ok": False}),
        (200, {"ok": False, "error": 7}),
        (403, {}),
        (200, None),
        (200, b""),
    ],
)
def test_an_answer_that_is_not_slacks_says_nothing(status: int, data: Any) -> None:
    """Gateways in front of Slack answer too."""
    error = answered(status, {}) if data in (None, b"") else answered(status, data)
    if data in (None, b""):
        error.response.data = data  # type: ignore[attr-defined]

    assert isinstance(classified(error), ChatUnknown)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30), ("0", 1), (None, 1), ("soon", 1), ("-5", 1), ("9" * 30, 1)],
)
def test_a_rate_limit_tells_how_long_to_wait(header: str | None, seconds: int) -> None:
    headers = {} if header is None else {"retry-after": header}

    ours = classified(answered(429, {"ok": False, "error": "ratelimited"}, headers))

    assert isinstance(ours, ChatBusy)
    assert ours.retry_after == timedelta(seconds=seconds)


def test_the_words_tell_what_to_do() -> None:
    def words(code: str) -> str:
        ours: ChatError = judged(200, code, None)
        return str(ours)

    assert "/invite" in words("not_in_channel")
    assert "archived" in words("is_archived")
    assert "missing_scope" in words("missing_scope")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"ok": false, "error": "used_url"}', "used_url"),
        ("used_url", "used_url"),
        ("expired_url\n", "expired_url"),
        ("ok", ""),
        ('{"ok": true}', ""),
        ("<html>Not Found</html>", ""),
        ("[1]", ""),
        ("", ""),
        ('{"error": {"a": 1}}', ""),
    ],
)
def test_the_code_in_an_answer_from_a_response_url(body: str, code: str) -> None:
    assert code_in(body) == code
