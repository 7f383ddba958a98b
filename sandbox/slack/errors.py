"""The ways in which the sandbox says no, in Slack's own codes."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """A Web API call refused with HTTP 200 and `ok: false`.

    `code` is Slack's error code; `extra` is merged into the answer's body.
    """

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"ok": False, "error": self.code, **self.extra}


def with_messages(code: str, complaints: list[str]) -> SlackError:
    """A refusal that lists what is wrong the way Slack lists it."""
    return SlackError(
        code,
        errors=complaints,
        response_metadata={"messages": [f"[ERROR] {complaint}" for complaint in complaints]},
    )


class NotDelivered(Exception):
    """The app did not take a payload; `code` is the reason that Slack shows to the person.

    operation_timeout   no ack within three seconds
    dispatch_failed     nobody to send it to, or the request URL cannot be reached
    http_client_error   the request URL answered 4xx
    http_service_error  the request URL answered anything else but 200
    """

    def __init__(self, code: str, retry_reason: str, may_retry: bool = True) -> None:
        super().__init__(code)
        self.code = code
        self.retry_reason = retry_reason  # as in the header x-slack-retry-reason
        self.may_retry = may_retry
