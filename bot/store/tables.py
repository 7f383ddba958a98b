"""The tables, as SQLAlchemy sees them. Migrations change them: `bot/store/migrations`."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite keeps it without its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses naive times: nobody knows what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

operations = Table(
    "operations",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("args", JSON, nullable=False),
    Column("user_id", String(40), nullable=False),
    Column("team_id", String(40), nullable=False),
    Column("channel_id", String(40), nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("state", String(20), nullable=False),
    Column("ended_at", Instant),
    Column("response_url", Text),
    Column("message_channel", String(40)),
    Column("message_ts", String(40)),
    Column("incident", String(40)),
    Index("operations_by_state", "state", "requested_at"),
)

vms = Table(
    "vms",
    metadata,
    Column("op_id", String(40), primary_key=True),
    Column("hostname", String(63), nullable=False),
    Column("domain", String(253), nullable=False),
    Column("owner_id", String(40), nullable=False),
    Column("channel_id", String(40), nullable=False),
    Column("team_id", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("is_live", Boolean, nullable=False),
    Column("image", String(80), nullable=False),
    Column("cpus", Integer, nullable=False),
    Column("memory_mb", Integer, nullable=False),
    Column("datacenter", String(40), nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("cloud_id", BigInteger),
    Column("address", String(60)),
    Column("host_key", Text),
    Column("hourly_rate", Numeric(12, 5)),
    Column("ready_at", Instant),
    Column("ended_at", Instant),
    Column("is_held", Boolean, nullable=False, server_default=false()),
    # One live VM per name, whoever asks and however many replicas there are.
    Index(
        "vms_live_name",
        "hostname",
        "domain",
        unique=True,
        sqlite_where=text("is_live"),
        postgresql_where=text("is_live"),
    ),
    Index("vms_by_owner", "owner_id", "is_live"),
)

clicks = Table(
    "clicks",
    metadata,
    Column("op_id", String(40), primary_key=True),
    Column("user_id", String(40), nullable=False),
    Column("at", Instant, nullable=False),
    Column("channel", String(40), nullable=False),
    Column("ts", String(40), nullable=False),
    Column("button", JSON, nullable=False),  # what it was, and the message as it was then
    Column("stage", String(10), nullable=False),
    Index("clicks_by_message", "channel", "ts"),
)

# Somebody in a terminal of the bot's machine is told things by rows: whoever carries an operation
# out writes them, and the terminal shows them.
local_people = Table(
    "local_people",
    metadata,
    Column("user_id", String(40), primary_key=True),
    Column("language", String(8), nullable=False),
    Column("seen_at", Instant, nullable=False),
)

local_messages = Table(
    "local_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("channel", String(40), nullable=False),
    Column("key", String(120), nullable=False),
    Column("text", Text, nullable=False),
    Column("blocks", JSON, nullable=False),
    Column("version", Integer, nullable=False),  # grows with each edit
    Column("seen_version", Integer, nullable=False),  # what a terminal has shown to its end
    Column("posted_at", Instant, nullable=False),
    Column("file_name", String(255)),
    Column("content", LargeBinary),
    Index("local_messages_key", "channel", "key", unique=True),
    Index("local_messages_by_time", "posted_at"),
)

vm_watch = Table(
    "vm_watch",
    metadata,
    Column("vm", String(40), primary_key=True),
    Column("looked_at", Instant, nullable=False),
    Column("activity", JSON),  # of the last look that could be made
    Column("signals", JSON),
    Column("idle_since", Instant),
    Column("blind_since", Instant),
    Column("busy_at", Instant),
    Column("busy_why", JSON),
    Column("verdict", JSON),
    Column("billed_from", Instant),
)

leases = Table(
    "leases",
    metadata,
    Column("vm", String(40), primary_key=True),
    Column("ends_at", Instant),
    Column("extended_by", String(40)),
    Column("kept_until", Instant),
    Column("kept_by", String(40)),
    Column("kept_at", Instant),
)

idle_marks = Table(
    "idle_marks",
    metadata,
    Column("vm", String(40), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("marked_at", Instant, nullable=False),
    Column("idle_since", Instant),
    Column("why", JSON, nullable=False),
    Column("delivered_at", Instant),
    Column("notices", JSON, nullable=False),
    Column("ended_at", Instant),
    Column("how", String(20)),
    Column("ended_by", String(40)),
    Column("until", Instant),
    Column("batch", String(40)),
    Index("idle_marks_by_batch", "batch"),
    # One mark at a time per VM, however many replicas sweep.
    Index(
        "idle_marks_open",
        "vm",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

saves = Table(
    "saves",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("vm", String(40), nullable=False),
    Column("hostname", String(63), nullable=False),
    Column("owner_id", String(40), nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("manifest", JSON, nullable=False),
    Column("image_guid", String(40)),
    Column("image_bytes", BigInteger),
    Column("restored_as", String(40)),
    Index("saves_by_name", "hostname"),
)

findings = Table(
    "findings",
    metadata,
    Column("key", String(120), primary_key=True),
    Column("fact", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("told_at", Instant),
)

switches = Table(
    "switches",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("is_on", Boolean, nullable=False),
    Column("changed_by", String(40), nullable=False),
    Column("changed_at", Instant, nullable=False),
)

ticks = Table(
    "ticks",
    metadata,
    Column("job", String(40), primary_key=True),
    Column("at", Instant, nullable=False),
)
