"""A command: its words, what it takes, and how it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.models import Text


@dataclass(frozen=True, slots=True)
class Param:
    """A word that a command takes: `NAME`. is_many: as many as are typed, at least one."""

    name: str
    metavar: str
    read: Callable[[str], Any]
    is_many: bool = False
    is_optional: bool = False

    @property
    def usage(self) -> str:
        shown = f"{self.metavar}…" if self.is_many else self.metavar
        return f"[{shown}]" if self.is_optional else shown


@dataclass(frozen=True, slots=True)
class Flag:
    """An option: `--cpus N`; without `read` it takes no value.

    short: its one letter, where docker's own option has one; shown where people know it best.
    repeats: may be given several times. write: how a value that was read is typed.
    """

    name: str
    metavar: str
    help: Text
    read: Callable[[str], Any] | None = None
    example: str = ""  # a value that works
    short: str = ""
    shows_short: bool = False
    repeats: bool = False
    write: Callable[[Any], str] = str

    @property
    def typed(self) -> str:
        """How it is mostly typed."""
        return f"-{self.short}" if self.shows_short else f"--{self.name}"

    @property
    def usage(self) -> str:
        return f"[{self.typed} {self.metavar}]" if self.read else f"[{self.typed}]"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what it is called, what it takes, and an example that works.

    code: everything after its words is one argument of this name, quotes, line ends and all.
    code_unless: the option with which it may be left out.
    tail: what comes after `--` is an argument of this name, as words.
    forbidden: options that people know from docker and that are refused by name, with the reason.
    confirm: the question asked before a button of it counts, where it destroys something.
    """

    kind: str
    words: tuple[str, ...]
    summary: Text
    example: str
    params: tuple[Param, ...] = ()
    flags: tuple[Flag, ...] = ()
    takes_vm: bool = False  # `on VM` at its end
    is_question: bool = False  # changes nothing, so it is answered and not recorded
    fixed: tuple[tuple[str, Any], ...] = ()  # arguments that its words stand for
    code: str = ""
    code_unless: str = ""
    tail: str = ""
    forbidden: Mapping[str, Text] = field(default_factory=dict)
    confirm: Callable[[Mapping[str, Any]], Text] | None = None

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def short_usage(self) -> str:
        """How it is typed, without the `/ds` and without options."""
        on_vm = ["[on VM]"] if self.takes_vm and not self.code else []
        code = [self.code.upper()] if self.code else []
        return " ".join([*self.words, *(each.usage for each in self.params), *on_vm, *code])

    @property
    def usage(self) -> str:
        """How it is typed, without the `/ds`."""
        flags = [flag.usage for flag in self.flags]
        if self.code:
            on_vm = ["[on VM]"] if self.takes_vm else []
            return " ".join([*self.words, *flags, *on_vm, self.code.upper()])
        tail = [f"[-- {self.tail.upper()}]"] if self.tail else []
        return " ".join([self.short_usage, *flags, *tail])

    def flag(self, word: str) -> Flag | None:
        """The option that a word such as `--cpus` or `-P` names."""
        for flag in self.flags:
            if word.lower() == f"--{flag.name}" or (flag.short and word == f"-{flag.short}"):
                return flag
        return None
