"""The base of all images, made by mmdebstrap.

It needs Python and nothing else, so that bootstrap.sh can begin with it while .venv is still being
filled: `python3 -m sandbox.images.base`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sandbox.home import emptied, only_one, sandbox_home
from sandbox.images import recipes
from sandbox.images.recipes import BASE
from sandbox.processes import Programs


class ImageFailed(Exception):
    """An image could not be made; says which and the last lines that were printed."""


def base_archive(programs: Programs) -> Path:
    """The archive, made if it is not there. It is kept: an engine whose images were thrown away
    gets it back at once. Raises ImageFailed."""
    name = recipes.tags()[BASE].replace("/", "-").replace(":", "-")
    archive = sandbox_home() / f"{name}.tar"
    with only_one(sandbox_home(), "base"):
        if not archive.exists():
            with emptied(sandbox_home() / "base.draft") as room:
                fresh = room / "base.tar"
                command = ("mmdebstrap", *recipes.BASE_OPTIONS, recipes.SUITE, str(fresh))
                run_or_fail(programs, BASE, *command)
                fresh.replace(archive)
    return archive


def run_or_fail(programs: Programs, image: str, *command: str, **environment: str) -> None:
    """Run a program that must succeed. Raises ImageFailed, and Cancelled as Programs does."""
    status, output = programs.run(command, **environment)
    if status != 0:
        said = "\n  ".join(output.strip().splitlines()[-5:]) or "no reason given"
        raise ImageFailed(f"the image {image}: {command[0]} failed:\n  {said}")


def main() -> int:
    """Make the archive unless it, or the image made from it, is there."""
    inspect = ["docker", "image", "inspect", "--format", "there", recipes.tags()[BASE]]
    if subprocess.run(inspect, capture_output=True).returncode == 0:
        return 0
    try:
        base_archive(Programs())
    except ImageFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
