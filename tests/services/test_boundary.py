"""Whatever goes wrong, who asked is told: an answer, or that there is none."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.slack_errors import refused
from bot.models import Caller, Engine
from handlers.sender import Typed
from tests.fakes.hosts import FakeImage
from tests.services.meddling import Point, Strike
from tests.services.world import JANE, World


def _typed(world: World, line: str) -> Typed:
    return Typed(line, _caller(), f"key of {line}", world.chat.issue_response_url())


def _caller() -> Caller:
    return Caller(JANE, "T0TEAM", "C0GENERAL")


def test_an_output_whose_file_slack_does_not_take_is_answered_all_the_same(world: World) -> None:
    """As when the app has not been given `files:write` yet."""
    world.images["rocker/shiny"] = FakeImage(output=("word " * 400,))
    world.has_vm("web")
    world.done("shiny")
    with world.meddling.off():
        (container,) = world.machines()[0]._list(True, None)
    world.chat.fail("share", refused("missing_scope"))
    before = len(world.chat.replies)
    world.core.boundary.take(_typed(world, f"logs {container.short_id}"))
    world.core.boundary.close()
    (reply,) = world.chat.replies[before:]
    assert "no permission" in reply.text


def test_a_password_that_cannot_be_read_leaves_no_modal_that_waits_for_ever(world: World) -> None:
    vm_id = world.has_vm("web")
    world.done("rstudio")
    with world.meddling.off():
        (container,) = world.machines()[0]._list(True, None)
    number = max(point.number for point in world.meddling.seen if point.effect == "vms.get")
    world.meddling.plan[Point("vms.get", number + 1)] = Strike.ERROR_BEFORE
    value = json.dumps({"vm": vm_id, "container": container.id})
    typed = replace(_typed(world, value), trigger_id=world.chat.issue_trigger())
    world.core.boundary.show_password(typed)
    world.core.boundary.close()
    (view,) = world.chat.views.values()
    assert "unexpected" in json.dumps(view)


@pytest.mark.parametrize("method", ["upload", "respond"])
def test_a_picture_that_slack_does_not_take_is_told_in_words(world: World, method: str) -> None:
    """As when the app has not been given `files:write` yet, or blocks may not show the file."""
    world.has_vm("web")
    world.done("pull rocker/shiny")
    world.chat.fail(method, refused("invalid_blocks"), times=3)
    before = len(world.chat.replies)

    world.core.boundary.take(_typed(world, "lineage"))
    world.core.boundary.close()

    (reply,) = world.chat.replies[before:]
    assert [block["type"] for block in reply.blocks] == ["section", "section"]
    assert "rocker/shiny builds on no other image here" in str(reply.blocks)


def test_a_picture_that_slack_cannot_show_yet_is_shown_a_moment_later(world: World) -> None:
    world.has_vm("web")
    world.done("pull rocker/shiny")
    world.chat.fail("respond", refused("invalid_blocks"))
    asked_at, before = world.sim.now(), len(world.chat.replies)

    world.core.boundary.take(_typed(world, "lineage"))
    world.core.boundary.close()

    (reply,) = world.chat.replies[before:]
    assert [block["type"] for block in reply.blocks][1] == "image"
    assert len(world.chat.files) == 1, "it was uploaded twice"
    assert world.sim.now() > asked_at
    assert world.chat.calls["post"] == 1, "it went to the person directly as well"


def test_an_answer_that_hangs_does_not_hold_up_the_end_of_the_process(world: World) -> None:
    """Its thread is left behind, and whoever closes must know it."""
    world.has_vm("web")
    world.done("rstudio")
    host, released, asked = world.machines()[0], threading.Event(), threading.Event()
    ask = host._engine

    def hang() -> Engine:
        asked.set()
        released.wait(30)
        return ask()

    host._engine = hang  # type: ignore[method-assign]
    world.core.boundary.take(_typed(world, "info"))
    assert asked.wait(10)
    began = time.monotonic()
    assert world.core.boundary.close(timedelta(milliseconds=50)) is False
    assert time.monotonic() - began < 10
    released.set()
    assert world.core.boundary.close(timedelta(seconds=10)) is True
