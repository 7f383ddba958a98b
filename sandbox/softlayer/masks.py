"""Object masks: which properties of an answer the caller wants to see.

Grammar and the local-versus-relational rule: SLDN, "Using Object Masks". Naming a local property
returns only what is named; naming only relations returns all local properties too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.softlayer import errors
from sandbox.softlayer.clock import iso
from sandbox.softlayer.schema import DataType, Getter

Mask = dict[str, Any]  # property name -> Mask of that property; {} = as without a mask
Renderer = Callable[[Any], Any]

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[\[\],.()])")
_MAX_INT = 2**31 - 1  # XML-RPC's <int>; a greater one breaks the client (HTTP 555)


def parse(text: str) -> Mask:
    """The tree a mask text stands for. Raises the parser fault on bad syntax."""
    return _Parser(text).mask()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._scan(text))
        self._at = 0

    def mask(self) -> Mask:
        tree: Mask = {}
        if self._peek() == "[":
            self._bracketed(tree, self._root)
        elif self._peek() in ("mask", "filteredMask"):
            self._root(tree)
        elif self._peek():
            self._listed(tree, self._property)
        self._expect("")
        return tree

    def _root(self, tree: Mask) -> None:
        if self._peek() not in ("mask", "filteredMask"):
            raise self._error("mask")
        self._at += 1
        self._below(tree)

    def _property(self, tree: Mask) -> None:
        name = self._peek()
        if not (name[:1].isalpha() or name[:1] == "_"):
            raise self._error("PROPERTY")
        self._at += 1
        self._below(tree.setdefault(name, {}))

    def _below(self, tree: Mask) -> None:
        if self._peek() == "(":
            self._at += 2  # a type name narrows the property; our types are already exact
            self._expect(")")
        if self._peek() == "[":
            self._bracketed(tree, self._property)
        elif self._peek() == ".":
            self._at += 1
            self._property(tree)

    def _bracketed(self, tree: Mask, item: Callable[[Mask], None]) -> None:
        self._expect("[")
        self._listed(tree, item)
        self._expect("]")

    def _listed(self, tree: Mask, item: Callable[[Mask], None]) -> None:
        item(tree)
        while self._peek() == ",":
            self._at += 1
            item(tree)

    def _peek(self) -> str:
        return self._tokens[self._at][0] if self._at < len(self._tokens) else ""

    def _expect(self, token: str) -> None:
        if self._peek() != token:
            raise self._error(token or "end of mask")
        self._at += 1

    def _error(self, wanted: str) -> errors.ApiError:
        at = self._tokens[self._at][1] if self._at < len(self._tokens) else len(self._text)
        return errors.bad_mask_syntax(at, wanted, self._peek())

    @staticmethod
    def _scan(text: str) -> Iterator[tuple[str, int]]:
        at, end = 0, len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise errors.bad_mask_syntax(at, "PROPERTY", text[at])
            yield match.group(1), match.start(1)
            at = match.end()


def renderer(kind: DataType | None, mask: Mask) -> Renderer:
    """A function that turns an object into what goes over the wire.

    Nulls: a local property is '' and a relation is left out (softlayer.md C.4).
    Raises the mask fault for a property the type does not have.
    """
    if kind is None:
        return lambda value: _plain(value, mask)
    steps = [_step(kind, name, mask.get(name, {})) for name in _chosen(kind, mask)]

    def render(value: Any) -> dict[str, Any]:
        shaped: dict[str, Any] = {}
        for name, get, shape, is_local in steps:
            found = get(value)
            if found is not None:
                shaped[name] = shape(found)
            elif is_local:
                shaped[name] = ""
        return shaped

    return render


def _chosen(kind: DataType, mask: Mask) -> list[str]:
    for name in mask:
        if kind.getter(name) is None and name not in kind.absent:
            raise errors.bad_mask_property(name, kind.name)
    named = [name for name in mask if name not in kind.absent]
    if any(name in kind.locals for name in mask):
        return named
    return list(dict.fromkeys([*kind.locals, *kind.shown, *named]))


def _step(kind: DataType, name: str, below: Mask) -> tuple[str, Getter, Renderer, bool]:
    get = kind.getter(name)
    assert get is not None  # _chosen has seen to it
    if name in kind.locals:
        return name, get, kind.written.get(name, to_wire), True
    one = renderer(kind.kinds.get(name), below)
    return name, get, lambda found: _each(found, one), False


def _each(found: Any, one: Renderer) -> Any:
    return [one(item) for item in found] if isinstance(found, list | tuple) else one(found)


def _plain(value: Any, mask: Mask) -> Any:
    """A dictionary under a mask: its scalars are its local properties."""
    if not isinstance(value, dict):
        return to_wire(value)
    local = [name for name, item in value.items() if not _is_relation(item)]
    named = [name for name in mask if name in value]
    if not any(name in local for name in named):
        named = [*local, *named]
    return {name: _each(value[name], renderer(None, mask.get(name, {}))) for name in named}


def _is_relation(item: Any) -> bool:
    if isinstance(item, list | tuple):
        return any(isinstance(each, dict) for each in item)
    return isinstance(item, dict)


def to_wire(value: Any) -> Any:
    """A whole value as XML-RPC carries it: times and money as text, None as ''."""
    if value is None:
        return ""
    if isinstance(value, bool | str | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _MAX_INT else float(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Decimal):
        return money(value)
    if isinstance(value, dict):
        return {str(name): to_wire(item) for name, item in value.items()}
    return [to_wire(item) for item in value]


def money(amount: Decimal) -> str:
    """An amount as SoftLayer writes it: '.053', '2', '0'."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text or "0"
