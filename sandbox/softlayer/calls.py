"""One call as it came in, and what services are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from sandbox.softlayer import errors
from sandbox.softlayer.lifecycle import Lifecycle
from sandbox.softlayer.schema import Answer, DataType, One, Raw, Rows
from sandbox.softlayer.state import Account
from sandbox.softlayer.views import Views

PREFIX = "SoftLayer_"


@dataclass(slots=True)
class Call:
    """A request, taken apart. `list_lag` and `is_held` are set by faults."""

    service: str
    method: str
    args: tuple[Any, ...] = ()
    id: Any = None
    mask: str | None = None
    filter: Mapping[str, Any] | None = None
    limit: int | None = None
    offset: int = 0
    username: str = ""
    list_lag: timedelta | None = None
    is_held: bool = False

    @property
    def name(self) -> str:
        """ "Virtual_Guest.createObject": without the prefix."""
        return f"{self.service.removeprefix(PREFIX)}.{self.method}"

    def arg(self, at: int, default: Any = None) -> Any:
        return self.args[at] if at < len(self.args) else default


Method = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Backend:
    """What the services work on."""

    account: Account
    lifecycle: Lifecycle
    views: Views


def api(name: str) -> Callable[[Callable[[Any, Call], Answer]], Callable[[Any, Call], Answer]]:
    """Marks a method of a service as the answer to the API method `name`."""

    def mark(method: Callable[[Any, Call], Answer]) -> Callable[[Any, Call], Answer]:
        method.__dict__["api_name"] = name
        return method

    return mark


class Service:
    """One SoftLayer service. Methods run under the account's lock.

    Besides the methods marked with `api`, every property of `kind` has its getter:
    `getPowerState`, `getBillingItem` and so on.
    """

    name: ClassVar[str]

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.account = backend.account
        self.views = backend.views
        self._methods: dict[str, Method] = {}
        for attribute in dir(type(self)):
            name = getattr(getattr(type(self), attribute), "api_name", None)
            if name is not None:
                self._methods[name] = getattr(self, attribute)

    @property
    def kind(self) -> DataType | None:
        """The data type whose properties have getters; None: there are none."""
        return None

    def find(self, call: Call) -> Any:
        """The object the call is about. Raises the not-found fault."""
        raise errors.no_object()

    def answer(self, call: Call) -> Answer:
        """Do what the call asks. Raises SoftLayer's faults."""
        method = self._methods.get(call.method)
        if method is not None:
            return method(call)
        name = call.method[3:4].lower() + call.method[4:]
        getter = self.kind.getter(name) if self.kind else None
        if self.kind is None or getter is None or not call.method.startswith("get"):
            raise errors.no_method(call.method)
        return self._property(self.kind, name, getter(self.find(call)))

    def _property(self, kind: DataType, name: str, value: Any) -> Answer:
        child = kind.kinds.get(name)
        if isinstance(value, list | tuple):
            return Rows(child, list(value), root=name)
        if value is None or (child is None and not isinstance(value, dict)):
            return Raw(value)
        return One(child, value)
