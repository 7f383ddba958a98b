"""Makes the images that the engine has not, parents first, as many at once as do not wait.

A second run finds everything by name and makes nothing. `mmdebstrap` and an engine must be there;
`sandbox/bootstrap.sh` sees to that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from sandbox.engine import DOCKER, image_id
from sandbox.home import only_one, sandbox_home
from sandbox.images import recipes
from sandbox.images.base import base_archive, run_or_fail
from sandbox.images.recipes import BASE, Recipe
from sandbox.processes import Programs

Tell = Callable[[str], None]

_AT_ONCE = 2  # dpkg unpacks on one core and apt waits for the network; more do not help two cores
_LABEL = "ds-sandbox.image"


def ensure_images(names: Collection[str], tell: Tell = lambda line: None) -> Mapping[str, str]:
    """Make what is missing of these recipes and their parents; gives recipe name -> image name.

    tell: called with a line when something begins and ends, from several threads.
    Raises ImageFailed. Whatever interrupts it ends the programs that are at work.
    """
    tags = recipes.tags()
    wanted = recipes.lineage(names)

    def waiting() -> None:
        tell("another run is making images; waiting for it")

    with only_one(sandbox_home(), "images", waiting):
        missing = [recipe for recipe in wanted if image_id(tags[recipe.name]) is None]
        if missing:
            minutes = max(1, round(sum(recipe.seconds for recipe in missing) / _AT_ONCE / 60))
            tell(
                f"making {len(missing)} images from Debian's packages, this once;"
                f" takes about {minutes} min on two cores"
            )
            _Builder(tags, tell).build(missing)
    return tags


class _Builder:
    """One round of building."""

    def __init__(self, tags: Mapping[str, str], tell: Tell) -> None:
        self._tags = tags
        self._tell = tell
        self._programs = Programs()
        self._lock = threading.Lock()
        self._made = 0
        self._total = 0

    def build(self, missing: Sequence[Recipe]) -> None:
        """Build every one; an image begins when its parent is done."""
        try:
            needs_base = any(recipe.parent == BASE for recipe in missing)
            if needs_base and image_id(self._tags[BASE]) is None:
                self._make_base()
            self._total = len(missing)
            with ThreadPoolExecutor(len(missing), thread_name_prefix="images") as pool:
                try:
                    self._build_all(pool, missing)
                except BaseException:
                    self._programs.stop()  # before the pool waits for its threads
                    raise
        finally:
            self._programs.stop()

    def _build_all(self, pool: ThreadPoolExecutor, missing: Sequence[Recipe]) -> None:
        slots = threading.BoundedSemaphore(_AT_ONCE)
        futures: dict[str, Future[None]] = {}
        for recipe in missing:  # parents come first, so theirs is there
            parent = futures.get(recipe.parent)
            futures[recipe.name] = pool.submit(self._make_after, parent, slots, recipe)
        for future in wait(futures.values(), return_when=FIRST_EXCEPTION).done:
            future.result()

    def _make_after(
        self, parent: Future[None] | None, slots: threading.BoundedSemaphore, recipe: Recipe
    ) -> None:
        if parent is not None:
            parent.result()
        with slots:
            began = time.monotonic()
            self._tell(f"making the image {recipe.name} ({recipe.about})")
            self._make(recipe)
            with self._lock:
                self._made += 1
                count = f"{self._made} of {self._total}"
            self._tell(f"made {recipe.name} in {time.monotonic() - began:.0f} s ({count})")

    def _make_base(self) -> None:
        self._tell("making the base of all images (Debian itself)")
        began = time.monotonic()
        archive = base_archive(self._programs)
        label = f"LABEL {_LABEL}={BASE}"
        command = ("import", "--change", label, str(archive), self._tags[BASE])
        run_or_fail(self._programs, BASE, *DOCKER, *command)
        self._tell(f"made the base in {time.monotonic() - began:.0f} s")

    def _make(self, recipe: Recipe) -> None:
        """By the engine's own builder: BuildKit, the other one, may be missing."""
        options = ("--force-rm", "--label", f"{_LABEL}={recipe.name}")
        base = ("--build-arg", f"BASE={self._tags[recipe.parent]}")
        where = ("--tag", self._tags[recipe.name], str(recipes.FOLDER / recipe.name))
        command = (*DOCKER, "build", *options, *base, *where)
        run_or_fail(self._programs, recipe.name, *command, DOCKER_BUILDKIT="0")
