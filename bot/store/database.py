"""Opening the database: SQLite in one process, PostgreSQL for replicas."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from bot.store.tables import metadata

HEAD = "0001"
"""The newest migration; a test holds it to the versions folder."""

_BUSY_TIMEOUT_S = 10


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


def _engine(url: str) -> sa.Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, pool_pre_ping=True)
    if parsed.database:
        Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_S})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


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
