"""files.*: the three steps of an upload, and looking at a file."""

from __future__ import annotations

import mimetypes

from sandbox.slack.errors import SlackError
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.methods.context import Api
from sandbox.slack.records import Json, StoredFile
from sandbox.slack.workspace import Draft


def get_upload_url(api: Api, args: Arguments) -> Json:
    """files.getUploadURLExternal: where to POST the bytes."""
    name, length = args.required("filename"), args.number("length", 0)
    if length <= 0:
        raise SlackError("invalid_arguments")
    file = api.workspace.add_file(name, length, args.text("alt_txt")[:1000])
    file.mimetype = mimetypes.guess_type(name)[0] or file.mimetype
    return {"upload_url": f"{api.base_url}/upload/v1/{file.secret}", "file_id": file.id}


def complete_upload(api: Api, args: Arguments) -> Json:
    """files.completeUploadExternal: shares the files when a channel is named."""
    entries = args.parsed("files", "invalid_arguments")
    if not isinstance(entries, list) or not entries:
        raise SlackError("invalid_arguments")
    files = [_uploaded(api, entry) for entry in entries]
    for channel_id in args.names("channels") or args.names("channel_id"):
        _share(api, args, channel_id, files)
    for file in files:
        file.is_complete = True
    return {"files": [_body(api, file) for file in files]}


def file_info(api: Api, args: Arguments) -> Json:
    """files.info."""
    file = api.workspace.file(args.required("file"))
    return {"file": _body(api, file), "comments": [], "content_html": None}


def _uploaded(api: Api, entry: Json) -> StoredFile:
    file = api.workspace.file(str(entry.get("id")))
    if file.content is None or file.is_complete:
        raise SlackError("file_not_found")
    file.title = str(entry.get("title") or file.name)
    return file


def _share(api: Api, args: Arguments, channel_id: str, files: list[StoredFile]) -> None:
    channel = api.own_channel(channel_id)
    draft = Draft(
        text=args.text("initial_comment"),
        files=[file.id for file in files],
        thread_ts=args.text("thread_ts") or None,
    )
    api.workspace.post(channel, api.workspace.bot, draft)
    for file in files:
        file.channels.append(channel.id)


def _body(api: Api, file: StoredFile) -> Json:
    return file.to_api(api.base_url, api.workspace.team.id)
