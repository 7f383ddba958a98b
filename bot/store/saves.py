"""Work that was saved: where it came from, what of it there is, and until when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store.tables import saves

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SaveRow:
    """The work of one VM. bytes: of the files that it is kept in. manifest: what is in them."""

    id: str  # of the operation that saved it
    vm: str  # op_id
    hostname: str
    owner_id: str
    saved_at: datetime
    expires_at: datetime
    bytes: int
    manifest: Json
    image_guid: str | None = None  # of the VM's disks, where they were captured, too
    image_bytes: int | None = None
    restored_as: str | None = None  # op_id of the VM that has its files again


class SaveStore:
    """The `saves` table. For many threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, row: SaveRow) -> None:
        """Write one down; known already is success."""
        with self._engine.begin() as connection:
            connection.execute(saves.delete().where(saves.c.id == row.id))
            connection.execute(saves.insert().values(**asdict(row)))

    def get(self, save_id: str) -> SaveRow:
        """Raises LookupError."""
        with self._engine.connect() as connection:
            row = connection.execute(saves.select().where(saves.c.id == save_id)).one_or_none()
        if row is None:
            raise LookupError(save_id)
        return SaveRow(**row._mapping)

    def named(self, hostname: str) -> list[SaveRow]:
        """Of VMs of that name, the newest first."""
        return self._select(saves.c.hostname == hostname)

    def of(self, owner_id: str | None = None) -> list[SaveRow]:
        """A person's, or all; the newest first."""
        return self._select(sa.true() if owner_id is None else saves.c.owner_id == owner_id)

    def of_vm(self, vm: str) -> list[SaveRow]:
        """Of one VM, the newest first."""
        return self._select(saves.c.vm == vm)

    def expired(self, now: datetime) -> list[SaveRow]:
        """Those whose time is over."""
        return self._select(saves.c.expires_at <= now)

    def hold(self, save_id: str, until: datetime) -> None:
        """Have it expire no earlier."""
        sooner = saves.c.expires_at < until
        change = saves.update().where(saves.c.id == save_id, sooner).values(expires_at=until)
        with self._engine.begin() as connection:
            connection.execute(change)

    def is_restored_on(self, vm: str) -> bool:
        """Whether that VM has the files of a save."""
        return bool(self._select(saves.c.restored_as == vm))

    def restored(self, save_id: str, vm: str) -> None:
        """Its files are on that VM again."""
        change = saves.update().where(saves.c.id == save_id).values(restored_as=vm)
        with self._engine.begin() as connection:
            connection.execute(change)

    def remove(self, save_id: str) -> None:
        """Forget one; forgotten already is success."""
        with self._engine.begin() as connection:
            connection.execute(saves.delete().where(saves.c.id == save_id))

    def _select(self, condition: Any) -> list[SaveRow]:
        query = saves.select().where(condition).order_by(saves.c.saved_at.desc(), saves.c.id)
        with self._engine.connect() as connection:
            return [SaveRow(**row._mapping) for row in connection.execute(query)]
