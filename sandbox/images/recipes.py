"""What images there are, what each is made of, and its name, which changes with its content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SUITE = "bookworm"

# The base is what `mmdebstrap` makes with these. dpkg's options stay in force in every image made
# from it: no documentation, no translations, and no waiting for a disk that is thrown away.
# usr-is-merged: without it comes usrmerge, and with that 47 MB of Perl that nothing else needs.
BASE_OPTIONS = (
    "--variant=minbase",
    "--include=ca-certificates,usr-is-merged",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/zoneinfo/right/*",
    "--dpkgopt=path-exclude=/usr/lib/R/library/translations/*",
)
BASE = "base"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: a folder with a Dockerfile, and the image that it is made from.

    about: for people who wait for it. seconds: that making it takes on one of two idle cores.
    """

    name: str
    parent: str
    about: str = ""
    seconds: int = 30


RECIPES = (
    Recipe("vm_plain", BASE, "a VM: init, cloud-init, sshd", 40),
    Recipe("r_base", BASE, "R", 30),
    Recipe("vm_docker", "vm_plain", "a VM with Docker on it", 40),
    Recipe("shiny", "r_base", "R and Shiny Server", 40),
    Recipe("rstudio", "r_base", "R and the stand-in for RStudio", 15),
    Recipe("hadleyverse", "rstudio", "the same with the tidyverse", 15),
    Recipe("r_devel", "r_base", "R again, under the name RD", 5),
)

VM_IMAGES = ("vm_plain", "vm_docker")
HUB_IMAGES = {
    "rocker/r-base": "r_base",
    "rocker/r-devel": "r_devel",
    "rocker/rstudio": "rstudio",
    "rocker/hadleyverse": "hadleyverse",
    "rocker/shiny": "shiny",
}
"""Repository in the hub -> the recipe that stands for it."""


def tags(folder: Path = FOLDER, recipes: Iterable[Recipe] = RECIPES) -> Mapping[str, str]:
    """Recipe name -> the image's full name; "base" too.

    The tag is a hash of the image's folder and of the parent's tag, so a change in a parent renames
    everything made from it.
    """
    found = {BASE: _tag(BASE, "\n".join((SUITE, *BASE_OPTIONS)).encode())}
    for recipe in recipes:
        content = found[recipe.parent].encode() + _content_of(folder / recipe.name)
        found[recipe.name] = _tag(recipe.name, content)
    return found


def lineage(names: Iterable[str], recipes: Iterable[Recipe] = RECIPES) -> tuple[Recipe, ...]:
    """The recipes of `names` and of all their parents, parents first. Raises KeyError."""
    recipes = tuple(recipes)
    parents = {recipe.name: recipe.parent for recipe in recipes}
    wanted: set[str] = set()
    for name in names:
        while name != BASE:
            wanted.add(name)
            name = parents[name]
    return tuple(recipe for recipe in recipes if recipe.name in wanted)


def _tag(name: str, content: bytes) -> str:
    return f"ds-sandbox/{name.replace('_', '-')}:{hashlib.sha256(content).hexdigest()[:16]}"


def _content_of(folder: Path) -> bytes:
    """Names, modes and digests of a folder's files, in one fixed order."""
    lines = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        is_program = bool(path.stat().st_mode & 0o100)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{path.relative_to(folder).as_posix()} {is_program} {digest}\n")
    return "".join(lines).encode()
