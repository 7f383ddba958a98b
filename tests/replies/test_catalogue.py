"""Every sentence of the code has its Korean one, and nothing else is in the catalogue."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from bot.models import Text, counted
from bot.replies.catalogue import ROOT, messages_in_code
from bot.replies.texts import CATALOGUES, say

OTHERS = ["ko"]
_PLACES = re.compile(r"\{(\w+)\}")
_MARKED = {"Text": 1, "msgid": 1, "counted": 2}
SOURCES = [path for name in ("bot", "handlers", "config") for path in (ROOT / name).rglob("*.py")]


@pytest.fixture(scope="module")
def code() -> Catalog:
    return messages_in_code()


@pytest.fixture(scope="module", params=OTHERS)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    with (CATALOGUES / f"{request.param}.po").open("rb") as file:
        return read_po(file, locale=request.param)


def test_every_message_of_the_code_is_translated(code: Catalog, catalogue: Catalog) -> None:
    found = {key(each): each for each in messages(catalogue)}
    missing = [key(each) for each in messages(code) if not all(strings(found.get(key(each))))]

    assert not missing, "run `make texts` and translate what is empty"


def test_no_translation_is_a_guess(catalogue: Catalog) -> None:
    assert [key(each) for each in messages(catalogue) if each.fuzzy] == []


def test_no_message_is_left_that_the_code_does_not_say(code: Catalog, catalogue: Catalog) -> None:
    used = {key(each) for each in messages(code)}

    assert [key(each) for each in messages(catalogue) if key(each) not in used] == []
    assert not catalogue.obsolete


def test_a_translation_has_the_places_of_its_message(catalogue: Catalog) -> None:
    for message in messages(catalogue):
        for sentence in (*key(message), *strings(message)):
            assert not sentence or places(sentence) == places(key(message)[0]), sentence


def test_both_sentences_of_a_counted_message_have_a_place_for_the_number(code: Catalog) -> None:
    plurals = [each for each in messages(code) if isinstance(each.id, tuple)]

    assert plurals
    assert all("count" in places(sentence) for each in plurals for sentence in key(each))


def test_no_sentence_dodges_its_plural(code: Catalog) -> None:
    assert not [each for each in messages(code) if "(s)" in key(each)[0]]


def test_no_word_touches_the_end_of_bold_or_code(code: Catalog, catalogue: Catalog) -> None:
    """Slack shows `*굵게*은` as it is typed: a mark counts only beside a space or punctuation."""
    for message in (*messages(code), *messages(catalogue)):
        for sentence in (*key(message), *strings(message)):
            without = re.sub(r"([*`])[^*`]+\1", "\0", sentence)
            assert not re.search(r"\0\w|\w\0", without), sentence


def test_no_particle_hangs_on_a_value(catalogue: Catalog) -> None:
    """은/는, 이/가, 을/를, 과/와 and (으)로 depend on the sound before them: no value has one."""
    particles = (
        r"(은|는|이|가|을|를|과|와|으로|로|이나|나|이라|라)(?![가-힣])|이(며|고|면|었|에|라|니)"
    )
    for message in messages(catalogue):
        for sentence in strings(message):
            assert not re.search(rf"\}}[`*]?({particles})", sentence), sentence
            assert not re.search(r"[(]?[은이을과으]\)?[(]?[는가를와]?[)]", sentence), sentence


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_sentence_is_where_the_extraction_finds_it(path: Path, code: Catalog) -> None:
    """`Text` takes a literal, or a name whose sentences the same file marks with `msgid`."""
    extracted = {sentence for each in messages(code) for sentence in key(each)}
    tree = ast.parse(path.read_text())
    for call in calls(tree):
        for argument in call.args[: _MARKED[name_of(call)]]:
            literals = list(literals_of(argument))
            for sentence in literals:
                is_words = re.search(r"\w", _PLACES.sub("", sentence))
                assert not is_words or sentence in extracted, f"line {call.lineno}: {sentence}"
            if not literals and not isinstance(argument, ast.Call) and is_product(path):
                assert unmarked_sentences(tree) == [], f"line {call.lineno}: msgid() is missing"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_text_gets_the_parameters_that_its_places_name(path: Path) -> None:
    for call in calls(ast.parse(path.read_text())):
        given = {each.arg for each in call.keywords}
        if name_of(call) == "msgid" or None in given:
            continue
        for sentence in literals_of(call.args[0]):
            wanted = places(sentence) - Counter({"count": name_of(call) == "counted"})
            assert set(wanted) == given - {"count"} | ({"count"} & set(wanted)), (
                f"{path.name}:{call.lineno}: {sentence}"
            )


def test_numbers_choose_the_english_sentence_and_share_the_korean_one() -> None:
    def vms(count: int, language: str) -> str:
        return say(counted("{count} VM", "{count} VMs", count), language)

    assert [vms(0, "en"), vms(1, "en"), vms(2, "en")] == ["0 VMs", "1 VM", "2 VMs"]
    assert [vms(0, "ko"), vms(1, "ko"), vms(2, "ko")] == ["VM 0대", "VM 1대", "VM 2대"]


def test_a_message_recorded_before_an_upgrade_is_shown_in_english() -> None:
    assert say(Text("No longer {state}.", state="said"), "ko") == "No longer said."


# --- reading the catalogues ----------------------------------------------------------------------


def messages(catalogue: Catalog) -> list[Message]:
    return [each for each in catalogue if each.id]


def key(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def strings(message: Message | None) -> tuple[str, ...]:
    if message is None or message.string is None:
        return ("",)
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def places(sentence: str) -> Counter[str]:
    return Counter(_PLACES.findall(sentence))


# --- reading the code ----------------------------------------------------------------------------


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node) in _MARKED and node.args:
            yield node


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def literals_of(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(sentence)):
            yield sentence
        case ast.IfExp(body=body, orelse=orelse):
            yield from literals_of(body)
            yield from literals_of(orelse)
        case ast.JoinedStr():
            raise AssertionError(f"line {node.lineno}: an f-string cannot be translated")


def is_product(path: Path) -> bool:
    """`models` and `recorded` make a Text from whatever sentence they are given."""
    return path.name not in ("models.py", "recorded.py")


def unmarked_sentences(tree: ast.Module) -> list[str]:
    """What looks like a sentence for people and is neither marked, logged nor a docstring."""
    kept = {id(node) for each in ast.walk(tree) for node in _not_for_people(each)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in kept
        and re.fullmatch(r"[A-Z`{*][^\n]* [^\n]*[.:?}]", node.value)
    ]


def _not_for_people(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value  # a docstring
    if isinstance(node, ast.JoinedStr):
        yield from ast.walk(node)
    if isinstance(node, ast.Call):
        is_log = isinstance(node.func, ast.Attribute) and ast.unparse(node.func).startswith("log.")
        if is_log or name_of(node) in _MARKED:
            yield from (inner for each in node.args for inner in ast.walk(each))
