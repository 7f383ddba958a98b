"""The views that people have open: a stack of up to three modals each, and an App Home."""

from __future__ import annotations

import secrets

from sandbox.slack.errors import SlackError
from sandbox.slack.forms import state_of
from sandbox.slack.limits import normalised
from sandbox.slack.records import Json, View

STACK_DEPTH = 3


class Views:
    """Opens, pushes, updates and closes views; each change gives the view a new hash."""

    def __init__(self) -> None:
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}
        self._serial = 0

    def stack(self, user: str) -> list[View]:
        """The person's open modals, the one on top last."""
        return list(self._stacks.get(user, ()))

    def home(self, user: str) -> View | None:
        """The App Home published for a person."""
        return self._homes.get(user)

    def find(self, view_id: str = "", external_id: str = "") -> View:
        """An open modal or a Home. Raises SlackError not_found (closed ones are gone)."""
        for view in self._all():
            if view.id == view_id or (external_id and view.external_id == external_id):
                return view
        raise SlackError("not_found")

    def open(self, user: str, content: Json) -> View:
        """Show a modal in place of all others the person has open."""
        view = self._new(user, content)
        self._stacks[user] = [view]
        return view

    def push(self, user: str, content: Json, onto: str) -> View:
        """Lay a modal over the one called `onto`, which must be open.

        Raises SlackError: not_found, push_limit_reached.
        """
        stack = self._stacks.get(user, [])
        if not any(view.id == onto for view in stack):
            raise SlackError("not_found")
        if len(stack) >= STACK_DEPTH:
            raise SlackError("push_limit_reached")
        view = self._new(user, content)
        view.root_id, view.previous_id = stack[0].root_id, stack[-1].id
        stack.append(view)
        return view

    def publish(self, user: str, content: Json, hash_: str = "") -> View:
        """Set a person's App Home. Raises SlackError hash_conflict."""
        home = self._homes.get(user)
        if home is not None:
            return self.update(home, content, hash_)
        self._homes[user] = self._new(user, content)
        return self._homes[user]

    def update(self, view: View, content: Json, hash_: str = "") -> View:
        """Show something else in a view; inputs with the same ids keep what was typed.

        Raises SlackError: hash_conflict, duplicate_external_id.
        """
        if hash_ and hash_ != view.hash:
            raise SlackError("hash_conflict")
        content = self._prepared(content, instead_of=view)
        view.state = state_of(content["blocks"], {}, view.state)
        view.content, view.errors, view.hash = content, {}, self._next_hash()
        return view

    def close(self, view: View) -> None:
        """Close one modal."""
        stack = self._stacks.get(view.user, [])
        if view in stack:
            stack.remove(view)

    def clear(self, user: str) -> list[View]:
        """Close all of a person's modals; returns them."""
        return self._stacks.pop(user, [])

    def _all(self) -> list[View]:
        modals = [view for stack in self._stacks.values() for view in stack]
        return [*modals, *self._homes.values()]

    def _new(self, user: str, content: Json) -> View:
        content = self._prepared(content)
        view_id = "V" + secrets.token_hex(5).upper()
        state = state_of(content["blocks"], {}, {})
        return View(view_id, user, content, self._next_hash(), root_id=view_id, state=state)

    def _prepared(self, content: Json, instead_of: View | None = None) -> Json:
        external_id = content.get("external_id")
        if external_id and any(
            view.external_id == external_id for view in self._all() if view is not instead_of
        ):
            raise SlackError("duplicate_external_id")
        return content | {"blocks": normalised(content["blocks"])}

    def _next_hash(self) -> str:
        self._serial += 1
        return f"{1700000000 + self._serial}.{secrets.token_hex(4)}"
