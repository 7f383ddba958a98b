"""What the bot remembers: operations and VMs, in SQLite or PostgreSQL."""

from bot.store.database import open_database
from bot.store.operations import OperationStore
from bot.store.vms import NameInUse, TooMany, VmStore

__all__ = ["NameInUse", "OperationStore", "TooMany", "VmStore", "open_database"]
