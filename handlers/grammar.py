"""How a typed line becomes a command with its arguments."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import UserError
from bot.models import Choice, Text
from bot.services.operations import Request
from handlers import words
from handlers.command import Command as Command
from handlers.command import Flag as Flag
from handlers.command import Param as Param
from handlers.readers import hostname

MAX_LENGTH = 1000
"""Characters of a command; the longest sensible one has less than 300."""

MAX_CODE = 4000
"""Characters of a command that ends in code."""

_SEPARATOR = re.compile(r"\A--(?:\s+|\Z)")
_LONG_DASH = re.compile(r"\A[\u2013\u2014]+")
_ON_VM = re.compile(r"on\s+[\w-]+(?:\s|$)", re.IGNORECASE)  # which is no R


@dataclass(frozen=True, slots=True)
class Understood:
    """A command with its arguments."""

    command: Command
    request: Request


class Grammar:
    """All commands, and how a typed line becomes one of them. slash: as Slack knows it, `/ds`."""

    def __init__(self, slash: str, commands: Sequence[Command]) -> None:
        self.slash = slash
        self.commands = tuple(commands)
        self._by_words = {command.words: command for command in self.commands}

    def parse(self, line: str) -> Understood:
        """The command that a line means. Raises UserError with what to type instead."""
        first = line.split(maxsplit=1)
        command = self._by_words.get((first[0].lower(),)) if first else None
        if command is not None and command.code:
            return _with_code(command, first[1] if len(first) > 1 else "")
        typed = words.split(line, MAX_LENGTH)
        if not typed:
            return Understood(self._by_words["help",], Request("help", {"words": []}))
        command, rest = self._find(typed)
        if command.kind == "help":
            return Understood(command, Request("help", {"words": [w.lower() for w in rest]}))
        args: dict[str, Any] = dict(command.fixed)
        rest = _read_tail(command, rest, args)
        rest = _read_flags(command, rest, args)
        if command.takes_vm:
            rest = _read_vm(command, rest, args)
            self._check_on(command, rest, args)
        _read_params(command, rest, args)
        if "then" in args:
            self.following(args)
        return Understood(command, Request(command.kind, args))

    def following(self, args: Mapping[str, Any]) -> Request:
        """What an order says is to be run on the VM then. Raises UserError."""
        then = self.parse(args["then"])
        if then.command.is_question or not then.command.takes_vm or "vm" in then.request.args:
            raise UserError(
                Text("`--then` takes what to run on that VM, such as `rstudio`."),
                instead=f"vm {args['name']} --then rstudio",
            )
        return Request(then.request.kind, then.request.args | {"vm": args["name"]})

    def _check_on(self, command: Command, rest: list[str], args: Mapping[str, Any]) -> None:
        """Refuses `rstudio jekyll-dev`, which lacks an `on`."""
        if command.params or len(rest) != 1 or "vm" in args:
            return
        name = _reading(hostname, rest[0], command)
        meant = self.choice(command.kind, {**args, "vm": name})
        text = Text("`{word}` is one word too many. Before a VM's name, type `on`.", word=name)
        raise UserError(text, instead=meant.command, choices=[meant])

    def line(self, kind: str, args: Mapping[str, Any]) -> str:
        """How a request is typed, without the `/ds`; parsed, it is the same request again."""
        command = self._of(kind, args)
        words_typed = [*command.words, *_param_words(command, args), *_flag_words(command, args)]
        if args.get("vm"):
            words_typed += ["on", args["vm"]]
        line = shlex.join(words_typed)
        if command.code:
            return f"{line} {_typed_code(args.get(command.code, ''))}".rstrip()
        return f"{line} -- {shlex.join(args[command.tail])}" if args.get(command.tail) else line

    def choice(self, kind: str, args: Mapping[str, Any], label: Text | None = None) -> Choice:
        """A button that does a request; without a label it shows what it does."""
        line, command = self.line(kind, args), self._of(kind, args)
        shown = label or Text("{command}", command=f"{self.slash} {line}")
        return Choice(shown, line, command.confirm(args) if command.confirm else None)

    def _of(self, kind: str, args: Mapping[str, Any]) -> Command:
        """The command that stands for the most of the arguments."""
        able = [
            each
            for each in self.commands
            if each.kind == kind and all(args.get(name) == value for name, value in each.fixed)
        ]
        return max(able, key=lambda each: len(each.fixed))

    def find(self, typed: Sequence[str]) -> Command | None:
        """The command that these words begin with, the longest name first."""
        lowered = tuple(word.lower() for word in typed)
        for length in (3, 2, 1):
            if lowered[:length] in self._by_words:
                return self._by_words[lowered[:length]]
        return None

    def _find(self, typed: list[str]) -> tuple[Command, list[str]]:
        command = self.find(typed)
        if command is None:
            raise self._unknown(typed)
        rest = typed[len(command.words) :]
        if len(rest) > 1 and not rest[1].startswith("-"):
            self._check_second_word(command, rest)
        return command, rest

    def _check_second_word(self, command: Command, rest: list[str]) -> None:
        """Refuses `vm cancl jekyll-dev`, of which `vm` alone would say that it is too long."""
        pairs = [each.words for each in self.commands if each.words[:-1] == command.words]
        near = difflib.get_close_matches(rest[0].lower(), [pair[-1] for pair in pairs], n=2)
        if near:
            fixed = [shlex.join([*command.words, name, *rest[1:]]) for name in near]
            said = " ".join([*command.words, words.shortened(rest[0])])
            text = Text("There is no command `{word}`.", word=said)
            raise UserError(text, instead=fixed[0], choices=self._complete(fixed))

    def _unknown(self, typed: Sequence[str]) -> UserError:
        names = sorted({command.words[0] for command in self.commands})
        near = difflib.get_close_matches(typed[0].lower(), names, n=2, cutoff=0.5)
        text = Text("There is no command `{word}`.", word=words.shortened(typed[0]))
        if not near:
            return UserError(text, instead="help")
        fixed = [shlex.join([name, *typed[1:]]) for name in near]
        return UserError(text, instead=fixed[0], choices=self._complete(fixed))

    def _complete(self, lines: Sequence[str]) -> list[Choice]:
        """A button for each line that is a whole command."""
        choices = []
        for line in lines:
            try:
                request = self.parse(line).request
            except UserError:
                continue
            shown = Text("{command}", command=f"{self.slash} {line}")
            choices.append(self.choice(request.kind, request.args, shown))
        return choices


def _with_code(command: Command, rest: str) -> Understood:
    """Options first, then `on VM`, perhaps `--`, then code that is left as it was typed."""
    args: dict[str, Any] = dict(command.fixed)
    code = _read_code_flags(command, words.code(rest, MAX_CODE), args)
    if command.takes_vm and _ON_VM.match(code):
        _, name, *left = code.split(maxsplit=2)
        args["vm"] = _reading(hostname, name, command)
        code = left[0] if left else ""
    code = words.unfenced(_SEPARATOR.sub("", code, count=1))
    if code:
        args[command.code] = code
    elif command.code_unless not in args:
        raise _missing(command, command.code.upper())
    return Understood(command, Request(command.kind, args))


def _read_code_flags(command: Command, code: str, args: dict[str, Any]) -> str:
    """Take the options away from before the code."""
    while True:
        code = _LONG_DASH.sub("--", code, count=1)  # as phones write two hyphens
        if not code.startswith("--") or _SEPARATOR.match(code):
            return code
        word, *left = code.split(maxsplit=1)
        flag = command.flag(word)
        if flag is None:
            raise _no_such_flag(command, word)
        args[flag.name] = True
        code = left[0] if left else ""


def _typed_code(code: str) -> str:
    """Code as it is typed after the words of its command."""
    is_unclear = code.startswith("-") or _LONG_DASH.match(code) or _ON_VM.match(code)
    # What Slack makes of these signs is undone when a line is read.
    written = re.sub(r"&(?=(?:lt|gt|amp);)", "&amp;", code)
    return f"-- {written}" if is_unclear else written


def _param_words(command: Command, args: Mapping[str, Any]) -> list[str]:
    fixed = dict(command.fixed)
    found: list[str] = []
    for param in command.params:
        value = args.get(param.name)
        if value is not None and param.name not in fixed:
            found += value if param.is_many else [value]
    return found


def _flag_words(command: Command, args: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for flag in command.flags:
        value = args.get(flag.name)
        if flag.read is None:
            found += [flag.typed] if value else []
        elif value is not None:
            for each in value if flag.repeats else [value]:
                found += [flag.typed, flag.write(each)]
    return found


def _read_tail(command: Command, rest: list[str], args: dict[str, Any]) -> list[str]:
    if not command.tail or "--" not in rest:
        return rest
    at = rest.index("--")
    args[command.tail] = rest[at + 1 :]
    return rest[:at]


def _read_flags(command: Command, rest: list[str], args: dict[str, Any]) -> list[str]:
    left, waiting = [], list(rest)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("-") or len(word) == 1:
            left.append(word)
            continue
        name, has_value, value = word.partition("=")
        flag = command.flag(name)
        if flag is None:
            if not word.startswith("--") and not any(each.short for each in command.flags):
                left.append(word)  # a name that begins with a hyphen: its reader says what is wrong
                continue
            raise _no_such_flag(command, name)
        if flag.read is None:
            args[flag.name] = True
            continue
        if not has_value:
            value = waiting.pop(0) if waiting else ""
        _take_value(flag, value, command, args)
    return left


def _take_value(flag: Flag, word: str, command: Command, args: dict[str, Any]) -> None:
    value = _flag_value(flag, word, command)
    if flag.repeats:
        args.setdefault(flag.name, []).append(value)
    else:
        args[flag.name] = value


def _flag_value(flag: Flag, word: str, command: Command) -> Any:
    assert flag.read is not None
    instead = f"{command.example} {flag.typed} {flag.example}"
    if not word or word.startswith("--"):
        raise UserError(Text("`{flag}` needs a value.", flag=flag.typed), instead=instead)
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


def _read_params(command: Command, rest: list[str], args: dict[str, Any]) -> None:
    for param in command.params:
        if not rest:
            if param.is_optional:
                continue
            raise _missing(command, param.metavar)
        taken = rest if param.is_many else rest[:1]
        rest = rest[len(taken) :]
        values = [_reading(param.read, word, command) for word in taken]
        args[param.name] = values if param.is_many else values[0]
    if rest:
        raise UserError(
            Text("`{word}` is one word too many.", word=words.shortened(rest[0])),
            instead=command.example,
        )


def _reading(read: Callable[[str], Any], word: str, command: Command) -> Any:
    """The value of a word; whoever finds it wrong need not know an example."""
    try:
        return read(word)
    except UserError as error:
        if error.instead is None:
            raise UserError(error.text, instead=command.example) from None
        raise


def _missing(command: Command, metavar: str) -> UserError:
    return UserError(
        Text("`{line}`: {param} is missing.", line=command.usage, param=metavar),
        instead=command.example,
    )


def _no_such_flag(command: Command, name: str) -> UserError:
    reason = command.forbidden.get(name.lower())
    if reason is not None:
        return UserError(
            Text("`{flag}` is not allowed: {reason}", flag=name, reason=reason),
            instead=command.example,
        )
    near = difflib.get_close_matches(name, [f"--{flag.name}" for flag in command.flags], n=1)
    text = Text("`{command}` has no option `{flag}`.", command=command.name,
                flag=words.shortened(name))  # fmt: skip
    if near:
        text = Text("`{command}` has no option `{flag}`. Did you mean `{near}`?",
                    command=command.name, flag=words.shortened(name), near=near[0])  # fmt: skip
    return UserError(text, instead=command.example)
