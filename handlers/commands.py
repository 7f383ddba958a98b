"""The table of commands: one definition serves Slack, help, the documentation and the manifest."""

from __future__ import annotations

from bot.models import Text
from config.settings import Policy
from handlers.grammar import Command, Flag, Grammar, Param
from handlers.readers import container, datacenter, hostname, number, vm_image


def grammar(policy: Policy) -> Grammar:
    """The grammar of all commands."""
    return Grammar(policy.command, commands(policy))


def commands(policy: Policy) -> tuple[Command, ...]:
    vm, images = policy.vm, list(policy.vm.images)
    name = Param("name", "NAME", hostname)
    sizes = (
        Flag("cpus", "N", Text("virtual CPUs"), number("cpus", 1, vm.max_cpus), "2"),
        Flag("memory", "MB", Text("memory in MB"), number("memory", 1024, vm.max_memory_mb),
             "2048"),
        Flag("datacenter", "D", Text("where it runs, such as dal10"), datacenter, vm.datacenter),
        Flag("image", "|".join([*images, "GUID"]), Text("what is installed on it"),
             vm_image(images), vm.image),
    )  # fmt: skip
    apps = [
        Command(
            kind="app",
            words=(word,),
            summary=Text("Run {title} and get its address", title=app.title),
            example=word,
            takes_vm=True,
            fixed=(("app", word),),
        )
        for word, app in policy.catalog.items()
    ]
    return (
        Command("vm", ("vm",), Text("Order an hourly VM with Docker on it"), "vm jekyll-dev",
                params=(name,), flags=sizes),
        Command("vm list", ("vm", "list"), Text("Your VMs, what they cost, and their state"),
                "vm list", is_question=True,
                flags=(Flag("all", "", Text("everyone's")),)),
        Command("vm prepare", ("vm", "prepare"),
                Text("Go on with a VM whose preparation failed"), "vm prepare jekyll-dev",
                params=(name,)),
        Command("vm cancel", ("vm", "cancel"),
                Text("Cancel a VM: it stops costing money, and everything on it is deleted"),
                "vm cancel jekyll-dev", params=(name,)),
        *apps,
        Command("ps", ("ps",), Text("The containers running on your VMs"), "ps",
                takes_vm=True, is_question=True),
        Command("kill", ("kill",), Text("Kill and remove containers"), "kill 5c061b59b648",
                params=(Param("ids", "ID", container, is_many=True),), takes_vm=True),
        Command("help", ("help",), Text("All commands, or how one of them is typed"),
                "help vm", is_question=True),
    )  # fmt: skip
