"""Object filters: which rows of a list the caller wants, and in which order.

Operators: SLDN, "Using Object Filters". A filter that starts at a wrong root or names an unknown
property is ignored in silence, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.softlayer import errors
from sandbox.softlayer.clock import parse_time
from sandbox.softlayer.schema import DataType

Path = tuple[str, ...]
Test = Callable[[Any], bool]


def select(
    kind: DataType | None, rows: Iterable[Any], tree: Mapping[str, Any] | None, root: str | None
) -> list[Any]:
    """The rows that pass the filter, sorted as it asks. Raises a fault for a bad operator."""
    if root is not None:
        tree = (tree or {}).get(root)
    chosen = list(rows)
    if not isinstance(tree, Mapping):
        return chosen
    leaves = [(path, leaf) for path, leaf in _leaves(tree) if _is_known(kind, path)]
    for path, leaf in leaves:
        if leaf["operation"] != "orderBy":
            chosen = _kept(kind, chosen, path, leaf)
    for path, leaf in reversed(leaves):
        if leaf["operation"] == "orderBy":
            chosen = _ordered(kind, chosen, path, leaf)
    return chosen


def _leaves(tree: Mapping[str, Any], path: Path = ()) -> list[tuple[Path, Mapping[str, Any]]]:
    if "operation" in tree and not isinstance(tree["operation"], Mapping):
        return [(path, tree)] if path else []
    found = []
    for name, below in tree.items():
        if isinstance(below, Mapping):
            found.extend(_leaves(below, (*path, name)))
    return found


def _is_known(kind: DataType | None, path: Path) -> bool:
    for name in path:
        if kind is None:
            return True
        if kind.getter(name) is None:
            return False
        kind = kind.kinds.get(name)
    return True


def _values(kind: DataType | None, row: Any, path: Path) -> list[Any]:
    """Everything that the path leads to: relations to many fan out; nothing found is []."""
    name, rest = path[0], path[1:]
    if kind is not None:
        get = kind.getter(name)
        value = get(row) if get else None
        kind = kind.kinds.get(name)
    else:
        value = row.get(name) if isinstance(row, Mapping) else None
    found = value if isinstance(value, list | tuple) else [value]
    if not rest:
        return [item for item in found if item is not None and item != ""]
    return [leaf for item in found if item is not None for leaf in _values(kind, item, rest)]


def _kept(kind: DataType | None, rows: list[Any], path: Path, leaf: Mapping[str, Any]) -> list[Any]:
    operation = leaf["operation"]
    if operation == "is null":
        return [row for row in rows if not _values(kind, row, path)]
    if operation == "not null":
        return [row for row in rows if _values(kind, row, path)]
    passes = _test(operation, _options(leaf))
    return [row for row in rows if any(passes(value) for value in _values(kind, row, path))]


def _ordered(
    kind: DataType | None, rows: list[Any], path: Path, leaf: Mapping[str, Any]
) -> list[Any]:
    descending = (_options(leaf).get("sort") or ["ASC"])[0].upper() == "DESC"

    def key(row: Any) -> tuple[bool, Any]:
        values = _values(kind, row, path)
        return (True, values[0]) if values else (False, 0)

    try:
        return sorted(rows, key=key, reverse=descending)
    except TypeError:  # numbers beside text: SoftLayer's database would compare text
        return sorted(rows, key=lambda row: str(key(row)), reverse=descending)


def _options(leaf: Mapping[str, Any]) -> dict[str, list[Any]]:
    options = leaf.get("options") or []
    return {str(each.get("name")): list(each.get("value") or []) for each in options}


def _test(operation: Any, options: Mapping[str, list[Any]]) -> Test:
    data = options.get("data", [])
    if operation == "in":
        return lambda value: any(_same(value, wanted) for wanted in data)
    if operation == "not in":
        return lambda value: not any(_same(value, wanted) for wanted in data)
    if operation in ("and", "or"):
        tests = [_comparison(each) for each in data]
        combine = all if operation == "and" else any
        return lambda value: combine(test(value) for test in tests)
    if operation in _DATE_TESTS:
        return _date_test(operation, options)
    return _comparison(operation)


_DATE_TESTS: Mapping[str, tuple[tuple[str, ...], Callable[..., bool]]] = {
    "betweenDate": (("startDate", "endDate"), lambda at, low, high: low <= at <= high),
    "greaterThanDate": (("date",), lambda at, low: at > low),
    "lessThanDate": (("date",), lambda at, high: at < high),
    "isDate": (("date",), lambda at, day: at.astimezone(day.tzinfo).date() == day.date()),
}


def _date_test(operation: str, options: Mapping[str, list[Any]]) -> Test:
    names, holds = _DATE_TESTS[operation]
    try:
        bounds = [parse_time(str(options[name][0])) for name in names]
    except (KeyError, IndexError, ValueError) as error:
        raise errors.fault(errors.PUBLIC, f"Invalid date in filter: {error}") from error
    return lambda value: isinstance(value, datetime) and holds(value, *bounds)


def _text(test: Callable[[str, str], bool], *, fold: bool = False) -> Callable[[Any, str], bool]:
    if fold:
        return lambda value, wanted: test(str(value).casefold(), wanted.casefold())
    return lambda value, wanted: test(str(value), wanted)


_COMPARISONS: Mapping[str, Callable[[Any, str], bool]] = {
    "*=": _text(lambda value, wanted: wanted in value, fold=True),
    "^=": _text(str.startswith, fold=True),
    "$=": _text(str.endswith, fold=True),
    "_=": _text(lambda value, wanted: value == wanted, fold=True),
    "!=": lambda value, wanted: not _same(value, wanted),
    "!~": _text(lambda value, wanted: wanted not in value),
    "<=": lambda value, wanted: _order(value, wanted) <= 0,
    ">=": lambda value, wanted: _order(value, wanted) >= 0,
    "~": _text(lambda value, wanted: wanted in value),
    "<": lambda value, wanted: _order(value, wanted) < 0,
    ">": lambda value, wanted: _order(value, wanted) > 0,
}


def _comparison(operation: Any) -> Test:
    """`"*= text"` and the like; anything else is the value itself, exactly."""
    if isinstance(operation, str):
        for sign, compare in _COMPARISONS.items():
            if operation.startswith(sign):
                wanted = operation[len(sign) :].strip()
                return lambda value: compare(value, wanted)
    return lambda value: _same(value, operation)


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool):
        return value == (str(wanted).lower() in ("1", "true"))
    return str(value) == str(wanted)


def _order(value: Any, wanted: str) -> int:
    """Below, at or above 0 as `value` is less than, equal to or greater than `wanted`."""
    left: Any
    right: Any
    try:
        if isinstance(value, datetime):
            left, right = value, parse_time(wanted)
        else:
            left, right = Decimal(str(value)), Decimal(wanted)
    except (ValueError, InvalidOperation):
        left, right = str(value), wanted
    return int(left > right) - int(left < right)
