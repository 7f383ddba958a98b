"""What Docker Hub answered to five searches in 2015, as the walk-through recorded it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `docker search`."""

    name: str
    description: str = ""
    stars: int = 0
    is_official: bool = False
    is_automated: bool = True


_RSTUDIO = (
    Row("rocker/rstudio", "", 26),
    Row("opencpu/rstudio", "Docker image with opencpu and rstudio-server", 5),
    Row("h2sp/cent65-rstudio-server", "", 3),
    Row("rocker/rstudio-daily", "", 2),
    Row("mgymrek/docker-rstudio-server", "", 1),
    Row("quantumobject/docker-rstudio", "Rstudio server v0.98.1103", 1),
    Row("dit4c/dit4c-container-rstudio", "", 1),
    Row("thephilross/ubuntu-rstudio", "RStudio Server", 1, is_automated=False),
    Row("rhee/rstudio"),
    Row("twistedogic/rstudio", "rstudio with codebox"),
    Row("joshamorrison/rstudio", "RStudio", is_automated=False),
    Row("geraudster/rstudio-server", "Docker image for RStudio Server", is_automated=False),
    Row("erasche/docker-rstudio-notebook", "Docker RStudio container for use in Galaxy..."),
    Row("mccahill/rstudio", "RStudio in Docker with knitr, RMarkdown, a..."),
    Row("engines/rstudio", "Base image for rstudio applications for th..."),
)
_SHINY = (
    Row("rocker/shiny", "", 12),
    Row("quantumobject/docker-shiny", "Shiny server : use to host and manage shin...", 6),
    Row("wch1/r-shiny-server", "", 3),
    Row("raulkite/shiny"),
    Row("pshevtsov/shiny-server"),
    Row("flaviobarros/shiny-wordcloud"),
    Row("mdagost/shiny", "Modified version of shiny image to work wi...", is_automated=False),
    Row("wush978/tw-r-shiny", "To show how to install shiny-server with c..."),
    Row("laurentj/shiny", "test"),
    Row("cannin/r-shiny-server"),
)
_R_BASE = (
    Row("rocker/r-base", "", 14),
    Row("r-base", "R is a system for statistical computation ...", 10, True, False),
)
_R_DEVEL = (
    Row("rocker/r-devel", "", 4),
    Row("rocker/r-devel-san", "", 2),
    Row("achubaty/r-spatial-devel", "adds various R spatial/mapping tools to th..."),
    Row("brauner/r-devel"),
    Row("achubaty/r-spades-devel", "provides a testing environment for buildin..."),
    Row("rocker/r-devel-ubsan-clang"),
)
_HADLEYVERSE = (
    Row("rocker/hadleyverse", "", 14),
    Row("mclose/hadleyverse", "Based off of rocker/hadleyverse plus some ..."),
    Row("keynmol/hadleyverse", is_automated=False),
)

RECORDED = {
    "rstudio": _RSTUDIO,
    "shiny": _SHINY,
    "r-base": _R_BASE,
    "r-devel": _R_DEVEL,
    "hadleyverse": _HADLEYVERSE,
}
"""Search term -> its rows, in the order in which the hub gave them."""
