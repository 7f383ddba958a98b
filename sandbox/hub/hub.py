"""The hub, put together: images, registry, search index and the authority that vouches for it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sandbox.engine import ensure_network
from sandbox.home import only_one, sandbox_home
from sandbox.hub import index
from sandbox.hub.authority import ensure_authority
from sandbox.hub.index import SearchIndex
from sandbox.hub.publish import publish
from sandbox.hub.registry import PUBLIC_REGISTRY, HubFailed, Registry, public_registry_answers
from sandbox.images.build import ensure_images
from sandbox.images.recipes import HUB_IMAGES

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HubAddresses:
    """What a VM must know to use this hub in the place of Docker's.

    mirror: URL of the registry. names: the names of the outside that the index answers for, with
    TLS, at `host`:`index_port`, under the authority `ca` (PEM).
    """

    host: str
    mirror: str
    index_port: int
    names: tuple[str, ...]
    ca: str


class Hub:
    """Serves R images and the search index on the engine's own network while the context lasts.

    Where Docker Hub can be reached, the registry is a cache of it and nothing is built; elsewhere
    it offers images made here. registry_port, index_port: 0 is any free one.
    Raises HubFailed, ImageFailed, EngineAbsent.
    """

    def __init__(
        self,
        tell: Tell = lambda line: None,
        *,
        registry_port: int = 0,
        index_port: int = 0,
        is_public: bool | None = None,
    ) -> None:
        self._tell = tell
        self._ports = (registry_port, index_port)
        self._is_public = is_public
        self._running = ExitStack()
        self._addresses: HubAddresses | None = None

    @property
    def addresses(self) -> HubAddresses:
        """Where it answers. Raises RuntimeError when it does not run."""
        if self._addresses is None:
            raise RuntimeError("the hub is not running")
        return self._addresses

    def __enter__(self) -> Self:
        is_public = public_registry_answers() if self._is_public is None else self._is_public
        with ExitStack() as opened:
            self._addresses = self._open(opened, is_public)
            self._running = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._addresses = None
        self._running.close()

    def _open(self, opened: ExitStack, is_public: bool) -> HubAddresses:
        home, host = sandbox_home() / "hub", ensure_network().gateway
        directory = home / ("cache" if is_public else "registry")
        remote = PUBLIC_REGISTRY if is_public else None
        tags = {} if is_public else ensure_images(HUB_IMAGES.values(), self._tell)
        registry = opened.enter_context(Registry(host, self._ports[0], directory, remote=remote))
        if not is_public:
            self._publish(registry, {repo: tags[name] for repo, name in HUB_IMAGES.items()})
        authority = ensure_authority(home, (index.HOST, index.REGISTRY_HOST))
        try:
            served = SearchIndex(host, self._ports[1], authority.certificate)
        except OSError as error:
            raise HubFailed(f"cannot listen on {host}:{self._ports[1]}: {error}") from error
        opened.enter_context(served)
        names = (index.HOST,) if is_public else (index.HOST, index.REGISTRY_HOST)
        return HubAddresses(host, registry.url, served.port, names, authority.ca.read_text())

    def _publish(self, registry: Registry, images: dict[str, str]) -> None:
        directory = sandbox_home() / "hub"
        with only_one(directory, "publish"):
            publish(registry.url, images, directory, self._tell)
