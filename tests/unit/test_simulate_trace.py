"""Traces from outside: what our policy does with them, and what is said when they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main

HEADER = "vm,at,event\n"
SHIPPED = Path(__file__).parents[2] / "config" / "policies.yaml"
PLAIN = """\
reaper: {look: 2m}
idle:
  default: {idle_after: 2h, grace: 30m, lease: null, habit: null, billing: exact}
"""


@pytest.fixture
def simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `ds-bot simulate` on a trace; gives the exit status, what it printed and its errors."""

    def run(trace: str, *more: str, policy: str = PLAIN) -> tuple[int, str, str]:
        (tmp_path / "trace.csv").write_text(trace, "utf-8")
        (tmp_path / "policy.yaml").write_text(policy, "utf-8")
        status = main(
            ["simulate", "--trace", str(tmp_path / "trace.csv"), "--policy",
             str(tmp_path / "policy.yaml"), *more]
        )  # fmt: skip
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def leases(simulate: Any) -> Any:
    """Runs a trace of vm-1, ordered on Monday 5 January 2026 at 09:00; gives its leases."""

    def run(*events: str, policy: str = PLAIN) -> list[dict[str, Any]]:
        rows = ["05T09:00,order hourly_rate=0.10", *events]
        lines = [f"vm-1,2026-01-{at}:00Z,{event}\n" for at, event in (r.split(",") for r in rows)]
        status, out, err = simulate(HEADER + "".join(lines), "--json", policy=policy)
        assert (status, err) == (0, "")
        found: list[dict[str, Any]] = json.loads(out)["vms"]["vm-1"]
        return found

    return run


def test_the_answer_has_the_promised_shape(simulate: Any) -> None:
    status, out, _ = simulate(
        HEADER
        + "vm-1,2026-01-05T09:00:00Z,order hourly_rate=0.053\n"
        + "vm-2,2026-01-05T09:00:00Z,order hourly_rate=0.106\n"
        + "vm-2,2026-01-05T09:30:00Z,compute_start\n",
        "--json",
    )

    found = json.loads(out)
    assert status == 0
    assert list(found) == ["vms", "totals"]
    (one,), (two,) = found["vms"]["vm-1"], found["vms"]["vm-2"]
    assert set(one) == {"ordered", "cancelled", "reason"}
    assert one["ordered"] == "2026-01-05T09:00:00Z"
    assert "2026-01-05T11:30:00Z" <= one["cancelled"] <= "2026-01-05T11:40:00Z"
    assert one["reason"].startswith("Nothing has been in use for 2h 3")
    assert two == {"ordered": "2026-01-05T09:00:00Z", "cancelled": None, "reason": None}
    totals = found["totals"]
    assert (totals["leases"], totals["busy_killed"], totals["interrupted"]) == (2, 0, 0)
    assert totals["until"] == one["cancelled"]
    assert totals["dollars"] == pytest.approx(totals["hours"] / 2 * 0.159, abs=0.001)


@pytest.mark.parametrize(
    ("events", "after", "before"),
    [  # nobody is there, and R computes for three days
        (["05T09:10,session_start", "05T09:20,compute_start", "05T09:30,session_stop",
          "08T09:30,compute_stop"], "2026-01-08T12:00", "2026-01-08T12:10"),
        # a page lies open for ever
        (["05T09:10,session_start", "05T10:00,session_stop", "05T10:00,tab_open"],
         "2026-01-05T12:30", "2026-01-05T12:40"),
        # and an untouched one while R computes
        (["05T09:10,tab_open", "05T10:00,compute_start", "05T20:00,compute_stop"],
         "2026-01-05T22:30", "2026-01-05T22:40"),
        # a viewer of a Shiny app all night
        (["05T10:00,viewer_start", "06T12:00,viewer_stop"], "2026-01-06T14:30", "2026-01-06T14:40"),
        # two people, one of whom goes
        (["05T10:00,session_start", "05T10:00,session_start", "05T11:00,session_stop",
          "05T15:00,session_stop"], "2026-01-05T17:30", "2026-01-05T17:40"),
        # nothing at all
        ([], "2026-01-05T11:30", "2026-01-05T11:40"),
    ],
)  # fmt: skip
def test_use_is_waited_for_and_nothing_else(
    leases: Any, events: list[str], after: str, before: str
) -> None:
    (lease,) = leases(*events)

    assert after <= lease["cancelled"] <= before


def test_a_vm_that_is_needed_again_has_one_entry_per_lease(leases: Any) -> None:
    found = leases(
        "05T09:10,session_start", "05T10:00,session_stop", "06T09:10,session_start",
        "06T10:00,session_stop", "06T10:00,release",
    )  # fmt: skip

    assert [each["ordered"] for each in found] == ["2026-01-05T09:00:00Z", "2026-01-06T09:10:00Z"]


def test_a_released_vm_may_be_ordered_again_which_interrupts_nobody(simulate: Any) -> None:
    _, out, _ = simulate(
        HEADER
        + "vm-1,2026-01-05T09:00:00Z,order hourly_rate=0.1\n"
        + "vm-1,2026-01-05T10:00:00Z,release\n"
        + "vm-1,2026-01-07T10:00:00Z,order hourly_rate=0.1\n"
        + "vm-1,2026-01-07T10:00:00Z,session_start\n"
        + "vm-1,2026-01-07T11:00:00Z,session_stop\n",
        "--json",
    )

    found = json.loads(out)
    assert [each["ordered"][:10] for each in found["vms"]["vm-1"]] == ["2026-01-05", "2026-01-07"]
    assert found["totals"]["interrupted"] == 0


def test_the_policy_of_the_file_is_used(leases: Any) -> None:
    (lease,) = leases(policy=PLAIN.replace("idle_after: 2h", "idle_after: 5h"))

    assert "2026-01-05T14:30" <= lease["cancelled"] <= "2026-01-05T14:40"


def test_a_rule_for_images_is_for_vms_with_such_containers(leases: Any) -> None:
    rules = PLAIN + (
        '  rules: [{name: demos, match: {image: ["rocker/shiny*"]}, idle_after: 12h}]\n'
    )

    (shiny,) = leases("05T09:10,viewer_start", "05T09:20,viewer_stop", policy=rules)
    (other,) = leases(policy=rules)

    assert shiny["cancelled"] > "2026-01-05T21:50" > other["cancelled"]


def test_the_shipped_file_may_be_given_as_it_is(leases: Any) -> None:
    (lease,) = leases(
        "05T09:10,session_start", "05T10:00,session_stop", policy=SHIPPED.read_text("utf-8")
    )

    assert "2026-01-05T12:48" <= lease["cancelled"] < "2026-01-05T12:57"


def test_rows_may_come_in_any_order_and_instants_in_any_offset(simulate: Any) -> None:
    rows = [
        "vm-1,2026-01-05T18:00:00+09:00,order hourly_rate=0.1",
        "vm-1,2026-01-05T09:30:00Z,session_start",
        " vm-1 , 2026-01-05 10:00:00 , session_stop ",
    ]

    there = simulate(HEADER + "\n".join(rows), "--json")
    back = simulate(HEADER + "\n\n" + "\n".join(reversed(rows)) + "\n", "--json")

    assert there[0] == 0
    assert there == back


def test_people_get_lines_instead_of_json(simulate: Any) -> None:
    status, out, _ = simulate(HEADER + "vm-1,2026-01-05T09:00:00Z,order hourly_rate=0.1\n")

    assert status == 0
    assert out.startswith("vm-1  2026-01-05T09:00:00Z  2026-01-05T11:3")
    assert "1 lease, " in out
    assert "0 busy VMs killed" in out


ORDER = "vm-1,2026-01-05T09:00:00Z,order hourly_rate=0.1\n"


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ("", "line 1: the columns must be vm,at,event"),
        ("a,b,c\n", "line 1: the columns must be vm,at,event"),
        (HEADER, "line 1: there is no event in this file"),
        (HEADER + ORDER + "vm-1,soon,release\n", "line 3: 'soon' is no instant; write it like"),
        (HEADER + "vm-1,0001-01-01T00:00:00Z,release\n", "line 2: '0001-01-01T00:00:00Z' is not"),
        (HEADER + "vm-1,2026-01-05T09:00:00Z\n", "line 2: 2 values instead of vm,at,event"),
        (HEADER + ",2026-01-05T09:00:00Z,release\n", "line 2: the name of the VM is missing"),
        (HEADER + ORDER + "vm-1,2026-01-06T09:00:00Z,party\n", "line 3: 'party' is no event"),
        (HEADER + ORDER + "vm-1,2026-01-06T09:00:00Z,release now\n", "line 3: 'release now' is no"),
        (HEADER + "vm-2,2026-01-06T09:00:00Z,tab_open\n", "line 2: vm-2 has not been ordered yet"),
        (HEADER + ORDER + "vm-1,2026-01-04T09:00:00Z,tab_open\n",
         "line 3: vm-1 has not been ordered yet"),
        (HEADER + ORDER + ORDER, "line 3: vm-1 is ordered already and was not released"),
        (HEADER + ORDER + "vm-1,2026-01-06T09:00:00Z,release\n" * 2, "line 4: vm-1 is released"),
        (HEADER + ORDER + "vm-1,2026-01-06T09:00:00Z,tab_close\n",
         "line 3: tab_close of vm-1, which had no tab_open before"),
        (HEADER + "vm-1,2026-01-05T09:00:00Z,order hourly_rate=cheap\n",
         "line 2: 'hourly_rate=cheap' is no rate; write it like order hourly_rate=0.053"),
        (HEADER + "vm-1,2026-01-05T09:00:00Z,order price=1\n", "line 2: 'price=1' is no rate"),
        (HEADER + "vm-1,2026-01-05T09:00:00Z,order hourly_rate=-1\n", "line 2: 'hourly_rate=-1'"),
        (HEADER + "vm-1,2026-01-05T09:00:00Z,order hourly_rate=nan\n", "line 2: 'hourly_rate=nan'"),
    ],
)  # fmt: skip
def test_a_bad_trace_is_told_with_the_number_of_the_line_and_nothing_is_printed(
    simulate: Any, trace: str, message: str
) -> None:
    status, out, err = simulate(trace, "--json")

    assert (status, out) == (1, "")
    assert message in err


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(simulate: Any) -> None:
    rows = "vm-1,2026-01-05T08:00:00Z,tab_open\n" + ORDER + "vm-1,x,y\n" * 30

    _, _, err = simulate(HEADER + rows)

    lines = err.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["line 2", "line 4", "line 5"]
    assert lines[-1] == "and 11 more mistakes"


def test_a_missing_trace_and_a_wrong_policy_are_told(simulate: Any, tmp_path: Path) -> None:
    assert main(["simulate", "--trace", str(tmp_path / "none.csv")]) == 1

    status, out, err = simulate(HEADER + ORDER, policy="idle: {default: {idle_after: 2}}")

    assert (status, out) == (1, "")
    assert "idle.default.idle_after=2: write a duration like" in err


def test_an_invented_team_is_told_as_a_table_and_as_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "--seed", "5", "--vms", "8", "--days", "5"]) == 0
    shown = capsys.readouterr().out
    assert main(["simulate", "--seed", "5", "--vms", "8", "--days", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert "8 VMs in 5 days, mean of the seeds 5" in shown
    assert found["ours"]["busy_killed"] == 0
    for row in (found["ours"], *found["peers"], *found["bounds"]):
        assert row["rule"] in shown
        assert f"{row['dollars']:,.2f}" in shown
