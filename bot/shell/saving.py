"""What is too long for a screen, put where the person wants it."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path, PurePath

from bot.replies.blocks import File

STDOUT = "-"
_NAMES = 1_000


def save(file: File, output: str | None) -> str:
    """Write a file; gives its path. Raises OSError.

    output: a directory, or the file's own path, which may exist; `-` for standard output. Without
    it the current directory, and no file there is replaced.
    """
    if output == STDOUT:
        sys.stdout.flush()
        sys.stdout.buffer.write(file.content)
        sys.stdout.buffer.flush()
        return STDOUT
    if output is not None and not Path(output).is_dir():
        Path(output).write_bytes(file.content)
        return output
    return str(_written_anew(file, Path(output or ".")))


def _written_anew(file: File, directory: Path) -> Path:
    """The name comes from outside: only its last part counts, and it must be free."""
    name = PurePath(file.name.replace("\\", "/")).name.lstrip(".") or "file"
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    for number in itertools.islice(itertools.count(1), _NAMES):
        path = directory / (name if number == 1 else f"{stem}-{number}{suffix}")
        try:
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        except FileExistsError:
            continue
        with open(made, "wb") as opened:
            opened.write(file.content)
        return path
    raise FileExistsError(f"{directory / name} and {_NAMES} more are there already")
