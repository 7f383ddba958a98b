"""A load of signed slash commands over keep-alive connections on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import time
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

_trigger = itertools.count(1)
MOST_REQUESTS = 200_000
SLACKS_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Target:
    """A bot in HTTP mode: `url` is the whole address of /slack/events."""

    url: str
    secret: str
    command: str = "/ds"
    text: str = "ps"
    user_id: str = "U0JANE"
    channel_id: str = "C0GENERAL"


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run measured. Times in milliseconds."""

    clients: int
    requests: int
    per_second: float
    p50: float
    p99: float
    slowest: float
    late: int  # answered after Slack's 3 s
    statuses: dict[int, int]

    def __str__(self) -> str:
        statuses = ", ".join(f"{count} x {status}" for status, count in self.statuses.items())
        return (
            f"{self.clients:3} clients  p50 {self.p50:8.2f}  p99 {self.p99:8.2f}  "
            f"max {self.slowest:8.1f} ms  {self.per_second:7.0f}/s  late {self.late}  [{statuses}]"
        )


def measure(target: Target, clients: int, seconds: float) -> Figures:
    """Send commands from `clients` connections, each waiting for its answer, for `seconds`."""
    return asyncio.run(_measure(target, clients, seconds))


def command_body(target: Target) -> bytes:
    """One slash command as Slack sends it, with a trigger id never used before."""
    now, number = time.time(), next(_trigger)
    fields = {
        "token": "bench",
        "team_id": "T0BENCH",
        "team_domain": "bench",
        "channel_id": target.channel_id,
        "channel_name": "general",
        "user_id": target.user_id,
        "user_name": "bench",
        "command": target.command,
        "text": target.text,
        "api_app_id": "A0BENCH",
        "is_enterprise_install": "false",
        "response_url": "http://127.0.0.1:9/commands/bench",
        "trigger_id": f"{now:.6f}.{number}.bench",
    }
    return urlencode(fields).encode()


def signed(target: Target, body: bytes) -> bytes:
    """The whole HTTP/1.1 request, signed now."""
    parts = urlsplit(target.url)
    timestamp = str(int(time.time()))
    base = b"v0:" + timestamp.encode() + b":" + body
    signature = hmac.new(target.secret.encode(), base, hashlib.sha256).hexdigest()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\nX-Slack-Request-Timestamp: {timestamp}\r\n"
        f"X-Slack-Signature: v0={signature}\r\n\r\n"
    )
    return head.encode() + body


async def _measure(target: Target, clients: int, seconds: float) -> Figures:
    times: list[float] = []
    statuses: Counter[int] = Counter()
    began = time.perf_counter()
    runs = [_client(target, began + seconds, times, statuses) for _ in range(clients)]
    await asyncio.gather(*runs)
    took = time.perf_counter() - began
    times.sort()
    return Figures(
        clients=clients,
        requests=len(times),
        per_second=len(times) / took,
        p50=_quantile(times, 0.50) * 1000,
        p99=_quantile(times, 0.99) * 1000,
        slowest=times[-1] * 1000,
        late=sum(1 for taken in times if taken > SLACKS_PATIENCE_S),
        statuses=dict(statuses),
    )


async def _client(target: Target, until: float, times: list[float], statuses: Counter[int]) -> None:
    parts = urlsplit(target.url)
    reader = writer = None
    while time.perf_counter() < until and len(times) < MOST_REQUESTS:
        request = signed(target, command_body(target))
        began = time.perf_counter()
        if reader is None or writer is None:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(request)
        status, keeps = await _answer(reader)
        times.append(time.perf_counter() - began)
        statuses[status] += 1
        if not keeps:
            writer.close()
            reader = writer = None
    if writer is not None:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """(status, whether the connection stays open) of an answer read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (x.split(":", 1) for x in lines)}
    keeps = first.startswith("HTTP/1.1") and headers.get("connection", "").lower() != "close"
    if "content-length" in headers:
        await reader.readexactly(int(headers["content-length"]))
    elif not keeps:
        await reader.read()
    return int(first.split()[1]), keeps


def _quantile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
