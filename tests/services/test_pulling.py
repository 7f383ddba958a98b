"""`/ds pull IMAGE…`."""

from __future__ import annotations

from tests.services.laws import check_laws
from tests.services.world import World


def test_an_image_that_is_named_twice_is_pulled_once(world: World) -> None:
    world.has_vm("web")
    world.done("pull rocker/shiny rocker/shiny")
    (host,) = world.machines()
    assert [method for method, _ in host.calls].count("pull") == 1
    check_laws(world)
