"""Slack's rate limits: per method and minute by tier, and one post per second and channel.

Tiers: method data of slack-ruby/slack-api-ref (2026-08-20) and
docs.slack.dev/apis/web-api/rate-limits. How sharply Slack enforces them is not documented; the
sandbox allows exactly the tier's number in any 60 seconds, which is never kinder than Slack.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0
TIER_1, TIER_2, TIER_3, TIER_4 = 1, 20, 50, 100
POSTS_PER_WORKSPACE = 300  # "several hundred messages per minute"
POST_BURST = 3  # "short bursts" above one per second are let through
UNLIMITED = frozenset({"api.test", "auth.test", "chat.postMessage"})

PER_MINUTE: dict[str, int] = {
    "apps.connections.open": TIER_3,
    "bots.info": TIER_3,
    "chat.delete": TIER_3,
    "chat.getPermalink": TIER_4,
    "chat.postEphemeral": TIER_4,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.join": TIER_3,
    "conversations.list": TIER_2,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.info": TIER_4,
    "reactions.add": TIER_3,
    "team.info": TIER_3,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
}


class Pacing:
    """Counts calls. `is_on` may be switched at any time; counts are kept while it is off."""

    def __init__(self, time: Callable[[], float], *, is_on: bool = True) -> None:
        self._time = time
        self._calls: dict[str, deque[float]] = {}
        self._tokens: dict[str, tuple[float, float]] = {}  # channel -> (tokens, at)
        self.is_on = is_on

    def admit(self, method: str, channel: str = "") -> int:
        """0 when the call may go on, else the seconds for Retry-After (1 or more).

        A call that is refused does not count.
        """
        if not self.is_on:
            return 0
        if method == "chat.postMessage":
            return self._admit_post(channel)
        if method in UNLIMITED or method not in PER_MINUTE:
            return 0
        return self._admit_window(method, PER_MINUTE[method])

    def _admit_post(self, channel: str) -> int:
        wait = self._admit_token(channel)
        return wait or self._admit_window("chat.postMessage", POSTS_PER_WORKSPACE)

    def _admit_window(self, key: str, per_minute: int) -> int:
        now = self._time()
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - WINDOW_S:
            calls.popleft()
        if len(calls) >= per_minute:
            return max(1, math.ceil(calls[0] + WINDOW_S - now))
        calls.append(now)
        return 0

    def _admit_token(self, channel: str) -> int:
        now = self._time()
        tokens, at = self._tokens.get(channel, (float(POST_BURST), now))
        tokens = min(float(POST_BURST), tokens + (now - at))
        if tokens < 1:
            self._tokens[channel] = (tokens, now)
            return max(1, math.ceil(1 - tokens))
        self._tokens[channel] = (tokens - 1, now)
        return 0
