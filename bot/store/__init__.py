"""What the bot remembers: operations, VMs and what terminals are told, in SQLite or PostgreSQL."""

from bot.store.database import open_database
from bot.store.local import LocalMessage, LocalStore
from bot.store.operations import OperationStore
from bot.store.vms import NameInUse, TooMany, VmStore

__all__ = [
    "LocalMessage",
    "LocalStore",
    "NameInUse",
    "OperationStore",
    "TooMany",
    "VmStore",
    "open_database",
]
