"""The policy of idle VMs as operators write it: few words, and every mistake is told."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.errors import ConfigError
from config.idle import IdlePolicy, Subject
from config.settings import Policy, load_policy

SHIPPED = Path(__file__).parents[2] / "config" / "policies.yaml"
VM = Subject("U1", "C1", frozenset({"gpu"}), frozenset({"docker", "rocker/shiny:latest"}))


def laid_over(tmp_path: Path, tree: Any) -> Policy:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(tree), "utf-8")
    return load_policy(path)


def rules(tmp_path: Path, *each: dict[str, Any]) -> Policy:
    return laid_over(tmp_path, {"idle": {"rules": list(each)}})


def test_the_reaper_is_shipped_unarmed_with_its_safety_belts_on() -> None:
    shipped = load_policy()

    assert not shipped.reaper.is_armed
    assert (shipped.reaper.cap_count, shipped.reaper.cap_percent) == (3, 25)
    assert (shipped.reaper.lost_percent, shipped.reaper.lost_from) == (50, 4)


def test_every_key_has_its_reason_beside_it() -> None:
    lines = SHIPPED.read_text("utf-8").splitlines()

    for name in IdlePolicy.model_fields:
        at = next(i for i, line in enumerate(lines) if re.match(rf" +{name}:", line))
        assert "#" in lines[at] + lines[at - 1] or name == "thresholds", name


def test_the_shipped_file_laid_over_itself_changes_nothing() -> None:
    """So that it can be given to `ds-bot simulate --policy` as it is."""
    assert load_policy(SHIPPED) == load_policy()


@pytest.mark.parametrize("key", [name for name in IdlePolicy.model_fields])
def test_no_key_has_a_default_that_is_not_written_down(key: str) -> None:
    """One engine's documented grace of four days is none in its code: cloud-custodian#6106."""
    tree = yaml.safe_load(SHIPPED.read_text("utf-8"))["idle"]
    del tree["default"][key]

    with pytest.raises(ValueError, match=key):
        type(load_policy().idle).model_validate(tree)


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({"owner": ["U1"]}, True),
        ({"owner": ["U2"]}, False),
        ({"owner": ["U2", "U1"], "channel": ["C1"]}, True),
        ({"owner": ["U1"], "channel": ["C2"]}, False),
        ({"tag": ["gpu", "cpu"]}, True),
        ({"tag": ["cpu"]}, False),
        ({"image": ["rocker/shiny*"]}, True),
        ({"image": ["rocker/rstudio*", "dock?r"]}, True),
        ({"image": ["shiny"]}, False),
    ],
)
def test_a_rule_is_for_what_fits_all_that_it_names(
    tmp_path: Path, match: dict[str, Any], fits: bool
) -> None:
    policy = rules(tmp_path, {"name": "some", "match": match, "idle_after": "5h"})

    assert (policy.idle.of(VM).idle_after == timedelta(hours=5)) is fits


def test_the_first_rule_that_fits_is_taken_and_keeps_what_it_does_not_say(tmp_path: Path) -> None:
    policy = rules(
        tmp_path,
        {"name": "first", "match": {"tag": ["gpu"]}, "thresholds": {"cpu_percent": 1}},
        {"name": "second", "match": {"owner": ["U1"]}, "idle_after": "5h"},
    )

    found, default = policy.idle.of(VM), load_policy().idle.default
    assert found.thresholds.cpu_percent == 1
    assert found.thresholds.vm_cpu_percent == default.thresholds.vm_cpu_percent
    assert found.idle_after == default.idle_after
    assert policy.idle.of(Subject("U9", "C9")) == default


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grace": "0s"}, "idle.default.grace='0s': must be longer than nothing"),
        ({"grace": 30}, "idle.default.grace=30: write a duration like"),
        ({"tz": "KST"}, "idle.default.tz='KST': must be a time zone such as Asia/Seoul"),
        ({"quiet_hours": ["night"]}, "idle.default.quiet_hours.0='night': write it like mon-fri"),
        ({"quiet_hours": ["daily 00:00-24:00"]}, "quiet_hours cover the whole week"),
        ({"billing": "monthly"}, "idle.default.billing='monthly'"),
        ({"billing_margin": "1h"}, "billing_margin must be shorter"),
        ({"notify": []}, "idle.default.notify=[]"),
        ({"notify": ["everybody"]}, "idle.default.notify.0='everybody'"),
        ({"lease": "90d"}, "lease cannot be longer than max_age"),
        ({"habit": {"of_last": 0}}, "idle.default.habit.of_last=0"),
        ({"habit": {"costs_at_most": "-1"}}, "idle.default.habit.costs_at_most='-1'"),
        ({"idle_aftr": "2h"}, "idle.default.idle_aftr: Extra inputs are not permitted"),
    ],
)
def test_mistakes_are_told_with_key_value_and_allowed_form(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        laid_over(tmp_path, {"idle": {"default": change}})

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"match": {"owner": ["U1"]}}, "idle.rules.0.name"),
        ({"name": "x"}, "idle.rules.0.match"),
        ({"name": "x", "match": {}}, "name an owner, channel, tag or image"),
        ({"name": "x", "match": {"owner": ["fred"]}}, "idle.rules.0.match.owner"),
        ({"name": "x", "match": {"owner": ["U1"]}, "grace": "-1h"}, "idle.rules.0.grace='-1h'"),
        ("x", "idle.rules.0='x'"),
    ],
)
def test_mistakes_in_rules_are_told_with_their_number(
    tmp_path: Path, rule: Any, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        laid_over(tmp_path, {"idle": {"rules": [rule]}})

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("look", "default", "message"),
    [
        ("10m", {}, "default: gap must be at least twice reaper.look"),
        ("7m", {"billing_margin": "10m"}, "default: two thirds of billing_margin must be"),
    ],
)
def test_looks_must_be_near_enough_for_what_depends_on_them(
    tmp_path: Path, look: str, default: dict[str, Any], message: str
) -> None:
    """Looks that are too far apart would never see an idle time, or miss each paid hour's end."""
    with pytest.raises(ConfigError, match=message):
        laid_over(tmp_path, {"reaper": {"look": look}, "idle": {"default": default}})


def test_two_rules_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    one = {"name": "x", "match": {"owner": ["U1"]}}

    with pytest.raises(ConfigError, match="two rules have the same name"):
        rules(tmp_path, one, one)
