"""What we read and write in DBOS's tables, by its public interface only."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import quote

from dbos import DBOS, WorkflowStatus

P = ParamSpec("P")
R = TypeVar("R")

_FINISHED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]
_AT_ONCE = 500


def outside(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call DBOS as from outside of any workflow: within one it would record the call as a step."""
    return Context().run(function, *args, **kwargs)


def record(name: str, text: str) -> None:
    """Keep a finished step. Raises a BaseException of DBOS when the workflow is no longer ours."""
    DBOS.run_step({"name": name}, lambda: text)


def replayed(op_id: str) -> dict[str, str]:
    """What is recorded of the operation by step name; new records are numbered after these."""
    steps = outside(DBOS.list_workflow_steps, op_id)
    for _ in range(max((step["function_id"] for step in steps), default=0)):
        DBOS.reserve_step()
    return {step["function_name"]: str(step["output"]) for step in steps}


def is_known(op_id: str) -> bool:
    """Whether the operation was ever started, by whomever."""
    return DBOS.get_workflow_status(op_id) is not None


def pending(executor_id: str | None = None) -> list[WorkflowStatus]:
    """Unfinished operations that an executor has taken; those of all executors if None."""
    return DBOS.list_workflows(
        status="PENDING", executor_id=executor_id, load_input=False, load_output=False
    )


def delete_finished(before: datetime) -> int:
    """Delete the records of operations that ended before then; returns how many."""
    deleted = 0
    while ids := _finished(before):
        DBOS.delete_workflows(ids)
        deleted += len(ids)
    return deleted


def _finished(before: datetime) -> list[str]:
    workflows = DBOS.list_workflows(
        status=_FINISHED,
        completed_before=before.astimezone(UTC).isoformat(),
        load_input=False,
        load_output=False,
        limit=_AT_ONCE,
    )
    return [workflow.workflow_id for workflow in workflows]


def use_wal(file: Path) -> None:
    """Readers and one writer do not block each other; the mode is kept in the file.

    The file is for nobody else to read, and what SQLite puts beside it gets the same permissions.
    """
    file.touch(mode=0o600)
    file.chmod(0o600)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def can_read(file: Path) -> bool:
    """Whether the tables are there."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            connection.execute("SELECT 1 FROM workflow_status LIMIT 1")
    except sqlite3.Error:
        return False
    return True
