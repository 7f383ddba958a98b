"""The `/ds` grammar: one table of commands serves Slack, help and the documentation."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import UserError
from bot.models import Choice, Text
from bot.services.operations import Request
from config.settings import Policy
from handlers import words

MAX_LENGTH = 1000
"""Characters of a command; the longest sensible one has less than 300."""


@dataclass(frozen=True, slots=True)
class Param:
    """A word that a command takes: `NAME`. is_many: as many as are typed, at least one."""

    name: str
    metavar: str
    read: Callable[[str], Any]
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """An option: `--cpus N`; without `read` it takes no value."""

    name: str
    metavar: str
    help: Text
    read: Callable[[str], Any] | None = None
    example: str = ""  # a value that works

    @property
    def usage(self) -> str:
        return f"[--{self.name} {self.metavar}]" if self.read else f"[--{self.name}]"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it is called, what it takes, and an example that works."""

    kind: str
    words: tuple[str, ...]
    summary: Text
    example: str
    params: tuple[Param, ...] = ()
    flags: tuple[Flag, ...] = ()
    takes_vm: bool = False  # `on VM` at its end
    is_question: bool = False  # changes nothing, so it is answered and not recorded
    fixed: tuple[tuple[str, Any], ...] = ()  # arguments that its words stand for

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def short_usage(self) -> str:
        """How it is typed, without the `/ds` and without options."""
        params = (f"{each.metavar}…" if each.is_many else each.metavar for each in self.params)
        on_vm = ["[on VM]"] if self.takes_vm else []
        return " ".join([*self.words, *params, *on_vm])

    @property
    def usage(self) -> str:
        """How it is typed, without the `/ds`."""
        return " ".join([self.short_usage, *(flag.usage for flag in self.flags)])


@dataclass(frozen=True, slots=True)
class Understood:
    """A command with its arguments."""

    command: Command
    request: Request


class Grammar:
    """All commands, and how a typed line becomes one of them."""

    def __init__(self, policy: Policy) -> None:
        self.slash = policy.command
        self.commands = _commands(policy)
        self._by_words = {command.words: command for command in self.commands}

    def parse(self, line: str) -> Understood:
        """The command that a line means. Raises UserError with what to type instead."""
        typed = words.split(line, MAX_LENGTH)
        if not typed:
            return Understood(self._by_words["help",], Request("help", {"words": []}))
        command, rest = self._find(typed)
        args: dict[str, Any] = dict(command.fixed)
        if command.kind == "help":
            return Understood(command, Request("help", {"words": [w.lower() for w in rest]}))
        rest = self._read_flags(command, rest, args)
        if command.takes_vm:
            rest = _read_vm(command, rest, args)
        self._read_params(command, rest, args)
        return Understood(command, Request(command.kind, args))

    def find(self, typed: Sequence[str]) -> Command | None:
        """The command that these words begin with, the longest name first."""
        lowered = tuple(word.lower() for word in typed)
        for length in (2, 1):
            if lowered[:length] in self._by_words:
                return self._by_words[lowered[:length]]
        return None

    def _find(self, typed: list[str]) -> tuple[Command, list[str]]:
        command = self.find(typed)
        if command is None:
            raise self._unknown(typed)
        return command, typed[len(command.words) :]

    def _unknown(self, typed: Sequence[str]) -> UserError:
        names = sorted({command.words[0] for command in self.commands})
        near = difflib.get_close_matches(typed[0].lower(), names, n=2, cutoff=0.5)
        text = Text("There is no command `{word}`.", word=words.shortened(typed[0]))
        if not near:
            return UserError(text, instead="help")
        fixed = [" ".join([name, *typed[1:]])[:200] for name in near]
        choices = [Choice(Text("{command}", command=f"{self.slash} {each}"), each)
                   for each in fixed if self._is_complete(each)]  # fmt: skip
        return UserError(text, instead=fixed[0], choices=choices)

    def _is_complete(self, line: str) -> bool:
        try:
            self.parse(line)
        except UserError:
            return False
        return True

    def _read_flags(self, command: Command, rest: list[str], args: dict[str, Any]) -> list[str]:
        flags = {f"--{flag.name}": flag for flag in command.flags}
        left, waiting = [], list(rest)
        while waiting:
            word = waiting.pop(0)
            if not word.startswith("--"):
                left.append(word)
                continue
            name, has_value, value = word.lower().partition("=")
            flag = flags.get(name)
            if flag is None:
                raise _no_such_flag(command, name, list(flags))
            if flag.read is None:
                args[flag.name] = True
                continue
            if not has_value:
                value = waiting.pop(0) if waiting else ""
            args[flag.name] = _flag_value(flag, value, command)
        return left

    def _read_params(self, command: Command, rest: list[str], args: dict[str, Any]) -> None:
        for param in command.params:
            if not rest:
                raise UserError(
                    Text("`{line}`: {param} is missing.", line=command.usage, param=param.metavar),
                    instead=command.example,
                )
            taken = rest if param.is_many else rest[:1]
            rest = rest[len(taken) :]
            values = [_reading(param.read, word, command) for word in taken]
            args[param.name] = values if param.is_many else values[0]
        if rest:
            raise UserError(
                Text("`{word}` is one word too many.", word=words.shortened(rest[0])),
                instead=command.example,
            )


def hostname(word: str) -> str:
    """A host name's first label. Raises UserError. Source: RFC 1123 §2.1, RFC 952."""
    label = word.lower()
    if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label):
        return label
    raise UserError(
        Text(
            "`{word}` cannot be a VM's name: a name has 1 to 63 of the letters a-z, digits and"
            " hyphens, and neither starts nor ends with a hyphen.",
            word=words.shortened(word),
        ),
        instead=None if _proposed(label) is None else f"vm {_proposed(label)}",
    )


def _proposed(label: str) -> str | None:
    """A name like the one that was meant."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9-]+", "-", plain).strip("-")[:63].rstrip("-")
    return plain or None


def _number(flag: str, least: int, most: int) -> Callable[[str], int]:
    def read(word: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", word) and least <= int(word) <= most:
            return int(word)
        raise UserError(
            Text("`--{flag}` takes a whole number from {least} to {most}, not `{word}`.",
                 flag=flag, least=str(least), most=str(most), word=words.shortened(word)),
        )  # fmt: skip

    return read


def _datacenter(word: str) -> str:
    if re.fullmatch(r"[A-Za-z]{3}[0-9]{2}", word):
        return word.lower()
    raise UserError(
        Text("`{word}` is not a datacenter. Their names look like `dal10` or `seo01`.",
             word=words.shortened(word))
    )  # fmt: skip


def _image(names: Sequence[str]) -> Callable[[str], str]:
    guid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

    def read(word: str) -> str:
        if word.lower() in names:
            return word.lower()
        if guid.fullmatch(word):
            return word
        raise UserError(
            Text("There is no image `{word}`: it is one of {names}, or a template's GUID.",
                 word=words.shortened(word), names=list(names))
        )  # fmt: skip

    return read


def _container(word: str) -> str:
    """An id, the beginning of one, or a name."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", word):
        return word
    raise UserError(
        Text("`{word}` is not a container's id or name.", word=words.shortened(word)), instead="ps"
    )


def _reading(read: Callable[[str], Any], word: str, command: Command) -> Any:
    """The value of a word; whoever finds it wrong need not know an example."""
    try:
        return read(word)
    except UserError as error:
        if error.instead is None:
            raise UserError(error.text, instead=command.example) from None
        raise


def _flag_value(flag: Flag, word: str, command: Command) -> Any:
    assert flag.read is not None
    instead = f"{command.example} --{flag.name} {flag.example}"
    if not word or word.startswith("--"):
        raise UserError(Text("`--{flag}` needs a value.", flag=flag.name), instead=instead)
    try:
        return flag.read(word)
    except UserError as error:
        raise UserError(error.text, instead=instead) from None


def _read_vm(command: Command, rest: list[str], args: dict[str, Any]) -> list[str]:
    """Take `on VM` away from the end."""
    places = [i for i, word in enumerate(rest) if word.lower() == "on"]
    if not places:
        return rest
    at = places[-1]
    named = rest[at + 1 :]
    if len(named) != 1:
        raise UserError(Text("After `on`, type the name of one VM."), instead=command.example)
    args["vm"] = _reading(hostname, named[0], command)
    return rest[:at]


def _no_such_flag(command: Command, name: str, flags: Sequence[str]) -> UserError:
    near = difflib.get_close_matches(name, flags, n=1)
    text = Text("`{command}` has no option `{flag}`.", command=command.name,
                flag=words.shortened(name))  # fmt: skip
    if near:
        text = Text("`{command}` has no option `{flag}`. Did you mean `{near}`?",
                    command=command.name, flag=words.shortened(name), near=near[0])  # fmt: skip
    return UserError(text, instead=command.example)


def _commands(policy: Policy) -> tuple[Command, ...]:
    vm, images = policy.vm, list(policy.vm.images)
    name = Param("name", "NAME", hostname)
    sizes = (
        Flag("cpus", "N", Text("virtual CPUs"), _number("cpus", 1, vm.max_cpus), "2"),
        Flag("memory", "MB", Text("memory in MB"), _number("memory", 1024, vm.max_memory_mb),
             "2048"),
        Flag("datacenter", "D", Text("where it runs, such as dal10"), _datacenter, vm.datacenter),
        Flag("image", "|".join([*images, "GUID"]), Text("what is installed on it"),
             _image(images), vm.image),
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
                params=(Param("ids", "ID", _container, is_many=True),), takes_vm=True),
        Command("help", ("help",), Text("All commands, or how one of them is typed"),
                "help vm", is_question=True),
    )  # fmt: skip
