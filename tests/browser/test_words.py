"""The page's words, in both languages. Needs no browser."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.slack import page
from sandbox.slack.wording import table

SCRIPTS = sorted((Path(page.__file__).parent / "static").glob("*.js"))


def test_both_languages_say_the_same_things() -> None:
    english, korean = table("en"), table("ko")

    assert english.keys() - korean.keys() <= {key for key in english if key.endswith("_one")}
    assert korean.keys() <= english.keys()
    for key, sentence in korean.items():
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", english[key])) or (
            key.endswith("_one")
        )


def test_every_word_that_a_script_says_is_there() -> None:
    """A missing word would show as its key, only in that corner of the page."""
    said = {
        key for path in SCRIPTS for key in re.findall(r"""say\(\s*"(\w+)\"""", path.read_text())
    }

    assert len(said) > 50
    assert said <= table("en").keys()


def test_no_script_makes_markup_from_text() -> None:
    """Messages come from anywhere; they must never be read as HTML."""
    for path in SCRIPTS:
        markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|DOMParser"
        assert re.search(markup, path.read_text()) is None, path.name
