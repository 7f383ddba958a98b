"""The policy of idle VMs: what counts as use, when an idle VM is taken, and what holds it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from config.fields import ChannelId, Duration, PolicyPart, UserId
from config.quiet import Window, ZoneName, leave_no_time

Percent = Annotated[float, Field(gt=0, le=100)]
Place = Literal["owner", "channel", "admins"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What the rules look at. `images`: what the VM was made of, and its containers' images."""

    owner_id: str
    channel_id: str
    tags: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()


class Match(PolicyPart):
    """Which VMs a rule is for: all that are named must fit, each by any of its values."""

    owner: frozenset[UserId] = frozenset()
    channel: frozenset[ChannelId] = frozenset()
    tag: frozenset[str] = frozenset()
    image: tuple[str, ...] = ()  # with * and ?, such as rocker/shiny*

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not (self.owner or self.channel or self.tag or self.image):
            raise ValueError("name an owner, channel, tag or image; what fits all is `default`")
        return self

    def fits(self, vm: Subject) -> bool:
        return (
            (not self.owner or vm.owner_id in self.owner)
            and (not self.channel or vm.channel_id in self.channel)
            and (not self.tag or not self.tag.isdisjoint(vm.tags))
            and (not self.image or any(self._fits_image(image) for image in vm.images))
        )

    def _fits_image(self, image: str) -> bool:
        return any(fnmatchcase(image, pattern) for pattern in self.image)


class Thresholds(PolicyPart):
    """Below these a counter's growth is not use. Each is an average between two looks."""

    cpu_percent: float = Field(gt=0)
    vm_cpu_percent: float = Field(gt=0)
    network_bytes_per_s: float = Field(gt=0)


class Habit(PolicyPart):
    """When a VM that may soon be used again is kept for it, and at what price."""

    of_last: int = Field(ge=1, le=20)
    used_for: Duration
    longest: Duration
    costs_at_most: Decimal = Field(gt=0)
    margin: Duration


class IdlePolicy(PolicyPart):
    """How long one kind of VM may be idle, and how it is then taken."""

    idle_after: Duration
    grace: Duration
    max_age: Duration
    lease: Duration | None
    untouched: Duration
    habit: Habit | None
    gap: Duration
    blind_after: Duration
    thresholds: Thresholds
    tz: ZoneName
    quiet_hours: tuple[Window, ...]
    capture: bool
    notify: tuple[Place, ...] = Field(min_length=1)
    billing: Literal["started_hour", "exact"]
    billing_margin: Duration

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if leave_no_time(self.quiet_hours):
            raise ValueError("quiet_hours cover the whole week, so that nothing could ever be done")
        if not self.billing_margin < timedelta(hours=1):
            raise ValueError("billing_margin must be shorter than the hour that it is part of")
        if self.lease is not None and self.lease > self.max_age:
            raise ValueError("lease cannot be longer than max_age")
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.tz)


class IdleRule(IdlePolicy):
    """A policy for some VMs; what it does not say is as in `default`."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    match: Match


class IdlePolicies(PolicyPart):
    """The policies in their order: the first rule that fits a VM is its policy, else `default`."""

    default: IdlePolicy
    rules: tuple[IdleRule, ...]

    @model_validator(mode="before")
    @classmethod
    def _complete_rules(cls, tree: Any) -> Any:
        """Rules as written, with what `default` says for the rest."""
        default = tree.get("default") if isinstance(tree, Mapping) else None
        rules = tree.get("rules") if isinstance(tree, Mapping) else None
        if not isinstance(default, Mapping) or not isinstance(rules, list):
            return tree
        return {**tree, "rules": [_over(default, rule) for rule in rules]}

    @model_validator(mode="after")
    def _has_distinct_names(self) -> Self:
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError("two rules have the same name")
        return self

    def require_looks(self, every: timedelta) -> None:
        """Raises ValueError unless looks so far apart are near enough for each of the policies."""
        for policy in (self.default, *self.rules):
            name = getattr(policy, "name", "default")
            if policy.gap < 2 * every:
                raise ValueError(f"idle, {name}: gap must be at least twice reaper.look")
            if policy.billing == "started_hour" and policy.billing_margin * 2 / 3 < every:
                raise ValueError(
                    f"idle, {name}: two thirds of billing_margin must be at least reaper.look, "
                    "or the last minutes of a paid hour may be missed"
                )

    def of(self, vm: Subject) -> IdlePolicy:
        """The policy of a VM."""
        return next((rule for rule in self.rules if rule.match.fits(vm)), self.default)


class ReaperPolicy(PolicyPart):
    """How the sweep as a whole works, and what stops it."""

    is_armed: bool
    look: Duration
    look_limit: Duration
    at_once: int = Field(ge=1)
    cap_count: int = Field(ge=1)
    cap_percent: Percent
    lost_percent: Percent
    lost_from: int = Field(ge=1)


def _over(default: Mapping[str, Any], rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    merged = {**default, **rule}
    for key in ("thresholds", "habit"):
        below, above = default.get(key), rule.get(key)
        if isinstance(below, Mapping) and isinstance(above, Mapping):
            merged[key] = {**below, **above}
    return merged
