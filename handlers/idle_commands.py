"""Commands about idle VMs: for everybody, and for admins. Part of the table in `commands`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.models import Text
from handlers import readers
from handlers.grammar import Command, Flag, Param

PAGE = Flag("page", "N", Text("which page of a long list"), readers.number("page", 1, 9_999), "2")


def idle_commands() -> tuple[Command, ...]:
    name = Param("name", "NAME", readers.hostname)
    when = Param("time", "TIME", readers.time_word, is_many=True, is_optional=True)
    return (
        Command("keep", ("keep",),
                Text("Leave a VM alone though it is idle: for 4h, or until 9:00, or tomorrow 9:00"),
                "keep jekyll-dev until 9:00", params=(name, when)),
        Command("extend", ("extend",), Text("Let the lease of a VM end so much later"),
                "extend jekyll-dev 4h", params=(name, Param("time", "4h", readers.length))),
        Command("why", ("why",), Text("Whether a VM is in use, by what sign, and what follows"),
                "why jekyll-dev", params=(name,), is_question=True),
        Command("cost", ("cost",),
                Text("What your VMs, those of the channel or all of them have cost"), "cost mine",
                params=(Param("whose", "mine|channel|all", readers.whose, is_optional=True),),
                is_question=True,
                flags=(Flag("since", "7d", Text("for how long until now; 7d if left out"),
                            readers.length, "30d"), PAGE)),
        Command("budget ask", ("budget", "ask"),
                Text("Ask an admin for more money when a budget is used up"), "budget ask mine",
                params=(Param("who", "mine|channel", readers.spender, is_optional=True),)),
        Command("vm release", ("vm", "release"),
                Text("Save the work on a VM, then cancel it"), "vm release jekyll-dev",
                params=(name,), confirm=_releases),
        Command("restore", ("restore",),
                Text("Order a VM that was saved again, with its files and containers"),
                "restore jekyll-dev", params=(name,),
                flags=(Flag("datacenter", "D", Text("where it runs, such as dal10"),
                            readers.datacenter, "dal13"),
                       Flag("save", "ID", Text("an older save of that name"), readers.save_id,
                            "k3v5x2q7w4m6n8p1"))),
        Command("saves", ("saves",), Text("What is saved of cancelled VMs, and until when"),
                "saves", is_question=True,
                flags=(Flag("all", "", Text("everyone's")), PAGE)),
    )  # fmt: skip


def admin_commands() -> tuple[Command, ...]:
    vm_id = Param("id", "ID", readers.vm_id)
    turned = {
        "on": Text("Admins: let idle VMs be told about, saved and cancelled"),
        "off": Text("Admins: only look, and say what would be done"),
        "allow": Text("Admins: let more idle VMs be cancelled at once than the cap, for 2 h"),
    }
    return (
        *(
            Command("admin reaper", ("admin", "reaper", word), summary, f"admin reaper {word}",
                    fixed=(("word", word),))
            for word, summary in turned.items()
        ),
        Command("admin status", ("admin", "reaper", "status"),
                Text("Admins: whether the reaper is on, and what it sees"), "admin reaper status",
                is_question=True),
        Command("admin budget", ("admin", "budget", "allow"),
                Text("Admins: let a person or a channel order above its budget for a while"),
                "admin budget allow U0123456789", params=(Param("who", "ID", readers.spender),)),
        Command("admin adopt", ("admin", "adopt"),
                Text("Admins: take in a VM that is marked as the bot's and not known"),
                "admin adopt 123456", params=(vm_id,)),
        Command("admin cancel", ("admin", "cancel"),
                Text("Admins: cancel a VM that is marked as the bot's and not known"),
                "admin cancel 123456", params=(vm_id,), confirm=_cancels_stray),
    )  # fmt: skip


def _releases(args: Mapping[str, Any]) -> Text:
    return Text("Save the work on {vm} and cancel it now?", vm=args["name"])


def _cancels_stray(args: Mapping[str, Any]) -> Text:
    return Text("Cancel {vm}? Everything on it is deleted.", vm=args["id"])
