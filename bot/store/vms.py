"""VMs: a name is reserved before anything is ordered, and free again when the VM is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.models import Vm, VmState
from bot.store.database import take_turns
from bot.store.tables import vms

_MOST_VALUES = 900
_QUOTA_LOCK = 684278  # an advisory lock of PostgreSQL's, taken while quotas are counted


class NameInUse(Exception):
    """A live VM has that name: `vm`."""

    def __init__(self, vm: Vm) -> None:
        super().__init__(vm.fqdn)
        self.vm = vm


class TooMany(Exception):
    """The person has as many live VMs as they may have: `vms`."""

    def __init__(self, vms: list[Vm]) -> None:
        super().__init__(len(vms))
        self.vms = vms


class VmStore:
    """The `vms` table. For many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def reserve(self, vm: Vm, most: int) -> None:
        """Write down a VM that is about to be ordered; written already is success.

        A reservation of the same order that was given back is made anew.

        most: how many live VMs one person may have. Raises NameInUse, TooMany: nothing is written.
        """
        try:
            with self._engine.begin() as connection:
                take_turns(connection, vms, _QUOTA_LOCK)
                known = _one(connection, vms.c.op_id == vm.op_id)
                if known is not None and known.state.is_live:
                    return
                self._check_room(connection, vm, most)
                connection.execute(vms.delete().where(vms.c.op_id == vm.op_id))
                connection.execute(vms.insert().values(_row(vm)))
        except sa.exc.IntegrityError:
            rival = self.named(vm.hostname, vm.domain)
            if rival is None:  # it went in the same moment
                raise
            raise NameInUse(rival) from None

    def get(self, op_id: str) -> Vm:
        """One VM by the operation that ordered it. Raises LookupError."""
        with self._engine.connect() as connection:
            vm = _one(connection, vms.c.op_id == op_id)
        if vm is None:
            raise LookupError(op_id)
        return vm

    def named(self, hostname: str, domain: str | None = None) -> Vm | None:
        """The live VM with this name, if there is one."""
        where = [vms.c.hostname == hostname, vms.c.is_live]
        if domain is not None:
            where.append(vms.c.domain == domain)
        with self._engine.connect() as connection:
            return _one(connection, *where)

    def live(self, owner_id: str | None = None) -> list[Vm]:
        """All VMs that may cost money, or one person's; oldest first."""
        query = vms.select().where(vms.c.is_live).order_by(vms.c.asked_at, vms.c.op_id)
        if owner_id is not None:
            query = query.where(vms.c.owner_id == owner_id)
        with self._engine.connect() as connection:
            return [_vm(row) for row in connection.execute(query)]

    def paid_since(self, since: datetime) -> list[Vm]:
        """All that were ordered and may have cost money after an instant, the oldest first."""
        ordered = sa.or_(vms.c.is_live, vms.c.cloud_id.is_not(None))
        query = vms.select().where(ordered, sa.or_(vms.c.is_live, vms.c.ended_at > since))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(vms.c.asked_at, vms.c.op_id))
            return [_vm(row) for row in rows]

    def named_by(self, op_ids: Collection[str], cloud_ids: Collection[int]) -> list[Vm]:
        """VMs that are no more, by the operations that ordered them or by ids in the cloud."""
        found: dict[str, Vm] = {}
        with self._engine.connect() as connection:
            for column, values in ((vms.c.op_id, op_ids), (vms.c.cloud_id, cloud_ids)):
                for some in _in_parts(values):
                    query = vms.select().where(column.in_(some), sa.not_(vms.c.is_live))
                    found |= {row.op_id: _vm(row) for row in connection.execute(query)}
        return list(found.values())

    def counts(self) -> dict[str, int]:
        """How many VMs there are, by state."""
        query = sa.select(vms.c.state, sa.func.count()).group_by(vms.c.state)
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def change(
        self, op_id: str, *, unless: frozenset[VmState] = frozenset(), **values: Any
    ) -> bool:
        """Set fields of a VM by the names that `Vm` gives them.

        unless: leave it as it is when it is in one of these states. Gives whether it was changed.
        """
        if "state" in values:
            values["is_live"] = VmState(values["state"]).is_live
        query = vms.update().where(vms.c.op_id == op_id, vms.c.state.not_in(unless))
        with self._engine.begin() as connection:
            return connection.execute(query.values(values)).rowcount == 1

    def gone(self, op_id: str, at: datetime) -> None:
        """The VM is no more: its name is free."""
        self.change(op_id, unless=frozenset({VmState.GONE}), state=VmState.GONE, ended_at=at)

    def _check_room(self, connection: sa.Connection, vm: Vm, most: int) -> None:
        # In whatever domain: people name a VM without it, and the operator may change it.
        rival = _one(connection, vms.c.hostname == vm.hostname, vms.c.is_live)
        if rival is not None:
            raise NameInUse(rival)
        owned = vms.select().where(vms.c.owner_id == vm.owner_id, vms.c.is_live)
        own = [_vm(row) for row in connection.execute(owned)]
        if len(own) >= most:
            raise TooMany(own)


def _in_parts(values: Collection[Any]) -> Iterator[list[Any]]:
    """As many at a time as a query takes (SQLite, before 3.32: 999)."""
    every = list(values)
    for begin in range(0, len(every), _MOST_VALUES):
        yield every[begin : begin + _MOST_VALUES]


def _one(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Vm | None:
    row = connection.execute(vms.select().where(*where)).first()
    return None if row is None else _vm(row)


def _row(vm: Vm) -> dict[str, Any]:
    return asdict(vm) | {"is_live": vm.state.is_live}


def _vm(row: sa.Row[Any]) -> Vm:
    values = dict(row._mapping)
    del values["is_live"]
    return Vm(**values | {"state": VmState(values["state"])})
