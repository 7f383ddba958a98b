"""What people wrote in RStudio outlives its container."""

from __future__ import annotations

from bot.models import HostAccess
from tests.scenarios.world import JIHOON, Scenario, access_to


def access(bot: Scenario) -> HostAccess:
    [ready] = bot.core.vm_store.live()
    return access_to(str(ready.address))


def test_killing_rstudio_loses_nothing_and_says_where_it_is(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")
    bot.card("rstudio")
    vm = bot.hosts.at(access(bot).address)
    vm.volumes["ds-u0jane-workspace"]["thesis.R"] = b"x <- 1"
    [container] = bot.hosts.on(access(bot)).containers()

    killed = bot.card(f"kill {container.short_id}")
    again = bot.card("rstudio")

    assert "/home/rstudio/workspace" in killed.text
    assert "/home/rstudio/workspace" in str(again.blocks)
    [fresh] = bot.hosts.on(access(bot)).containers()
    assert fresh.id != container.id
    found = bot.hosts.on(access(bot)).fetch(fresh.id, "/home/rstudio/workspace", 1000)
    assert found == {"thesis.R": b"x <- 1"}


def test_everybody_has_volumes_of_their_own(bot: Scenario) -> None:
    bot.card("vm jekyll-dev")
    bot.card("vm other", user=JIHOON)
    bot.card("rstudio")
    bot.card("run rocker/rstudio -p 8787:8787 on jekyll-dev")

    vm = next(v for v in bot.core.vm_store.live() if v.hostname == "jekyll-dev")
    names = set(bot.hosts.at(str(vm.address)).volumes)

    assert names == {f"ds-u0jane-{part}" for part in ("workspace", "config", "sessions")}
