"""The error tree: what its drawing promises."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from bot import errors
from bot.errors import BotError, ConfigError, OutsideError, UserError
from bot.models import Text

DRAWN = re.compile(r"^    (?P<branch>[│ ├└─]*)(?P<name>[A-Z]\w+)(  .*)?$")
INDENT = 4  # characters per level of the drawing
PASSING = {
    "CloudBusy",
    "CloudHeld",
    "CloudUnknown",
    "HostUnreachable",
    "EngineMissing",
    "ChatUnknown",
}


def classes() -> dict[str, type[BotError]]:
    return {
        name: each
        for name, each in vars(errors).items()
        if inspect.isclass(each) and issubclass(each, BotError)
    }


def drawn() -> Iterator[tuple[str, str | None]]:
    """Every class in the drawing, with the class it hangs from."""
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = DRAWN.match(line)
        if found:
            level = len(found["branch"]) // INDENT
            path[level:] = [found["name"]]
            yield found["name"], path[level - 1] if level else None


def test_the_drawn_tree_is_the_real_one() -> None:
    """People learn the errors from the drawing, and catch by it."""
    real = {
        name: None if each is BotError else each.__bases__[0].__name__
        for name, each in classes().items()
    }

    assert dict(drawn()) == real
    assert len(list(drawn())) == len(real)


@pytest.mark.parametrize("error", list(classes().values()), ids=list(classes()))
def test_an_error_passes_only_where_another_answer_may_come(error: type[BotError]) -> None:
    """Waiting for what will not change wastes a person's time; giving up too early a VM's."""
    assert error.is_passing == (error.__name__ in PASSING)


@pytest.mark.parametrize("error", list(classes().values()), ids=list(classes()))
def test_every_error_says_what_it_means(error: type[BotError]) -> None:
    assert error.__doc__ and error.__doc__.strip().endswith(".")


def test_nothing_is_both_a_persons_mistake_and_anothers() -> None:
    for error in classes().values():
        assert not (issubclass(error, UserError) and issubclass(error, OutsideError))


def test_the_text_is_kept_for_translation_and_readable_at_once() -> None:
    error = BotError(Text("No VM is named {name}.", name="jekyll"))

    assert error.text == Text("No VM is named {name}.", name="jekyll")
    assert str(error) == "No VM is named jekyll."


def test_a_plain_sentence_is_never_taken_for_a_pattern() -> None:
    """A foreign text with braces must not raise KeyError while an error is being made."""
    assert str(BotError("{oops} {0} {")) == "{oops} {0} {"


def test_a_config_error_shows_every_mistake() -> None:
    error = ConfigError(["PORT='x': a number", "SL_API_KEY: not set"])

    assert error.mistakes == ["PORT='x': a number", "SL_API_KEY: not set"]
    assert "2 mistakes" in str(error)
    assert all(f"  - {each}" in str(error) for each in error.mistakes)
