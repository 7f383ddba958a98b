"""Lines typed at a prompt, with a history and completion, or read from a script."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bot.shell.session import OWN_WORDS
from handlers.grammar import Grammar

_PROMPT = "ds> "
_REMEMBERED = 1_000


def typed_lines(grammar: Grammar, home: Path) -> Iterator[str]:
    """What a person types, until Ctrl-D or `exit`. Ctrl-C forgets the line."""
    _prepare(grammar, home / "shell.history")
    while True:
        try:
            line = input(_PROMPT)
        except EOFError:
            sys.stdout.write("\n")
            return
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            continue
        if line.strip() in ("exit", "quit"):
            return
        if line.strip():
            yield line


def scripted_lines() -> Iterator[str]:
    """The lines of standard input, without empty ones and remarks (`#`)."""
    for line in sys.stdin:
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def completions(grammar: Grammar, line: str) -> list[str]:
    """The words that may stand where the line ends."""
    before, _, begun = line.rpartition(" ")
    typed = before.split()
    if typed and typed[0] == grammar.slash:
        typed = typed[1:]
    words = [command.words for command in grammar.commands]
    words += [(word,) for word in (*OWN_WORDS, "exit")]
    found = {each[len(typed)] for each in words
             if len(each) > len(typed) and list(each[: len(typed)]) == typed}  # fmt: skip
    command = grammar.find(typed) if typed else None
    if command is not None:
        found.update(flag.typed for flag in command.flags)
        found.update(["on"] if command.takes_vm else [])
    if typed == ["help"]:
        found.update(command.words[0] for command in grammar.commands)
    return sorted(word for word in found if word.startswith(begun))


def _prepare(grammar: Grammar, history: Path) -> None:
    """The standard readline, where Python was built with it."""
    try:
        import readline
    except ImportError:
        return
    import atexit

    found: Sequence[str] = ()

    def complete(_word: str, number: int) -> str | None:
        nonlocal found
        if number == 0:
            found = completions(grammar, readline.get_line_buffer()[: readline.get_endidx()])
        return f"{found[number]} " if number < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" ")
    readline.parse_and_bind("tab: complete")
    with suppress(OSError):
        history.touch(mode=0o600)
        readline.read_history_file(history)
    readline.set_history_length(_REMEMBERED)
    atexit.register(_keep_history, history)


def _keep_history(history: Path) -> None:
    import readline

    with suppress(OSError):
        readline.write_history_file(history)
