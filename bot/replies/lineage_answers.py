"""`/ds lineage`: how the images of a VM build on one another, as a picture and in words."""

from __future__ import annotations

from bot.lineage import Lineage, Node
from bot.models import Text, Vm, counted
from bot.replies.blocks import MAX_ALT, Drawing, Reply, context, section
from bot.replies.engine_answers import size
from bot.replies.pictures.lineage import MOST_ROWS, lineage_picture
from bot.replies.texts import say, spoken

_MOST_NAMED = 5  # images of one sentence


def lineage_reply(tree: Lineage, vm: Vm, language: str, command: str) -> Reply:
    """A picture, what it shows in all, and how it is read. `tree` is not empty."""
    summary = say(_summary(tree, vm), language)
    legend = Text("Grey: shared with the image that it builds on. In colour: what it adds.")
    if any(not node.images for node in tree.nodes):
        legend = Text("Grey: shared with the image that it builds on. In colour: what it adds."
                      " Dashed: a base that several share and that is no image here.")  # fmt: skip
    blocks = [section(f"*{summary}*"), context(say(legend, language))]
    left_out = len(tree.nodes) - MOST_ROWS
    if left_out > 0:
        more = Text("{count} more are not in the picture. All images: `{command}`",
                    count=left_out, command=f"{command} images on {vm.hostname}")  # fmt: skip
        blocks.append(context(say(more, language)))
    words = described(tree, language)
    drawing = Drawing(f"lineage-{vm.hostname}.png", lineage_picture(tree), words)
    return Reply(spoken(f"{summary}\n{words}"), blocks, drawing=drawing)


def described(tree: Lineage, language: str, most: int = MAX_ALT) -> str:
    """The same in sentences, of at most so many characters: what is left out is counted."""
    sentences = [say(_sentence(tree, node), language) for node in tree.nodes]
    told, length = 0, 0
    for sentence in sentences:
        length += len(sentence) + 1
        if length > most - 60:  # room for the last one
            break
        told += 1
    if told < len(sentences):
        rest = counted("{count} more is not told here.", "{count} more are not told here.",
                       len(sentences) - told)  # fmt: skip
        return " ".join([*sentences[:told], say(rest, language)])
    return " ".join(sentences)


def _summary(tree: Lineage, vm: Vm) -> Text:
    count = sum(len(node.images) for node in tree.nodes)
    disk = tree.disk_bytes
    if disk is None:
        return counted("{count} image on {vm}", "{count} images on {vm}", count, vm=vm.hostname)
    alone = sum((node.size_bytes or 0) * len(node.images) for node in tree.nodes)
    if alone <= disk:
        return counted("{count} image on {vm} takes {size}", "{count} images on {vm} take {size}",
                       count, vm=vm.hostname, size=size(disk))  # fmt: skip
    return counted(
        "{count} image on {vm} takes {size}; shared layers save {saved}",
        "{count} images on {vm} take {size}; shared layers save {saved}",
        count, vm=vm.hostname, size=size(disk), saved=size(alone - disk),
    )  # fmt: skip


def _sentence(tree: Lineage, node: Node) -> Text:
    """What a node builds on, and what it adds."""
    base, own = tree.parent(node), tree.own_bytes(node)
    adds = None if own is None else size(own)
    if not node.images:
        return _base_sentence(_sharing(tree, node), base, adds)
    facts = {"images": list(node.names[:_MOST_NAMED]), "size": adds}
    if base is None:
        return Text("{images} builds on no other image here and takes {size}.", **facts)
    if not base.images:
        if adds is None:
            return Text("{images} builds on the base that it shares.", **facts)
        return Text("{images} builds on the base that it shares and adds {size}.", **facts)
    facts["base"] = base.names[0]
    if adds is None:
        return Text("{images} builds on {base}.", **facts)
    return Text("{images} builds on {base} and adds {size}.", **facts)


def _base_sentence(sharing: list[str], base: Node | None, adds: str | None) -> Text:
    facts = {"images": sharing, "size": adds, "base": base.names[0] if base and base.images else ""}
    if adds is None:
        return Text("{images} share a base that is no image here.", **facts)
    if facts["base"]:
        return Text("{images} share a base that adds {size} to {base} and is no image here.",
                    **facts)  # fmt: skip
    return Text("{images} share a base of {size} that is no image here.", **facts)


def _sharing(tree: Lineage, base: Node) -> list[str]:
    """The first names of what builds on a base, at most some of them."""
    names: list[str] = []
    waiting = tree.children(base)
    while waiting and len(names) < _MOST_NAMED:
        node = waiting.pop(0)
        names += node.names[:1] if node.images else ()
        waiting = [*(tree.children(node) if not node.images else ()), *waiting]
    return names
