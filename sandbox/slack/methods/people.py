"""auth.test, users.*, usergroups.*, team.info, bots.info: who is here."""

from __future__ import annotations

from sandbox.slack.errors import SlackError
from sandbox.slack.methods.arguments import Arguments, page_of, with_cursor
from sandbox.slack.methods.context import Api
from sandbox.slack.records import Json


def api_test(api: Api, args: Arguments) -> Json:
    """api.test: answers, or fails with the error it is asked to."""
    if args.has("error"):
        raise SlackError(args.text("error"))
    return {"args": {}}


def auth_test(api: Api, args: Arguments) -> Json:
    """auth.test: whose token this is."""
    bot, team = api.workspace.bot, api.workspace.team
    return {
        "url": api.base_url + "/",
        "team": team.name,
        "user": bot.name,
        "team_id": team.id,
        "user_id": bot.id,
        "bot_id": bot.bot_id,
        "is_enterprise_install": False,
    }


def user_info(api: Api, args: Arguments) -> Json:
    """users.info."""
    user = api.workspace.user(args.required("user"))
    include_locale = args.flag("include_locale")
    return {"user": user.to_api(api.workspace.team.id, include_locale=include_locale)}


def user_list(api: Api, args: Arguments) -> Json:
    """users.list."""
    page, cursor = page_of(args, list(api.workspace.users.values()))
    include_locale, team_id = args.flag("include_locale"), api.workspace.team.id
    members = [user.to_api(team_id, include_locale=include_locale) for user in page]
    return with_cursor({"members": members, "cache_ts": int(api.workspace.time())}, cursor)


def usergroup_list(api: Api, args: Arguments) -> Json:
    """usergroups.list."""
    with_disabled = args.flag("include_disabled")
    groups = [g for g in api.workspace.usergroups.values() if with_disabled or not g.disabled]
    include_users, team_id = args.flag("include_users"), api.workspace.team.id
    return {"usergroups": [g.to_api(team_id, include_users=include_users) for g in groups]}


def usergroup_users(api: Api, args: Arguments) -> Json:
    """usergroups.users.list."""
    group = api.workspace.usergroups.get(args.required("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.members)}


def team_info(api: Api, args: Arguments) -> Json:
    """team.info."""
    team = api.workspace.team
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "icon": {}}}


def bot_info(api: Api, args: Arguments) -> Json:
    """bots.info."""
    bot = api.workspace.bot
    if args.text("bot", bot.bot_id or "") != bot.bot_id:
        raise SlackError("bot_not_found")
    return {"bot": api.bot_profile() | {"user_id": bot.id, "icons": {}}}


def open_connection(api: Api, args: Arguments) -> Json:
    """apps.connections.open: a WebSocket address for one connection."""
    return {"url": api.socket.issue_address(api.base_url)}
