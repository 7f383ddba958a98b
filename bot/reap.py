"""`ds-bot reap --dry-run`: every VM, the verdict over it, and what would follow now."""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from bot.errors import BotError, ConfigError
from bot.models import Text
from bot.reaping import StepKind
from bot.replies.texts import say
from bot.services.follow_up import blocked
from bot.services.watching import Assessed
from bot.shell.parts import Parts
from config.settings import Settings, load_settings, missing_for_serve

_HEADS = ("VM", "OWNER", "VERDICT", "SINCE", "NEXT", "WHY")
_TAKES = frozenset({StepKind.MARK, StepKind.REAP})


def main(argv: list[str]) -> int:
    """Print a row per VM; 1 when SoftLayer, the database or a setting is in the way."""
    parser = argparse.ArgumentParser(
        prog="ds-bot reap",
        description="Look at every VM and say what the reaper would do now. Nothing is changed, "
        "and nobody is told. The reaper itself runs within `ds-bot serve`.",
    )
    parser.add_argument("--dry-run", action="store_true", required=True, help="look only")
    parser.add_argument("--json", action="store_true", help="a list of objects, for scripts")
    args = parser.parse_args(argv)
    logging.disable(logging.CRITICAL)  # the rows say it all
    try:
        settings = load_settings()
        found = _looked_at(settings)
    except (BotError, SQLAlchemyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    rows = [row_of(each) for each in found]
    if args.json:
        sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(table([list(row.values()) for row in rows]))
    return 0


def row_of(one: Assessed) -> dict[str, str]:
    """What is said of one VM, by column."""
    forbidden = blocked(one) if one.step.kind in _TAKES else None
    is_taken = forbidden is None
    why = one.step.why if forbidden is None else forbidden
    return {
        "vm": one.vm.hostname,
        "owner": one.vm.owner_id,
        "verdict": one.verdict.use,
        "since": _moment(one.verdict.since),
        "next": one.step.kind if is_taken else "blocked",
        "why": _plain(why),
    }


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns under their heads; the last one is as long as it is."""
    if not rows:
        return "There is no VM.\n"
    lines = [_HEADS, *rows]
    widths = [max(len(str(line[at])) for line in lines) for at in range(len(_HEADS) - 1)]
    return "".join(
        "  ".join([*(str(cell).ljust(width) for cell, width in zip(line, widths, strict=False)),
                   str(line[-1])]).rstrip() + "\n"
        for line in lines
    )  # fmt: skip


def _looked_at(settings: Settings) -> list[Assessed]:
    missing = missing_for_serve(settings.env, "terminal")
    if missing:
        raise ConfigError(missing)
    parts = Parts(settings)
    try:
        return parts.core.caretaker.sweep.preview()
    finally:
        parts.close()


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z" if at else "-"


def _plain(text: Text) -> str:
    """In English, with instants in UTC in place of Slack's marks for them."""
    return re.sub(r"<!date\^[^|>]*\|([^>]*)>", r"\1", say(text, "en")).replace("`", "")
