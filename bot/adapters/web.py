"""Looking at a page as a browser would, to know whether what we started answers."""

from __future__ import annotations

import time
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urljoin

import requests

_MAX_REDIRECTS = 5


class HttpWeb:
    """Implements `bot.ports.Web` with plain requests: no proxy, no cookies kept, no body read."""

    def answers(self, url: str, timeout: timedelta) -> bool:
        """True when GET, redirects followed, gives status 200 within `timeout`; never raises."""
        deadline = time.monotonic() + timeout.total_seconds()
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy of the bot's network does not reach its VMs
                return _answers(session, url, deadline)
        except (requests.RequestException, ValueError):  # ValueError: a URL that is none
            return False


def _answers(session: requests.Session, url: str, deadline: float) -> bool:
    """Redirects are followed here, not in requests, whose time limit starts anew at each."""
    for _ in range(_MAX_REDIRECTS + 1):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        with session.get(url, timeout=remaining, allow_redirects=False, stream=True) as response:
            if not response.is_redirect:
                return response.status_code == HTTPStatus.OK
            url = urljoin(url, response.headers["location"])
    return False
