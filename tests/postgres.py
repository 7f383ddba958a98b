"""A PostgreSQL server of our own for tests that need one, from Debian's `postgresql` package.

In a test module: `pytest_plugins = ["tests.postgres"]`, the mark `postgres`, and the fixture
`postgres_url`: the SQLAlchemy URL of an empty database that only this test uses.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest

_PROGRAMS = Path("/usr/lib/postgresql")
_UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL does not run as root
_OPTIONS = {
    "listen_addresses": "''",  # only the unix socket: no port can be taken
    "max_connections": "200",
    "fsync": "off",  # tests kill clients, not the machine
    "shared_buffers": "32MB",
}


class PostgresServer:
    """A running server. Its databases live as long as it does."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def new_database(self) -> str:
        """SQLAlchemy URL of a new, empty database."""
        name = f"test_{uuid4().hex[:12]}"
        with psycopg.connect(host=str(self._home), user="ds", dbname="postgres") as connection:
            connection.autocommit = True
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql+psycopg://ds@/{name}?host={quote(str(self._home))}"


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server in a directory of its own; stop and delete it afterwards.

    Raises LookupError when no server program is installed.
    """
    programs = _newest_programs()
    home = Path(tempfile.mkdtemp(prefix="ds-bot-pg-"))
    user = _server_user()
    try:
        if user:
            shutil.chown(home, user)
        data = home / "data"
        # fmt: off
        _call(user, programs / "initdb", "-D", data, "-U", "ds", "-A", "trust", "-E", "UTF8",
              "--locale=C", "--no-sync")
        # fmt: on
        options = " ".join(f"-c {key}={value}" for key, value in _OPTIONS.items())
        control = (programs / "pg_ctl", "-D", data, "-w")
        _call(user, *control, "-l", home / "log", "-o", f"{options} -k {home}", "start")
        try:
            yield PostgresServer(home)
        finally:
            _call(user, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _newest_programs() -> Path:
    found = [path.parent for path in _PROGRAMS.glob("*/bin/initdb")]
    if not found:
        raise LookupError("no PostgreSQL server program: apt-get install postgresql")
    return max(found, key=lambda path: int(path.parent.name))


def _server_user() -> str | None:
    """Whom to become to start the server, None for ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in _UNPRIVILEGED if name in known)


def _call(user: str | None, *command: object) -> None:
    subprocess.run(
        [str(part) for part in command],
        user=user,
        cwd="/",
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never be closed
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
    )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of the run, started by the first that asks for it."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of an empty database."""
    return postgres_server.new_database()
