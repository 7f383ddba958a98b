"""What an R run's watcher reports, and how an output is shortened."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.r_report import excerpt, is_picture, readable, report_from
from tests.fakes.r import PLOT, r_run


def log_of(**told: object) -> str:
    return "\n".join(r_run(**told).output) + "\n"  # type: ignore[arg-type]


def test_a_report_says_how_it_ended() -> None:
    report = report_from(
        log_of(output="Error: 한글\nExecution halted\n", exit_code=1, plots=[PLOT])
    )

    assert report is not None
    assert (report.why, report.exit_code, report.signal) == ("ended", 1, 0)
    assert report.length == timedelta(milliseconds=400)
    assert report.output == "Error: 한글\nExecution halted\n"
    assert report.stopped_at_error and not report.ended_well
    assert report.plots == (PLOT,) and report.drawn == 1
    assert not report.is_cut


def test_without_its_last_line_there_is_no_report() -> None:
    """The watcher was killed meanwhile: what is there may be half of it."""
    log = log_of(output="x")

    assert report_from(log[: log.rindex("end")]) is None
    assert report_from("") is None


def test_of_a_long_output_the_middle_is_left_out_and_said_so() -> None:
    report = report_from(log_of(output="한" * 101, printed=10_000))

    assert report is not None and report.is_cut
    assert report.output.startswith("한" * 50) and report.output.endswith("한" * 50)
    assert f"{10_000 - 303} bytes are left out" in report.output
    assert "\ufffd" not in report.output


@pytest.mark.parametrize("content", [b"", b"GIF89a", PLOT[:-1], PLOT[8:], b"\xff\xd8\xffxx"])
def test_half_a_picture_is_none(content: bytes) -> None:
    """Slack refuses a whole message for it."""
    assert not is_picture(content)


def test_a_plot_cut_off_is_left_out_and_counted() -> None:
    report = report_from(log_of(plots=[PLOT, PLOT[:-4]]))

    assert report is not None
    assert (len(report.plots), report.drawn) == (1, 2)


@given(st.text())
def test_whatever_a_log_says_it_is_read(log: str) -> None:
    report_from(log)
    report_from(f"{log}\nend 1\n")


@given(st.lists(st.text(alphabet="ab\u0663 0123456789=+/"), max_size=5))
def test_whatever_the_values_are_they_are_read(values: list[str]) -> None:
    names = ["printed", "exit", "head", "plot1", "milliseconds"]
    lines = [f"{name} {value}" for name, value in zip(names, values, strict=False)]

    assert report_from("\n".join([*lines, "end 1"])) is not None


@given(st.text(), st.integers(min_value=100, max_value=2000))
def test_an_excerpt_is_never_longer_than_asked(output: str, most: int) -> None:
    assert len(excerpt(output, most)) <= most


def test_an_excerpt_has_the_beginning_and_more_of_the_end() -> None:
    lines = [f"line {number}" for number in range(1000)]
    shown = excerpt("\n".join(lines), 300).split("\n")

    assert shown[0] == "line 0" and shown[-1] == "line 999"
    between = shown.index("…")
    assert 0 < between < len(shown) / 2
    assert set(shown) - {"…"} <= set(lines), "a line is cut apart"


def test_a_short_output_is_shown_as_it_is() -> None:
    """Its first line may be indented: R puts headings there."""
    assert excerpt("     speed\n 1st Qu.", 100) == "     speed\n 1st Qu."


def test_signs_that_nobody_sees_are_left_out() -> None:
    assert readable("\x1b[1;31mError\x1b[0m\x00\x07: no\tgo\n") == "Error: no       go"


def test_a_progress_bar_is_shown_as_it_ended() -> None:
    assert readable("  |    |   0%\r  |=== |  50%\r  |====| 100%\ndone\r\n") == (
        "  |====| 100%\ndone"
    )
