"""The search index: what it finds, in which order, and how an engine is answered."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

import pytest

from sandbox.hub.authority import ensure_authority
from sandbox.hub.index import SearchIndex, answer, search
from sandbox.hub.rows import RECORDED


@pytest.mark.parametrize("term", sorted(RECORDED))
def test_a_recorded_term_gives_the_recorded_rows_in_their_order(term: str) -> None:
    rows = search(term)

    assert tuple(rows[: len(RECORDED[term])]) == RECORDED[term]


def test_upper_case_and_blanks_make_no_difference() -> None:
    assert search(" RStudio ") == search("rstudio") != []


def test_any_other_term_is_looked_for_in_names_and_descriptions() -> None:
    """Most stars first, as the hub ranks."""
    assert [row.name for row in search("rocker/r-")] == [
        "rocker/r-base",
        "rocker/r-devel",
        "rocker/r-devel-san",
        "rocker/r-devel-ubsan-clang",
    ]
    assert [row.name for row in search("galaxy")] == ["erasche/docker-rstudio-notebook"]


@pytest.mark.parametrize("term", ["", "  ", "postgres"])
def test_what_nobody_has_recorded_is_not_found(term: str) -> None:
    assert search(term) == []


def test_an_engine_gets_the_rows_in_the_hubs_own_shape() -> None:
    status, body = answer("/v1/search?q=r-base&n=25")

    assert status == 200
    assert body["num_results"] == 2
    assert body["results"] == [
        {
            "name": "rocker/r-base",
            "description": "",
            "star_count": 14,
            "is_official": False,
            "is_automated": True,
        },
        {
            "name": "r-base",
            "description": "R is a system for statistical computation ...",
            "star_count": 10,
            "is_official": True,
            "is_automated": False,
        },
    ]


def test_no_more_rows_than_asked_for() -> None:
    _, body = answer("/v1/search?q=rstudio&n=3")

    assert [row["star_count"] for row in body["results"]] == [26, 5, 3]


@pytest.mark.parametrize("number", ["0", "101", "-1", "x", "1e2", "%31%30x"])
def test_a_senseless_number_of_rows_is_refused(number: str) -> None:
    assert answer(f"/v1/search?q=rstudio&n={number}")[0] == 400


@pytest.mark.parametrize("number", ["1", "100"])
def test_the_bounds_themselves_are_taken(number: str) -> None:
    status, body = answer(f"/v1/search?q=rstudio&n={number}")

    assert status == 200
    assert len(body["results"]) == min(int(number), len(search("rstudio", 100)))


def test_without_a_number_there_are_25_rows_at_most() -> None:
    _, body = answer("/v1/search?q=r")

    assert len(body["results"]) == 25


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("rocker%2Fr-base", "rocker/r-base"),
        ("codebox", "twistedogic/rstudio"),
        ("with+codebox", "twistedogic/rstudio"),
        ("with%20codebox", "twistedogic/rstudio"),
        ("SERVER+%3A", "quantumobject/docker-shiny"),
    ],
)
def test_a_term_is_read_as_engines_escape_it(typed: str, first: str) -> None:
    _, body = answer(f"/v1/search?q={typed}&n=25")

    assert [row["name"] for row in body["results"]] == [first]


@pytest.mark.parametrize("typed", ["%25", "%26n%3D0", ".*", "%5C", "%00", "%ff", "'%20OR%201"])
def test_no_character_of_a_term_has_a_meaning_of_its_own(typed: str) -> None:
    status, body = answer(f"/v1/search?q={typed}&n=25")

    assert (status, body["results"]) == (200, [])


@pytest.mark.parametrize("path", ["/", "/v1/", "/v1/searchx", "/v1/repositories/x/tags"])
def test_nothing_else_is_there(path: str) -> None:
    assert answer(path)[0] == 404


def test_the_servers_name_is_vouched_for_by_the_authority(tmp_path: Path) -> None:
    """An engine that trusts the authority, and checks names, gets an answer."""
    authority = ensure_authority(tmp_path, ["localhost"])
    trusting = ssl.create_default_context(cafile=str(authority.ca))

    with SearchIndex("127.0.0.1", 0, authority.certificate) as index:
        url = f"https://localhost:{index.port}/v1/search?q=shiny"
        with urllib.request.urlopen(url, context=trusting, timeout=10) as found:
            body = json.load(found)

    assert body["results"][0]["name"] == "rocker/shiny"


def test_nobody_else_trusts_it(tmp_path: Path) -> None:
    """The authority is the sandbox's own: this machine must not take its certificates."""
    authority = ensure_authority(tmp_path, ["localhost"])

    with SearchIndex("127.0.0.1", 0, authority.certificate) as index:
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"https://localhost:{index.port}/v1/search?q=shiny", timeout=10)
