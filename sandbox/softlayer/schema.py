"""What an object offers to masks and filters: local properties and relations, read lazily."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Getter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class DataType:
    """One SoftLayer data type.

    kinds: data types of relations; a relation without one holds plain dictionaries.
    shown: relations that come even when no mask names them.
    absent: relations that the real type has and the sandbox never fills.
    written: local properties that go over the wire in a form of their own.
    """

    name: str
    locals: Mapping[str, Getter]
    relations: Mapping[str, Getter] = field(default_factory=dict)
    kinds: Mapping[str, DataType] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    absent: frozenset[str] = frozenset()
    written: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)

    def getter(self, name: str) -> Getter | None:
        """How to read a property; None if the type has no such one."""
        return self.locals.get(name) or self.relations.get(name)


@dataclass(frozen=True, slots=True)
class One:
    """An answer that is one object, to be cut by the caller's mask."""

    kind: DataType | None
    value: Any


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer that is a list, to be filtered under `root`, sorted, paged and masked.

    root: the property the caller's filter must start with; None: filters name bare properties.
    """

    kind: DataType | None
    values: list[Any]
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that no mask cuts: a flag, a number, a container."""

    value: Any


Answer = One | Rows | Raw
