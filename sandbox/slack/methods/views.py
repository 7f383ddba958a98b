"""views.*: modals and the App Home."""

from __future__ import annotations

from sandbox.slack.errors import SlackError
from sandbox.slack.limits import check_view
from sandbox.slack.methods.arguments import Arguments
from sandbox.slack.methods.context import Api
from sandbox.slack.payloads import Payloads
from sandbox.slack.records import Json, View
from sandbox.slack.workspace import Change


def open_view(api: Api, args: Arguments) -> Json:
    """views.open: a modal for whoever did what the trigger id stands for."""
    content = _content(args, "modal")
    trigger = api.triggers.exchange(args.required("trigger_id"))
    return _shown(api, api.workspace.views.open(trigger.user, content), "views")


def push_view(api: Api, args: Arguments) -> Json:
    """views.push: a modal over the one in which the trigger id arose."""
    content = _content(args, "modal")
    trigger = api.triggers.exchange(args.required("trigger_id"))
    view = api.workspace.views.push(trigger.user, content, onto=trigger.view_id or "")
    return _shown(api, view, "views")


def update_view(api: Api, args: Arguments) -> Json:
    """views.update: by view id or external id, with or without a hash."""
    if not (args.has("view_id") or args.has("external_id")):
        raise SlackError("invalid_arguments")
    view = api.workspace.views.find(args.text("view_id"), args.text("external_id"))
    content = _content(args, view.type)
    updated = api.workspace.views.update(view, content, args.text("hash"))
    return _shown(api, updated, "home" if view.type == "home" else "views")


def publish_view(api: Api, args: Arguments) -> Json:
    """views.publish: a person's App Home."""
    if not api.workspace.manifest.has_home_tab:
        raise SlackError("not_enabled")
    user = api.workspace.user(args.required("user_id"))
    content = _content(args, "home")
    view = api.workspace.views.publish(user.id, content, args.text("hash"))
    return _shown(api, view, "home")


def _content(args: Arguments, surface: str) -> Json:
    content = args.parsed("view", "invalid_arguments")
    check_view(content, surface)
    checked: Json = content
    return checked


def _shown(api: Api, view: View, change: str) -> Json:
    api.workspace.tell(Change(change, frozenset({view.user})))
    return {"view": Payloads(api.workspace).view(view)}
