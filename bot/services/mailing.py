"""Which messages tell which people of which VMs: as few as their limits allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from bot.replies.folded import MOST_IN_ONE
from bot.services.recorded import Json


def messages_for(
    wanted: Mapping[str, Sequence[str]],
    languages: Mapping[str, str],
    had: Mapping[str, int] = MappingProxyType({}),
) -> list[Json]:
    """Messages that tell all places of their VMs. wanted: the places of each VM. had: how many each
    place has had before; `part` numbers its messages."""
    found: dict[str, list[str]] = {}
    for vm, places in wanted.items():
        for place in places:
            found.setdefault(place, []).append(vm)
    messages = []
    for place, vms in found.items():
        for number, begin in enumerate(range(0, len(vms), MOST_IN_ONE)):
            part = vms[begin : begin + MOST_IN_ONE]
            spoken = {languages[vm] for vm in part}
            messages.append(
                {
                    "place": place,
                    "part": number + had.get(place, 0),
                    "vms": part,
                    "language": spoken.pop() if len(spoken) == 1 else "en",
                }
            )
    return messages
