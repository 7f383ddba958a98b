"""What was seen of each VM, what the sweep has found, whether it may act, and when it last ran."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.store.tables import findings, switches, ticks, vm_watch, vms

Json = dict[str, Any]

_AT_ONCE = 500  # rows in a transaction, so that others need not wait long for their turn


@dataclass(frozen=True, slots=True)
class WatchRow:
    """The last look at a VM, and what is remembered of those before. JSON as the services write it.

    busy_at, busy_why: when it was seen in use last, and by what sign.
    """

    vm: str  # op_id
    looked_at: datetime
    activity: Json | None = None
    signals: Json | None = None
    idle_since: datetime | None = None
    blind_since: datetime | None = None
    busy_at: datetime | None = None
    busy_why: Json | None = None
    verdict: Json | None = None
    billed_from: datetime | None = None


class WatchStore:
    """The `vm_watch` table. For many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, vm: str) -> WatchRow | None:
        """The last look at a VM; None before the first."""
        with self._engine.connect() as connection:
            row = connection.execute(vm_watch.select().where(vm_watch.c.vm == vm)).one_or_none()
        return None if row is None else WatchRow(**row._mapping)

    def all(self) -> dict[str, WatchRow]:
        """The last look at each VM."""
        with self._engine.connect() as connection:
            return {
                row.vm: WatchRow(**row._mapping) for row in connection.execute(vm_watch.select())
            }

    def of(self, some: Collection[str]) -> dict[str, WatchRow]:
        """The last look at each of some VMs: as many as fit in a query, some hundreds."""
        query = vm_watch.select().where(vm_watch.c.vm.in_(some))
        with self._engine.connect() as connection:
            return {row.vm: WatchRow(**row._mapping) for row in connection.execute(query)}

    def oldest(self) -> datetime | None:
        """When the VM was looked at whose last look is the longest ago; None before any."""
        with self._engine.connect() as connection:
            oldest: datetime | None = connection.scalar(
                sa.select(sa.func.min(vm_watch.c.looked_at))
            )
        return oldest

    def put(self, row: WatchRow) -> bool:
        """Write a look down; False when a newer one is known."""
        values = _values(row)
        return _put(self._engine, _older_than(row), vm_watch, values)

    def put_all(self, rows: Sequence[WatchRow]) -> set[str]:
        """Write looks down; gives the VMs of which no newer one is known."""
        written = set()
        for begin in range(0, len(rows), _AT_ONCE):
            some = rows[begin : begin + _AT_ONCE]
            with self._engine.begin() as connection:  # each transaction waits for the disk
                for row in some:
                    if connection.execute(_NEWER, _values(row)).rowcount:
                        written.add(row.vm)
        written |= {row.vm for row in rows if row.vm not in written and self.put(row)}
        return written

    def forget(self) -> None:
        """Delete what was seen of VMs that are no more."""
        live = sa.select(vms.c.op_id).where(vms.c.is_live)
        with self._engine.begin() as connection:
            connection.execute(vm_watch.delete().where(vm_watch.c.vm.not_in(live)))


# Made once, and rows are not copied for it: both took most of the time of ten thousand looks.
_NEWER = (
    vm_watch.update()
    .where(vm_watch.c.vm == sa.bindparam("vm"), vm_watch.c.looked_at < sa.bindparam("looked_at"))
    .values({name: sa.bindparam(name) for name in WatchRow.__slots__})
)


def _values(row: WatchRow) -> Json:
    return {name: getattr(row, name) for name in WatchRow.__slots__}


def _older_than(row: WatchRow) -> sa.Update:
    return vm_watch.update().where(vm_watch.c.vm == row.vm, vm_watch.c.looked_at < row.looked_at)


@dataclass(frozen=True, slots=True)
class Noted:
    """A finding that has been there, as it is, since `first_at`."""

    first_at: datetime
    told_at: datetime | None


class FindingStore:
    """The `findings` table: what is told once, and again only after it changed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, key: str, fact: str, at: datetime) -> Noted:
        """Write down that something is so; when it was otherwise before, it begins anew."""
        where = findings.c.key == key
        with self._engine.begin() as connection:
            row = connection.execute(findings.select().where(where)).one_or_none()
            if row is not None and row.fact == fact:
                connection.execute(findings.update().where(where).values(seen_at=at))
                return Noted(row.first_at, row.told_at)
        values = {"key": key, "fact": fact, "first_at": at, "seen_at": at, "told_at": None}
        _put(self._engine, findings.update().where(where), findings, values)
        return Noted(at, None)

    def told(self, key: str, at: datetime) -> None:
        """It has been told."""
        query = findings.update().where(findings.c.key == key, findings.c.told_at.is_(None))
        with self._engine.begin() as connection:
            connection.execute(query.values(told_at=at))

    def over(self, key: str) -> None:
        """It is not so any more."""
        with self._engine.begin() as connection:
            connection.execute(findings.delete().where(findings.c.key == key))

    def keep_only(self, families: Collection[str], keys: Collection[str]) -> None:
        """Of the findings whose key is, or begins with, `family:`, all others are over."""
        with self._engine.connect() as connection:
            known = set(connection.scalars(sa.select(findings.c.key)))
        for key in known - set(keys):
            if key.split(":")[0] in families:
                self.over(key)


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether something is on, since when, and by whom."""

    is_on: bool
    changed_by: str
    changed_at: datetime


class SwitchStore:
    """The `switches` and `ticks` tables."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, name: str) -> Switch | None:
        """A switch; None when nobody has ever touched it."""
        with self._engine.connect() as connection:
            row = connection.execute(switches.select().where(switches.c.name == name)).one_or_none()
        return None if row is None else Switch(row.is_on, row.changed_by, row.changed_at)

    def set(self, name: str, is_on: bool, by: str, at: datetime) -> None:
        """Turn it."""
        values = {"name": name, "is_on": is_on, "changed_by": by, "changed_at": at}
        _put(self._engine, switches.update().where(switches.c.name == name), switches, values)

    def tick(self, job: str, at: datetime, period: timedelta) -> bool:
        """Whether the job's run that was due at `at` is ours: one replica gets it, once.

        A run that lies two periods ahead of `at` is of a clock that was set back meanwhile.
        """
        is_other = sa.or_(ticks.c.at < at, ticks.c.at >= at + 2 * period)
        later = ticks.update().where(ticks.c.job == job, is_other)
        return _put(self._engine, later, ticks, {"job": job, "at": at})


def _put(engine: sa.Engine, update: sa.Update, table: sa.Table, values: Json) -> bool:
    """Change a row if `update` finds it, else make it; False when there is one it did not find."""
    with engine.begin() as connection:
        if connection.execute(update.values(values)).rowcount:
            return True
    try:
        with engine.begin() as connection:
            connection.execute(table.insert().values(values))
    except sa.exc.IntegrityError:
        return False
    return True
