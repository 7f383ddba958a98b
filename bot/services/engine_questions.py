"""Questions to one VM's engine: search, images, info, logs, addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import ImageNotFound, UserError
from bot.lineage import Lineage, lineage
from bot.models import Caller, Container, Engine, Image, Link, SearchHit, Text, Vm
from bot.ports import ContainerHost
from bot.services.fleet import APP, Fleet
from bot.services.vm_use import VmUse
from config.settings import Policy

_MOST_HITS = 25
_LOG_LINES = 50


@dataclass(frozen=True, slots=True)
class EngineQuestions:
    """Asks the VM named, or the person's only one. Methods raise UserError and HostError."""

    use: VmUse

    @property
    def _fleet(self) -> Fleet:
        return self.use.fleet

    @property
    def _policy(self) -> Policy:
        return self.use.policy

    def search(
        self, caller: Caller, term: str, stars: int, vm_name: str | None
    ) -> tuple[Vm, list[SearchHit]]:
        """Images with at least so many stars, the most first."""
        vm = self.use.ready(caller, vm_name, f"search {term}")
        hits = self._fleet.host(vm).search(term, _MOST_HITS)
        return vm, [hit for hit in hits if hit.stars >= stars]

    def images(self, caller: Caller, vm_name: str | None) -> tuple[Vm, list[Image], frozenset[str]]:
        """The VM's images, and the ids of those that containers were made of."""
        vm = self.use.ready(caller, vm_name, "images")
        host = self._fleet.host(vm)
        images = host.images()
        used = {container.image for container in host.containers(all=True)}
        in_use = frozenset(
            image.id
            for image in images
            if image.id in used or used & {*image.names, *_short_names(image)}
        )
        return vm, images, in_use

    def lineage(self, caller: Caller, vm_name: str | None) -> tuple[Vm, Lineage]:
        """How the VM's images build on one another, and how much those share that no image is."""
        vm = self.use.ready(caller, vm_name, "lineage")
        host = self._fleet.host(vm)
        tree = lineage(host.images())
        if not tree.nodes:
            raise UserError(Text("`{vm}` has no image yet.", vm=vm.hostname), instead="toolchain")
        sizes = {image: _layer_sizes(host, image) for image in set(tree.bases.values())}
        known = {
            base: sum(sizes[image][: len(base)])
            for base, image in tree.bases.items()
            if len(sizes[image]) >= len(base)
        }
        return vm, tree.measured(known)

    def info(self, caller: Caller, vm_name: str | None) -> tuple[Vm, Engine]:
        """What the engine says of itself and its VM."""
        vm = self.use.ready(caller, vm_name, "info")
        return vm, self._fleet.host(vm).engine()

    def logs(self, caller: Caller, container: str, tail: int | None) -> tuple[Container, str]:
        """A container's last lines of output, for those who may stop it."""
        [one] = self._fleet.locate([container], None, caller)
        host = self._fleet.host(one.vm)
        lines, limit = tail or _LOG_LINES, self._policy.timeouts.query
        return one.container, host.logs(one.container.id, lines, timeout=limit)

    def urls(self, caller: Caller, container: str | None) -> list[tuple[str, Link]]:
        """Name and address of each published port, of one container or of all of the person's."""
        if container is not None:
            [one] = self._fleet.locate([container], None, caller)
            found = [(one.vm, one.container)]
        else:
            own = [vm for vm in self.use.vms.live(caller.user_id) if vm.address and vm.host_key]
            found = [
                (each.vm, container)
                for each in self._fleet.survey(own)
                for container in each.containers
            ]
        links = [link for vm, one in found for link in self._links(vm, one)]
        if not links:
            raise UserError(Text("Nothing with an address is running."), instead="ps")
        return links

    def _links(self, vm: Vm, container: Container) -> Sequence[tuple[str, Link]]:
        app = self._policy.catalog.get(container.labels.get(APP, ""))
        path = app.path if app else "/"
        return [
            (container.name, Link(f"http://{vm.address}:{each.host_port}{path}"))
            for each in container.ports
        ]


def _layer_sizes(host: ContainerHost, image: str) -> tuple[int, ...]:
    try:
        return host.layer_sizes(image)
    except ImageNotFound:
        return ()  # removed meanwhile


def _short_names(image: Image) -> set[str]:
    """Engines show `rocker/shiny` where an image's own name is `rocker/shiny:latest`."""
    return {name.removesuffix(":latest") for name in image.names}
