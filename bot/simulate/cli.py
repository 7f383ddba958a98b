"""The command `ds-bot simulate`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from bot.errors import ConfigError
from bot.simulate.ours import Ours
from bot.simulate.report import Fleet, Report, Row, curve, report, table
from bot.simulate.trace import TraceError, read_trace, run_trace
from config.settings import Policy, load_policy

_ABOUT = """\
What the policy of idle VMs costs, whom it interrupts, and what other rules do: on the lives of an
invented team, or on a trace of your own. Nothing outside is touched. The model and the columns of a
trace are described in docs/reaper.md."""


def main(argv: list[str]) -> int:
    """Run it; 0, or 1 when the policy or the trace is wrong (then nothing is printed but that)."""
    args = _parser().parse_args(argv)
    try:
        policy = load_policy(args.policy)
        if args.trace:
            found = run_trace(read_trace(args.trace), Ours(policy.idle, policy.reaper.look))
            _print(json.dumps(found, indent=2) if args.json else _leases(found))
            return 0
    except (ConfigError, TraceError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return _invented(args, policy)


def _invented(args: argparse.Namespace, policy: Policy) -> int:
    fleet = Fleet(tuple(args.seed or (1, 2, 3)), args.vms, args.days)
    found = report(policy, fleet)
    _print(json.dumps(_told(found), indent=2) if args.json else table(found))
    if args.picture:
        _draw(policy, found, args.picture)
    return 0


def _draw(policy: Policy, found: Report, path: Path) -> None:
    from bot.simulate.picture import draw  # a plotting library takes its time to load

    def told(row: Row) -> None:
        sys.stderr.write(
            f"idle_after {row.name}: ${row.dollars:,}, {row.interrupted:g} interrupted\n"
        )

    sys.stderr.write("the policy with other idle times:\n")
    with_habit = curve(policy, found.fleet, with_habit=True, told=told)
    sys.stderr.write("the same without habit:\n")
    without = curve(policy, found.fleet, with_habit=False, told=told)
    draw(found, with_habit, without, path)


def _told(found: Report) -> dict[str, object]:
    fleet = found.fleet
    return {
        "vms": fleet.vms,
        "days": fleet.days,
        "seeds": list(fleet.seeds),
        "ours": found.ours.told(),
        "peers": [row.told() for row in found.peers],
        "bounds": [row.told() for row in found.bounds],
    }


def _leases(found: dict[str, dict[str, object]]) -> str:
    lines = []
    for name, leases in found["vms"].items():
        assert isinstance(leases, list)
        for lease in leases:
            until = lease["cancelled"] or "still runs"
            lines.append(f"{name}  {lease['ordered']}  {until}  {lease['reason'] or ''}".rstrip())
    totals = found["totals"]
    count = totals["leases"]
    lines.append(
        f"{count} {'lease' if count == 1 else 'leases'}, {totals['hours']:g} hours, "
        f"${totals['dollars']:g} until {totals['until']}; {totals['busy_killed']} busy VMs killed, "
        f"{totals['interrupted']} people interrupted"
    )
    return "\n".join(lines)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _number(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {least} to {most}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ds-bot simulate", description=_ABOUT)
    parser.add_argument("--policy", type=Path, help="laid over the shipped policy, like DS_CONFIG")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--trace", type=Path, help="CSV with the columns vm,at,event")
    parser.add_argument(
        "--seed", type=int, action="append", help="of the invented team; default: 1, 2 and 3"
    )
    parser.add_argument("--vms", type=_number(1, 100_000), default=500, help="default: 500")
    parser.add_argument("--days", type=_number(1, 366), default=30, help="default: 30")
    parser.add_argument("--picture", type=Path, help="also draw the curve of idle times, as PNG")
    return parser
