"""Marks and leases: which VM is told to be idle, and until when somebody wants it kept.

A mark begins when a VM is found idle for long enough, and ends once: it became busy, was kept, or
is about to be cancelled. Keeping and cancelling take turns, so that only one of them happens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.models import VmState
from bot.store.database import take_turns
from bot.store.tables import idle_marks, leases, vms

Json = dict[str, Any]

_KEEP_LOCK = 684280  # an advisory lock of PostgreSQL's, taken while keeping and cancelling decide

REAPED = "reaped"


class TooLate(Exception):
    """The VM is being cancelled, or gone already."""


@dataclass(frozen=True, slots=True)
class MarkRow:
    """That a VM is idle, and whom we told. notices: `{"channel": …, "ts": …, "to": …}` each."""

    vm: str  # op_id
    number: int  # of this VM's marks, from 1
    marked_at: datetime
    idle_since: datetime | None
    why: Json  # a Text, as recorded
    delivered_at: datetime | None = None  # Slack said ok; the grace counts from here
    notices: list[Json] = field(default_factory=list)
    ended_at: datetime | None = None
    how: str | None = None  # "busy", "kept", "reaped", …
    ended_by: str | None = None  # a person, or the operation that cancels
    until: datetime | None = None  # kept until then
    batch: str | None = None  # of marks that are told together; None: told alone


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """What was agreed about a VM beyond its policy."""

    vm: str
    ends_at: datetime | None = None  # somebody set its end
    extended_by: str | None = None
    kept_until: datetime | None = None
    kept_by: str | None = None
    kept_at: datetime | None = None


class MarkStore:
    """The `idle_marks` and `leases` tables. For many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # --- marks ---

    def mark(
        self, vm: str, idle_since: datetime | None, why: Json, at: datetime,
        batch: str | None = None,
    ) -> MarkRow | None:  # fmt: skip
        """Begin a mark; None when the VM has one that has not ended."""
        newest = sa.select(sa.func.coalesce(sa.func.max(idle_marks.c.number), 0))
        try:
            with self._engine.begin() as connection:
                number = connection.scalar(newest.where(idle_marks.c.vm == vm)) or 0
                row = MarkRow(vm, number + 1, at, idle_since, why, batch=batch)
                values = {name: getattr(row, name) for name in MarkRow.__slots__}
                connection.execute(idle_marks.insert().values(values))
        except sa.exc.IntegrityError:
            return None
        return row

    def get(self, vm: str, number: int) -> MarkRow:
        """One mark. Raises LookupError."""
        query = idle_marks.select().where(idle_marks.c.vm == vm, idle_marks.c.number == number)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise LookupError(f"{vm} {number}")
        return _mark(row)

    def current(self, vm: str) -> MarkRow | None:
        """The mark of a VM that has not ended."""
        return self.all_current().get(vm)

    def all_current(self) -> dict[str, MarkRow]:
        """Every mark that has not ended, by VM."""
        query = idle_marks.select().where(idle_marks.c.ended_at.is_(None))
        with self._engine.connect() as connection:
            return {row.vm: _mark(row) for row in connection.execute(query)}

    def since(self, instant: datetime) -> list[MarkRow]:
        """Every mark that had not ended at an instant, or has not yet, the oldest first."""
        is_later = sa.or_(idle_marks.c.ended_at.is_(None), idle_marks.c.ended_at > instant)
        query = idle_marks.select().where(is_later)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(idle_marks.c.marked_at, idle_marks.c.vm))
            return [_mark(row) for row in rows]

    def in_batch(self, batch: str) -> list[MarkRow]:
        """Every mark that is told together with these others, ended or not."""
        query = idle_marks.select().where(idle_marks.c.batch == batch).order_by(idle_marks.c.vm)
        with self._engine.connect() as connection:
            return [_mark(row) for row in connection.execute(query)]

    def newest(self, vm: str) -> MarkRow | None:
        """The last mark of a VM, ended or not."""
        query = (
            idle_marks.select().where(idle_marks.c.vm == vm).order_by(idle_marks.c.number.desc())
        )
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else _mark(row)

    def add_notice(self, notice: Json, *told: tuple[str, int]) -> None:
        """Remember a message that tells of marks: of all of them, or of none. told: the VM and the
        number of each. Known already is success."""
        with self._engine.begin() as connection:
            take_turns(connection, idle_marks, _KEEP_LOCK)
            for vm, number in told:
                query = sa.select(idle_marks.c.notices).where(*_this(vm, number))
                known: list[Json] = connection.scalar(query) or []
                if notice not in known:
                    changed = idle_marks.update().where(*_this(vm, number))
                    connection.execute(changed.values(notices=[*known, notice]))

    def delivered(self, vm: str, number: int, at: datetime) -> None:
        """The notice has reached somebody who can act on it. The first time counts."""
        query = idle_marks.update().where(*_this(vm, number), idle_marks.c.delivered_at.is_(None))
        with self._engine.begin() as connection:
            connection.execute(query.values(delivered_at=at))

    def end(self, vm: str, number: int, how: str, at: datetime, by: str | None = None) -> MarkRow:
        """End a mark that has not ended; gives how it ended in fact. Raises LookupError."""
        query = idle_marks.update().where(*_this(vm, number), idle_marks.c.ended_at.is_(None))
        with self._engine.begin() as connection:
            take_turns(connection, idle_marks, _KEEP_LOCK)
            connection.execute(query.values(how=how, ended_at=at, ended_by=by))
        return self.get(vm, number)

    # --- keeping or cancelling ---

    def keep(self, vm: str, until: datetime, by: str, at: datetime) -> MarkRow | None:
        """Leave the VM alone until an instant; ends its mark and gives it. Raises TooLate."""
        with self._engine.begin() as connection:
            take_turns(connection, idle_marks, _KEEP_LOCK)
            _check_alive(connection, vm)
            _lay(connection, vm, kept_until=until, kept_by=by, kept_at=at)
            open_one = (idle_marks.c.vm == vm, idle_marks.c.ended_at.is_(None))
            number: int | None = connection.scalar(sa.select(idle_marks.c.number).where(*open_one))
            values = {"how": "kept", "ended_at": at, "ended_by": by, "until": until}
            connection.execute(idle_marks.update().where(*open_one).values(values))
        return None if number is None else self.get(vm, number)

    def extend(self, vm: str, ends_at: datetime, by: str) -> None:
        """Set the end of the VM's lease. Raises TooLate."""
        with self._engine.begin() as connection:
            take_turns(connection, idle_marks, _KEEP_LOCK)
            _check_alive(connection, vm)
            _lay(connection, vm, ends_at=ends_at, extended_by=by)

    def claim(self, vm: str, number: int, by: str, at: datetime) -> bool:
        """End a mark because the VM is cancelled now, by the operation `by`: from here on nobody
        can keep it. False, and nothing is changed, when the mark has ended in another way, the VM
        is kept or is not ready. Claimed by the same operation before is success.
        """
        with self._engine.begin() as connection:
            take_turns(connection, idle_marks, _KEEP_LOCK)
            found = connection.execute(idle_marks.select().where(*_this(vm, number))).one_or_none()
            if found is None or (found.ended_at is not None and found.ended_by != by):
                return False
            is_repeat = found.ended_at is not None
            state = connection.scalar(sa.select(vms.c.state).where(vms.c.op_id == vm))
            if state != VmState.READY and not (is_repeat and state == VmState.CANCELLING):
                return False
            kept = connection.scalar(sa.select(leases.c.kept_until).where(leases.c.vm == vm))
            if kept is not None and kept > at and not is_repeat:
                return False
            values = {"how": REAPED, "ended_at": found.ended_at or at, "ended_by": by}
            connection.execute(idle_marks.update().where(*_this(vm, number)).values(values))
            cancelling = vms.update().where(vms.c.op_id == vm)
            connection.execute(cancelling.values(state=VmState.CANCELLING))
        return True

    def unclaim(self, vm: str, number: int, by: str) -> None:
        """Take a claim back: the VM turned out to be in use. The mark is over; the VM is ready."""
        mine = idle_marks.update().where(*_this(vm, number), idle_marks.c.ended_by == by)
        with self._engine.begin() as connection:
            take_turns(connection, idle_marks, _KEEP_LOCK)
            if connection.execute(mine.values(how="busy", ended_by=None)).rowcount:
                held = vms.update().where(vms.c.op_id == vm, vms.c.state == VmState.CANCELLING)
                connection.execute(held.values(state=VmState.READY))

    # --- leases ---

    def lease(self, vm: str) -> LeaseRow:
        """What was agreed about a VM."""
        return self.leases().get(vm) or LeaseRow(vm)

    def leases(self) -> dict[str, LeaseRow]:
        """What was agreed about each VM about which anything was."""
        with self._engine.connect() as connection:
            rows = connection.execute(leases.select())
            return {row.vm: LeaseRow(**row._mapping) for row in rows}


def _this(vm: str, number: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (idle_marks.c.vm == vm, idle_marks.c.number == number)


def _mark(row: sa.Row[Any]) -> MarkRow:
    return MarkRow(**row._mapping)


def _check_alive(connection: sa.Connection, vm: str) -> None:
    state = connection.scalar(sa.select(vms.c.state).where(vms.c.op_id == vm))
    if state is None or state in (VmState.CANCELLING, VmState.GONE):
        raise TooLate(vm)


def _lay(connection: sa.Connection, vm: str, **values: Any) -> None:
    """Set fields of a lease, within a turn of ours."""
    changed = connection.execute(leases.update().where(leases.c.vm == vm).values(values))
    if changed.rowcount == 0:
        connection.execute(leases.insert().values(vm=vm, **values))
