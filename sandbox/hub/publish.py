"""Puts images of this machine's engine into the registry, when they have changed.

`docker push` would compress every layer at gzip's default level, which costs a minute here and
makes pulls no faster. So the layers are taken from `docker save` and packed at level 1.

Source: OCI Distribution Specification 1.0, "Pushing blobs" and "Pushing manifests".
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

from sandbox.engine import DOCKER, image_id
from sandbox.home import emptied
from sandbox.hub.registry import HubFailed

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_LEVEL = 1
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20
_AT_ONCE = 2
_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class _Blob:
    """Something that the registry keeps under its digest."""

    kind: str
    digest: str
    size: int

    def described(self) -> dict[str, object]:
        return {"mediaType": self.kind, "size": self.size, "digest": self.digest}


def publish(
    url: str,
    images: Mapping[str, str],
    directory: Path,
    tell: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Make the registry at `url` offer `images` (repository -> name in the engine, each another) as
    `latest`; gives the repositories that changed.

    directory: where it is noted what was pushed, with room for temporary files, about as large as
    the images; for one process at a time. tell: told what is going to be pushed. Raises HubFailed.
    """
    ids = {repo: _id_of(name) for repo, name in images.items()}
    notes = directory / "published.json"
    noted = json.loads(notes.read_text()) if notes.exists() else {}
    with requests.Session() as http:
        changed = [
            repo for repo in ids if noted.get(repo) != ids[repo] or not _offers(http, url, repo)
        ]
        if changed:
            tell(f"filling the hub with {', '.join(sorted(changed))}")
            with emptied(directory / "publish.draft") as room:
                _push(http, url, {images[repo]: repo for repo in changed}, room)
            notes.write_text(json.dumps(noted | ids))
    return changed


def _id_of(name: str) -> str:
    found = image_id(name)
    if found is None:
        raise HubFailed(f"the engine has no image {name}")
    return found


def _offers(http: requests.Session, url: str, repo: str) -> bool:
    headers = {"Accept": _MANIFEST}
    found = http.head(f"{url}/v2/{repo}/manifests/latest", headers=headers, timeout=_TIMEOUT_S)
    return found.status_code == 200


def _push(http: requests.Session, url: str, repos: Mapping[str, str], room: Path) -> None:
    saved = room / "images.tar"
    done = subprocess.run(
        [*DOCKER, "save", "-o", str(saved), *repos], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise HubFailed(f"docker save: {done.stderr.strip()}")
    with tarfile.open(saved) as archive:
        rows = json.load(_member(archive, "manifest.json"))
        paths = sorted({path for row in rows for path in row["Layers"]})
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # zlib works outside Python's lock
        blobs = pool.map(lambda path: _pack(saved, path, room), paths)
        layers = dict(zip(paths, blobs, strict=True))
    with tarfile.open(saved) as archive:
        for row in rows:
            config = _member(archive, row["Config"]).read()
            packed = [layers[path] for path in row["Layers"]]
            for name in row["RepoTags"]:
                _push_image(http, f"{url}/v2/{repos[name]}", config, packed, room)


def _push_image(
    http: requests.Session, base: str, config: bytes, layers: list[_Blob], room: Path
) -> None:
    (room / _file(_digest(config))).write_bytes(config)
    described = _Blob(_CONFIG, _digest(config), len(config))
    for blob in (described, *layers):
        _push_blob(http, base, blob, room)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": described.described(),
        "layers": [layer.described() for layer in layers],
    }
    _check(
        http.put(
            f"{base}/manifests/latest",
            data=json.dumps(manifest).encode(),
            headers={"Content-Type": _MANIFEST},
            timeout=_TIMEOUT_S,
        )
    )


def _push_blob(http: requests.Session, base: str, blob: _Blob, room: Path) -> None:
    if http.head(f"{base}/blobs/{blob.digest}", timeout=_TIMEOUT_S).status_code == 200:
        return
    begun = _check(http.post(f"{base}/blobs/uploads/", timeout=_TIMEOUT_S))
    with (room / _file(blob.digest)).open("rb") as content:
        _check(
            http.put(
                begun.headers["Location"],
                params={"digest": blob.digest},
                data=content,
                headers={"Content-Type": "application/octet-stream"},
                timeout=_TIMEOUT_S,
            )
        )


def _pack(saved: Path, path: str, room: Path) -> _Blob:
    """Write one layer of a saved image, gzipped, into `room`."""
    digest, size = hashlib.sha256(), 0
    draft = room / hashlib.sha256(path.encode()).hexdigest()
    with tarfile.open(saved) as archive, draft.open("wb") as output:
        for chunk in _gzipped(_member(archive, path)):
            digest.update(chunk)
            size += output.write(chunk)
    blob = _Blob(_LAYER, f"sha256:{digest.hexdigest()}", size)
    draft.replace(room / _file(blob.digest))
    return blob


def _gzipped(source: IO[bytes]) -> Iterator[bytes]:
    """The content, packed unless it is already: engines with containerd's store save it packed."""
    chunk = source.read(_CHUNK)
    if chunk.startswith(_GZIP_MAGIC):
        while chunk:
            yield chunk
            chunk = source.read(_CHUNK)
        return
    packer = zlib.compressobj(_LEVEL, wbits=31)  # 31: with gzip's header, which has no time in it
    while chunk:
        yield packer.compress(chunk)
        chunk = source.read(_CHUNK)
    yield packer.flush()


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)
    if found is None:
        raise HubFailed(f"docker save wrote no {name}")
    return found


def _file(digest: str) -> str:
    return digest.replace(":", "-")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _check(answer: requests.Response) -> Any:
    if not answer.ok:
        raise HubFailed(f"the registry says {answer.status_code}: {answer.text[:200]}")
    return answer
