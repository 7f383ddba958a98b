"""What containers print, as the engine sends it: plain from a terminal, else in frames.

Frames: Docker Engine API v1.41, "Stream format" of POST /containers/{id}/attach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_HEADER_BYTES = 8  # which stream, three zeros, and the length of what follows


def newest(chunks: Iterable[bytes], most_bytes: int, *, is_framed: bool) -> bytes:
    """The last bytes printed, at most so many; never more than twice that is kept meanwhile."""
    kept = bytearray()
    for part in _payloads(chunks) if is_framed else chunks:
        kept += part
        if len(kept) > 2 * most_bytes:
            del kept[: len(kept) - most_bytes]
    return bytes(kept[max(0, len(kept) - most_bytes) :])


def _payloads(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Both streams in the order in which the engine has them."""
    header, left = b"", 0
    for each in chunks:
        chunk = each
        while chunk:
            if left:
                part, chunk = chunk[:left], chunk[left:]
                left -= len(part)
                yield part
            else:
                missing = _HEADER_BYTES - len(header)
                header, chunk = header + chunk[:missing], chunk[missing:]
                if len(header) == _HEADER_BYTES:
                    header, left = b"", int.from_bytes(header[4:], "big")
