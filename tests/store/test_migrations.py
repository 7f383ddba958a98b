"""The database is brought up to date by the migrations, and they make what the code expects."""

from __future__ import annotations

import re
import socket
import time
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import bot.store.migrations.versions as versions
from bot.store import OperationStore, open_database
from bot.store.database import HEAD
from bot.store.tables import metadata
from tests.store.racing import at_once


def _version(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(sa.text("SELECT version_num FROM alembic_version")))


def test_head_is_the_newest_of_the_versions() -> None:
    files = sorted(Path(next(iter(versions.__path__))).glob("v*.py"))
    texts = [file.read_text("utf-8") for file in files]
    revisions = [re.search(r'^revision = "(\w+)"', text, re.M)[1] for text in texts]  # type: ignore[index]
    before = [re.search(r"^down_revision = (.+)", text, re.M)[1] for text in texts]  # type: ignore[index]
    assert revisions[-1] == HEAD
    assert before == ["None", *(f'"{each}"' for each in revisions[:-1])]
    assert [file.name[1:5] for file in files] == revisions


def test_an_empty_database_gets_exactly_the_tables_of_the_code(database: sa.Engine) -> None:
    assert _version(database) == [HEAD]
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_opening_again_changes_nothing(url: str, database: sa.Engine) -> None:
    again = open_database(url)
    assert _version(again) == [HEAD]
    again.dispose()


def test_a_database_of_a_newer_bot_is_not_opened(url: str, database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Exception, match="9999"):
        open_database(url)


@pytest.mark.postgres
def test_replicas_that_start_together_migrate_once(postgres_url: str) -> None:
    engines = at_once([partial(open_database, postgres_url)] * 4)
    for engine in engines:
        assert isinstance(engine, sa.Engine), engine
        OperationStore(engine).ping()
        assert _version(engine) == [HEAD]
        engine.dispose()


def test_nobody_else_on_the_machine_can_read_the_database(tmp_path: Path) -> None:
    """It has addresses of Slack's that are secrets, and what people typed."""
    tmp_path.chmod(0o755)
    engine = open_database(f"sqlite:///{tmp_path / 'ds-bot.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    engine.dispose()
    assert set(modes.values()) == {0o600}, modes


def test_a_database_that_takes_the_connection_and_says_nothing_is_given_up() -> None:
    """Slack waits for 3 s; a listener that hangs for minutes makes the bot deaf."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(sa.exc.OperationalError):
            open_database(f"postgresql+psycopg://ds@127.0.0.1:{port}/ds")
        assert time.monotonic() - began < 10.0
