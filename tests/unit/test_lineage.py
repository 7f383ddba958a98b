"""How images build on one another: told from layers alone."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lineage import Lineage, Node, lineage
from bot.models import Image

SIZES = {"d": 122, "a": 400, "b": 16, "c": 1550, "j": 125, "r": 764, "h": 1033, "u": 188, "s": 843}


def image(name: str, layers: str, size: int | None = None) -> Image:
    """An image of layers that are called by a letter each."""
    return Image(
        id="sha256:" + hashlib.sha256(f"{name} {layers}".encode()).hexdigest(),
        names=(name if ":" in name else f"{name}:latest",),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        size_bytes=sum(SIZES.get(layer, 10) for layer in layers) if size is None else size,
        layers=tuple(layers),
    )


WALK_THROUGH = [
    image("rocker/r-devel", "dabc"),
    image("rocker/r-base", "dab"),
    image("debian:testing", "d"),
    image("debian:jessie", "j"),
    image("ubuntu:14.04", "u"),
    image("rocker/hadleyverse", "jrh"),
    image("rocker/rstudio", "jr"),
    image("rocker/shiny", "us"),
]


def drawn(tree: Lineage) -> list[str]:
    """Each node as a line, to the right of what it builds on."""
    return [f"{'  ' * node.depth}{' = '.join(node.names) or '?'}" for node in tree.nodes]


def test_the_images_of_the_walk_through() -> None:
    assert drawn(lineage(WALK_THROUGH)) == [
        "debian:jessie",
        "  rocker/rstudio",
        "    rocker/hadleyverse",
        "debian:testing",
        "  rocker/r-base",
        "    rocker/r-devel",
        "ubuntu:14.04",
        "  rocker/shiny",
    ]


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        ([], []),
        ([image("x", "ab")], ["x"]),
        ([image("x", "ab"), image("y", "cd")], ["x", "y"]),
        ([image("x", "ab"), image("y", "ac")], ["?", "  x", "  y"]),
        ([image("x", "abc"), image("y", "abd"), image("z", "ae")],
         ["?", "  ?", "    x", "    y", "  z"]),
        ([image("base", "a"), image("x", "abc"), image("y", "abd")],
         ["base", "  ?", "    x", "    y"]),
        ([image("x", "ab"), image("y", "ab"), image("z", "abc")], ["x = y", "  z"]),
        ([image("x", "ab"), image("x", "ab")], ["x"]),
        ([image("x", ""), image("y", ""), image("z", "a")], ["z", "x", "y"]),
        ([image("late", "ba"), image("early", "ab")], ["early", "late"]),
    ],
    ids=["none", "one", "strangers", "a shared base", "a base on a base", "a base on an image",
         "the same layers", "listed twice", "layers not known", "the same layers in another order"],
)  # fmt: skip
def test_what_builds_on_what(images: list[Image], expected: list[str]) -> None:
    assert drawn(lineage(images)) == expected


def test_an_image_with_several_names_is_one() -> None:
    one = image("rocker/rstudio", "jr")
    both = Image(one.id, ("rocker/rstudio:4.6.1", *one.names), one.created_at, 1, one.layers)

    assert drawn(lineage([both])) == ["rocker/rstudio = rocker/rstudio:4.6.1"]


def test_what_each_adds_and_what_all_take() -> None:
    tree = lineage(WALK_THROUGH)
    own = {node.names[0]: tree.own_bytes(node) for node in tree.nodes}

    assert own["rocker/rstudio"] == 764 and own["rocker/hadleyverse"] == 1033
    assert own["debian:testing"] == 122
    assert tree.disk_bytes == sum(SIZES.values())


def test_a_base_without_a_name_is_measured_by_an_image_that_has_it_below() -> None:
    tree = lineage([image("x", "abc"), image("y", "abd")])
    assert tree.disk_bytes is None

    [(layers, measured_by)] = tree.bases.items()
    assert layers == ("a", "b") and measured_by in {node.images[0].id for node in tree.nodes[1:]}
    measured = tree.measured({layers: 416})

    assert measured.nodes[0].size_bytes == 416
    assert measured.own_bytes(measured.nodes[1]) == SIZES["c"]
    assert measured.disk_bytes == 416 + SIZES["c"] + SIZES["d"]


def test_an_image_that_is_counted_smaller_than_its_base_adds_nothing() -> None:
    """Engines that keep compressed layers as well do not count all of them for each image."""
    tree = lineage([image("base", "a", 500), image("x", "ab", 490)])

    assert tree.own_bytes(tree.nodes[1]) == 0


# --- laws ---

piles = st.lists(st.sampled_from("abc"), max_size=7).map("".join)
some_images = st.lists(
    st.builds(image, st.from_regex(r"[a-z]{1,6}", fullmatch=True), piles), max_size=25
)


def graph_of(tree: Lineage) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(tree.nodes)))
    graph.add_edges_from(
        (node.parent, place) for place, node in enumerate(tree.nodes) if node.parent is not None
    )
    return graph


def is_below(one: Node, other: Node) -> bool:
    count = len(one.layers)
    return 0 < count < len(other.layers) and other.layers[:count] == one.layers


@given(some_images)
def test_every_image_is_there_once(images: list[Image]) -> None:
    shown = [each.id for node in lineage(images).nodes for each in node.images]

    assert sorted(shown) == sorted({each.id for each in images})


@given(some_images)
def test_each_builds_on_the_largest_that_is_all_below_it_and_on_nothing_twice(
    images: list[Image],
) -> None:
    """Compared with the graph of everything that is below, from which what follows is taken out."""
    tree = lineage(images)
    everything: nx.DiGraph[int] = nx.DiGraph()
    everything.add_nodes_from(range(len(tree.nodes)))
    everything.add_edges_from(
        (i, j)
        for i, below in enumerate(tree.nodes)
        for j, above in enumerate(tree.nodes)
        if is_below(below, above)
    )

    expected = nx.transitive_reduction(everything)
    assert set(graph_of(tree).edges) == set(expected.edges)


@given(some_images)
def test_it_is_a_forest_in_the_order_in_which_it_is_drawn(images: list[Image]) -> None:
    tree = lineage(images)
    graph = graph_of(tree)

    assert not tree.nodes or nx.is_branching(graph)
    for place, node in enumerate(tree.nodes):
        assert node.parent is None or node.parent < place
        assert node.depth == len(nx.ancestors(graph, place))
        inside = {place} | nx.descendants(graph, place)
        assert inside == set(range(place, place + len(inside))), "a family is torn apart"


@given(some_images)
def test_a_base_without_a_name_is_shared_and_is_no_image(images: list[Image]) -> None:
    tree = lineage(images)
    known = {each.layers for each in images}

    for place, node in enumerate(tree.nodes):
        if not node.images:
            assert node.layers not in known
            assert graph_of(tree).out_degree(place) >= 2
            assert node.layers in tree.bases


@given(some_images, st.randoms())
def test_the_order_of_the_list_does_not_matter(images: list[Image], random: object) -> None:
    mixed = list(images)
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert lineage(mixed) == lineage(images)


@given(some_images)
def test_all_together_take_what_their_layers_take(images: list[Image]) -> None:
    """Each layer once for each pile that it tops."""
    tree = lineage([each for each in images if each.layers])
    sizes = {node.layers: sum(SIZES.get(one, 10) for one in node.layers) for node in tree.nodes}
    tops = {node.layers[:count] for node in tree.nodes for count in range(1, len(node.layers) + 1)}

    assert tree.measured(sizes).disk_bytes == sum(SIZES.get(top[-1], 10) for top in tops)
