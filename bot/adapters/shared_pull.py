"""Two who want the same image on the same VM share one pull, and both see how far it is.

The pull has a thread of its own. Whoever asks waits on their own thread and is told there, so one
of them may give up (by raising from `tell`) without the others noticing; with the last of them the
pull ends, and the engine with it: it stops when nobody reads its rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from bot.models import Pulled, PullProgress

Steps = Iterator[PullProgress | Pulled]
"""A pull under way: progress, again and again, and what it has brought as its last."""


class SharedPulls:
    """The pulls of one VM.

    begin: opens a pull of an image; closing it ends the pull. most: pulls that go on at once.
    """

    def __init__(self, begin: Callable[[str], AbstractContextManager[Steps]], most: int) -> None:
        self._begin = begin
        self._turns = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._pulls: dict[str, _Pull] = {}

    def pull(self, image: str, tell: Callable[[PullProgress], None]) -> Pulled:
        """What the pull brought; `tell` gets the newest progress whenever there is another.

        Raises what the pull raises, and what `tell` raises.
        """
        pull = self._join(image)
        try:
            shown = None
            while True:
                progress, is_over = pull.after(shown)
                if progress is not None and progress != shown:
                    tell(progress)
                    shown = progress
                if is_over:
                    return pull.outcome()
        finally:
            self._leave(image, pull)

    def _join(self, image: str) -> _Pull:
        with self._lock:
            pull = self._pulls.get(image)
            if pull is not None:
                pull.waiting += 1
                return pull
            pull = self._pulls[image] = _Pull()
            threading.Thread(
                target=self._carry_out, args=(image, pull), name=f"pull-{image}", daemon=True
            ).start()
            return pull

    def _leave(self, image: str, pull: _Pull) -> None:
        with self._lock:
            pull.waiting -= 1
            if not pull.waiting:
                self._forget(image, pull)

    def _forget(self, image: str, pull: _Pull) -> None:
        """Have the next who asks begin a new one."""
        if self._pulls.get(image) is pull:
            del self._pulls[image]

    def _carry_out(self, image: str, pull: _Pull) -> None:
        try:
            with self._turns:
                brought = self._followed(image, pull)
        except BaseException as error:
            pull.fail(error)
        else:
            pull.bring(brought)
        finally:
            with self._lock:
                self._forget(image, pull)

    def _followed(self, image: str, pull: _Pull) -> Pulled | None:
        if not pull.waiting:
            return None
        with self._begin(image) as steps:
            for step in steps:
                if isinstance(step, Pulled):
                    return step
                if not pull.waiting:
                    return None
                pull.show(step)
        raise RuntimeError(f"the pull of {image} ended without an outcome")


class _Pull:
    """One pull, as those who wait for it see it."""

    def __init__(self) -> None:
        self.waiting = 1  # changed under the lock of all pulls
        self._changed = threading.Condition()
        self._progress: PullProgress | None = None
        self._brought: Pulled | None = None
        self._error: BaseException | None = None
        self._is_over = False

    def show(self, progress: PullProgress) -> None:
        with self._changed:
            self._progress = progress
            self._changed.notify_all()

    def bring(self, brought: Pulled | None) -> None:
        """None when everybody has left."""
        with self._changed:
            self._brought, self._is_over = brought, True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        with self._changed:
            self._error, self._is_over = error, True
            self._changed.notify_all()

    def after(self, shown: PullProgress | None) -> tuple[PullProgress | None, bool]:
        """Waits until there is something else than `shown`, or it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._progress != shown)
            return self._progress, self._is_over

    def outcome(self) -> Pulled:
        if self._error is not None:
            raise self._error
        assert self._brought is not None  # it ends without one only when nobody waits
        return self._brought
