"""The digest within Slack's limits, in both languages, whatever VMs are called."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from PIL import Image

from bot.costs import Life, Span, Week, costs, each_day
from bot.models import Vm, VmState
from bot.replies.blocks import Reply
from bot.replies.digest import digest_in_words, digest_reply
from bot.replies.pictures.spending import Day, spending_picture
from tests.replies.block_kit import check_message

BEGIN = datetime(2026, 11, 16, tzinfo=UTC)
DAY = timedelta(days=1)


def week(names: list[str], rate: str | None = "0.053", taken: int = 0) -> Week:
    """All these VMs lived the whole week, and nothing was in use on its third day."""
    idle = Span(BEGIN + 2 * DAY, BEGIN + 3 * DAY)
    lives = [
        Life(
            Vm(f"op-{number}", name, "example.com", "U0JANE", "C0", "T0", VmState.READY, "docker",
               1, 1024, "dal10", BEGIN, hourly_rate=None if rate is None else Decimal(rate)),
            Span(BEGIN, BEGIN + 8 * DAY), (idle,),
        )
        for number, name in enumerate(names)
    ]  # fmt: skip
    days = [Span(BEGIN + n * DAY, BEGIN + (n + 1) * DAY) for n in range(7)]
    return Week(
        costs(lives, Span(BEGIN, BEGIN + 7 * DAY)), tuple(each_day(lives, days)),
        date(2026, 11, 16), taken=taken, saved=Decimal(0), live=len(lives),
    )  # fmt: skip


def both_forms(found: Week, language: str) -> list[Reply]:
    reply = digest_reply(found, language)
    return [reply.illustrated("F0123456789"), digest_in_words(reply)]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    "names",
    [["web"], ["w" * 500] * 40, ["<!channel> `*&" * 30] * 9],
    ids=["one", "long", "hostile"],
)
@pytest.mark.parametrize("rate", ["0.053", "99999.12345", None])
def test_slack_takes_it(language: str, names: list[str], rate: str | None) -> None:
    for reply in both_forms(week(names, rate, taken=12), language):
        check_message(reply.text, reply.blocks)
        assert "<!channel>" not in str(reply.blocks)


def test_its_picture_is_described_day_by_day() -> None:
    reply = digest_reply(week(["web"]), "en")

    assert reply.drawing is not None
    alt = reply.drawing.alt_text
    assert "2026-11-17: $1.27, of it unused $0.00." in alt
    assert "2026-11-18: $1.27, of it unused $1.27." in alt
    assert alt.count("of it unused") == 7 and len(alt) < 1000
    assert alt in str(digest_in_words(reply).blocks)


def test_what_has_no_price_is_said() -> None:
    assert "In no sum" in str(digest_reply(week(["web"], None), "en").blocks)


def test_how_the_saving_was_computed_is_said_where_there_is_one() -> None:
    without = digest_reply(week(["web"]), "en")
    with_it = digest_reply(week(["web"], taken=2), "en")

    assert "from its cancellation to the end of the week" not in str(without.blocks)
    assert "from its cancellation to the end of the week" in str(with_it.blocks)
    assert "2 idle VMs were cancelled" in with_it.text


def test_the_same_days_are_the_same_picture() -> None:
    days = [Day(date(2026, 11, 16) + n * DAY, Decimal(n), Decimal(n) / 2) for n in range(7)]

    assert spending_picture(days) == spending_picture(days)


@pytest.mark.parametrize("total", ["0", "0.01", "0.53", "99999.99"])
def test_bars_stay_on_the_paper(total: str) -> None:
    """Whatever a day costs, nothing is drawn over the edge, and nothing divides by zero."""
    days = [Day(date(2026, 11, 16) + n * DAY, Decimal(total), Decimal(total)) for n in range(7)]

    with Image.open(BytesIO(spending_picture(days))) as picture:
        assert picture.size == (720, 380)
        colours = picture.convert("RGB")
        border = {colours.getpixel((x, y)) for x in (8, 711) for y in range(8, 372)}
    assert border == {(255, 255, 255)}
