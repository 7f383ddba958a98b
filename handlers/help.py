"""`/ds help`: built from the grammar, so that it cannot lag behind it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from bot.errors import UserError
from bot.models import Text
from bot.replies.blocks import Reply, actions, context, joined, section
from bot.replies.home import new_workspace
from bot.replies.texts import escape, say
from handlers.grammar import Command, Grammar


def help_reply(grammar: Grammar, words: Sequence[str], language: str) -> Reply:
    """All commands, or how one is typed. Raises UserError for one that does not exist."""
    if not words:
        return _overview(grammar, language)
    command = grammar.find(words)
    if command is None:
        names = [each.name for each in grammar.commands]
        near = difflib.get_close_matches(" ".join(words), names, n=1)
        raise UserError(
            Text("There is no command `{word}`.", word=" ".join(words)[:60]),
            instead=f"help {near[0]}" if near else "help",
        )
    return _one(grammar, command, language)


def _overview(grammar: Grammar, language: str) -> Reply:
    text = say(Text("What you can type:"), language)
    lines = [
        f"• `{grammar.slash} {escape(command.short_usage)}` {say(command.summary, language)}"
        for command in grammar.commands
    ]
    more = say(
        Text("One of them, with its options: `{command} help vm`", command=grammar.slash), language
    )
    row = actions([new_workspace()], language)
    return Reply(text, [section(f"*{text}*"), row, *joined(lines), context(more)])


def _one(grammar: Grammar, command: Command, language: str) -> Reply:
    summary = say(command.summary, language)
    usage = f"`{grammar.slash} {escape(command.usage)}`"
    lines = [f"{usage}\n{summary}"]
    for flag in command.flags:
        value = f" {escape(flag.metavar)}" if flag.read else ""
        lines.append(f"• `{flag.typed}{value}` {say(flag.help, language)}")
    example = say(
        Text("For example: `{line}`", line=f"{grammar.slash} {command.example}"), language
    )
    return Reply(f"{usage}: {summary}", [*joined(lines), context(example)])
