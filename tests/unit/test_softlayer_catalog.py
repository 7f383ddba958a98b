"""What SoftLayer sells, as it is kept and chosen from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.softlayer_catalog import (
    Kept,
    has_private_image,
    is_image,
    newest_named,
    read_offers,
    read_public_images,
)
from bot.adapters.softlayer_client import ReadRetry, SoftLayerAccount, SoftLayerApi
from bot.errors import CloudUnknown
from sandbox.softlayer.clock import ManualClock
from sandbox.softlayer.server import SoftLayerSandbox
from tests.fakes.clock import FakeClock

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def api() -> Iterator[SoftLayerApi]:
    with SoftLayerSandbox(clock=ManualClock()) as sandbox:
        api = SoftLayerApi(
            SoftLayerAccount(sandbox.username, sandbox.api_key, sandbox.url),
            FakeClock(),
            read_timeout=timedelta(seconds=10),
            act_timeout=timedelta(seconds=10),
            retry=ReadRetry(),
            page_size=25,
        )
        yield api
        api.close()


class Answers:
    """A reading that counts; an Exception among its answers is raised."""

    def __init__(self, *answers: Any) -> None:
        self.count = 0
        self._answers = iter(answers)

    def __call__(self) -> Any:
        self.count += 1
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def image(name: str, created: str = "2026-01-01T00:00:00-06:00", number: int = 1) -> dict[str, Any]:
    return {"id": number, "name": name, "createDate": created}


# --- keeping ---


def test_a_kept_value_is_read_again_only_when_it_is_old() -> None:
    clock = FakeClock()
    read = Answers("old", "new")
    kept = Kept(read, clock, FIVE_MINUTES)

    assert kept.get() == "old"
    clock.advance(FIVE_MINUTES - timedelta(seconds=1))
    assert (kept.get(), read.count) == ("old", 1)
    clock.advance(timedelta(seconds=1))
    assert (kept.get(), read.count) == ("new", 2)


def test_a_failed_reading_is_not_kept() -> None:
    """Otherwise one hiccup would be told to everybody for five minutes."""
    kept = Kept(Answers(CloudUnknown("no"), "yes"), FakeClock(), FIVE_MINUTES)

    with pytest.raises(CloudUnknown):
        kept.get()

    assert kept.get() == "yes"


def test_threads_that_come_together_read_once() -> None:
    together = threading.Barrier(8, timeout=20)
    read = Answers("value")
    kept = Kept(read, FakeClock(), FIVE_MINUTES)

    def get() -> Any:
        together.wait()
        return kept.get()

    with ThreadPoolExecutor(8) as pool:
        values = [each.result() for each in [pool.submit(get) for _ in range(8)]]

    assert values == ["value"] * 8
    assert read.count == 1


# --- choosing an image ---


def test_the_newest_image_of_a_name_is_chosen() -> None:
    """By its date as an instant: written with another offset, a text would sort elsewhere."""
    images = [
        image("Docker old", "2026-01-01T12:00:00-06:00", 3),
        image("docker NEW", "2026-01-01T13:30:00-05:00", 1),
        image("Plain", "2026-02-01T00:00:00-06:00", 2),
    ]

    newest = newest_named(images, "DOCKER")

    assert newest is not None and newest["id"] == 1


def test_of_two_images_of_one_instant_the_higher_number_is_chosen() -> None:
    newest = newest_named([image("a", number=1), image("a", number=2)], "a")

    assert newest is not None and newest["id"] == 2


def test_no_image_of_that_name_is_none() -> None:
    assert newest_named([image("Plain"), {"id": 1, "createDate": "x"}], "docker") is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [({"globalIdentifier": "ABC-1"}, True), ({"globalIdentifier": "abc-12"}, False), ({}, False)],
)
def test_a_guid_is_compared_whole_in_any_case(row: dict[str, str], expected: bool) -> None:
    assert is_image(row, "abc-1") is expected


# --- reading ---


def test_offers_come_from_pods_and_options(api: SoftLayerApi) -> None:
    """dal09 is closing with all its pods; what is open is what remains of the list."""
    offers = read_offers(api)

    assert "dal09" in offers.closing_datacenters
    assert "dal10" in offers.open_datacenters
    assert not set(offers.open_datacenters) & set(offers.closing_datacenters)
    assert offers.cpus == tuple(sorted(set(offers.cpus))) and 1 in offers.cpus
    assert 1024 in offers.memory_mb


def test_copies_of_an_image_are_left_out_and_all_pages_read(api: SoftLayerApi) -> None:
    rows = read_public_images(api)

    assert len(rows) > 25
    assert not any(row.get("parentId") for row in rows)
    assert len({row["globalIdentifier"] for row in rows}) == len(rows)


def test_a_private_image_nobody_has_is_not_there(api: SoftLayerApi) -> None:
    assert not has_private_image(api, "00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize(
    ("pods", "closing"),
    [
        ([("dal09.pod01", True), ("dal09.pod02", True)], ("dal09",)),
        ([("dal13.pod01", True), ("dal13.pod02", False)], ()),
        ([("dal13.pod02", False), ("dal13.pod01", True)], ()),
        ([], ()),
    ],
)
def test_a_datacenter_closes_with_its_last_pod(
    pods: list[tuple[str, bool]], closing: tuple[str, ...]
) -> None:
    """One closing pod of several is no reason to refuse the place."""

    class Options:
        """Answers like a SoftLayerApi whose account sees one place."""

        def read(self, service: str, method: str) -> dict[str, Any]:
            return {"datacenters": [{"template": {"datacenter": {"name": "dal13"}}}]}

        def rows(self, service: str, method: str, **_: Any) -> list[dict[str, Any]]:
            return [
                {"name": name, "capabilities": ["CLOSURE_ANNOUNCED"] if closes else []}
                for name, closes in pods
            ]

    offers = read_offers(Options())  # type: ignore[arg-type]  # by shape

    assert offers.closing_datacenters == closing
    assert offers.open_datacenters == ("dal13",)
