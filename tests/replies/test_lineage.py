"""The picture of the images, what it says to those who do not see it, and what it costs."""

from __future__ import annotations

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image as Pixels

from bot.lineage import Lineage, lineage
from bot.replies.blocks import MAX_ALT, Reply
from bot.replies.lineage_answers import described, lineage_reply
from bot.replies.pictures.lineage import MOST_ROWS, lineage_picture
from bot.replies.pictures.paper import HUES, INK, PAPER, WIDTH
from bot.replies.texts import LANGUAGES
from tests.replies.block_kit import check_message
from tests.replies.facts import VM
from tests.unit.test_lineage import WALK_THROUGH, image

MB = 1_000_000
LONG = "registry.example.com:5000/" + "a-very-long-team/" * 12 + "image"


def tree_of(*pairs: tuple[str, str]) -> Lineage:
    return lineage([image(name, layers, len(layers) * 100 * MB) for name, layers in pairs])


def many(count: int) -> Lineage:
    return tree_of(*((f"{LONG}-{i}:2026.11.{i}", "ab" + "cd" * (i % 7) + chr(200 + i))
                     for i in range(count)))  # fmt: skip


def opened(tree: Lineage) -> Pixels.Image:
    return Pixels.open(io.BytesIO(lineage_picture(tree))).convert("RGB")


def reply(tree: Lineage, language: str = "en") -> Reply:
    return lineage_reply(tree, VM, language, "/ds")


# --- in words ---


def test_it_reads_well_aloud() -> None:
    tree = tree_of(("rocker/r-base", "da"), ("rocker/rstudio", "dar"), ("rocker/shiny", "us"))

    assert described(tree, "en") == (
        "rocker/r-base builds on no other image here and takes 200.0 MB."
        " rocker/rstudio builds on rocker/r-base and adds 100.0 MB."
        " rocker/shiny builds on no other image here and takes 200.0 MB."
    )


def test_a_base_without_a_name_is_told_by_what_shares_it() -> None:
    tree = tree_of(("rocker/rstudio", "dar"), ("rocker/shiny", "das"))

    assert described(tree, "en").startswith(
        "rocker/rstudio, rocker/shiny share a base that is no image here."
        " rocker/rstudio builds on the base that it shares."
    )
    assert described(tree.measured({("d", "a"): 200 * MB}), "en") == (
        "rocker/rstudio, rocker/shiny share a base of 200.0 MB that is no image here."
        " rocker/rstudio builds on the base that it shares and adds 100.0 MB."
        " rocker/shiny builds on the base that it shares and adds 100.0 MB."
    )


def test_what_sharing_saves_is_said_first() -> None:
    tree = tree_of(("rocker/r-base", "da"), ("rocker/rstudio", "dar"))

    assert reply(tree).text.startswith(
        "2 images on jekyll-dev take 300.0 MB; shared layers save 200.0 MB."
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [1, 2, 60, 200])
def test_slack_takes_the_answer(count: int, language: str) -> None:
    """With the picture, and in words where Slack does not take a picture."""
    answer = reply(many(count), language)
    assert answer.drawing is not None

    for shown in (answer.illustrated("F1"), answer.in_words()):
        check_message(shown.text, shown.blocks)
    assert 0 < len(answer.drawing.alt_text) <= MAX_ALT
    [picture] = [each for each in answer.illustrated("F1").blocks if each["type"] == "image"]
    assert picture["alt_text"] == answer.drawing.alt_text


def test_what_is_not_told_is_counted() -> None:
    tree = many(60)
    told = described(tree, "en")

    assert f"{len(tree.nodes) - told.count(' builds on ') - told.count(' share ')} more" in told
    assert "more are not in the picture" in str(reply(many(200)).blocks)


# --- the picture ---


@pytest.mark.parametrize("count", [1, 5, 6, 7, 60, 200])
def test_the_picture_is_as_wide_as_slack_shows_it_and_grows_downwards(count: int) -> None:
    width, height = opened(many(count)).size

    assert width == 2 * WIDTH
    assert 80 <= height <= 66 * (MOST_ROWS + 2)
    if count <= 5:
        assert height <= 2 * WIDTH, "Slack makes it smaller"


def test_it_has_light_paper_and_dark_ink_of_its_own() -> None:
    """Slack shows it on white or on nearly black, and nothing of that may shine through."""
    picture = Pixels.open(io.BytesIO(lineage_picture(lineage(WALK_THROUGH))))
    assert picture.convert("RGBA").getchannel("A").getextrema() == (255, 255)

    colours = picture.convert("RGB").getcolors(100_000)
    assert colours is not None
    assert max(colours)[1] == rgb(PAPER)
    assert rgb(INK) in {colour for _, colour in colours}


@pytest.mark.parametrize("colour", [INK, *HUES])
def test_every_ink_can_be_told_from_the_paper(colour: str) -> None:
    """WCAG 2.2, 1.4.3 and 1.4.11: contrast of 4.5 to 1."""
    assert (luminance(PAPER) + 0.05) / (luminance(colour) + 0.05) >= 4.5


def test_the_same_images_are_the_same_picture() -> None:
    assert lineage_picture(many(9)) == lineage_picture(many(9))


@pytest.mark.parametrize(
    "name", ["$x^2$:latest", "a_b$c", "\u202ename", "\ud55c\uad6d", "x" * 500, "<b>&amp;"]
)
def test_any_name_is_drawn_as_it_is(name: str) -> None:
    """No formulas in dollar signs, and no warnings of letters that a font does not have."""
    assert opened(tree_of((name, "a"), ("y", "ab"))).size[0] == 2 * WIDTH


def test_several_are_drawn_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        pictures = set(pool.map(lambda _: lineage_picture(many(3)), range(6)))

    assert len(pictures) == 1


def test_the_bot_starts_without_what_draws_pictures() -> None:
    """Start time and memory are as before for those who want none; and pyplot is never loaded."""
    program = (
        "import sys, bot.app, bot.__main__; heavy = {'matplotlib', 'networkx', 'numpy', 'PIL'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "from tests.replies.test_lineage import many; from bot.replies.pictures import lineage;"
        "lineage.lineage_picture(many(1)); assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).parents[2]

    assert subprocess.run([sys.executable, "-c", program], cwd=root, timeout=120).returncode == 0


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:], 16)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [part / 255 for part in rgb(colour)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
