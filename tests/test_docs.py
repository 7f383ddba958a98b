"""What is written for people is true: every command, option and setting is where they look."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot.__main__ import USAGE
from config.settings import Environment, load_policy
from handlers.commands import grammar as grammar_of
from handlers.grammar import Command
from handlers.help import help_reply
from handlers.manifest import manifest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GRAMMAR = grammar_of(load_policy())


@pytest.mark.parametrize("command", GRAMMAR.commands, ids=lambda command: command.name)
def test_each_command_is_in_the_readme_in_help_and_in_the_manifest(command: Command) -> None:
    overview = json.dumps(help_reply(GRAMMAR, [], "en").blocks)
    own_help = json.dumps(help_reply(GRAMMAR, list(command.words), "en").blocks)
    hint = manifest(GRAMMAR, "socket")["features"]["slash_commands"][0]["usage_hint"]

    assert re.search(rf"`/ds {re.escape(command.name)}[ `]", README)
    assert f"/ds {command.name}" in overview
    assert command.name in hint
    for flag in command.flags:
        assert flag.typed in README
        assert flag.typed in own_help


def test_the_readme_names_no_command_that_does_not_exist() -> None:
    names = {command.words[0] for command in GRAMMAR.commands}

    assert set(re.findall(r"`/ds ([a-z-]+)", README)) <= names


@pytest.mark.parametrize("name", [name.upper() for name in Environment.model_fields])
def test_each_variable_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README


def test_each_example_works() -> None:
    for command in GRAMMAR.commands:
        assert GRAMMAR.parse(command.example).command == command


def test_the_readme_shows_exactly_two_commands_to_begin_with() -> None:
    shown = re.findall(r"^    (make \w+)", README, re.MULTILINE)

    assert shown == ["make demo", "make test"]


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)h][^)]*)\)", README))
def test_each_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_each_command_of_the_command_line_is_explained() -> None:
    for word in ("serve", "worker", "check", "shell", "manifest", "simulate", "demo", "sandbox"):
        assert re.search(rf"^  {word}\b", USAGE, re.MULTILINE), word
