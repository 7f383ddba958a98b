"""The services' answers, remembered as listings while they are put into words.

One question is asked once: `Answers` words it as for Slack, and what it was answered stays here as
facts, from which a terminal makes its tables and a program its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.costs import Costs
from bot.models import Caller, Container, Engine, Image, Link, Person, SearchHit, Text, Vm
from bot.money import cost_of
from bot.replies.answers import ShownContainer, VmReport, state_words, status_words
from bot.replies.engine_answers import size
from bot.services.engine_questions import EngineQuestions
from bot.services.questions import Questions
from bot.services.spending import Spending
from bot.shell.listing import Column, Fact, Listing, Named, listing


@dataclass(frozen=True)
class HeardQuestions(Questions):
    """Questions whose answers are kept in `heard`."""

    heard: list[Listing] = field(default_factory=list)

    def containers(
        self, caller: Caller, vm_name: str | None, *, all: bool = False, latest: bool = False
    ) -> list[VmReport]:
        if vm_name is None:  # nothing is an answer, too: programs get no rows
            self.heard[:] = [
                containers_listing([], self.clock.now()),
                reports_listing([], self.clock.now()),
            ]
        reports = super().containers(caller, vm_name, all=all, latest=latest)
        now = self.clock.now()
        self.heard[:] = [containers_listing(reports, now), reports_listing(reports, now)]
        return reports

    def virtual_machines(self, caller: Caller, *, everyones: bool) -> list[Vm]:
        self.heard[:] = [vms_listing([], self.clock.now())]
        vms = super().virtual_machines(caller, everyones=everyones)
        self.heard[:] = [vms_listing(vms, self.clock.now())]
        return vms


@dataclass(frozen=True)
class HeardEngineQuestions(EngineQuestions):
    """Questions to an engine whose answers are kept in `heard`."""

    heard: list[Listing] = field(default_factory=list)

    def search(
        self, caller: Caller, term: str, stars: int, vm_name: str | None
    ) -> tuple[Vm, list[SearchHit]]:
        vm, hits = super().search(caller, term, stars, vm_name)
        self.heard[:] = [hits_listing(hits)]
        return vm, hits

    def images(self, caller: Caller, vm_name: str | None) -> tuple[Vm, list[Image], frozenset[str]]:
        vm, images, in_use = super().images(caller, vm_name)
        self.heard[:] = [images_listing(images, in_use, vm)]
        return vm, images, in_use

    def info(self, caller: Caller, vm_name: str | None) -> tuple[Vm, Engine]:
        vm, engine = super().info(caller, vm_name)
        self.heard[:] = [engine_listing(engine, vm)]
        return vm, engine

    def logs(self, caller: Caller, container: str, tail: int | None) -> tuple[Container, str]:
        found, log = super().logs(caller, container, tail)
        columns = [Column("container"), Column("id"), Column("output")]
        self.heard[:] = [listing("logs", columns, [[found.name, found.id, log]], is_table=False)]
        return found, log

    def urls(self, caller: Caller, container: str | None) -> list[tuple[str, Link]]:
        columns = [Column("container", Text("Container")), Column("url", Text("Address"))]
        if container is None:
            self.heard[:] = [listing("urls", columns, [], is_table=False)]
        links = super().urls(caller, container)
        self.heard[:] = [listing("urls", columns, links)]
        return links


@dataclass(frozen=True)
class HeardSpending(Spending):
    """What VMs have cost, kept in `heard`."""

    heard: list[Listing] = field(default_factory=list)

    def costs(self, caller: Caller, whose: str, since: timedelta) -> Costs:
        found = super().costs(caller, whose, since)
        self.heard[:] = [costs_listing(found)]
        return found


# --- VMs -----------------------------------------------------------------------------------------


def vms_listing(vms: Sequence[Vm], now: datetime) -> Listing:
    """VMs with what they cost."""
    columns = [
        Column("name", Text("VM"), is_whole=True),
        Column("state", Text("State")),
        Column("address", Text("Address"), is_whole=True),
        Column("cpus", Text("vCPU"), is_number=True),
        Column("memory_mb", Text("MB"), is_number=True),
        Column("datacenter", Text("Datacenter")),
        Column("hourly_usd", Text("Per hour"), is_number=True),
        Column("cost_usd", Text("So far"), is_number=True),
        Column("owner", Text("Owner")),
        Column("asked_at"),
        Column("ready_at"),
        Column("domain"),
        Column("cloud_id"),
        Column("operation"),
    ]
    return listing("vms", columns, [_vm_row(vm, now) for vm in vms], is_table=bool(vms))


def _vm_row(vm: Vm, now: datetime) -> list[Fact]:
    return [
        vm.hostname,
        Named(vm.state.value, state_words(vm.state)),
        vm.address,
        vm.cpus,
        vm.memory_mb,
        vm.datacenter,
        vm.hourly_rate,
        cost_of(vm.hourly_rate, vm.asked_at, vm.ended_at or now),
        Person(vm.owner_id),
        vm.asked_at,
        vm.ready_at,
        vm.domain,
        vm.cloud_id,
        vm.op_id,
    ]


def reports_listing(reports: Sequence[VmReport], now: datetime) -> Listing:
    """The VMs that were asked; a table only when one of them has trouble."""
    columns = [
        Column("name", Text("VM")),
        Column("state", Text("State")),
        Column("trouble", Text("Trouble")),
        Column("hourly_usd", Text("Per hour"), is_number=True),
        Column("cost_usd", Text("So far"), is_number=True),
    ]
    rows: list[list[Fact]] = [
        [
            report.vm.hostname,
            Named(report.vm.state.value, state_words(report.vm.state)),
            Named(str(report.trouble), report.trouble) if report.trouble else None,
            report.vm.hourly_rate,
            cost_of(report.vm.hourly_rate, report.vm.asked_at, now),
        ]
        for report in reports
    ]
    has_trouble = any(report.trouble for report in reports)
    return listing("vms", columns, rows, is_table=has_trouble)


def costs_listing(found: Costs) -> Listing:
    """What each VM cost in a span, which people read with its reckoning."""
    names = ("name", "owner", "state", "hours", "usd", "idle_usd", "begin", "end", "operation")
    rows: list[list[Fact]] = [
        [
            each.vm.hostname,
            Person(each.vm.owner_id),
            each.vm.state.value,
            each.hours,
            each.amount,
            each.idle,
            found.span.begin,
            found.span.end,
            each.vm.op_id,
        ]
        for each in found.rows
    ]
    return listing("costs", [Column(name) for name in names], rows, is_table=False)


# --- containers ----------------------------------------------------------------------------------


def containers_listing(reports: Sequence[VmReport], now: datetime) -> Listing:
    """The containers of some VMs."""
    columns = [
        Column("id", Text("Container"), is_whole=True),
        Column("image", Text("Image")),
        Column("url", Text("Address"), is_whole=True),
        Column("vm", Text("VM"), is_whole=True),
        Column("status", Text("Running"), is_whole=True),
        Column("name", Text("Name")),
        Column("owner"),
        Column("ports"),
        Column("is_running"),
        Column("has_password"),
        Column("created_at"),
    ]
    rows = [_container_row(each.vm, one, now) for each in reports for one in each.containers]
    return listing("containers", columns, rows, is_table=bool(rows))


def _container_row(vm: Vm, shown: ShownContainer, now: datetime) -> list[Fact]:
    one = shown.container
    return [
        one.short_id,
        one.image,
        Link(shown.url) if shown.url else None,
        vm.hostname,
        Named(one.status, _status(one, now)),
        one.name,
        Person(shown.owner_id) if shown.owner_id else None,
        [f"{each.host_port}:{each.container_port}" for each in one.ports],
        one.is_running,
        shown.has_password,
        one.created_at,
    ]


def _status(one: Container, now: datetime) -> Text:
    """Shorter than in Slack, where there is more room."""
    if not one.is_running or "(" in one.status:
        return status_words(one)
    return Text("for {length}", length=now - one.created_at)


# --- engines and images --------------------------------------------------------------------------


def hits_listing(hits: Sequence[SearchHit]) -> Listing:
    """What a search found."""
    columns = [
        Column("name", Text("Image")),
        Column("stars", Text("Stars"), is_number=True),
        Column("official", Text("Official")),
        Column("automated", Text("Automated")),
        Column("description", Text("Description")),
    ]
    rows: list[list[Fact]] = [
        [hit.name, hit.stars, hit.is_official, hit.is_automated, hit.description] for hit in hits
    ]
    return listing("images", columns, rows, is_table=bool(rows))


def images_listing(images: Sequence[Image], in_use: frozenset[str], vm: Vm) -> Listing:
    """The images that a VM has."""
    columns = [
        Column("names", Text("Image")),
        Column("id"),
        Column("short_id", Text("Id"), is_whole=True),
        Column("created_at", Text("Made")),
        Column("size_bytes", Text("Size"), is_number=True),
        Column("in_use", Text("In use")),
        Column("vm"),
    ]
    rows: list[list[Fact]] = [
        [
            list(image.names),
            image.id,
            image.id.removeprefix("sha256:")[:12],
            image.created_at,
            Named(image.size_bytes, Text("{size}", size=size(image.size_bytes))),
            image.id in in_use,
            vm.hostname,
        ]
        for image in images
    ]
    return listing("images", columns, rows, is_table=bool(rows))


def engine_listing(engine: Engine, vm: Vm) -> Listing:
    """An engine, which people read line by line."""
    facts: dict[str, Fact] = {
        "vm": vm.hostname,
        "version": engine.version,
        "containers_running": engine.containers_running,
        "containers": engine.containers,
        "images": engine.images,
        "cpus": engine.cpus,
        "memory_bytes": engine.memory_bytes,
        "operating_system": engine.operating_system,
        "kernel": engine.kernel,
        "architecture": engine.architecture,
        "storage_driver": engine.storage_driver,
        "warnings": list(engine.warnings),
    }
    return listing("engines", [Column(key) for key in facts], [[*facts.values()]], is_table=False)
