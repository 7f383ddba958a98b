"""The people and channels that a fresh sandbox begins with."""

from __future__ import annotations

from sandbox.slack.records import Channel, User, Usergroup

APP_ID = "A0DSBOT"
BOT_ID = "B0DSBOT"
BOT_USER = "U0DSBOT"
JANE, JIHOON, ADMIN, GUEST = "U0JANE", "U0JIHOON", "U0ADMIN", "U0GUEST"
GENERAL, DATA_SCIENCE, DATA_KO, SHINY, PLATFORM = (
    "C0GENERAL",
    "C0DATASCI",
    "C0DATAKO",
    "C0SHINY",
    "C0PLATFORM",
)


def people(app_name: str) -> list[User]:
    """Jane (English), Ji-hoon (Korean), an administrator, a guest, someone gone, and the app."""
    return [
        User(
            JANE, "jane", "Jane Doe", "en-US", "America/Chicago", "Data scientist", color="9f3a6b"
        ),
        User(
            JIHOON, "jihoon", "이지훈", "ko-KR", "Asia/Seoul", "데이터 과학자", color="2b7a78"
        ),
        User(
            ADMIN, "alex", "Alex Kim", "en-US", "Asia/Seoul", "Platform", "3c5a99", is_admin=True
        ),
        User(
            GUEST, "gus", "Gus Guest", "en-US", "Europe/Berlin", "Guest", "a0702a",
            is_restricted=True, is_ultra_restricted=True,
        ),
        User("U0GONE", "gone", "Gone Away", deleted=True),
        User("USLACKBOT", "slackbot", "Slackbot", color="757575"),
        User(
            BOT_USER, app_name.lower(), app_name, color="1d6fb8",
            is_bot=True, bot_id=BOT_ID, app_id=APP_ID,
        ),
    ]  # fmt: skip


def channels() -> list[Channel]:
    """Channels with the bot, one without it, a private one, and an archived one."""
    staff = [JANE, JIHOON, ADMIN]
    return [
        Channel(GENERAL, "general", [*staff, GUEST, BOT_USER], topic="Company-wide news"),
        Channel(DATA_SCIENCE, "data-science", [*staff, BOT_USER], topic="Models and R"),
        Channel(DATA_KO, "데이터-분석", [*staff, BOT_USER], topic="분석 환경과 R 이야기"),
        Channel(SHINY, "shiny-apps", [*staff]),
        Channel(PLATFORM, "platform", [ADMIN, JANE, BOT_USER], is_private=True),
        Channel("C0OLD", "old-project", [*staff, BOT_USER], is_archived=True),
    ]


def usergroups() -> list[Usergroup]:
    """One group of people who may do everything, one of those who use the VMs."""
    return [
        Usergroup("S0ADMINS", "ds-admins", "DS admins", [ADMIN]),
        Usergroup("S0DATA", "data-science", "Data science", [JANE, JIHOON, ADMIN]),
    ]
