"""Makes the images that the engine has not, parents first, as many at once as do not wait.

A second run finds everything by name and makes nothing. `mmdebstrap` and an engine must be there;
`sandbox/bootstrap.sh` sees to that.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from sandbox.engine import image_id, local_engine
from sandbox.home import only_one, sandbox_home
from sandbox.images import recipes
from sandbox.images.recipes import BASE, Recipe

Tell = Callable[[str], None]

_AT_ONCE = 2  # dpkg unpacks on one core and apt waits for the network; more do not help two cores
_BUILD_TIMEOUT_S = 1800
_LABEL = "ds-sandbox.image"


class ImageFailed(Exception):
    """An image could not be made; says which and the last line that was printed."""


def ensure_images(names: Collection[str], tell: Tell = lambda line: None) -> Mapping[str, str]:
    """Make what is missing of these recipes and their parents; gives recipe name -> image name.

    tell: called with a line when something begins and ends, from several threads.
    Raises ImageFailed.
    """
    tags = recipes.tags()
    wanted = recipes.lineage(names)
    with only_one(sandbox_home(), "images"):
        missing = [recipe for recipe in wanted if image_id(tags[recipe.name]) is None]
        if missing:
            _Builder(tags, tell).build(missing)
    return tags


class _Builder:
    """One round of building."""

    def __init__(self, tags: Mapping[str, str], tell: Tell) -> None:
        self._tags = tags
        self._tell = tell
        self._lock = threading.Lock()

    def build(self, missing: Iterable[Recipe]) -> None:
        """Build every one; an image begins when its parent is done."""
        missing = list(missing)
        names = {recipe.name for recipe in missing}
        needs_base = any(recipe.parent == BASE for recipe in missing)
        if needs_base and image_id(self._tags[BASE]) is None:
            self._told(BASE, self._make_base)
        futures: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(len(missing), thread_name_prefix="images") as pool:
            slots = threading.BoundedSemaphore(_AT_ONCE)
            for recipe in missing:  # parents come first, so theirs is there
                parent = futures.get(recipe.parent) if recipe.parent in names else None
                futures[recipe.name] = pool.submit(self._after, parent, slots, recipe)
        for future in futures.values():
            future.result()

    def _after(
        self, parent: Future[None] | None, slots: threading.BoundedSemaphore, recipe: Recipe
    ) -> None:
        if parent is not None:
            parent.result()
        with slots:
            self._told(recipe.name, lambda: self._make(recipe))

    def _told(self, name: str, act: Callable[[], None]) -> None:
        began = time.monotonic()
        self._tell(f"making the image {name}")
        act()
        self._tell(f"made the image {name} in {time.monotonic() - began:.0f} s")

    def _make_base(self) -> None:
        """The archive is kept: an engine whose images were thrown away gets it back at once."""
        tag = self._tags[BASE]
        archive = sandbox_home() / f"{tag.replace('/', '-').replace(':', '-')}.tar"
        if not archive.exists():
            with tempfile.TemporaryDirectory(dir=sandbox_home()) as directory:
                fresh = Path(directory) / "base.tar"
                _run("mmdebstrap", *recipes.BASE_OPTIONS, recipes.SUITE, str(fresh))
                fresh.replace(archive)
        _run("docker", "import", "--change", f"LABEL {_LABEL}={BASE}", str(archive), tag)

    def _make(self, recipe: Recipe) -> None:
        with local_engine(_BUILD_TIMEOUT_S) as api:
            steps = api.build(
                path=str(recipes.FOLDER / recipe.name),
                tag=self._tags[recipe.name],
                buildargs={"BASE": self._tags[recipe.parent]},
                labels={_LABEL: recipe.name},
                rm=True,
                forcerm=True,
                decode=True,
            )
            last = ""
            for step in steps:
                if "error" in step:
                    raise ImageFailed(f"{recipe.name}: {step['error']} (after: {last})")
                last = step.get("stream", "").strip() or last


def _run(*command: str) -> None:
    """Run a program that must succeed. Raises ImageFailed with what it said last."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise ImageFailed(f"{command[0]}: {said[-1]}")
