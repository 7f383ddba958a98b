"""Durable operations on DBOS 3.4: what was done is not done again after a crash.

An operation is one DBOS workflow whose id is the operation's. A step is done first and then
recorded as one DBOS step: `kill -9` in between means that it is done again, by a new attempt.

What an exception does. DBOS records an exception that leaves a step as that step's result, for
good, and one that leaves the workflow as the workflow's end (dbos 3.4.0, _core.py, invoke_step and
_get_wf_invoke_func). We want neither: SoftLayer being away for a minute must not end an order. So
the act is called outside of DBOS's step, which only ever gets a finished result; an exception
travels out of the operation as AttemptEnded, which the operation cannot catch, and the operation is
begun again in the same thread after a pause, as a new attempt that finds what is recorded. When
the tries are used up, `on_crash` is told, again and again while it raises (the database may be away
for longer than all tries took), and the workflow ends. Tries are counted per process: a
restart gives all of them anew. An expected failure is a value that the act returns.

Where it is kept. On SQLite in a file of its own, `operations.db` in the home directory: while 100
operations of 10 steps were running, 99 of 100 writes of the store took at most 10 ms, in one common
file 700 ms. On PostgreSQL in schema `dbos` of the store's database. All is JSON, nothing is
pickled: who can write to the database cannot run code.

The application version is pinned: DBOS resumes only work of its own version, and by default the
version is a hash of the sources, so that each deploy would orphan what is under way.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat
from pathlib import Path

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from dbos import error as dbos_error
from sqlalchemy.exc import SQLAlchemyError

from bot.adapters.durable_journal import AttemptEnded, EngineClosed, JournalMisuse, StepJournal
from bot.adapters.durable_records import (
    can_read,
    delete_finished,
    is_known,
    outside,
    pending,
    record,
    replayed,
    use_wal,
)
from bot.adapters.durable_seats import ReplicaSeat, Seat, SoloSeat
from bot.errors import ConfigError
from bot.ports import Journal

RETRIES = (timedelta(seconds=1), timedelta(seconds=10), timedelta(seconds=60))
"""Pauses before an operation that raised is tried again."""

_UNTOLD = timedelta(minutes=1)  # until it is tried again to tell that an operation is given up

TEMPORARY_FAILURE = 75
"""Exit status that asks a supervisor for a restart (EX_TEMPFAIL, sysexits.h)."""

_log = logging.getLogger(__name__)
_only_one = threading.Lock()
"""Held while an engine is open: a second DBOS in one process would silently be the first."""


_UNUSABLE = (OSError, sqlite3.Error, SQLAlchemyError, dbos_error.DBOSException)
"""What opening a place that cannot be used raises."""


class _Stopped(BaseException):
    """We are closing, or only a guest: the operation stays unfinished, for the next launch."""


def exit_for_restart() -> None:
    """End the process at once: another replica may be doing our work already."""
    _log.critical("exiting with status %d", TEMPORARY_FAILURE)
    os._exit(TEMPORARY_FAILURE)


class DurableEngine:
    """Implements `bot.ports.Engines`. One per process, because DBOS is.

    engine = DurableEngine(env.database, env.ds_home, run, on_crash=tell_owner)
    engine.launch()             # resumes what the last process left
    engine.start("op-1")        # run("op-1", journal) in a thread
    engine.close(timedelta(seconds=20))
    """

    def __init__(
        self,
        database_url: str,
        home: Path,
        run: Callable[[str, Journal], None],
        *,
        on_crash: Callable[[str, Exception], None],
        on_lost: Callable[[], None] = exit_for_restart,
        retries: Sequence[timedelta] = RETRIES,
        takes: Callable[[str], bool] | None = None,
        workers: int = 256,
        look_after_others: timedelta = timedelta(seconds=2),
        application_version: str = "1",
    ) -> None:
        """run: does one operation; called again with the same id after a crash.

        on_crash: the operation raised in every try and is given up; called at least once.
        on_lost: PostgreSQL only: our session broke, others take over our work; must end us.
        takes: given for a guest, who sits here while there is no bot: whether it carries out that
        operation. The others stay as they are, for the next bot.
        workers: operations at once; more wait. Each holds a thread, also while it only waits, so
        that a small number would let a few slow VMs stop everybody.
        """
        self._home = home
        self._run = run
        self._on_crash = on_crash
        self._takes = takes or (lambda op_id: True)
        self._retries = tuple(retries)
        self._is_open = False
        self._closing = threading.Event()
        self._closed = threading.Event()
        self._running = 0
        self._running_changed = threading.Condition()
        self._file: Path | None = None
        self._seat: Seat
        if database_url.startswith("sqlite"):
            self._file = home / "operations.db"
            system_url = f"sqlite:///{self._file}"
            self._seat = SoloSeat(home, is_guest=takes is not None)
        else:
            system_url = database_url
            self._seat = ReplicaSeat(
                database_url, on_lost, look_after_others, is_guest=takes is not None
            )
        self._config = DBOSConfig(
            name="ds-bot",
            system_database_url=system_url,
            executor_id=self._seat.executor_id,
            application_version=application_version,
            serializer=DBOSPortableJSONSerializer(),
            max_executor_threads=workers,
            notification_listener_polling_interval_sec=0.2,  # on SQLite, DBOS.destroy waits for it
            log_level="WARNING",
            enable_otlp=False,
        )

    def launch(self) -> None:
        """Begin to run operations; those that an earlier process left are resumed within seconds.

        Raises ConfigError when another process uses the directory, or the database cannot be used.
        """
        if not _only_one.acquire(blocking=False):
            raise RuntimeError("this process has an engine already")
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._seat.take()
            self._launch_dbos()
        except BaseException as error:
            DBOS.destroy(destroy_registry=True)
            self._seat.leave()
            _only_one.release()
            if isinstance(error, _UNUSABLE):
                where = self._file or "DATABASE_URL"
                raise ConfigError([f"{where}: operations cannot be kept there: {error}"]) from error
            raise
        self._is_open = True
        self._seat.watch(self._colleagues, self._inherit)

    def _launch_dbos(self) -> None:
        if self._file is not None:
            use_wal(self._file)
        _quieten()
        DBOS(config=self._config)

        # No limit of recoveries: a VM that costs money is never forgotten for too many restarts.
        @DBOS.workflow(name="operation", max_recovery_attempts=None)
        def operation(op_id: str) -> None:
            self._perform(op_id)

        self._workflow = operation
        DBOS.launch()

    def start(self, op_id: str) -> None:
        """Begin the operation in the background; begun or done already is success.

        Takes one small transaction. Raises EngineClosed.
        """
        if not self._is_open:
            raise EngineClosed("the engine is not running")
        outside(self._begin, op_id)

    def close(self, grace: timedelta, wake: Callable[[], None] = lambda: None) -> bool:
        """Begin no further step, let running ones end for at most `grace`, and stop.

        wake: called as soon as nothing is given up any more; ends the waiting of what waits.
        True when all have ended. False when some have not: the process must then end by
        `os._exit`, because Python waits for its threads and a step may take minutes. What is
        unfinished is resumed by the next launch, or by another replica.
        """
        if not self._is_open:
            return self._running == 0
        self._closing.set()
        wake()
        with self._running_changed:
            drained = self._running_changed.wait_for(
                lambda: self._running == 0, grace.total_seconds()
            )
        self._is_open = False
        self._closed.set()
        DBOS.destroy(destroy_registry=True)
        if drained:  # else our steps still act: nobody may take them over before we are dead
            self._seat.leave()
        _only_one.release()
        return drained

    def is_healthy(self) -> bool:
        """Whether operations can be started and nobody else does our work."""
        if not self._is_open or self._closing.is_set() or not self._seat.is_held:
            return False
        return self._file is None or can_read(self._file)

    def forget(self, before: datetime) -> int:
        """Delete the records of operations that ended before then; returns how many.

        An id that was forgotten would be run again by `start`: the caller never re-uses one.
        """
        return outside(delete_finished, before)

    # --- in the operation's thread ---------------------------------------------------------------

    def _begin(self, op_id: str) -> None:
        """What DBOS knows it runs by itself; to start that again would make it warn that it is in
        another queue, once it was resumed (dbos 3.4.0, _sys_db.py, _insert_workflow_status)."""
        if is_known(op_id):
            return
        with SetWorkflowID(op_id):
            DBOS.start_workflow(self._workflow, op_id)

    def _perform(self, op_id: str) -> None:
        """The workflow. An Exception must not leave it: DBOS would record that as the end."""
        if not self._takes(op_id):
            raise _Stopped
        with self._running_changed:
            self._running += 1
        try:
            self._run_to_its_end(op_id)
        finally:
            with self._running_changed:
                self._running -= 1
                self._running_changed.notify_all()

    def _run_to_its_end(self, op_id: str) -> None:
        recorded: dict[str, str] = {}
        for pause in (*self._retries, None):
            self._stop_if_closing()
            error = self._attempt(op_id, recorded)
            if error is None:
                return
            self._stop_if_closing()  # the error may come from that
            _log.error("operation %s raised", op_id, exc_info=error)
            if pause is None or isinstance(error, JournalMisuse):
                self._give_up(op_id, error)
                return
            self._closing.wait(pause.total_seconds())

    def _give_up(self, op_id: str, error: Exception) -> None:
        """Tell it, however long that takes: once the workflow has ended, nobody looks again."""
        for pause in chain(self._retries, repeat(_UNTOLD)):
            try:
                self._on_crash(op_id, error)
                return
            except Exception:
                _log.exception("nobody could be told that operation %s is given up", op_id)
            self._closing.wait(pause.total_seconds())
            self._stop_if_closing()

    def _attempt(self, op_id: str, recorded: dict[str, str]) -> Exception | None:
        """Run the operation once; returns what it raised."""
        try:
            if not recorded:
                recorded.update(replayed(op_id))
            self._run(op_id, StepJournal(recorded, self._record, partial(self._may_act, op_id)))
        except AttemptEnded as ended:
            return ended.error
        except Exception as error:
            return error
        return None

    def _may_act(self, op_id: str) -> None:
        if DBOS.workflow_id != op_id:
            raise JournalMisuse(f"a step of {op_id} is called from another thread")
        self._stop_if_closing()

    def _record(self, name: str, text: str) -> None:
        if self._closed.is_set():
            raise _Stopped  # an act that outlived the grace: it counts as not done
        record(name, text)

    def _stop_if_closing(self) -> None:
        if self._closing.is_set():
            raise _Stopped

    # --- in the seat's thread --------------------------------------------------------------------

    def _colleagues(self) -> Iterable[str]:
        """Executors other than us that own unfinished work."""
        if self._closing.is_set():
            return set()
        owners = {workflow.executor_id or "" for workflow in pending()}
        return owners - {self._seat.executor_id}

    def _inherit(self, executor_id: str) -> None:
        """Put a dead replica's work back into the queue that all replicas take from."""
        for workflow in pending(executor_id):
            if self._takes(workflow.workflow_id):
                DBOS.resume_workflow(workflow.workflow_id)


def _quieten() -> None:
    """With a handler in place DBOS adds none of its own, and its warnings reach our root."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
