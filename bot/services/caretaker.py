"""Everything of the reaper, put together over any adapters."""

from __future__ import annotations

import sqlalchemy as sa

from bot.ports import Chat, Clock, Cloud, ContainerHosts
from bot.services.allowing import AllowSpending, AskForBudget
from bot.services.budgets import Budgets
from bot.services.digests import DIGEST, Digests, TellDigest
from bot.services.duties import Duty, Errands
from bot.services.follow_up import FollowUp, Stores
from bot.services.idle_questions import IdleQuestions
from bot.services.keeping import ExtendVm, KeepVm, SwitchReaper
from bot.services.looking import Looks
from bot.services.notices import IdleClear, IdleNotice, Notices
from bot.services.operations import Act, Operations
from bot.services.orphans import AdoptVm, CancelOrphan
from bot.services.reaper import Reap
from bot.services.release import Reaping, ReleaseVm, Saver
from bot.services.repair import CancelTwins, Repair
from bot.services.spending import Spending
from bot.services.sweep import Sweep
from bot.services.telling import Messenger, News, Tell
from bot.services.vm_cancel import CancelVm
from bot.services.vm_find import VmFinder
from bot.store import (
    FindingStore,
    MarkStore,
    OperationStore,
    SwitchStore,
    VmStore,
    WatchStore,
)
from config.settings import Policy


class Caretaker:
    """Watches VMs and sees to what nobody uses.

    `sweep`: to be run at every tick. `duties`, `acts`: what operations of its kinds do.
    """

    def __init__(
        self,
        policy: Policy,
        database: sa.Engine,
        *,
        cloud: Cloud,
        hosts: ContainerHosts,
        chat: Chat,
        clock: Clock,
        vms: VmStore,
        operations: OperationStore,
        recorder: Operations,
        saver: Saver | None = None,
    ) -> None:
        """recorder: where the bot's own operations are asked for. saver: None: nothing can be
        saved, so nothing is taken."""
        marks, watch = MarkStore(database), WatchStore(database)
        findings, switches = FindingStore(database), SwitchStore(database)
        self.stores = stores = Stores(vms, operations, watch, marks, findings, switches)
        self.looks = Looks(hosts, policy.reaper)
        errands, messenger = Errands(recorder), Messenger(chat, clock, policy.spoken_in)
        news = News(errands, findings, policy, clock)
        finder = VmFinder(cloud, policy, clock)
        cancelling = CancelVm(cloud, hosts, vms, operations, finder, policy, clock)
        repair = Repair(cloud, hosts, vms, findings, news, policy, clock)
        follow_up = FollowUp(stores, errands, news, policy, clock, saver is not None)
        notices = Notices(chat, vms, marks, watch, policy, clock)
        shared = Reaping(cancelling, follow_up, self.looks, notices, saver)
        self.sweep = Sweep(cloud, self.looks, stores, repair, follow_up, policy, clock)
        self.questions = IdleQuestions(stores, follow_up, policy, clock)
        self.spending = Spending(stores, policy, clock)
        self.digests = Digests(self.spending, errands, policy, clock)
        self.budgets = budgets = Budgets(self.spending, errands, news, clock)
        self.duties: dict[str, Duty] = {
            "tell": Tell(messenger, news.admins),
            DIGEST: TellDigest(self.spending, messenger, policy, chat, clock),
            "cancel twins": CancelTwins(vms, finder),
            "idle notice": IdleNotice(messenger, notices, news),
            "idle clear": IdleClear(notices),
            "reap": Reap(shared, messenger, news, chat, clock),
        }
        self.acts: dict[str, Act] = {
            "keep": KeepVm(stores, notices, chat, policy, clock),
            "extend": ExtendVm(stores, notices, policy, clock),
            "vm release": ReleaseVm(shared),
            "admin reaper": SwitchReaper(stores, follow_up, policy, clock),
            "budget ask": AskForBudget(budgets, policy, clock),
            "admin budget": AllowSpending(budgets, policy),
            "admin adopt": AdoptVm(cloud, vms, policy, clock),
            "admin cancel": CancelOrphan(cloud, vms, policy),
        }

    def close(self) -> None:
        """End the threads."""
        self.looks.close()
