"""The table of commands: one definition serves Slack, help, the documentation and the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.models import Text
from config.settings import Policy
from handlers import readers
from handlers.grammar import Command, Flag, Grammar, Param
from handlers.idle_commands import PAGE, admin_commands, idle_commands
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
        Flag("lease", "8h", Text("leave it alone for so long from its order, even if idle"),
             readers.lease(policy.idle.default.max_age), "8h"),
        Flag("then", "COMMAND", Text("what to run on it as soon as it is ready"), str, "rstudio"),
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
    tools = [
        Command(
            kind="tool",
            words=(word,),
            summary=Text("Get {title} and see its version", title=tool.title),
            example=word,
            takes_vm=True,
            fixed=(("tool", word),),
        )
        for word, tool in policy.tools.items()
    ]
    return (
        Command("vm", ("vm",), Text("Order an hourly VM with Docker on it"), "vm jekyll-dev",
                params=(name,), flags=sizes),
        Command("vm list", ("vm", "list"), Text("Your VMs, what they cost, and their state"),
                "vm list", is_question=True,
                flags=(Flag("all", "", Text("everyone's")), PAGE)),
        Command("vm prepare", ("vm", "prepare"),
                Text("Go on with a VM whose preparation failed"), "vm prepare jekyll-dev",
                params=(name,)),
        Command("vm cancel", ("vm", "cancel"),
                Text("Cancel a VM: it stops costing money, and everything on it is deleted"),
                "vm cancel jekyll-dev", params=(name,), confirm=_cancels),
        *apps,
        *tools,
        Command("r", ("r",), Text("Run R code and see its output and plots"), "r plot(cars)",
                takes_vm=True, code="code", code_unless="fresh",
                flags=(Flag("keep", "", Text("go on with the objects you kept in this channel,"
                                             " and keep them again")),
                       Flag("fresh", "", Text("forget them first")))),
        *_images(policy),
        *_containers(policy),
        *idle_commands(),
        *admin_commands(),
        Command("help", ("help",), Text("All commands, or how one of them is typed"),
                "help vm", is_question=True),
    )  # fmt: skip


def _images(policy: Policy) -> tuple[Command, ...]:
    one = Param("image", "IMAGE", readers.image)
    return (
        Command("search", ("search",), Text("Find images, the most stars first"), "search rstudio",
                params=(Param("term", "TERM", readers.term),), takes_vm=True, is_question=True,
                flags=(Flag("stars", "N", Text("only with at least N stars"),
                            number("stars", 0, 100_000), "5", short="s"), PAGE)),
        Command("pull", ("pull",), Text("Get an image, or see that it is up to date"),
                "pull rocker/shiny",
                params=(Param("images", "IMAGE[:TAG]", readers.image, is_many=True),),
                takes_vm=True),
        Command("pull", ("toolchain",), Text("Get all the images of the R toolchain"), "toolchain",
                takes_vm=True, fixed=(("images", list(policy.toolchain)),)),
        Command("images", ("images",), Text("The images on your VM, and which are in use"),
                "images", takes_vm=True, is_question=True, flags=(PAGE,)),
        Command("lineage", ("lineage",), Text("A picture of how the images build on one another"),
                "lineage", takes_vm=True, is_question=True),
        Command("rmi", ("rmi",), Text("Remove an image from the VM"), "rmi rocker/shiny",
                params=(one,), takes_vm=True, confirm=_removes),
    )  # fmt: skip


def _containers(policy: Policy) -> tuple[Command, ...]:
    ids = Param("ids", "ID", container, is_many=True)
    one = Param("id", "ID", container)
    return (
        Command("run", ("run",), Text("Run any image, with docker's own options"),
                "run rocker/rstudio -p 7777:8787",
                params=(Param("image", "IMAGE", readers.image),), takes_vm=True,
                tail="command", forbidden=FORBIDDEN,
                flags=(
                    Flag("publish-all", "", Text("publish every port at one that is free"),
                         short="P", shows_short=True),
                    Flag("publish", "HOST:CONTAINER", Text("publish a port at a port of the VM"),
                         readers.port_pair, "7777:8787", short="p", shows_short=True, repeats=True,
                         write=lambda ports: f"{ports[0]}:{ports[1]}"),
                    Flag("name", "N", Text("a name for it"), readers.container_name, "my-rstudio"),
                    Flag("rm", "", Text("remove it when it ends")),
                    Flag("memory", "G", Text("at most so much memory, such as 2g"),
                         readers.memory_size, "2g", short="m", write=lambda mb: f"{mb}m"),
                    Flag("cpus", "N", Text("at most so many CPUs, such as 1.5"),
                         readers.cpu_share, "1.5"),
                    Flag("env", "K=V", Text("a variable, nothing secret"),
                         readers.env_pair, "TZ=Asia/Seoul", short="e", shows_short=True,
                         repeats=True, write="=".join),
                    Flag("detach", "", Text("as it always does"), short="d", shows_short=True),
                )),
        Command("ps", ("ps",), Text("The containers running on your VMs"), "ps",
                takes_vm=True, is_question=True,
                flags=(Flag("latest", "", Text("only the newest"), short="l", shows_short=True),
                       Flag("all", "", Text("also those that have ended"), short="a"), PAGE)),
        Command("logs", ("logs",), Text("The last output of a container"), "logs 5c061b59b648",
                params=(one,), is_question=True,
                flags=(Flag("tail", "N", Text("so many lines"), number("tail", 1, 5_000), "99"),)),
        Command("url", ("url",), Text("The addresses of your containers"), "url",
                params=(Param("id", "ID", container, is_optional=True),), is_question=True,
                flags=(PAGE,)),
        Command("info", ("info",), Text("The Docker Engine of your VM, and its capacity"), "info",
                takes_vm=True, is_question=True),
        Command("stop", ("stop",), Text("Stop containers; their files stay"), "stop 5c061b59b648",
                params=(ids,), takes_vm=True),
        Command("export", ("export",),
                Text("Get the work of your RStudio as an archive, at most {most} MB",
                     most=policy.export.most_mb),
                "export rstudio", takes_vm=True,
                params=(Param("id", "CONTAINER|APP", container, is_optional=True),),
                flags=(Flag("here", "", Text("post it here, where others can read it, too")),
                       Flag("private", "", Text("send it to you alone")))),
        Command("kill", ("kill",), Text("Kill and remove containers"), "kill 5c061b59b648",
                params=(ids,), takes_vm=True, confirm=_kills),
    )  # fmt: skip


def _cancels(args: Mapping[str, Any]) -> Text:
    return Text("Cancel {vm}? Everything on it is deleted.", vm=args["name"])


def _removes(args: Mapping[str, Any]) -> Text:
    return Text("Remove {image} from the VM? It can be pulled again.", image=args["image"])


def _kills(args: Mapping[str, Any]) -> Text:
    return Text("Kill this container? What it holds outside a volume is lost.")


_WHOLE_VM = Text("it would give the container the whole VM.")
_HOST_FILES = Text("it would give the container files of the VM; work belongs into a volume.")

FORBIDDEN = {
    "--privileged": _WHOLE_VM,
    "--pid": _WHOLE_VM,
    "--ipc": _WHOLE_VM,
    "--uts": _WHOLE_VM,
    "--userns": _WHOLE_VM,
    "--cap-add": _WHOLE_VM,
    "--device": _WHOLE_VM,
    "--security-opt": _WHOLE_VM,
    "--cgroup-parent": _WHOLE_VM,
    "--network": _WHOLE_VM,
    "--net": _WHOLE_VM,
    "-v": _HOST_FILES,
    "--volume": _HOST_FILES,
    "--volumes-from": _HOST_FILES,
    "--mount": _HOST_FILES,
    "-u": Text("the image chooses its user."),
    "--user": Text("the image chooses its user."),
    "--restart": Text("what has ended stays ended, and is seen to have."),
    "-it": Text("nobody sits at its terminal; type what it shall do behind `--`."),
    "-i": Text("nobody sits at its terminal; type what it shall do behind `--`."),
    "-t": Text("nobody sits at its terminal; type what it shall do behind `--`."),
}
"""Options of docker's that are refused by name."""
