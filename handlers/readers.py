"""What single words of a command may be. Each reader gives a value or raises UserError."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from bot.errors import UserError
from bot.models import Text
from handlers import words


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


def container(word: str) -> str:
    """An id, the beginning of one, or a name."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", word):
        return word
    raise UserError(
        Text("`{word}` is not a container's id or name.", word=words.shortened(word)), instead="ps"
    )
