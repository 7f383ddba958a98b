"""A pull's rows folded into one figure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.pull_progress import PullFold
from bot.models import PullProgress

STATUSES = [
    "Pulling fs layer",
    "Waiting",
    "Downloading",
    "Verifying Checksum",
    "Download complete",
    "Extracting",
    "Pull complete",
    "Already exists",
    "Retrying in 1 second",
    "Pulling from rocker/rstudio",
    "Digest: sha256:0",
    "",
]
sizes = st.integers(0, 10**12)
details: st.SearchStrategy[dict[str, int] | None] = st.one_of(
    st.none(),
    st.just({}),
    st.fixed_dictionaries({"current": sizes}),
    st.fixed_dictionaries({"current": sizes, "total": sizes}),
)
rows = st.lists(
    st.fixed_dictionaries(
        {"status": st.sampled_from(STATUSES), "progressDetail": details},
        optional={"id": st.sampled_from(["a", "b", "c", "latest"])},
    ),
    max_size=60,
)


def row(status: str, layer: str = "a", **detail: int) -> dict[str, Any]:
    return {"status": status, "id": layer, "progressDetail": detail}


def folded(*pulled: dict[str, Any]) -> PullProgress:
    fold = PullFold()
    for each in pulled:
        fold.take(each)
    return fold.progress


@given(rows)
def test_progress_never_goes_backwards(pulled: list[dict[str, Any]]) -> None:
    """A bar that jumps back looks like a failure. Whatever the engine sends, in any order."""
    fold = PullFold()
    before = fold.progress
    for each in pulled:
        has_changed = fold.take(each)
        now = fold.progress
        assert now.done_bytes >= before.done_bytes
        assert now.total_bytes >= before.total_bytes
        assert now.layers_done >= before.layers_done
        assert now.layers_total >= before.layers_total
        assert 0 <= now.done_bytes <= now.total_bytes
        assert now.layers_done <= now.layers_total
        assert has_changed == (now != before)
        before = now


@given(rows)
def test_the_same_rows_once_more_add_nothing_to_what_is_done(pulled: list[dict[str, Any]]) -> None:
    """The engine repeats rows when it downloads a layer again."""
    complete = [row("Pull complete", layer) for layer in "abc"]

    once, twice = folded(*pulled, *complete), folded(*pulled, *complete, *pulled)

    assert twice.layers_done == once.layers_done
    assert twice.layers_total - once.layers_total <= 2  # rows of no layer, or of "latest"


def test_a_pull_from_beginning_to_end() -> None:
    fold = PullFold()

    fold.take({"status": "Pulling from rocker/rstudio", "id": "latest"})
    assert fold.progress == PullProgress(0, 0, 0, 0)
    fold.take(row("Pulling fs layer", "a"))
    fold.take(row("Pulling fs layer", "b"))
    fold.take(row("Already exists", "c"))
    assert fold.progress == PullProgress(0, 0, 1, 3)
    fold.take(row("Downloading", "a", current=30, total=100))
    fold.take(row("Downloading", "b", current=5, total=50))
    assert fold.progress == PullProgress(35, 150, 1, 3)
    fold.take(row("Download complete", "a"))
    assert fold.progress == PullProgress(105, 150, 1, 3)
    fold.take(row("Download complete", "b"))
    assert fold.progress == PullProgress(150, 150, 1, 3, "extracting")
    fold.take(row("Extracting", "a", current=10, total=100))
    fold.take(row("Pull complete", "a"))
    fold.take(row("Pull complete", "b"))
    assert fold.progress == PullProgress(150, 150, 3, 3, "extracting")


def test_a_layer_that_is_downloaded_again_keeps_what_it_had() -> None:
    progress = folded(
        row("Downloading", current=90, total=100), row("Downloading", current=1, total=100)
    )

    assert progress.done_bytes == 90


def test_an_image_that_is_there_already_is_all_done() -> None:
    """The engine names its layers only in some versions."""
    assert folded(row("Already exists", "a"), row("Already exists", "b")) == PullProgress(
        0, 0, 2, 2, "extracting"
    )
    assert folded({"status": "Status: Image is up to date for x"}) == PullProgress(0, 0, 0, 0)


@pytest.mark.parametrize("odd", [{}, {"id": "a"}, {"error": "x"}, {"stream": "y", "id": None}])
def test_other_rows_change_nothing(odd: dict[str, Any]) -> None:
    fold = PullFold()

    assert not fold.take(odd)
    assert fold.progress == PullProgress(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("status", "is_news"),
    [
        ("Status: Downloaded newer image for rocker/shiny:latest", True),
        ("Status: Image is up to date for rocker/shiny:latest", False),
    ],
)
def test_the_last_rows_tell_whether_it_is_news(status: str, is_news: bool) -> None:
    fold = PullFold()
    assert fold.digest is None

    fold.take({"status": f"Digest: sha256:{'a' * 64}"})
    fold.take({"status": status})

    assert fold.digest == f"sha256:{'a' * 64}"
    assert fold.is_news is is_news
