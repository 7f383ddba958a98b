"""What the engine answers, in the cases that the contract's engines do not show."""

from __future__ import annotations

from typing import Any

import pytest

from bot.adapters.docker_rows import container_of, layer_sizes_of

ROW: dict[str, Any] = {
    "Id": "5c06" * 16, "Names": ["/shiny"], "Image": "rocker/shiny", "Command": "/init",
    "Created": 1_767_225_600, "Status": "Removal In Progress", "State": "removing", "Ports": None,
    "Labels": None,
}  # fmt: skip


def test_a_container_that_is_being_removed_has_no_name_and_breaks_no_list() -> None:
    """moby leaves out the names of what it is taking away: then `Names` is null."""
    assert container_of(ROW).name == "shiny"
    gone = container_of(ROW | {"Names": None})
    assert (gone.name, gone.is_running, gone.ports, gone.labels) == ("", False, (), {})


CLASSIC, BUILDKIT = "/bin/sh -c #(nop)  ", ""


@pytest.mark.parametrize("nop", [CLASSIC, BUILDKIT])
def test_a_history_gives_the_size_of_each_layer(nop: str) -> None:
    """Entries that only describe the image are no layers; an empty folder is one of 0 bytes."""
    made = [
        (120, f"{nop}ADD file:1 in / "),
        (0, f"{nop}ENV LANG=C"),
        (0, f"{nop}WORKDIR /work"),
        (30, "RUN /bin/sh -c apt-get install r-base # buildkit"),
        (0, f'{nop}CMD ["R"]'),
    ]
    history = [{"Size": size, "CreatedBy": line} for size, line in reversed(made)]

    assert layer_sizes_of(history, 3) == (120, 0, 30)
    assert layer_sizes_of(history, 2) == (120, 30)  # the folder was there already


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_a_history_that_does_not_fit_the_layers_gives_no_sizes(count: int) -> None:
    history: list[dict[str, Any]] = [
        {"Size": 5, "CreatedBy": None},
        {"Size": 0, "CreatedBy": "RUN true"},
        {"Size": 120, "CreatedBy": "ADD file:1 in /"},
    ]

    assert layer_sizes_of(history, count) == ()
