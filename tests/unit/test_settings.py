"""Settings: what operators write, and what they are told when it is wrong."""

from __future__ import annotations

import re
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.errors import ConfigError
from config.settings import (
    SLACK_API,
    SOFTLAYER_ENDPOINT,
    Policy,
    Timeouts,
    load_policy,
    load_settings,
    missing_for_serve,
)

SECRETS = {
    "SLACK_BOT_TOKEN": "xoxb-hunter2",
    "SLACK_APP_TOKEN": "xapp-hunter2",
    "SLACK_SIGNING_SECRET": "hunter2-signing",
    "SL_API_KEY": "hunter2-key",
    "DATABASE_URL": "postgresql://ds:hunter2@db/ds",
}
COMPLETE = {**SECRETS, "SL_USERNAME": "apikey"}


@pytest.fixture
def overlay(tmp_path: Path) -> Any:
    """Writes a policy file and gives its path."""

    def write(policy: object) -> Path:
        path = tmp_path / "policy.yaml"
        path.write_text(policy if isinstance(policy, str) else yaml.safe_dump(policy), "utf-8")
        return path

    return write


def mistakes_of(environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return caught.value.mistakes


# --- what is shipped ---


def test_an_empty_environment_is_enough_to_read_the_settings() -> None:
    """`ds-bot manifest` and `ds-bot demo` need no secret."""
    settings = load_settings({})

    assert settings.env.slack_api_url == SLACK_API
    assert settings.env.sl_endpoint_url == SOFTLAYER_ENDPOINT
    assert settings.env.port == 3000
    assert settings.env.slack_bot_token is None
    assert settings.policy.command == "/ds"


def test_the_shipped_policy_fits_itself() -> None:
    """What nobody changed must work: every default within its own bounds."""
    policy = load_policy()

    assert policy.vm.cpus <= policy.vm.max_cpus
    assert policy.vm.memory_mb <= policy.vm.max_memory_mb
    assert policy.vm.image in policy.vm.images
    assert {"rstudio", "shiny"} <= set(policy.catalog)
    assert policy.timeouts.order < policy.timeouts.boot
    assert policy.timeouts.settle >= timedelta(seconds=120)  # durable.md: below, double orders


def test_every_shipped_key_has_its_reason_beside_it() -> None:
    """The file is the manual: a line without a comment leaves the operator guessing."""
    text = (Path(__file__).parents[2] / "config/bot.yaml").read_text("utf-8")
    keys = [line for line in text.splitlines() if re.match(r" *[a-z_]+: *\S", line)]

    assert len(keys) > 30
    undocumented = [
        line
        for line in keys
        if "#" not in line and not re.match(r" +(docker|plain|host_key): ", line)
    ]
    assert undocumented == []


# --- mistakes ---


def test_every_mistake_of_both_sources_is_told_at_once(overlay: Any) -> None:
    """Mending one and being told the next, ten times over, is how operators give up."""
    path = overlay({"vm": {"cpus": 0, "disk_gb": 7}, "poll": {"host": "soon"}, "comand": "/ds"})

    mistakes = mistakes_of(
        {
            "DS_CONFIG": str(path),
            "PORT": "ninety",
            "SLACK_BOT_TOKEN": "xapp-1",
            "SLACK_API_URL": "https://slack.com",
            "SL_ENDPOINT_URL": "https://api.softlayer.com/rest/v3.1",
            "DS_TRANSPORT": "pigeon",
        }
    )

    keys = [re.split("[=:]", line)[0] for line in mistakes]
    assert keys == [
        "SLACK_BOT_TOKEN",
        "SLACK_API_URL",
        "DS_TRANSPORT",
        "PORT",
        "SL_ENDPOINT_URL",
        "vm.cpus",
        "vm.disk_gb",
        "poll.host",
        "comand",
    ]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "ninety", "PORT='ninety': Input should be a valid integer"),
        ("PORT", "65536", "PORT='65536': Input should be less than or equal to 65535"),
        ("PORT", "-1", "PORT='-1': Input should be greater than or equal to 0"),
        ("DS_TRANSPORT", "pigeon", "DS_TRANSPORT='pigeon': Input should be 'socket' or 'http'"),
        (
            "SLACK_API_URL",
            "https://slack.com/api",
            "must be an http(s) address that ends with /api/",
        ),
        ("SLACK_API_URL", "slack.com/api/", "must be an http(s) address that ends with /api/"),
        ("SL_ENDPOINT_URL", "ftp://x", "SL_ENDPOINT_URL='ftp://x': must be an http(s) address"),
        ("SL_ENDPOINT_URL", "https://x/rest/v3.1", "must be the XML-RPC endpoint"),
        ("SLACK_BOT_TOKEN", "xoxp-1", "SLACK_BOT_TOKEN: must be a bot token"),
        ("SLACK_APP_TOKEN", "xoxb-1", "SLACK_APP_TOKEN: must be an app-level token"),
    ],
)
def test_a_mistake_names_key_value_and_allowed_form(name: str, value: str, told: str) -> None:
    [line] = mistakes_of({name: value})

    assert line.startswith(name)
    assert told in line


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"vm": {"cpus": 0}}, "vm.cpus=0: Input should be greater than or equal to 1"),
        ({"vm": {"memory_mb": 512}}, "vm.memory_mb=512"),
        ({"vm": {"domain": "-bad-"}}, "vm.domain='-bad-'"),
        ({"vm": {"image": "nothing"}}, "vm: image 'nothing' is not one of images: docker, plain"),
        ({"vm": {"images": {"plain": {"template": "x"}}}}, "vm.images.plain: give either os_code"),
        ({"vm": {"host_key": "hope"}}, "vm.host_key='hope'"),
        ({"timeouts": {"boot": 45}}, "timeouts.boot=45: write a duration like 90s, 15m"),
        ({"timeouts": {"boot": "1.5h"}}, "timeouts.boot='1.5h': '1.5h' is not a duration"),
        ({"timeouts": {"boot": "-1s"}}, "timeouts.boot='-1s'"),
        ({"timeouts": {"nap": "1h"}}, "timeouts.nap: Extra inputs are not permitted"),
        ({"access": {"users": ["kim"]}}, "access.users.0='kim'"),
        ({"access": {"channels": ["#general"]}}, "access.channels.0='#general'"),
        ({"catalog": {"rstudio": {"port": 0}}}, "catalog.rstudio.port=0"),
        ({"catalog": {"new": {"title": "New"}}}, "catalog.new.image: Field required"),
        ({"command": "ds"}, "command='ds'"),
        ({"vm": None}, "vm=None"),
    ],
)
def test_a_wrong_policy_names_key_value_and_allowed_form(
    overlay: Any, policy: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_policy(overlay(policy))

    assert any(line.startswith(told) for line in caught.value.mistakes), caught.value.mistakes


@pytest.mark.parametrize("text", ["a: [", "- a list", "just words", "a: \x00"])
def test_a_policy_file_that_is_no_mapping_is_told_by_its_path(overlay: Any, text: str) -> None:
    path = overlay(text)

    [line] = mistakes_of({"DS_CONFIG": str(path)})

    assert line.startswith(f"DS_CONFIG={path}: ")


def test_a_policy_file_that_is_missing_is_told_with_the_other_mistakes(tmp_path: Path) -> None:
    """Going on with the shipped policy would sweep VMs under rules that nobody chose."""
    path = tmp_path / "nowhere.yaml"

    mistakes = mistakes_of({"DS_CONFIG": str(path), "PORT": "x"})

    assert [line.split("=")[0] for line in mistakes] == ["PORT", "DS_CONFIG"]


# --- secrets ---


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = load_settings(COMPLETE)

    for shown in (repr(settings), str(settings), f"{settings.env}", settings.model_dump_json()):
        assert "hunter2" not in shown
    assert settings.env.sl_api_key
    assert settings.env.sl_api_key.get_secret_value() == "hunter2-key"


def test_a_secret_is_not_told_in_an_error() -> None:
    """Errors are pasted into chats. Swapped tokens are the commonest mistake of all."""
    environ = {**SECRETS, "SLACK_BOT_TOKEN": "xapp-hunter2", "SLACK_APP_TOKEN": "xoxb-hunter2"}

    with pytest.raises(ConfigError) as caught:
        load_settings({**environ, "PORT": "x"})

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in repr(caught.value)


# --- laying one policy over the other ---


def test_an_overlay_changes_what_it_names_and_nothing_else(overlay: Any) -> None:
    shipped = load_policy()

    policy = load_policy(overlay({"vm": {"cpus": 2}, "timeouts": {"boot": "1h30m"}}))

    assert policy.vm == shipped.vm.model_copy(update={"cpus": 2})
    assert policy.timeouts.boot == timedelta(minutes=90)
    assert policy.timeouts.pull == shipped.timeouts.pull
    assert policy.catalog == shipped.catalog


def test_mappings_are_merged_and_lists_replaced(overlay: Any) -> None:
    """A list that grew by merging could never be made shorter, say to take rights away."""
    gpu = {"os_code": "UBUNTU_22_64"}
    first = overlay({"vm": {"images": {"gpu": gpu}}, "access": {"admins": ["U1", "U2"]}})

    policy = load_policy(first)

    assert set(policy.vm.images) == {"docker", "plain", "gpu"}
    assert policy.access.admins == {"U1", "U2"}
    assert load_policy(overlay({"access": {"admins": []}})).access.admins == frozenset()


def test_a_catalogue_entry_is_added_or_changed_by_its_name(overlay: Any) -> None:
    jupyter = {
        "title": "Jupyter",
        "image": "jupyter/base-notebook",
        "port": 8888,
        "probe": "/api",
        "path": "/lab",
        "login": None,
        "memory_mb": 2048,
    }

    policy = load_policy(
        overlay({"catalog": {"jupyter": jupyter, "rstudio": {"image": "team/rstudio"}}})
    )

    assert policy.catalog["jupyter"].port == 8888
    assert policy.catalog["rstudio"].image == "team/rstudio"
    assert policy.catalog["rstudio"].port == load_policy().catalog["rstudio"].port


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_an_empty_overlay_changes_nothing(overlay: Any, text: str) -> None:
    assert load_policy(overlay(text)) == load_policy()


def test_the_policy_is_frozen() -> None:
    policy = load_policy()

    with pytest.raises(ValueError):
        policy.vm.cpus = 8


# --- durations ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", timedelta(milliseconds=500)),
        ("90s", timedelta(seconds=90)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
    ],
)
def test_a_duration_carries_its_unit(overlay: Any, text: str, expected: timedelta) -> None:
    assert load_policy(overlay({"poll": {"page": text}})).poll.page == expected


@pytest.mark.parametrize("name", sorted(Timeouts.model_fields))
def test_no_timeout_is_a_bare_number(overlay: Any, name: str) -> None:
    """`45` would be seconds to one reader and minutes to the next."""
    with pytest.raises(ConfigError, match="write a duration like"):
        load_policy(overlay({"timeouts": {name: 45}}))


@pytest.mark.parametrize("text", ["0s", "0ms"])
@pytest.mark.parametrize("key", ["poll.cloud", "timeouts.settle", "keep.operations"])
def test_a_duration_of_nothing_is_refused(overlay: Any, key: str, text: str) -> None:
    """Looking without a pause takes SoftLayer's whole rate limit; settling at once orders twice."""
    section, name = key.split(".")

    with pytest.raises(ConfigError, match=f"{key}='{text}': must be longer than nothing"):
        load_policy(overlay({section: {name: text}}))


# --- addresses ---


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h:5432/d?sslmode=require",
         "postgresql+psycopg://u:p@h:5432/d?sslmode=require"),
        ("postgresql+psycopg://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("sqlite:////var/lib/ds.db", "sqlite:////var/lib/ds.db"),
    ],
)  # fmt: skip
def test_the_database_url_gets_its_driver(url: str, expected: str) -> None:
    assert load_settings({"DATABASE_URL": url}).env.database == expected


def test_without_a_database_url_the_store_is_a_file_in_ds_home(tmp_path: Path) -> None:
    env = load_settings({"DS_HOME": str(tmp_path)}).env

    assert env.database == f"sqlite:///{tmp_path}/ds-bot.db"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "http"),
        ({"SLACK_APP_TOKEN": "xapp-1"}, "socket"),
        ({"SLACK_APP_TOKEN": "xapp-1", "DS_TRANSPORT": "http"}, "http"),
        ({"DS_TRANSPORT": "socket"}, "socket"),
    ],
)
def test_the_transport_is_as_told_or_as_the_tokens_allow(
    environ: dict[str, str], expected: str
) -> None:
    assert load_settings(environ).env.transport == expected


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "PORT", "DS_CONFIG", "DATABASE_URL"])
def test_an_empty_variable_is_an_unset_one(name: str) -> None:
    """Compose files and shells leave `NAME=` behind."""
    assert load_settings({name: ""}) == load_settings({})


# --- what serving needs ---


@pytest.mark.parametrize(
    ("transport", "needed"),
    [
        ("socket", ["SLACK_BOT_TOKEN", "SL_USERNAME", "SL_API_KEY", "SLACK_APP_TOKEN"]),
        ("http", ["SLACK_BOT_TOKEN", "SL_USERNAME", "SL_API_KEY", "SLACK_SIGNING_SECRET"]),
    ],
)
def test_what_serving_lacks_is_told_with_where_to_get_it(transport: str, needed: list[str]) -> None:
    lines = missing_for_serve(load_settings({}).env, transport)

    assert [line.split(":")[0] for line in lines] == needed
    assert all("it is" in line for line in lines)


@pytest.mark.parametrize("transport", ["socket", "http"])
def test_a_complete_environment_lacks_nothing(transport: str) -> None:
    assert missing_for_serve(load_settings(COMPLETE).env, transport) == []


def test_only_the_missing_one_is_told() -> None:
    environ = {name: value for name, value in COMPLETE.items() if name != "SL_API_KEY"}

    [line] = missing_for_serve(load_settings(environ).env, "socket")

    assert line.startswith("SL_API_KEY: not set")


def test_the_policy_schema_names_every_shipped_key() -> None:
    """`extra=forbid` and no optional key: the YAML and the classes cannot drift apart."""
    assert all(field.is_required() for field in Policy.model_fields.values())
