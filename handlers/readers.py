"""What single words of a command may be. Each reader gives a value or raises UserError."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import timedelta

from bot.durations import parse_duration
from bot.errors import UserError
from bot.models import Text
from handlers import words

# What people typed is kept with the operation, and an RStudio without a login is everybody's.
_NOT_BY_HAND = ("PASSWORD", "DISABLE_AUTH")


def hostname(word: str) -> str:
    """A host name's first label. Raises UserError. Source: RFC 1123 §2.1, RFC 952."""
    label = word.lower()
    if re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label):
        return label
    raise UserError(
        Text(
            "`{word}` cannot be a VM's name: a name has 1 to 63 of the letters a-z, digits and"
            " hyphens, and neither starts nor ends with a hyphen.",
            word=words.shortened(word),
        ),
        instead=None if _proposed(label) is None else f"vm {_proposed(label)}",
    )


def _proposed(label: str) -> str | None:
    """A name like the one that was meant."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9-]+", "-", plain).strip("-")[:63].rstrip("-")
    return plain or None


def number(flag: str, least: int, most: int) -> Callable[[str], int]:
    def read(word: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", word) and least <= int(word) <= most:
            return int(word)
        raise UserError(
            Text("`--{flag}` takes a whole number from {least} to {most}, not `{word}`.",
                 flag=flag, least=str(least), most=str(most), word=words.shortened(word)),
        )  # fmt: skip

    return read


def datacenter(word: str) -> str:
    if re.fullmatch(r"[A-Za-z]{3}[0-9]{2}", word):
        return word.lower()
    raise UserError(
        Text("`{word}` is not a datacenter. Their names look like `dal10` or `seo01`.",
             word=words.shortened(word))
    )  # fmt: skip


def vm_image(names: Sequence[str]) -> Callable[[str], str]:
    guid = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

    def read(word: str) -> str:
        if word.lower() in names:
            return word.lower()
        if guid.fullmatch(word):
            return word
        raise UserError(
            Text("There is no image `{word}`: it is one of {names}, or a template's GUID.",
                 word=words.shortened(word), names=list(names))
        )  # fmt: skip

    return read


def vm_id(word: str) -> str:
    """A VM's id at SoftLayer."""
    if re.fullmatch(r"[0-9]{1,12}", word):
        return word
    raise UserError(Text("`{word}` is not a VM's id: it is a number.", word=words.shortened(word)))


def save_id(word: str) -> str:
    """The id of saved work."""
    if re.fullmatch(r"[a-z0-9]{8,40}", word):
        return word
    raise UserError(
        Text("`{word}` is not the id of saved work.", word=words.shortened(word)), instead="saves"
    )


def length(word: str) -> str:
    """A length of time, as it was typed."""
    try:
        if parse_duration(word).total_seconds() > 0:
            return word.lower()
    except ValueError:
        pass
    raise UserError(
        Text("`{word}` is no length of time. Type it like `90m`, `4h` or `2d`.",
             word=words.shortened(word))
    )  # fmt: skip


def lease(longest: timedelta) -> Callable[[str], str]:
    def read(word: str) -> str:
        typed = length(word)
        if parse_duration(typed) > longest:
            raise UserError(
                Text("A lease is at most {longest} long.", longest=longest)
            )  # fmt: skip
        return typed

    return read


def whose(word: str) -> str:
    """Whose costs."""
    if word.lower() in ("mine", "channel", "all"):
        return word.lower()
    raise UserError(
        Text("`{word}` is not one of `mine`, `channel`, `all`.", word=words.shortened(word)),
        instead="cost mine",
    )


def spender(word: str) -> str:
    """Whose budget: `mine`, `channel`, or the id or mention of a person or a channel."""
    mentioned = re.fullmatch(r"<[@#]([A-Z0-9]+)(?:\|[^<>]*)?>", word)
    found = mentioned[1] if mentioned else word
    if found.lower() in ("mine", "channel"):
        return found.lower()
    if re.fullmatch(r"[UWCGD][A-Z0-9]{1,30}|local:[\w.@-]{1,60}", found):
        return found
    raise UserError(
        Text("`{word}` is no person or channel: type an id, such as `U0123456789`.",
             word=words.shortened(word))
    )  # fmt: skip


def time_word(word: str) -> str:
    """A word of `4h`, `until 9:00`, `until tomorrow 9:00`."""
    if re.fullmatch(r"for|until|tomorrow|[0-9]{1,2}:[0-9]{2}", word.lower()):
        return word.lower()
    return length(word)


def container(word: str) -> str:
    """An id, the beginning of one, or a name."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", word):
        return word
    raise UserError(
        Text("`{word}` is not a container's id or name.", word=words.shortened(word)), instead="ps"
    )


def image(word: str) -> str:
    """An image's name with or without a tag or digest, as docker writes it."""
    part = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    host = r"(?:[A-Za-z0-9.-]+(?::\d{1,5})?/)?"
    if len(word) <= 255 and re.fullmatch(
        rf"{host}{part}(?:/{part})*(?::\w[\w.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?",
        word,
        re.ASCII,
    ):
        return word
    raise UserError(
        Text("`{word}` is not an image's name. They look like `rocker/shiny` or `r-base:4.5.1`.",
             word=words.shortened(word))
    )  # fmt: skip


def term(word: str) -> str:
    """What to search for."""
    if re.fullmatch(r"[\w./-]{1,100}", word, re.ASCII):
        return word
    raise UserError(
        Text("`{word}` cannot be searched for: use letters, digits, `.`, `-` and `/`.",
             word=words.shortened(word))
    )  # fmt: skip


def container_name(word: str) -> str:
    """A name for a new container."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,62}", word):
        return word
    raise UserError(
        Text("`{word}` cannot be a container's name: letters, digits, `_`, `.` and `-`.",
             word=words.shortened(word))
    )  # fmt: skip


def memory_size(word: str) -> int:
    """Memory in MB from docker's way of writing it: `512m`, `2g`; a bare number is gigabytes."""
    found = re.fullmatch(r"([0-9]{1,5})([mg]?)b?", word.lower())
    megabytes = 0
    if found:
        megabytes = int(found[1]) * (1 if found[2] == "m" else 1024)
    if 6 <= megabytes <= 1_048_576:
        return megabytes
    raise UserError(
        Text("`{word}` is not an amount of memory. Type it like `512m` or `2g`.",
             word=words.shortened(word))
    )  # fmt: skip


def cpu_share(word: str) -> float:
    """A number of CPUs, such as 1.5."""
    if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?", word) and 0.01 <= float(word) <= 64:
        return float(word)
    raise UserError(
        Text("`{word}` is not a number of CPUs. Type it like `1` or `0.5`.",
             word=words.shortened(word))
    )  # fmt: skip


def port_pair(word: str) -> list[int]:
    """`HOST:CONTAINER`, both ports; gives [host, container]."""
    found = re.fullmatch(r"([0-9]{1,5}):([0-9]{1,5})(?:/tcp)?", word)
    if found and all(1 <= int(port) <= 65535 for port in found.groups()):
        return [int(found[1]), int(found[2])]
    raise UserError(
        Text("`{word}` is not a pair of ports. Type it like `7777:8787`: the VM's, then the"
             " container's.", word=words.shortened(word))
    )  # fmt: skip


def env_pair(word: str) -> list[str]:
    """`NAME=value`; gives [name, value]."""
    name, equals, value = word.partition("=")
    if name.upper() in _NOT_BY_HAND:
        raise UserError(
            Text("`{name}` cannot be set: a program with a login gets a password of its own, which"
                 " its owner can see by a button.", name=name)
        )  # fmt: skip
    if equals and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name):
        return [name, value]
    raise UserError(
        Text("`{word}` is not a variable. Type it like `TZ=Asia/Seoul`.",
             word=words.shortened(word))
    )  # fmt: skip
