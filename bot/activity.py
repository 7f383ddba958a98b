"""What a VM was seen to do: counters and counts of one look, and the signals that follow from two.

A fact that could not be read is None, and a signal that cannot be told is UNKNOWN. Neither is ever
taken for nothing going on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.models import Text


@dataclass(frozen=True, slots=True)
class ContainerActivity:
    """One running container at one look. Counters are since its start."""

    id: str
    name: str
    image: str
    app: str | None  # the catalogue's word for it; None for anything else
    started_at: datetime
    cpu_s: float | None  # CPU time of all its processes, seconds
    network_bytes: int | None  # received and sent
    connections: int | None  # established ones to its published ports
    sessions: int | None = None  # RStudio: R sessions that are loaded
    session_cpu_s: float | None = None  # RStudio: CPU time of these and their children, seconds
    is_executing: bool | None = None  # RStudio: whether it says that R computes
    last_used_at: datetime | None = None  # RStudio: when it says that a session was used last
    viewers: int | None = None  # Shiny: R processes of apps; they end soon after the last viewer


@dataclass(frozen=True, slots=True)
class VmActivity:
    """A VM at one look, read in one round trip."""

    at: datetime  # by the bot's clock
    boot_id: str | None  # counters of another boot cannot be compared
    cpu_s: float | None  # CPU time that was not idle since boot, all CPUs, seconds
    logins: int | None  # terminals and SSH connections, the bot's own left out
    containers: tuple[ContainerActivity, ...] | None  # the running ones


class Use(StrEnum):
    """Whether something is in use."""

    BUSY = "busy"
    IDLE = "idle"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signal:
    """One sign of use or of none, when it was read, and what it says in words."""

    name: str  # "computing", "session", "viewer", "connection", "cpu", "network", "login", …
    use: Use
    at: datetime
    why: Text


@dataclass(frozen=True, slots=True)
class Absence:
    """A time in which a VM was not used, and then was again."""

    left_at: datetime
    back_at: datetime


@dataclass(frozen=True, slots=True)
class Signals:
    """All signs of one look, and what is remembered of the looks before.

    What is remembered is to be stored with the VM, and to be given to the next look's `remember`.
    """

    now: tuple[Signal, ...]
    # Since when all looks that could tell said idle. None: the last one that could said busy, or
    # nobody could tell for too long. A short time without an answer does not begin it anew: what
    # happened meanwhile shows in the counters.
    idle_since: datetime | None
    # Of the last look that could tell, when this one cannot. None: this one can.
    blind_since: datetime | None
    # Since when at most open pages and connections on which nothing moves were seen.
    untouched_since: datetime | None = None
    absences: tuple[Absence, ...] = ()  # the longer ones, the oldest first


@dataclass(frozen=True, slots=True)
class Lease:
    """What is agreed about a VM's life. Before its end, and while kept, no VM is taken for idle."""

    ordered_at: datetime
    billed_from: datetime | None  # its billing hours begin here (provision date); None: not known
    ends_at: datetime | None  # the lease's end; None: no lease
    kept_until: datetime | None = None  # somebody clicked Keep
    hourly_rate: Decimal | None = None  # USD; None: not known


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a VM is in use, since when it is not, and why, in words."""

    use: Use
    since: datetime | None  # IDLE: since when; UNKNOWN: since when nobody can tell; BUSY: None
    why: Text
    is_due: bool  # idle as long as the policy allows, not kept, so that its owner is to be told
    # IDLE: when it is or was due, if nothing changes. BUSY: how long that counts, if it is limited.
    due_at: datetime | None = None
