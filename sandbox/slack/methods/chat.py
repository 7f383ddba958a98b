"""chat.* and reactions.*: what the bot says."""

from __future__ import annotations

from sandbox.slack.errors import SlackError
from sandbox.slack.limits import (
    MARKDOWN_TEXT,
    POST_TEXT,
    check_message_blocks,
    check_metadata,
    check_update_text,
)
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.methods.context import Api
from sandbox.slack.records import Channel, Json, Message
from sandbox.slack.workspace import Draft

MOST_ATTACHMENTS = 100


def post_message(api: Api, args: Arguments) -> Json:
    """chat.postMessage: text over 40,000 characters is cut."""
    channel = api.writable_channel(args.text("channel"))
    draft = _draft(args)
    draft.text = draft.text[:POST_TEXT]
    draft.thread_ts = _thread(api, channel, args)
    message = api.workspace.post(channel, api.workspace.bot, draft)
    return {"channel": channel.id, "ts": message.ts, "message": api.message_body(message)}


def post_ephemeral(api: Api, args: Arguments) -> Json:
    """chat.postEphemeral: for one member of a conversation that the bot is in too."""
    channel = api.own_channel(args.text("channel"))
    user = api.workspace.user(args.required("user"))
    if user.id not in channel.members:
        raise SlackError("user_not_in_channel")
    if channel.is_archived:
        raise SlackError("is_archived")
    draft = _draft(args)
    draft.visible_to, draft.thread_ts = user.id, _thread(api, channel, args)
    return {"message_ts": api.workspace.post(channel, api.workspace.bot, draft).ts}


def update(api: Api, args: Arguments) -> Json:
    """chat.update: text without blocks takes the blocks away; metadata stays unless sent anew."""
    channel, message = _own_message(api, args, "cant_update_message")
    if channel.is_archived:
        raise SlackError("is_archived")
    draft = _draft(args)
    check_update_text(draft.text)
    message = api.workspace.edit(
        message,
        text=draft.text,
        blocks=draft.blocks,
        attachments=draft.attachments,
        metadata=draft.metadata or message.metadata,
    )
    body = api.message_body(message)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": body}


def delete(api: Api, args: Arguments) -> Json:
    """chat.delete: the bot's own messages only."""
    channel, message = _own_message(api, args, "cant_delete_message")
    api.workspace.remove(message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(api: Api, args: Arguments) -> Json:
    """chat.getPermalink: an address that opens the page at the message."""
    channel = api.seen_channel(args.text("channel"))
    message = api.workspace.message(channel.id, args.required("message_ts"))
    path = f"/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": api.base_url + path}


def add_reaction(api: Api, args: Arguments) -> Json:
    """reactions.add."""
    channel = api.own_channel(args.text("channel"))
    message = api.workspace.message(channel.id, args.required("timestamp"))
    api.workspace.react(message, api.bot_user, args.required("name").strip(":"))
    return {}


def _own_message(api: Api, args: Arguments, refusal: str) -> tuple[Channel, Message]:
    channel = api.seen_channel(args.text("channel"))
    message = api.workspace.message(channel.id, args.required("ts"))
    if message.user != api.bot_user:
        raise SlackError(refusal)
    return channel, message


def _draft(args: Arguments) -> Draft:
    """What is to be said. Raises SlackError: no_text, invalid_blocks, too_many_attachments …"""
    blocks = _blocks(args)
    attachments = args.parsed("attachments", "invalid_attachments") or []
    if len(attachments) > MOST_ATTACHMENTS:
        raise SlackError("too_many_attachments")
    text = args.text("text")
    if not (text or blocks or attachments):
        raise SlackError("no_text")
    metadata = args.parsed("metadata", "invalid_metadata_format")
    if metadata is not None:
        check_metadata(metadata)
    return Draft(
        text=text,
        blocks=blocks,
        attachments=attachments,
        metadata=metadata,
        unfurl_links=args.maybe_flag("unfurl_links"),
        unfurl_media=args.maybe_flag("unfurl_media"),
    )


def _blocks(args: Arguments) -> list[Json]:
    blocks = args.parsed("blocks", "invalid_blocks_format")
    if args.has("markdown_text"):
        if args.has("text") or blocks:
            raise SlackError("markdown_text_conflict")
        if len(args.text("markdown_text")) > MARKDOWN_TEXT:
            raise SlackError("msg_too_long")
        blocks = [{"type": "markdown", "text": args.text("markdown_text")}]
    if blocks is None:
        return []
    check_message_blocks(blocks)
    checked: list[Json] = blocks
    return checked


def _thread(api: Api, channel: Channel, args: Arguments) -> str | None:
    if not args.has("thread_ts"):
        return None
    parent = api.workspace.message(channel.id, args.text("thread_ts"))
    return parent.thread_ts or parent.ts
