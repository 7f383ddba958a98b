"""The right to run operations: one process on a directory, or one of several on PostgreSQL.

DBOS believes that an executor id has one living owner: two processes with one id run the same step
at once, and the work of an id that never comes back is never resumed (dbos 3.4.0, both measured).
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

from bot.errors import ConfigError

_log = logging.getLogger(__name__)


class Seat(Protocol):
    """Held from before the engine launches until after it has stopped."""

    @property
    def executor_id(self) -> str:
        """The owner of our work in DBOS's tables."""

    def take(self) -> None:
        """Sit down. Raises ConfigError when that is not possible."""

    def watch(
        self, colleagues: Callable[[], Iterable[str]], inherit: Callable[[str], None]
    ) -> None:
        """From now on, call `inherit` with the id of each of `colleagues` that is dead."""

    @property
    def is_held(self) -> bool:
        """Whether we still sit."""

    def leave(self) -> None:
        """Stand up; our unfinished work may be taken by others."""


BOT_NAME, GUEST_NAME = "ds-bot seat", "ds-bot guest seat"
"""How the sessions of seats are called in PostgreSQL's pg_stat_activity."""

_GUEST_LEAVES = timedelta(seconds=40)  # it looks each second, and lets its steps end for some
_LOOK_S = 0.1
_LOOKS = 3  # in a row without a guest: the seat is a bot's, and not just being looked at


class SoloSeat:
    """The only process on a directory, by a lock that the kernel drops when the process dies.

    A guest sits down while there is no bot, and stands up when one comes: it shows that it is one
    by `operations.guest`, and the bot shows that it waits by `operations.next`.
    """

    executor_id = "solo"

    def __init__(
        self, home: Path, *, is_guest: bool = False, guest_leaves: timedelta = _GUEST_LEAVES
    ) -> None:
        """guest_leaves: how long a bot waits for a guest to stand up."""
        self._home = home
        self._is_guest = is_guest
        self._guest_leaves = guest_leaves
        self._lock: int | None = None
        self._shown: int | None = None

    def take(self) -> None:
        """Raises ConfigError when another process has the directory."""
        if self._is_guest:
            self._shown = shown(self._home)
        self._lock = locked(self._home / "operations.lock")
        if self._lock is None and not self._is_guest:
            self._lock = self._taken_from_guest()
        if self._lock is None:
            self.leave()
            raise ConfigError(
                [
                    f"DS_HOME={self._home}: another ds-bot uses this directory; stop it first, or"
                    " set DATABASE_URL to a PostgreSQL database that several can share"
                ]
            )

    def _taken_from_guest(self) -> int | None:
        waits = locked(self._home / "operations.next")
        deadline = time.monotonic() + self._guest_leaves.total_seconds()
        no_guest = 0
        try:
            while waits is not None and no_guest < _LOOKS and time.monotonic() < deadline:
                no_guest = 0 if is_locked(self._home / "operations.guest") else no_guest + 1
                lock = locked(self._home / "operations.lock")
                if lock is not None:
                    return lock
                time.sleep(_LOOK_S)
            return None
        finally:
            if waits is not None:
                os.close(waits)

    def watch(
        self, colleagues: Callable[[], Iterable[str]], inherit: Callable[[str], None]
    ) -> None:
        """Nobody to watch: DBOS itself resumes the work of its own executor id at launch."""

    @property
    def is_held(self) -> bool:
        return self._lock is not None

    def leave(self) -> None:
        for held in (self._lock, self._shown):
            if held is not None:
                os.close(held)
        self._lock = self._shown = None


class ReplicaSeat:
    """One of several processes on PostgreSQL. A replica lives while its session holds the advisory
    lock of its executor id; whoever finds such a lock free resumes that replica's work.

    No heartbeat table and no clocks. Needs a session of its own: no transaction-mode pgbouncer.
    """

    def __init__(
        self,
        database_url: str,
        on_lost: Callable[[], None],
        every: timedelta,
        *,
        is_guest: bool = False,
    ) -> None:
        """on_lost: called once from a thread when the session broke, so that others may take over
        our work while we still do it. every: how often the others are looked at."""
        self._name = GUEST_NAME if is_guest else BOT_NAME
        self.executor_id = f"{socket.gethostname()}-{uuid4().hex[:12]}"
        self._url = make_url(database_url).set(drivername="postgresql")
        self._on_lost = on_lost
        self._every = every.total_seconds()
        self._session: psycopg.Connection[tuple[bool]] | None = None
        self._leaving = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Raises ConfigError when the database cannot be reached."""
        try:
            self._session = psycopg.connect(
                self._url.render_as_string(hide_password=False),
                autocommit=True,
                application_name=self._name,
                connect_timeout=10,
                # a peer that vanished without a word is noticed after about 11 s
                keepalives_idle=5,
                keepalives_interval=2,
                keepalives_count=3,
                tcp_user_timeout=11_000,
            )
            self._try_lock(self.executor_id)
        except psycopg.Error as error:
            raise ConfigError(
                [f"DATABASE_URL: the database at {self._url.host} cannot be used: {error}"]
            ) from error

    def watch(
        self, colleagues: Callable[[], Iterable[str]], inherit: Callable[[str], None]
    ) -> None:
        self._thread = threading.Thread(
            target=self._watch, args=(colleagues, inherit), name="replica-seat", daemon=True
        )
        self._thread.start()

    @property
    def is_held(self) -> bool:
        return self._session is not None and not self._session.closed

    def leave(self) -> None:
        self._leaving.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if self._session is not None:
            self._session.close()

    def _watch(
        self, colleagues: Callable[[], Iterable[str]], inherit: Callable[[str], None]
    ) -> None:
        while not self._leaving.wait(self._every):
            try:
                self._ask("SELECT true")
                for executor_id in colleagues():
                    self._inherit_if_dead(executor_id, inherit)
            except psycopg.Error:
                _log.critical("the session that holds our seat broke", exc_info=True)
                assert self._session is not None
                self._session.close()
                self._on_lost()
                return
            except Exception:  # the work of the dead can wait for the next look
                _log.exception("could not look after the other replicas")

    def _inherit_if_dead(self, executor_id: str, inherit: Callable[[str], None]) -> None:
        if not self._try_lock(executor_id):
            return
        try:
            _log.warning("replica %s is gone, resuming its operations", executor_id)
            inherit(executor_id)
        finally:
            self._ask("SELECT pg_advisory_unlock(%s)", _lock_key(executor_id))

    def _try_lock(self, executor_id: str) -> bool:
        return self._ask("SELECT pg_try_advisory_lock(%s)", _lock_key(executor_id))

    def _ask(self, query: str, *params: int) -> bool:
        assert self._session is not None, "take() comes first"
        row = self._session.execute(query.encode(), params).fetchone()
        return row is not None and row[0]


def shown(home: Path) -> int:
    """A mark that a guest is there, or somebody who only looks; until the number is closed."""
    file = os.open(home / "operations.guest", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_SH)  # waits only while somebody asks `is_locked`
    return file


def locked(path: Path) -> int | None:
    """A lock on a file, held until the number is closed; None when somebody else has one."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def is_locked(path: Path) -> bool:
    """Whether somebody has a lock on a file."""
    file = locked(path)
    if file is None:
        return True
    os.close(file)
    return False


def _lock_key(executor_id: str) -> int:
    """A bigint for PostgreSQL's advisory locks, of a space that is likely ours alone."""
    digest = hashlib.sha256(f"ds-bot replica {executor_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
