"""Opening the database: SQLite in one process, PostgreSQL for replicas."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from bot.store.tables import metadata

HEAD = "0007"
"""The newest migration; a test holds it to the versions folder."""

_BUSY_TIMEOUT_S = 10
_CONNECT_TIMEOUT_S = 2  # libpq's smallest
_QUICK_MS = 2_000  # Slack waits for an ack for 3 s
_PEER_GONE_MS = 11_000  # as in bot.adapters.durable_seats


def open_database(url: str) -> sa.Engine:
    """The database at `url`, brought up to date.

    url: SQLAlchemy's. Raises sqlalchemy.exc.SQLAlchemyError when it cannot be opened, or was made
    by a newer version of the bot.
    """
    engine = _engine(url)
    try:
        if _revision(engine) != HEAD:
            _migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def take_turns(connection: sa.Connection, table: sa.Table, lock: int) -> None:
    """Let one transaction at a time go on from here, so that what it reads stays true.

    lock: the number of an advisory lock, for PostgreSQL. A transaction of SQLite's becomes the only
    writing one at its first write, even of nothing.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    else:
        connection.execute(table.delete().where(sa.false()))


@contextmanager
def quickly(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction for a request that Slack waits for. It fails rather than wait for others for
    long: Slack would say that it did not work, and then it would be done all the same."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if is_sqlite:
            _wait_for_others(connection, _QUICK_MS)
        try:
            with connection.begin():
                if not is_sqlite:
                    connection.execute(sa.text(f"SET LOCAL statement_timeout = {_QUICK_MS}"))
                yield connection
        finally:
            if is_sqlite:
                _wait_for_others(connection, _BUSY_TIMEOUT_S * 1_000)


def _wait_for_others(connection: sa.Connection, most_ms: int) -> None:
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {most_ms}")
    connection.commit()


def _engine(url: str) -> sa.Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True, connect_args=_SOON_GIVEN_UP)
    if parsed.database:
        _make_private(Path(parsed.database))
    engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_S})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


_SOON_GIVEN_UP = {
    "connect_timeout": _CONNECT_TIMEOUT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": _PEER_GONE_MS,
}
"""A database that vanished without a word is noticed, not waited for. Source: libpq, 34.1.2."""


def _make_private(file: Path) -> None:
    """The file, for nobody else to read; what SQLite puts beside it gets the same mode."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.touch(mode=0o600)
    with suppress(PermissionError):  # somebody else's, whose matter it is
        file.chmod(0o600)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    """WAL lets readers go on while one writes; FULL: what was acked survives a power cut."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _revision(engine: sa.Engine) -> str | None:
    """The migration the database is at. Asked without Alembic, which takes 0.2 s to import."""
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        version: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        return version


def _migrate(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # replicas that start together take turns
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(684277)"))
        config.attributes.update(connection=connection, metadata=metadata)
        command.upgrade(config, "head")
