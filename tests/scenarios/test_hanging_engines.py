"""Engines may hang, and many questions with them: what asks no VM is answered all the same."""

from __future__ import annotations

import threading

from bot.models import Engine
from tests.scenarios.world import Scenario, scenario


def test_help_and_refusals_never_wait_behind_hanging_engines(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    released = threading.Event()
    with scenario("http", tmp_path) as bot:
        bot.card("vm jekyll-dev")
        hang_engines(bot, monkeypatch, released)
        try:
            for _ in range(40):
                bot.ds("info")

            assert "ps" in str(bot.answer("help").blocks)
            assert "no command" in bot.answer("dance").text
        finally:
            released.set()


def hang_engines(bot: Scenario, monkeypatch, released: threading.Event) -> None:  # type: ignore[no-untyped-def]
    """Asking any engine for its facts does not end before `released`."""
    [vm] = bot.core.vm_store.live()
    host = bot.hosts.at(str(vm.address))
    ask = host._engine

    def hang() -> Engine:
        released.wait(30)
        return ask()

    monkeypatch.setattr(host, "_engine", hang)
