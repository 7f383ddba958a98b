"""Which of a container's changes are saved."""

from __future__ import annotations

import pytest

from bot.adapters.docker_saving import roots_of

MODIFIED, ADDED, DELETED = 0, 1, 2


@pytest.mark.parametrize(
    ("changes", "mounted", "roots"),
    [
        ({"/opt": MODIFIED, "/opt/a": ADDED, "/opt/a/b": ADDED}, [], {"/opt/a": True}),
        ({"/etc": MODIFIED, "/etc/passwd": MODIFIED}, [], {"/etc/passwd": False}),
        ({"/etc": MODIFIED, "/etc/issue": DELETED}, [], {}),
        ({"/opt": ADDED, "/opt-2": ADDED, "/opt/x": ADDED}, [], {"/opt": True, "/opt-2": True}),
        # Not what is mounted, nor all of a folder around it.
        (
            {"/a": ADDED, "/a/b": ADDED, "/a/b/v": ADDED, "/a/b/c": ADDED, "/a/x": ADDED},
            ["/a/b/v/"],
            {"/a": False, "/a/b": False, "/a/b/c": True, "/a/x": True},
        ),
        ({"/home/v": ADDED, "/home": MODIFIED}, ["/home/v"], {}),
        # What ends with a run.
        ({"/tmp": MODIFIED, "/tmp/x": ADDED, "/tmpfile": ADDED}, [], {"/tmpfile": True}),
        ({"/var": MODIFIED, "/var/tmp": MODIFIED, "/var/tmp/x": ADDED}, [], {}),
        ({"/var": ADDED, "/var/tmp": ADDED, "/var/x": ADDED}, [], {"/var": False, "/var/x": True}),
        ({"/run/x": ADDED, "/etc/hosts": MODIFIED, "/.dockerenv": ADDED, "/dev/x": ADDED}, [], {}),
    ],
)  # fmt: skip
def test_the_topmost_are_saved(
    changes: dict[str, int], mounted: list[str], roots: dict[str, bool]
) -> None:
    """In whatever order the engine lists them."""
    rows = [{"Path": path, "Kind": kind} for path, kind in changes.items()]

    assert roots_of(rows, mounted) == roots
    assert roots_of(rows[::-1], mounted) == roots
