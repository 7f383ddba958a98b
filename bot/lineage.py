"""How images build on one another, told from the layers that they share.

An image is a pile of layers. Where all of one image's layers are the lowest ones of another, the
other builds on it. Where several begin alike and no image is just that, they share a base that has
no name here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from bot.models import Image

if TYPE_CHECKING:
    import networkx as nx

Layers = tuple[str, ...]
_ById = Mapping[str, Image]


@dataclass(frozen=True, slots=True)
class Node:
    """A pile of layers: the images that are just that, or a base without a name."""

    layers: Layers  # the lowest first; none: not known, then it builds on nothing
    images: tuple[Image, ...]  # in order of their names; none: a base that several share
    parent: int | None  # its place in `Lineage.nodes`
    depth: int  # how many it builds on
    size_bytes: int | None  # of all its layers; None: the engine does not tell

    @property
    def names(self) -> tuple[str, ...]:
        """As people type them; none: a base without a name."""
        return tuple(name for image in self.images for name in names_of(image))


@dataclass(frozen=True)
class Lineage:
    """All images of a VM: what builds on what. Each comes right before what builds on it."""

    nodes: tuple[Node, ...]

    def parent(self, node: Node) -> Node | None:
        """What a node builds on."""
        return None if node.parent is None else self.nodes[node.parent]

    def children(self, node: Node) -> list[Node]:
        """What builds on a node, nothing between."""
        return [each for each in self.nodes if self.parent(each) is node]

    def own_bytes(self, node: Node) -> int | None:
        """Bytes that a node adds to what it builds on; None: not known."""
        below = self.parent(node)
        if node.size_bytes is None or (below is not None and below.size_bytes is None):
            return None
        # Engines count more than the layers, such as the image's description: never below zero.
        return max(0, node.size_bytes - (below.size_bytes or 0 if below is not None else 0))

    @cached_property
    def disk_bytes(self) -> int | None:
        """Bytes that all of them take together: what is shared counts once. None: not known."""
        own = [self.own_bytes(node) for node in self.nodes]
        return None if None in own else sum(filter(None, own))

    @cached_property
    def bases(self) -> dict[Layers, str]:
        """The bases without a name, each with the id of an image that has it below."""
        found: dict[Layers, str] = {}
        for node in self.nodes:
            for base in self._below(node):
                if not base.images and node.images:
                    found.setdefault(base.layers, node.images[0].id)
        return found

    def measured(self, sizes: Mapping[Layers, int]) -> Lineage:
        """The same with the sizes of bases filled in."""
        nodes = (
            node if node.images else replace(node, size_bytes=sizes.get(node.layers))
            for node in self.nodes
        )
        return Lineage(tuple(nodes))

    def _below(self, node: Node) -> Iterator[Node]:
        below = self.parent(node)
        while below is not None:
            yield below
            below = self.parent(below)


def lineage(images: Iterable[Image]) -> Lineage:
    """What builds on what. Bases without a name have no size yet: see `measured`."""
    import networkx as nx  # not before somebody asks: it takes a fifth of a second and 20 MB

    piles: dict[Layers, dict[str, Image]] = {}
    alone: dict[str, Image] = {}
    for image in images:
        (piles.setdefault(image.layers, {}) if image.layers else alone)[image.id] = image
    known = piles.keys() | _begun_alike(piles)
    graph: nx.DiGraph[Layers] = nx.DiGraph()
    graph.add_nodes_from(known)
    graph.add_edges_from((_nearest(pile, known), pile) for pile in known)
    graph.add_node(())  # the floor: what builds on nothing stands on it
    names = _first_names(graph, piles)
    order = list(nx.dfs_preorder_nodes(graph, (), sort_neighbors=_by(names)))
    depths = nx.single_source_shortest_path_length(graph, ())
    places = {pile: place for place, pile in enumerate(order[1:])}
    nodes = [
        Node(
            layers=pile,
            images=_sorted(piles.get(pile, {})),
            parent=places.get(next(iter(graph.predecessors(pile)))),
            depth=depths[pile] - 1,
            size_bytes=_largest(piles.get(pile, {})),
        )
        for pile in order[1:]
    ]
    nodes += [Node((), (image,), None, 0, image.size_bytes) for image in _sorted(alone)]
    return Lineage(tuple(nodes))


def names_of(image: Image) -> tuple[str, ...]:
    """An image's names as people type them, without `:latest`; its short id when it has none."""
    names = sorted(name.removesuffix(":latest") for name in image.names)
    return tuple(names) or (image.id.removeprefix("sha256:")[:12],)


def _begun_alike(piles: Iterable[Layers]) -> set[Layers]:
    """What two of them have in common at their lower end, wherever they part."""
    ordered = sorted(piles)
    common = {_common(one, other) for one, other in zip(ordered, ordered[1:], strict=False)}
    return common - {()}


def _common(one: Layers, other: Layers) -> Layers:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]


def _nearest(pile: Layers, known: Set[Layers]) -> Layers:
    """The largest of the others that is all below this one; the floor if there is none."""
    return next(
        (pile[:count] for count in range(len(pile) - 1, 0, -1) if pile[:count] in known), ()
    )


def _first_names(graph: nx.DiGraph[Layers], piles: Mapping[Layers, _ById]) -> dict[Layers, str]:
    """By what each is sorted: its first name, or that of the first that builds on it."""
    names: dict[Layers, str] = {}
    for pile in sorted(graph, key=len, reverse=True):  # what builds on it comes before it
        own = [names_of(image)[0] for image in piles.get(pile, {}).values()]
        names[pile] = min(own or [names[each] for each in graph.successors(pile)], default="")
    return names


def _by(names: Mapping[Layers, str]) -> Callable[[Iterable[Layers]], list[Layers]]:
    return lambda piles: sorted(piles, key=lambda pile: (names[pile], pile))


def _sorted(images: _ById) -> tuple[Image, ...]:
    return tuple(sorted(images.values(), key=lambda image: (names_of(image), image.id)))


def _largest(images: _ById) -> int | None:
    return max((image.size_bytes for image in images.values()), default=None)
