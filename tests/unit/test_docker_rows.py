"""What the engine answers, in the cases that the contract's engines do not show."""

from __future__ import annotations

from typing import Any

from bot.adapters.docker_rows import container_of

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
