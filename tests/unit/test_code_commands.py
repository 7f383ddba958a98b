"""Commands that end in code: what phones, Slack and habits make of it is undone, nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from config.settings import load_policy
from handlers.commands import grammar as grammar_of

GRAMMAR = grammar_of(load_policy())


def args_of(line: str) -> dict[str, Any]:
    understood = GRAMMAR.parse(line)
    assert understood.request.kind == "r"
    return understood.request.args


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("r plot(cars)", "plot(cars)"),
        ("r cat(\u201chi\u201d, \u2018you\u2019)", "cat(\"hi\", 'you')"),
        ("r x &lt;- 1 &amp;&amp; 2 &gt; 1", "x <- 1 && 2 > 1"),
        ("r x\u00a0<- 1", "x <- 1"),
        ("r f <- function(x) {\n  x + 1\n}\nf(2)", "f <- function(x) {\n  x + 1\n}\nf(2)"),
        ("r ```plot(cars)```", "plot(cars)"),
        ("r ```\nplot(cars)\n```", "plot(cars)"),
        ("r ```{r}\nplot(cars)\n```", "plot(cars)"),
        ("r `my var` + 1", "`my var` + 1"),
        ("r on <- 5; on", "on <- 5; on"),
        ("r -1", "-1"),
        ("r cat('a -- b')", "cat('a -- b')"),
        ("r &amp;amp;lt;", "&amp;lt;"),
        ("R plot(cars)", "plot(cars)"),
    ],
)
def test_code_arrives_as_it_was_meant(typed: str, meant: str) -> None:
    assert args_of(typed) == {"code": meant}


@pytest.mark.parametrize(
    ("typed", "args"),
    [
        ("r --keep x", {"keep": True, "code": "x"}),
        ("r \u2014keep x", {"keep": True, "code": "x"}),
        ("r --keep\nx", {"keep": True, "code": "x"}),
        ("r --keep ```x```", {"keep": True, "code": "x"}),
        ("r --keep --fresh on web-1 x", {"keep": True, "fresh": True, "vm": "web-1", "code": "x"}),
        ("r on web\nx <- 1\n  x", {"vm": "web", "code": "x <- 1\n  x"}),
        ("r on web -- on db x", {"vm": "web", "code": "on db x"}),
        ("r -- --keep", {"code": "--keep"}),
        ("r --fresh", {"fresh": True}),
        ("r --fresh on web", {"fresh": True, "vm": "web"}),
    ],
)
def test_options_and_the_vm_come_first(typed: str, args: dict[str, Any]) -> None:
    assert args_of(typed) == args


@pytest.mark.parametrize("typed", ["r", "r  ", "r --keep", "r on web", "r ``````", "r --"])
def test_code_that_is_missing_is_asked_for(typed: str) -> None:
    with pytest.raises(UserError, match="CODE is missing") as caught:
        GRAMMAR.parse(typed)

    assert caught.value.instead == "r plot(cars)"


@pytest.mark.parametrize("typed", ["r --kep x", "r --net x"])
def test_an_option_that_there_is_not_is_refused(typed: str) -> None:
    with pytest.raises(UserError, match="no option"):
        GRAMMAR.parse(typed)


def test_what_cannot_be_seen_is_refused() -> None:
    with pytest.raises(UserError, match="invisible"):
        GRAMMAR.parse("r x\x00y")


def test_code_has_an_end() -> None:
    with pytest.raises(UserError, match="4000"):
        GRAMMAR.parse(f"r {'x' * 4001}")


@given(
    code=st.text(alphabet="x1 \n<>&;-on`'\"()lgtamp\u2014\u201c", min_size=1, max_size=60),
    flags=st.sets(st.sampled_from(["keep", "fresh"])),
    vm=st.none() | st.just("web"),
)
def test_a_button_of_it_does_the_same(code: str, flags: set[str], vm: str | None) -> None:
    line = " ".join(["r", *(f"--{each}" for each in sorted(flags)), *(["on", vm] if vm else [])])
    try:
        args = args_of(f"{line} -- {code}")
    except UserError:
        return

    assert args_of(GRAMMAR.line("r", args)) == args
