"""What the watcher of an R run (r_watch.pl) reports, read as what anybody may have written."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

_SEEN_PART = 1 / 3  # of what is shown, the beginning; the end of an output tells the most
_HALTED = "Execution halted"
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class RReport:
    """How a run ended, and what it left.

    why: "ended" by itself, "time" (its limit), "stopped" (from outside), "busy" (another run that
    keeps its workspace went on for too long), "" when there was no code.
    kept: "yes", "large", "unchanged" (the code asked R not to save), "failed", "" when not asked.
    forgot: whether something was forgotten; None when not asked.
    drawn: how many plots there were; `plots` has the first ones that are no more than was allowed.
    """

    why: str = ""
    exit_code: int = 0
    signal: int = 0
    length: timedelta = timedelta(0)
    is_out_of_memory: bool = False
    is_out_of_processes: bool = False
    is_out_of_room: bool = False
    printed_bytes: int = 0
    output: str = ""  # all of it, or its beginning and end
    is_cut: bool = False
    kept: str = ""
    forgot: bool | None = None
    drawn: int = 0
    plots: tuple[bytes, ...] = ()

    @property
    def ended_well(self) -> bool:
        return self.why in ("ended", "") and self.exit_code == 0 and self.signal == 0

    @property
    def stopped_at_error(self) -> bool:
        """R itself says so in the last line that it prints."""
        return self.exit_code == 1 and self.output.rstrip().endswith(_HALTED)


def report_from(log: str) -> RReport | None:
    """The report in a container's log; None when its watcher did not come to the end of it."""
    values: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    for line in log.split("\n"):
        name, _, value = line.partition(" ")
        values[name] = value
        parts.setdefault(name, []).append(value)
    if "end" not in values:
        return None
    head, tail = _joined(parts.get("head", [])), _joined(parts.get("tail", []))
    printed = _number(values, "printed")
    left_out = max(0, printed - len(head) - len(tail))
    plots = [_joined(parts[name]) for name in (f"plot{n}" for n in range(1, 100)) if name in parts]
    return RReport(
        why=values.get("why", ""),
        exit_code=_number(values, "exit"),
        signal=_number(values, "signal"),
        length=timedelta(milliseconds=_number(values, "milliseconds")),
        is_out_of_memory=_number(values, "out_of_memory") > 0,
        is_out_of_processes=_number(values, "refused_processes") > 0,
        is_out_of_room=_number(values, "full") > 0,
        printed_bytes=printed,
        output=_output(head, tail, left_out),
        is_cut=left_out > 0,
        kept=values.get("kept", ""),
        forgot=values["forgot"] == "1" if "forgot" in values else None,
        drawn=_number(values, "plots"),
        plots=tuple(plot for plot in plots if is_picture(plot)),
    )


def is_picture(content: bytes) -> bool:
    """Whether it is a whole PNG or JPEG; Slack refuses a message with anything else in it."""
    is_png = content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(b"IEND\xaeB`\x82")
    is_jpeg = content.startswith(b"\xff\xd8\xff") and content.rstrip(b"\0").endswith(b"\xff\xd9")
    return is_png or is_jpeg


def readable(output: str) -> str:
    """An output as a terminal shows it in the end: what a progress bar has overwritten is gone,
    and so are colours and other signs that are not seen."""
    seen = _UNSEEN.sub("", _COLOURS.sub("", output))
    lines = [_last_written(line).expandtabs() for line in seen.split("\n")]
    return "\n".join(lines).strip("\n")


def excerpt(output: str, most: int) -> str:
    """At most so many characters of an output: its beginning and end, in whole lines if it can."""
    if len(output) <= most:
        return output
    between = "\n…\n"
    first = int((most - len(between)) * _SEEN_PART)
    last = most - len(between) - first
    return f"{_whole_lines(output[:first])}{between}{_whole_lines_after(output[-last:])}"


def _last_written(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def _whole_lines(text: str) -> str:
    whole = text.rpartition("\n")[0]
    return whole if len(whole) > len(text) / 2 else text


def _whole_lines_after(text: str) -> str:
    whole = text.partition("\n")[2]
    return whole if len(whole) > len(text) / 2 else text


def _output(head: bytes, tail: bytes, left_out: int) -> str:
    if not left_out:
        return (head + tail).decode(errors="replace")
    # Each half may begin or end within a letter.
    first, last = head.decode(errors="ignore"), tail.decode(errors="ignore")
    return f"{first}\n… {left_out} bytes are left out …\n{last}"


def _joined(lines: list[str]) -> bytes:
    """The bytes of base 64 in several lines, each decodable by itself."""
    try:
        return b"".join(base64.b64decode(line, validate=True) for line in lines)
    except ValueError:  # also binascii.Error
        return b""


def _number(values: Mapping[str, str], name: str) -> int:
    value = values.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0
