"""All settings, read once: secrets and addresses from the environment, policy from YAML."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from bot.errors import ConfigError
from config.fields import ChannelId, Duration, HostLabel, PolicyPart, TitleText, UserId
from config.idle import IdlePolicies, ReaperPolicy
from config.money import BudgetPolicy, DigestPolicy
from config.r import RPolicy

SOFTLAYER_ENDPOINT = "https://api.softlayer.com/xmlrpc/v3.1"
"""SoftLayer's public XML-RPC endpoint (softlayer-python 6.2.9, consts.py API_PUBLIC_ENDPOINT)."""

SLACK_API = "https://slack.com/api/"

# For so long operations must be remembered, so that what they told is not told again:
_DIGEST_LASTS = timedelta(days=2)  # one that was missed is told for one day
_MONTH_LASTS = timedelta(days=32)


class ImageChoice(PolicyPart):
    """What `--image NAME` orders: an operating system code, or a public template by name."""

    os_code: str | None = None
    template: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> ImageChoice:
        if (self.os_code is None) == (self.template is None):
            raise ValueError("give either os_code or template")
        return self


class VmPolicy(PolicyPart):
    """Defaults and bounds of an order."""

    domain: HostLabel
    datacenter: str
    cpus: int = Field(ge=1)
    memory_mb: int = Field(ge=1024)
    disk_gb: Literal[25, 100]
    image: str
    nic_mbps: Literal[10, 100, 1000]
    max_cpus: int = Field(ge=1)
    max_memory_mb: int = Field(ge=1024)
    max_per_owner: int = Field(ge=1)
    images: dict[str, ImageChoice]
    host_key: Literal["pinned", "first_use"]

    @model_validator(mode="after")
    def _default_image_exists(self) -> VmPolicy:
        if self.image not in self.images:
            raise ValueError(f"image {self.image!r} is not one of images: {', '.join(self.images)}")
        return self


class Timeouts(PolicyPart):
    """How long each phase may take."""

    order: Duration
    settle: Duration
    boot: Duration
    connect: Duration
    docker: Duration
    pull: Duration
    start: Duration
    ready: Duration
    cancel: Duration
    query: Duration
    host_query: Duration
    export: Duration
    suspend: Duration
    save: Duration
    restore: Duration


class Poll(PolicyPart):
    """How often a running phase looks again."""

    cloud: Duration
    host: Duration
    page: Duration


class AccessPolicy(PolicyPart):
    """Who may use the bot. Empty lists do not narrow."""

    users: frozenset[UserId]
    channels: frozenset[ChannelId]
    admins: frozenset[UserId]


class Keep(PolicyPart):
    """How long things are remembered."""

    operations: Duration
    saves: Duration


class ChannelPolicy(PolicyPart):
    """What holds in one channel."""

    language: Literal["en", "ko"] | None = None
    digest: bool = True


class App(PolicyPart):
    """One entry of the catalogue: a program with a page, run as a container."""

    title: TitleText
    image: str
    port: int = Field(ge=1, le=65535)
    probe: str = Field(pattern=r"^/")
    path: str = Field(pattern=r"^/")
    login: str | None
    memory_mb: int | None = Field(ge=64)
    successor: str | None = None
    homes: dict[
        Annotated[str, Field(pattern=r"^[a-z]+$")], Annotated[str, Field(pattern=r"^/")]
    ] = {}


class Tool(PolicyPart):
    """One image without a page."""

    title: TitleText
    image: str
    command: tuple[str, ...] = Field(min_length=1)


class ExportPolicy(PolicyPart):
    """What somebody's work may take when it is sent."""

    most_mb: int = Field(ge=1, le=1000)


class Policy(PolicyPart):
    """Everything that is written in YAML."""

    command: str = Field(pattern=r"^/[a-z0-9_-]{1,31}$")
    vm: VmPolicy
    timeouts: Timeouts
    poll: Poll
    access: AccessPolicy
    channels: dict[ChannelId, ChannelPolicy]
    keep: Keep
    export: ExportPolicy
    r: RPolicy
    reaper: ReaperPolicy
    idle: IdlePolicies
    digest: DigestPolicy | None
    budgets: BudgetPolicy
    catalog: dict[str, App]
    tools: dict[str, Tool]
    toolchain: tuple[str, ...]

    def spoken_in(self, channel_id: str, otherwise: str) -> str:
        """The language of a channel; where none is set, the other one: that of who asked."""
        channel = self.channels.get(channel_id)
        return (channel.language if channel else None) or otherwise

    @model_validator(mode="after")
    def _looks_often_enough(self) -> Policy:
        self.idle.require_looks(self.reaper.look)
        return self

    @model_validator(mode="after")
    def _remembers_what_was_told(self) -> Policy:
        """What is told once is known by its operation."""
        if self.digest is not None and self.keep.operations < _DIGEST_LASTS:
            raise ValueError("keep.operations must be at least 2d, or a digest may come twice")
        if self.budgets.has_any and self.keep.operations < _MONTH_LASTS:
            raise ValueError("keep.operations must be at least 32d, or budgets may be told twice")
        return self

    def has_digest(self, channel_id: str) -> bool:
        """Whether a channel is told what its VMs cost."""
        channel = self.channels.get(channel_id)
        return self.digest is not None and (channel is None or channel.digest)


class Environment(BaseModel):
    """Secrets and addresses. Secrets are masked in `repr`, in logs and in error texts."""

    model_config = ConfigDict(frozen=True)

    slack_bot_token: SecretStr | None = None
    slack_app_token: SecretStr | None = None
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = SLACK_API
    ds_transport: Literal["socket", "http"] | None = None
    port: int = Field(default=3000, ge=0, le=65535)
    sl_username: str | None = None
    sl_api_key: SecretStr | None = None
    sl_endpoint_url: str = SOFTLAYER_ENDPOINT
    database_url: SecretStr | None = None
    ds_home: Path = Field(default_factory=lambda: Path.home() / ".local/share/ds-bot")
    ds_config: Path | None = None

    @field_validator("slack_api_url")
    @classmethod
    def _ends_with_api(cls, value: str) -> str:
        if not re.match(r"^https?://.+/api/$", value):
            raise ValueError("must be an http(s) address that ends with /api/")
        return value

    @field_validator("sl_endpoint_url")
    @classmethod
    def _is_xmlrpc(cls, value: str) -> str:
        if not re.match(r"^https?://", value):
            raise ValueError("must be an http(s) address")
        if "/rest" in value:
            raise ValueError("must be the XML-RPC endpoint, not the REST one")
        return value

    @field_validator("slack_bot_token")
    @classmethod
    def _is_bot_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith("xoxb-"):
            raise ValueError("must be a bot token, which starts with xoxb-")
        return value

    @field_validator("slack_app_token")
    @classmethod
    def _is_app_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value and not value.get_secret_value().startswith("xapp-"):
            raise ValueError("must be an app-level token, which starts with xapp-")
        return value

    @property
    def transport(self) -> Literal["socket", "http"]:
        """How Slack reaches the bot: as told, else by socket if there is an app token."""
        return self.ds_transport or ("socket" if self.slack_app_token else "http")

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the store: DATABASE_URL, else a SQLite file in DS_HOME."""
        if self.database_url:
            return _with_driver(self.database_url.get_secret_value())
        return f"sqlite:///{self.ds_home / 'ds-bot.db'}"


class Settings(BaseModel):
    """Everything the bot was told, frozen."""

    model_config = ConfigDict(frozen=True)

    env: Environment
    policy: Policy


def _with_driver(url: str) -> str:
    """Heroku and others write postgres://; SQLAlchemy wants the driver's name."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def _shipped(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load(files("config").joinpath(name).read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def _laid_over(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over`, mapping by mapping; lists and scalars are replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = _laid_over(below, value)
        else:
            merged[key] = value
    return merged


def _read_overlay(path: Path | None, mistakes: list[str]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        loaded = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mistakes.append(f"DS_CONFIG={path}: cannot be read as YAML: {error}")
        return {}
    if not isinstance(loaded, dict):
        mistakes.append(f"DS_CONFIG={path}: must be a mapping of keys to values")
        return {}
    return loaded


_SECRETS = {
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_SIGNING_SECRET",
    "SL_API_KEY",
    "DATABASE_URL",
}


def _mistakes(error: ValidationError, *, environment: bool) -> list[str]:
    """One line per mistake: key, value and allowed form; never a secret's value."""
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"])
        key = key.upper() if environment else key
        message = item["msg"].removeprefix("Value error, ")
        hidden = key in _SECRETS or item["type"] in ("missing", "extra_forbidden")
        shown = "" if hidden or isinstance(item["input"], dict) else f"={item['input']!r}"
        lines.append(f"{key}{shown}: {message}")
    return lines


def load_policy(overlay: Path | None = None) -> Policy:
    """The shipped policy with `overlay` laid over it. Raises ConfigError with every mistake."""
    mistakes: list[str] = []
    tree = _shipped("bot.yaml") | _shipped("catalog.yaml") | _shipped("policies.yaml")
    tree = _laid_over(tree, _read_overlay(overlay, mistakes))
    try:
        policy = Policy.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(mistakes + _mistakes(error, environment=False)) from None
    if mistakes:
        raise ConfigError(mistakes)
    return policy


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises ConfigError with every mistake of both sources."""
    environ = os.environ if environ is None else environ
    values = {
        name: environ[name.upper()]
        for name in Environment.model_fields
        if environ.get(name.upper())
    }
    mistakes: list[str] = []
    env: Environment | None = None
    try:
        env = Environment.model_validate(values)
    except ValidationError as error:
        mistakes += _mistakes(error, environment=True)
    overlay = Path(values["ds_config"]) if "ds_config" in values else None
    try:
        policy = load_policy(overlay)
    except ConfigError as error:
        raise ConfigError(mistakes + error.mistakes) from None
    if mistakes or env is None:
        raise ConfigError(mistakes)
    return Settings(env=env, policy=policy)


def missing_for_serve(env: Environment, transport: str) -> list[str]:
    """The variables that a process needs and does not have, one line each, with where to get it.

    transport: "socket", "http", "none" for a worker, or "terminal" for one that needs no Slack.
    """
    needed: dict[str, tuple[object, str]] = {
        "SL_USERNAME": (env.sl_username, "the SoftLayer API user name"),
        "SL_API_KEY": (env.sl_api_key, "the SoftLayer API key"),
    }
    if transport != "terminal":
        where = "Slack app page, OAuth & Permissions"
        needed = {"SLACK_BOT_TOKEN": (env.slack_bot_token, where)} | needed
    if transport == "socket":
        where = "Slack app page, Basic Information, App-Level Tokens (connections:write)"
        needed["SLACK_APP_TOKEN"] = (env.slack_app_token, where)
    elif transport == "http":
        where = "Slack app page, Basic Information, Signing Secret"
        needed["SLACK_SIGNING_SECRET"] = (env.slack_signing_secret, where)
    missing = [
        f"{name}: not set; it is {where}" for name, (value, where) in needed.items() if not value
    ]
    if transport == "none" and env.database.startswith("sqlite"):
        missing.append("DATABASE_URL: a worker shares a PostgreSQL database with a bot; set it")
    return missing
