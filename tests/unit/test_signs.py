"""Signs of use: what each fact of two looks says, and that missing facts say nothing good."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.activity import ContainerActivity, Signal, Use, VmActivity
from bot.idle import read_signals
from tests.unit.looks import HOUR, LOOK, NOW, container, look, policy

SECONDS = LOOK.total_seconds()


def signs(before: VmActivity | None, after: VmActivity | None) -> dict[str, Signal]:
    return {sign.name: sign for sign in read_signals(before, after, policy(), NOW)}


def changed(app: str | None, then: dict[str, Any], now: dict[str, Any]) -> dict[str, Signal]:
    """The signs of one container that was `then` at the look before."""
    return signs(look(container(app, **then), at=NOW - LOOK), look(container(app, **now)))


@pytest.mark.parametrize("app", [None, "rstudio", "shiny"])
def test_a_vm_on_which_nothing_happens_gives_only_signs_of_idleness(app: str | None) -> None:
    assert {sign.use for sign in changed(app, {}, {}).values()} == {Use.IDLE}


@pytest.mark.parametrize("app", [None, "rstudio", "shiny"])
@pytest.mark.parametrize(
    ("fact", "slow", "fast", "name"),
    [
        ("cpu_s", 100 + 0.04 * SECONDS, 100 + 0.06 * SECONDS, "computing"),
        ("network_bytes", 10_000 + 400 * 120, 10_000 + 600 * 120, "network"),
    ],
)
def test_a_counter_is_use_from_its_threshold_on(
    app: str | None, fact: str, slow: float, fast: float, name: str
) -> None:
    assert changed(app, {}, {fact: slow})[name].use is Use.IDLE
    assert changed(app, {}, {fact: fast})[name].use is Use.BUSY


def test_silent_computing_in_a_session_is_use() -> None:
    """A job that prints nothing and has no page open: jupyterhub-idle-culler#10."""
    found = changed("rstudio", {}, {"session_cpu_s": 50.0 + SECONDS})

    assert found["computing"].use is Use.BUSY
    assert str(found["computing"].why) == "Container `box` uses 100 % of a CPU."


def test_r_that_says_it_executes_is_busy_without_any_cpu() -> None:
    """`Sys.sleep`, a query to a far database, a download."""
    assert changed("rstudio", {}, {"is_executing": True})["executing"].use is Use.BUSY


def test_an_open_untouched_rstudio_page_is_no_use() -> None:
    """Two connections and the traffic of a poll every 50 s or so: 2i2c-org/infrastructure#2232."""
    page = {"connections": 2, "network_bytes": 10_000 + 120 * 60, "session_cpu_s": 50.9}

    assert {sign.use for sign in changed("rstudio", {}, page).values()} == {Use.IDLE}


def test_a_session_that_was_used_between_the_looks_is_use() -> None:
    assert changed("rstudio", {}, {"last_used_at": NOW - LOOK / 2})["session"].use is Use.BUSY


def test_a_session_that_was_quit_for_good_was_in_use_until_then() -> None:
    """Its files are gone with it, and with them when it was used."""
    gone = {"sessions": 0, "session_cpu_s": 0.0, "last_used_at": None}

    assert changed("rstudio", {}, gone)["session"].use is Use.BUSY


def test_the_end_of_a_session_is_not_taken_for_computing_nor_for_unknown() -> None:
    """Its CPU time leaves the sum; the container's own counter still tells."""
    assert (
        changed("rstudio", {}, {"session_cpu_s": 0.0, "sessions": 0})["computing"].use is Use.IDLE
    )


@pytest.mark.parametrize(
    ("app", "fact", "name"),
    [
        ("rstudio", "sessions", "executing"),
        ("rstudio", "is_executing", "executing"),
        ("rstudio", "network_bytes", "network"),
        ("shiny", "viewers", "viewer"),
        ("shiny", "cpu_s", "computing"),
        ("shiny", "network_bytes", "network"),
        (None, "connections", "connection"),
        (None, "cpu_s", "computing"),
        (None, "network_bytes", "network"),
    ],
)
def test_a_fact_that_could_not_be_read_is_unknown(app: str | None, fact: str, name: str) -> None:
    assert changed(app, {}, {fact: None})[name].use is Use.UNKNOWN


def test_without_sessions_rstudio_need_not_say_whether_it_executes() -> None:
    none = {"sessions": 0, "is_executing": None, "session_cpu_s": 0.0}

    assert changed("rstudio", none, none)["executing"].use is Use.IDLE


@pytest.mark.parametrize("fact", ["cpu_s", "network_bytes"])
def test_a_counter_that_went_back_is_unknown(fact: str) -> None:
    name = {"cpu_s": "computing", "network_bytes": "network"}[fact]

    assert changed(None, {}, {fact: 1})[name].use is Use.UNKNOWN


def test_a_viewer_of_a_shiny_app_is_use() -> None:
    assert changed("shiny", {}, {"viewers": 1})["viewer"].use is Use.BUSY


def test_a_connection_to_a_container_of_another_kind_is_use() -> None:
    found = changed(None, {}, {"connections": 2})["connection"]

    assert found.use is Use.BUSY
    assert str(found.why) == "2 connections to container `box` are open."


@pytest.mark.parametrize(
    "earlier",
    [(), (container(id="c0"),), (container(started_at=NOW - 2 * HOUR),)],
    ids=["none", "another", "restarted"],
)
def test_a_container_that_the_earlier_look_did_not_have_is_in_use(
    earlier: tuple[ContainerActivity, ...],
) -> None:
    """Somebody has just started it, and its counters have nothing to be compared with."""
    found = signs(look(*earlier, at=NOW - LOOK), look(container()))

    assert found["young"].use is Use.BUSY


def test_a_login_is_use() -> None:
    assert signs(look(at=NOW - LOOK), look(logins=1))["login"].use is Use.BUSY


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"logins": None}, "login"),
        ({"cpu_s": None}, "cpu"),
        ({"boot_id": None}, "cpu"),
        ({"containers": None}, "containers"),
    ],
)
def test_what_could_not_be_read_of_the_vm_is_unknown(facts: dict[str, Any], name: str) -> None:
    assert signs(look(at=NOW - LOOK), look(**facts))[name].use is Use.UNKNOWN


def test_a_vm_that_computes_outside_of_containers_is_in_use() -> None:
    assert signs(look(at=NOW - LOOK), look(cpu_s=1000 + SECONDS))["cpu"].use is Use.BUSY
    assert signs(look(at=NOW - LOOK), look(cpu_s=1010))["cpu"].use is Use.IDLE


def test_counters_of_another_boot_are_not_compared() -> None:
    """They begin at zero again: a difference would be nonsense, and a reboot is somebody's."""
    found = signs(
        look(container(), at=NOW - LOOK, boot_id="earlier"), look(container(cpu_s=1.0), cpu_s=5.0)
    )

    assert found["cpu"].use is Use.BUSY
    assert found["young"].use is Use.BUSY


@pytest.mark.parametrize("facts", [{"containers": None}, {"boot_id": None}])
def test_what_the_earlier_look_could_not_read_is_unknown_and_not_new(facts: dict[str, Any]) -> None:
    """A look that failed in part must not make everything young, and begin the idle time anew."""
    found = signs(look(container(), at=NOW - LOOK, **facts), look(container()))

    assert found["containers"].use is Use.UNKNOWN
    assert "young" not in found
    assert Use.BUSY not in {sign.use for sign in found.values()}


def test_a_boot_that_could_not_be_read_is_no_reboot() -> None:
    found = signs(look(container(), at=NOW - LOOK), look(container(), boot_id=None))

    assert Use.BUSY not in {sign.use for sign in found.values()}


def test_the_first_look_of_all_can_tell_nothing_of_counters() -> None:
    assert signs(None, look())["cpu"].use is Use.UNKNOWN


def test_two_looks_of_one_instant_are_not_compared() -> None:
    assert signs(look(), look())["cpu"].use is Use.UNKNOWN


def test_no_look_is_unknown() -> None:
    assert [sign.use for sign in read_signals(look(), None, policy(), NOW)] == [Use.UNKNOWN]


def test_a_look_older_than_the_gap_is_unknown() -> None:
    """Acting on stale data deletes what is in use by now."""
    stale = look(at=NOW - policy().gap - timedelta(seconds=1))

    found = read_signals(replace(stale, at=stale.at - LOOK), stale, policy(), NOW)

    assert [sign.use for sign in found] == [Use.UNKNOWN]
