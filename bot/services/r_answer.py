"""What a person is told of a run of R: how it ended, and what to do."""

from __future__ import annotations

from functools import reduce

from bot.models import Text
from bot.services.r_report import RReport
from config.r import RPolicy

_NOT_STARTED = 125  # r_watch.pl


def told(report: RReport | None, limits: RPolicy, command: str, *, keeps: bool) -> Text:
    """All of it, the most important first. keeps: whether `--keep` was asked for."""
    if report is None:
        return Text(
            "R's container was killed before R was done: by somebody, or because the VM ran out of"
            " memory."
        )
    return reduce(
        lambda one, more: Text("{one} {more}", one=one, more=more),
        [_ending(report, limits, command), *_besides(report, limits, command, keeps=keeps)],
    )


def is_fine(report: RReport | None) -> bool:
    """Whether it ended as it was meant."""
    return report is not None and report.ended_well


def _ending(report: RReport, limits: RPolicy, command: str) -> Text:
    rstudio = f"{command} rstudio"
    match report.why:
        case "busy":
            return Text("Your other run with `--keep` goes on here. Try again when it has ended.")
        case "time":
            return Text(
                "R was ended after {limit}: no run may take longer. Do less at once, or work in"
                " RStudio: `{command}`.",
                limit=limits.time,
                command=rstudio,
            )
        case "stopped":
            return Text("R was stopped from outside before it was done.")
    if report.is_out_of_memory and not report.ended_well:
        return Text(
            "R was killed because it needed more than {memory} MB of memory. Use less data at once,"
            " or work in RStudio: `{command}`.",
            memory=str(limits.memory_mb),
            command=rstudio,
        )
    if not report.ended_well:
        return _bad_end(report)
    if report.why == "":
        return _forgotten(report)
    if report.printed_bytes or report.drawn:
        return Text("R is done.")
    return Text("R is done. It printed and drew nothing.")


def _bad_end(report: RReport) -> Text:
    if report.signal:
        return Text(
            "R was killed by signal {signal}: it crashed, or the code did that.",
            signal=str(report.signal),
        )
    if report.stopped_at_error:
        return Text("R stopped at an error.")
    if report.exit_code == _NOT_STARTED:
        return Text("R could not be started.")
    return Text("R ended with exit code {code}.", code=str(report.exit_code))


def _forgotten(report: RReport) -> Text:
    if report.forgot:
        return Text("What you had kept in this channel is forgotten.")
    return Text("You had kept nothing in this channel.")


def _besides(report: RReport, limits: RPolicy, command: str, *, keeps: bool) -> list[Text]:
    more = []
    if report.is_out_of_processes:
        more.append(
            Text(
                "It wanted more than {most} processes at once, which is the limit.",
                most=str(limits.processes),
            )
        )
    if report.is_out_of_room:
        more.append(
            Text("Its {most} MB for files were full; they are in memory.", most=str(limits.disk_mb))
        )
    if len(report.plots) < report.drawn:
        more.append(
            Text(
                "{shown} of its {count} plots are shown.",
                shown=str(len(report.plots)),
                count=str(report.drawn),
            )
        )
    if report.forgot and report.why:
        more.append(Text("What you had kept in this channel is forgotten."))
    if keeps and report.why != "busy":
        more.append(_kept(report, limits, command))
    return more


def _kept(report: RReport, limits: RPolicy, command: str) -> Text:
    match report.kept:
        case "yes":
            return Text(
                "Its objects are kept for you in this channel: `{again}` goes on with them,"
                " `{forget}` forgets them.",
                again=f"{command} r --keep",
                forget=f"{command} r --fresh",
            )
        case "large":
            return Text(
                "Its objects are more than {most} MB and were not kept; take some away with"
                " `rm()`. What was kept before is unchanged.",
                most=str(limits.keep_mb),
            )
        case "failed":
            return Text("Its objects could not be kept: the VM's disk may be full.")
    return Text("What was kept before is unchanged.")
