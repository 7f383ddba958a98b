"""What the bot remembers: operations, VMs and what terminals are told, in SQLite or PostgreSQL."""

from bot.store.clicks import ClickStore
from bot.store.database import open_database
from bot.store.local import LocalMessage, LocalStore
from bot.store.marks import LeaseRow, MarkRow, MarkStore, TooLate
from bot.store.operations import OperationStore
from bot.store.saves import SaveRow, SaveStore
from bot.store.vms import NameInUse, TooMany, VmStore
from bot.store.watch import FindingStore, Noted, Switch, SwitchStore, WatchRow, WatchStore

__all__ = [
    "ClickStore",
    "FindingStore",
    "LeaseRow",
    "LocalMessage",
    "LocalStore",
    "MarkRow",
    "MarkStore",
    "NameInUse",
    "Noted",
    "OperationStore",
    "SaveRow",
    "SaveStore",
    "Switch",
    "SwitchStore",
    "TooLate",
    "TooMany",
    "VmStore",
    "WatchRow",
    "WatchStore",
    "open_database",
]
