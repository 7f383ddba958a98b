"""Files for Slack, in its three steps: ask where to, send the bytes, complete.

Nobody sees a file before it is completed. Completing shares it, so it is asked once; the steps
before it may be asked again by whoever calls.
Source: docs.slack.dev, files.getUploadURLExternal and files.completeUploadExternal.
"""

from __future__ import annotations

import json

from bot.adapters.slack_api import Answer, SlackApi
from bot.adapters.slack_errors import understanding
from bot.adapters.slack_pacer import PostTurns
from bot.adapters.slack_text import trimmed

_ALT_TEXT = 1_000  # characters
_COMMENT = 4_000  # characters; what Slack recommends for a message's text at the most


class Files:
    """Each method raises ChatRefused and ChatUnknown.

    turns: sharing posts a message, and has to wait for its turn in the channel.
    """

    def __init__(self, api: SlackApi, turns: PostTurns) -> None:
        self._api = api
        self._turns = turns

    def upload(self, name: str, content: bytes, alt_text: str) -> str:
        """Id of a file that is in no conversation."""
        file_id = self._sent(name, content, alt_text)
        self._complete(name, file_id, {})
        return file_id

    def share(
        self, channel_id: str, thread_ts: str | None, name: str, content: bytes, comment: str
    ) -> None:
        """Post a file in a conversation or in a thread of it."""
        file_id = self._sent(name, content, "")
        place = {"channel_id": channel_id, "initial_comment": trimmed(comment, _COMMENT)}
        if thread_ts is not None:
            place["thread_ts"] = thread_ts
        self._turns.wait(channel_id)
        self._complete(name, file_id, place)

    def _sent(self, name: str, content: bytes, alt_text: str) -> str:
        question: Answer = {"filename": name, "length": len(content)}
        if alt_text:
            question["alt_txt"] = trimmed(alt_text, _ALT_TEXT)
        answer = self._api.read("files.getUploadURLExternal", question)
        with understanding():
            upload_url, file_id = str(answer["upload_url"]), str(answer["file_id"])
        self._api.send_bytes(upload_url, content)
        return file_id

    def _complete(self, name: str, file_id: str, place: Answer) -> None:
        files = json.dumps([{"id": file_id, "title": name}])
        self._api.act("files.completeUploadExternal", {"files": files} | place)
