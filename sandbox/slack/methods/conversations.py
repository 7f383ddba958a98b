"""conversations.*: what the bot can find out about channels, and what was said there."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.slack.errors import SlackError
from sandbox.slack.methods.arguments import Arguments, page_of, with_cursor
from sandbox.slack.methods.context import Api
from sandbox.slack.records import Channel, Json, Message


def list_channels(api: Api, args: Arguments) -> Json:
    """conversations.list: public channels unless `types` says otherwise."""
    types = set(args.names("types") or ["public_channel"])
    if types - {"public_channel", "private_channel", "im", "mpim"}:
        raise SlackError("invalid_types")
    skip_archived = args.flag("exclude_archived")
    found = [
        channel
        for channel in api.workspace.channels.values()
        if _type(channel) in types
        and not (channel.is_archived and skip_archived)
        and (_type(channel) == "public_channel" or api.bot_user in channel.members)
    ]
    page, cursor = page_of(args, found)
    return with_cursor({"channels": [c.to_api(api.bot_user) for c in page]}, cursor)


def get_channel(api: Api, args: Arguments) -> Json:
    """conversations.info."""
    channel = api.seen_channel(args.text("channel"))
    body = channel.to_api(api.bot_user)
    if args.flag("include_num_members"):
        body["num_members"] = len(channel.members)
    if args.flag("include_locale"):
        body["locale"] = "en-US"
    return {"channel": body}


def list_members(api: Api, args: Arguments) -> Json:
    """conversations.members."""
    channel = api.seen_channel(args.text("channel"))
    page, cursor = page_of(args, channel.members)
    return with_cursor({"members": page}, cursor)


def open_conversation(api: Api, args: Arguments) -> Json:
    """conversations.open: the direct conversation with one person."""
    if args.has("channel"):
        channel, is_old = api.own_channel(args.text("channel")), True
    else:
        users = args.names("users")
        if not users:
            raise SlackError("users_list_not_supplied")
        if len(users) > 1:
            raise SlackError("method_not_supported_for_channel_type")  # no group DMs here
        known = set(api.workspace.channels)
        channel = api.direct(users[0])
        is_old = channel.id in known
    body = channel.to_api(api.bot_user) if args.flag("return_im") else {"id": channel.id}
    return {"channel": body} | ({"no_op": True, "already_open": True} if is_old else {})


def join(api: Api, args: Arguments) -> Json:
    """conversations.join: public channels only; a member already is success."""
    channel = api.seen_channel(args.text("channel"))
    if channel.is_private or channel.is_im:
        raise SlackError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise SlackError("is_archived")
    api.workspace.join(channel, api.bot_user)
    return {"channel": channel.to_api(api.bot_user)}


def history(api: Api, args: Arguments) -> Json:
    """conversations.history: newest first, without replies in threads."""
    channel = api.own_channel(args.text("channel"))
    is_within = _span(args)
    found = [
        message
        for message in reversed(api.workspace.messages(channel.id))
        if not message.is_reply and is_within(message)
    ]
    return _messages(api, args, found)


def replies(api: Api, args: Arguments) -> Json:
    """conversations.replies: the parent and its thread, oldest first."""
    channel = api.own_channel(args.text("channel"))
    ts = args.required("ts")
    if all(message.ts != ts for message in api.workspace.messages(channel.id)):
        raise SlackError("thread_not_found")
    is_within = _span(args)
    found = [
        message
        for message in api.workspace.messages(channel.id)
        if message.ts == ts or (message.thread_ts == ts and is_within(message))
    ]
    return _messages(api, args, found)


def _messages(api: Api, args: Arguments, found: list[Message]) -> Json:
    page, cursor = page_of(args, found, most=999)
    with_metadata = args.flag("include_all_metadata")
    bodies = [api.message_body(entry, include_metadata=with_metadata) for entry in page]
    return with_cursor({"messages": bodies, "has_more": bool(cursor)}, cursor)


def _span(args: Arguments) -> Callable[[Message], bool]:
    """Whether a message is after `oldest` and before `latest`, the ends only if `inclusive`."""
    try:
        oldest, latest = _instant(args.text("oldest", "0")), _instant(args.text("latest"))
    except ValueError as error:
        raise SlackError("invalid_ts_oldest") from error
    inclusive = args.flag("inclusive")

    def is_within(message: Message) -> bool:
        at = _instant(message.ts)
        if inclusive:
            return oldest <= at and (latest == (0, 0) or at <= latest)
        return oldest < at and (latest == (0, 0) or at < latest)

    return is_within


def _instant(ts: str) -> tuple[int, int]:
    """A ts as (seconds, microseconds): a float has not digits enough."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds or 0), int(fraction[:6].ljust(6, "0") or 0)


def _type(channel: Channel) -> str:
    if channel.is_im:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"
