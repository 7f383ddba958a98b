"""Slack's errors, renamed into ours; a test walks slack_sdk's tree of exceptions and Slack's codes.

What matters most is whether a message may have been posted. `ok: false` with a code says that it
was not, except for the few codes in which Slack speaks of its own trouble; and every trouble on
the way says nothing.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from slack_sdk import errors as slack

from bot.errors import ChatError, ChatRefused, ChatUnknown
from bot.models import Text, msgid

log = logging.getLogger(__name__)

# HTTPException, ValueError, LookupError, AttributeError: an answer that is no HTTP, no JSON or no
# object after all (web/base_client.py and slack_response.py of 3.47 let them out).
_FOREIGN = (
    slack.SlackClientError,
    OSError,
    HTTPException,
    ValueError,
    LookupError,
    AttributeError,
)

# What slack_sdk raises before it sends anything.
_NOT_SENT = (
    slack.BotUserAccessError,
    slack.SlackRequestError,
    slack.SlackObjectFormationError,
    slack.SlackClientConfigurationError,
)
_NO_ANSWER = (slack.SlackTokenRotationError, slack.SlackClientNotConnectedError)

_RATE_LIMIT = frozenset({"ratelimited", "rate_limited"})
_RETRY_AFTER = timedelta(seconds=1)  # when Slack does not say

# Codes that pass. Of the first two Slack itself says that some of it may have been done.
_PASSING = frozenset(
    {
        "fatal_error",
        "internal_error",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",  # the workspace is being moved into an organisation
        "external_channel_migrating",
        "update_failed",
        "file_update_failed",
    }
)

# Our words for the refusals. Codes: method data of slack-ruby/slack-api-ref (2026-08-20) for the
# methods that the adapter calls, and the errors common to all methods.
_REFUSALS: tuple[tuple[str, str], ...] = (
    (
        msgid("The bot is not in that channel. Type /invite there, then try again."),
        "not_in_channel channel_is_limited_access",
    ),
    (
        msgid("Slack shows the bot no such channel."),
        "channel_not_found team_not_found duplicate_channel_not_found invalid_channel",
    ),
    (msgid("That channel is archived."), "is_archived is_inactive"),
    (
        msgid("Slack does not let the bot write there ({code})."),
        "restricted_action restricted_action_read_only_channel message_limit_exceeded "
        "restricted_action_thread_only_channel restricted_action_non_threadable_channel "
        "restricted_action_thread_locked ekm_access_denied messages_tab_disabled cannot_dm_bot "
        "slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked "
        "slack_connect_lists_sharing_blocked app_cannot_join_channel invalid_user_combination "
        "method_not_supported_for_channel_type user_not_in_channel posting_to_channel_denied",
    ),
    (
        msgid("Slack knows no such person, or hides them from the bot."),
        "user_not_found user_not_visible user_disabled users_list_not_supplied not_enough_users "
        "too_many_users",
    ),
    (
        msgid("That message is gone, or cannot be changed any more."),
        "message_not_found cant_update_message edit_window_closed block_mismatch "
        "streaming_state_conflict cant_broadcast_message no_dual_broadcast_content_update "
        "duplicate_message_not_found cannot_reply_to_message",
    ),
    (
        msgid("That click came too late for Slack. Click again."),
        "expired_trigger_id exchanged_trigger_id invalid_trigger_id",
    ),
    (
        msgid("It is too late to answer that in private. Send the command again."),
        "used_url expired_url expired_response_url",
    ),
    (
        msgid("That window is closed, or shows something else by now."),
        "not_found hash_conflict duplicate_external_id push_limit_reached",
    ),
    (msgid("The app's Home is switched off in Slack ({code})."), "not_enabled"),
    (
        msgid("This workspace does not take that file ({code})."),
        "file_uploads_disabled file_uploads_except_images_disabled file_upload_size_restricted "
        "file_type_not_allowed storage_limit_reached "
        "slack_connect_file_upload_sharing_blocked slack_connect_blocked_file_type",
    ),
    (
        msgid("Slack does not take the bot's token ({code})."),
        "invalid_auth not_authed account_inactive token_expired token_revoked "
        "org_login_required two_factor_setup_required",
    ),
    (
        msgid("Slack gives the bot no permission for that ({code})."),
        "missing_scope no_permission access_denied accesslimited not_allowed_token_type "
        "enterprise_is_restricted team_access_not_granted as_user_not_supported "
        "metadata_must_be_sent_from_app",
    ),
    (
        msgid("Slack does not take what the bot wants to show ({code})."),
        "invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long no_text "
        "markdown_text_conflict invalid_attachments too_many_attachments too_many_contact_cards "
        "attachment_payload_limit_exceeded missing_file_data view_too_large "
        "invalid_metadata_format invalid_metadata_schema metadata_too_large invalid_payload",
    ),
    (
        msgid("Slack does not understand what the bot asks ({code})."),
        "invalid_arguments invalid_arg_name invalid_array_arg invalid_charset invalid_form_data "
        "invalid_post_type missing_post_type invalid_json json_not_object invalid_cursor "
        "invalid_limit invalid_ts_latest invalid_ts_oldest invalid_metadata_filter_keys "
        "unknown_method deprecated_endpoint method_deprecated upgrade_required missing_argument "
        "alt_txt_too_large snippet_too_large unknown_snippet_type file_not_found "
        "channels_limit_exceeded no_upload_url",
    ),
)
_SENTENCES = {code: sentence for sentence, codes in _REFUSALS for code in codes.split()}

_CODE = re.compile(r"[a-z][a-z0-9_-]{1,63}")
_POINTER = re.compile(r"json-pointer:([\w/.-]{1,100})")


class ChatBusy(ChatUnknown):
    """Slack gets too many requests; nothing was done, ask again after `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(Text("Slack gets too many requests from the bot just now."))
        self.retry_after = retry_after


def known_codes() -> frozenset[str]:
    """Every code of Slack's that has been judged here."""
    return _PASSING | _RATE_LIMIT | _SENTENCES.keys()


@contextmanager
def renamed(method: str) -> Iterator[None]:
    """Rename what slack_sdk and the libraries below it raise. method: for the log."""
    try:
        yield
    except _FOREIGN as error:
        ours = classified(error)
        log.info("slack: %s: %s", method, _described(error, ours))
        raise ours from error


@contextmanager
def understanding() -> Iterator[None]:
    """Read an answer: one that has not the shape it should have is ChatUnknown."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        log.warning("slack: an answer could not be read (%s)", type(error).__name__)
        raise ChatUnknown(Text("Slack gave an answer that makes no sense.")) from error


def classified(error: Exception) -> ChatError:
    """Our error for a foreign one. What we do not know is ChatUnknown: look before going on."""
    if isinstance(error, slack.SlackApiError):
        return _of_answer(error)
    if isinstance(error, _NOT_SENT):
        return refused("request_not_sent")
    if isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError):
        return ChatUnknown(Text("Slack did not answer in time."))
    if isinstance(error, OSError | HTTPException | slack.SlackClientError):
        return ChatUnknown(Text("Slack cannot be reached, or the connection broke."))
    return ChatUnknown(Text("Slack gave an answer that makes no sense."))


def judged(status: int, code: str, retry_after: str | None) -> ChatError:
    """Our error for an HTTP status and Slack's code; a code that is none says nothing."""
    if status == HTTPStatus.TOO_MANY_REQUESTS or code in _RATE_LIMIT:
        return ChatBusy(_seconds(retry_after))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ChatUnknown(Text("Slack has trouble of its own (HTTP {status}).", status=status))
    if code in _PASSING:
        return ChatUnknown(Text("Slack has trouble of its own ({code}).", code=code))
    if not _CODE.fullmatch(code):
        return ChatUnknown(Text("Slack gave an answer that makes no sense."))
    return refused(code)


def refused(code: str) -> ChatRefused:
    """A refusal in our words. A code we have none for is one all the same: Slack said no."""
    sentence = _SENTENCES.get(code, msgid("Slack said no: {code}"))
    return ChatRefused(Text(sentence, code=code), code)


def code_in(body: str) -> str:
    """The error code in an answer from a response_url, "" if it has none.

    Such an answer is "ok", or JSON, or the bare code ("used_url").
    """
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = {"error": body.strip()}
    error = parsed.get("error") if isinstance(parsed, dict) else None
    is_code = isinstance(error, str) and error != "ok" and _CODE.fullmatch(error)
    return str(error) if is_code else ""


def _of_answer(error: slack.SlackApiError) -> ChatError:
    answer = error.response
    data = answer.data if isinstance(answer.data, dict) else {}
    code = data.get("error")
    headers = {str(name).lower(): str(value) for name, value in answer.headers.items()}
    return judged(
        answer.status_code, code if isinstance(code, str) else "", headers.get("retry-after")
    )


def _seconds(header: str | None) -> timedelta:
    try:
        return max(timedelta(seconds=int(header or 1)), _RETRY_AFTER)
    except (ValueError, OverflowError):
        return _RETRY_AFTER


def _described(error: Exception, ours: ChatError) -> str:
    """What may be logged: never a text, a token or an address."""
    if not isinstance(error, slack.SlackApiError):
        reason = getattr(error, "reason", None)
        return f"{type(error).__name__} {type(reason).__name__ if reason is not None else ''}"
    code = ours.code if isinstance(ours, ChatRefused) else str(ours)
    return f"HTTP {error.response.status_code} {code} {' '.join(_pointers(error.response.data))}"


def _pointers(data: Any) -> list[str]:
    """Where in the blocks or the view Slack sees mistakes: all it says that is not content."""
    metadata = data.get("response_metadata") if isinstance(data, dict) else None
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    found = (_POINTER.search(str(each)) for each in messages or ())
    return [match[1] for match in found if match]
