"""Answers about a VM's engine and its images: search, images, info, logs, addresses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from bot.models import Engine, Image, Link, Output, SearchHit, Text, Vm, counted
from bot.replies.blocks import (
    Block,
    Button,
    File,
    Reply,
    button,
    joined,
    section,
)
from bot.replies.pages import WITH_BUTTONS, Layout, Part, Turning, list_reply
from bot.replies.texts import escape, say, spoken

_MOST_READ = 10  # addresses that a notification says
_MOST_SHOWN = 700  # characters of a log that are shown in a message
_KB = Decimal(1_000)
_MB = Decimal(1_000_000)
_GB = Decimal(1_000_000_000)
_DAY = timedelta(days=1)


def search_reply(
    term: str, hits: Sequence[SearchHit], vm: Vm, language: str, turning: Turning
) -> Reply:
    """`/ds search`: the most stars first, each with a button that pulls it."""
    found = counted(
        "{count} image found for {term}", "{count} images found for {term}", len(hits), term=term
    )
    rows = [[_hit_row(each, vm, language)] for each in hits]
    return list_reply(say(found, language), [Layout([Part([], rows)])], turning, language)


def images_reply(
    images: Sequence[Image], in_use: frozenset[str], vm: Vm, now: datetime, language: str,
    turning: Turning,
) -> Reply:  # fmt: skip
    """`/ds images`: name, id, age, size; unused ones with a button that removes them."""
    total = sum(image.size_bytes for image in images)
    found = counted(
        "{count} image on {vm}, {size} in all", "{count} images on {vm}, {size} in all",
        len(images), vm=vm.hostname, size=size(total),
    )  # fmt: skip
    rows = [[_image_row(each, each.id in in_use, vm, now, language)] for each in images]
    lines = [_image_line(each, each.id in in_use, now, language) for each in images]
    layouts = [Layout([Part([], rows)], WITH_BUTTONS), Layout([Part([], lines)])]
    return list_reply(say(found, language), layouts, turning, language)


def info_reply(engine: Engine, vm: Vm, language: str) -> Reply:
    """`/ds info`: what `docker info` says that matters."""
    summary = say(
        Text("Docker {version} on {vm}", version=engine.version, vm=vm.hostname), language
    )
    facts = [
        Text("{name}: {value}", name=name, value=value)
        for name, value in (
            (Text("Containers"), Text("{running} running, {all} in all",
                                      running=engine.containers_running, all=engine.containers)),
            (Text("Images"), str(engine.images)),
            (Text("CPUs"), str(engine.cpus)),
            (Text("Memory"), size(engine.memory_bytes)),
            (Text("Operating system"), engine.operating_system),
            (Text("Kernel"), f"{engine.kernel} {engine.architecture}".strip()),
            (Text("Storage driver"), engine.storage_driver),
        )
    ]  # fmt: skip
    lines = [say(fact, language) for fact in facts]
    lines += [f"⚠️ {escape(warning)}" for warning in engine.warnings[:10]]
    return Reply(spoken(summary), [section(f"*{summary}*"), *joined(lines)])


def logs_reply(name: str, log: str, language: str) -> Reply:
    """`/ds logs`: the last lines of a container's output."""
    if not log.strip():
        text = say(Text("{name} has printed nothing.", name=name), language)
        return Reply(spoken(text), [section(text)])
    if len(log) > _MOST_SHOWN:
        text = say(Text("The output of {name} is long: you get it as a file.", name=name), language)
        return Reply(spoken(text), [section(text)], File(f"{name}.log", log.encode()))
    head = say(Text("The last output of {name}", name=name), language)
    shown = say(Text("{output}", output=Output(log)), language)
    return Reply(spoken(head), [section(f"*{head}*"), section(shown)])


def urls_reply(links: Sequence[tuple[str, Link]], language: str, turning: Turning) -> Reply:
    """`/ds url`: where the pages of containers are; the text of a few says them, too."""
    lines = [say(Text("{name}: {link}", name=name, link=link), language) for name, link in links]
    head = say(counted("{count} address", "{count} addresses", len(links)), language)
    reply = list_reply(head, [Layout([Part([], lines)])], turning, language)
    is_short = len(lines) <= _MOST_READ
    return Reply(spoken("\n".join([head, *lines])), reply.blocks) if is_short else reply


def size(count: int) -> str:
    """Bytes as engines write them: `14.3 kB`, `122.2 MB`, `2.088 GB`."""
    if count >= _GB:
        return f"{(Decimal(count) / _GB).quantize(Decimal('0.001'))} GB"
    if count < _KB:
        return f"{count} B"
    if count < _MB:
        return f"{(Decimal(count) / _KB).quantize(Decimal('0.1'))} kB"
    return f"{(Decimal(count) / _MB).quantize(Decimal('0.1'))} MB"


def _hit_line(hit: SearchHit, language: str) -> str:
    stars = say(counted("{count} star", "{count} stars", hit.stars), language)
    parts = [f"*{escape(hit.name)}*", f"★ {stars}"]
    if hit.is_official:
        parts.append(say(Text("official"), language))
    if hit.is_automated:
        parts.append(say(Text("automated"), language))
    line = " · ".join(parts)
    return f"{line}\n{escape(hit.description[:150])}" if hit.description else line


def _hit_row(hit: SearchHit, vm: Vm, language: str) -> Block:
    pull = Button(Text("Pull"), value=f"pull {hit.name} on {vm.hostname}")
    return section(_hit_line(hit, language), button(pull, language))


def _image_line(image: Image, is_used: bool, now: datetime, language: str) -> str:
    age = Text("{age} old", age=_rounded(now - image.created_at))
    parts = [
        f"*{escape(', '.join(image.names)[:150])}*",
        f"`{image.id.removeprefix('sha256:')[:12]}`",
        say(age, language),
        size(image.size_bytes),
    ]
    if is_used:
        parts.append(say(Text("in use"), language))
    return " · ".join(parts)


def _image_row(image: Image, is_used: bool, vm: Vm, now: datetime, language: str) -> Block:
    line = _image_line(image, is_used, now, language)
    if is_used or not image.names:
        return section(line)
    remove = Button(
        Text("Remove"),
        value=f"rmi {image.names[0]} on {vm.hostname}",
        style="danger",
        confirm=Text("Remove {image} from the VM? It can be pulled again.", image=image.names[0]),
    )
    return section(line, button(remove, language))


def _rounded(age: timedelta) -> timedelta:
    """To whole days once it is older than one: nobody wants the hours of a month."""
    return age - age % _DAY if age >= _DAY else age
