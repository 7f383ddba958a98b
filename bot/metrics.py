"""What the bot counts, for `GET /metrics`. Any part may import this and count.

A label's value is one of a few words of ours (a command's name in the grammar, a state, an
outcome), never text that a person typed: every new value is a new series that stays in memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

# Registries of our own start empty, so that a library's default metrics do not come along.
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # memory, CPU, open files of this process

ACK_SECONDS = Histogram(
    "ds_bot_ack_seconds",
    "From the arrival of a payload of Slack's to its acknowledgement; Slack gives up after 3 s.",
    ["transport"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
    registry=REGISTRY,
)
REFUSED_REQUESTS = Counter(
    "ds_bot_refused_requests",
    "HTTP requests to /slack/events that were refused, by reason.",
    ["reason"],
    registry=REGISTRY,
)
SOCKETS_OPENED = Counter(
    "ds_bot_sockets_opened", "Socket Mode connections opened.", registry=REGISTRY
)
COMMANDS = Counter(
    "ds_bot_commands",
    "Commands, clicks and forms taken from people.",
    ["command", "outcome"],
    registry=REGISTRY,
)
CHAT_UPDATES = Counter(
    "ds_bot_chat_updates",
    "Edits of messages: sent, merged into a later one, or failed.",
    ["outcome"],
    registry=REGISTRY,
)
OPERATIONS = Gauge(
    "ds_bot_operations", "Operations remembered.", ["kind", "state"], registry=REGISTRY
)
VMS = Gauge("ds_bot_vms", "VMs that the bot has ordered.", ["state"], registry=REGISTRY)


SWEEPS = Counter("ds_bot_sweeps", "Sweeps over all VMs that were finished.", registry=REGISTRY)
SWEPT = Counter(
    "ds_bot_swept",
    "What sweeps found and began: VMs by use, differences with the cloud by kind, and acts.",
    ["what"],
    registry=REGISTRY,
)
REAPED = Counter(
    "ds_bot_reaped",
    "Idle VMs at their end: reaped, stopped (not any more to be taken), failed, released.",
    ["how"],
    registry=REGISTRY,
)
KEPT = Counter("ds_bot_kept", "VMs that somebody kept or extended.", ["how"], registry=REGISTRY)


def show_sweep(counts: Mapping[str, int]) -> None:
    """Count what a sweep came to, by our words for it."""
    SWEEPS.inc()
    for what, count in counts.items():
        SWEPT.labels(what).inc(count)


def show_operations(counts: Mapping[tuple[str, str], int]) -> None:
    """Set how many operations there are, by (kind, state); what is not named is gone."""
    OPERATIONS.clear()
    for (kind, state), count in counts.items():
        OPERATIONS.labels(kind, state).set(count)


def show_vms(counts: Mapping[str, int]) -> None:
    """Set how many VMs there are, by state; what is not named is gone."""
    VMS.clear()
    for state, count in counts.items():
        VMS.labels(state).set(count)


def exposition() -> bytes:
    """All of it in Prometheus's text format (version 1.0.0 of it)."""
    return generate_latest(REGISTRY)
