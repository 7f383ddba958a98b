"""What the services need from outside. Adapters and fakes are held to the same contract suites.

Units and errors stand with each method. All times are aware UTC. Methods are called from many
threads at once. No method repeats an act by itself; reads may be retried inside an adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from bot.activity import VmActivity
from bot.models import (
    Captured,
    CloudVm,
    Container,
    ContainerSpec,
    Engine,
    HostAccess,
    Image,
    Member,
    MessageRef,
    Offers,
    Pulled,
    PullProgress,
    SearchHit,
    VmOrder,
    VmSpec,
)

T = TypeVar("T")
Blocks = list[dict[str, Any]]


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """The present instant, aware, UTC. Somebody may set the machine's clock meanwhile."""

    def monotonic(self) -> timedelta:
        """Time since some instant: goes on evenly, whoever sets a clock, and means nothing to
        another process. For whatever measures how long something takes."""

    def sleep(self, duration: timedelta) -> None:
        """Wait. Returns early never; a fake clock moves itself forward instead."""


class Cloud(Protocol):
    """Ordering, finding and cancelling VMs. Each method may raise CloudUnknown (no usable answer,
    `is_passing`) besides what it names."""

    def offers(self) -> Offers:
        """What can be ordered now. A datacenter all of whose pods are closing is listed apart."""

    def find_template(self, name: str) -> str:
        """GUID of the newest public image template whose name contains `name` (any case).

        Raises CloudNotFound when there is none.
        """

    def template_exists(self, guid: str) -> bool:
        """Whether a public or private image template with this GUID can be ordered."""

    def quote(self, spec: VmSpec) -> Decimal:
        """Price of the spec in USD per hour, taxes left out, nothing ordered.

        Raises CloudRefused when SoftLayer would not take the order.
        """

    def register_key(self, label: str, public_key: str) -> int:
        """Id of the account's SSH key with this public key; registers it if there is none."""

    def order(self, order: VmOrder) -> CloudVm:
        """Order one hourly VM: one request, never re-sent.

        Raises CloudRefused when nothing was ordered, CloudUnknown when nobody can tell: look with
        `find` before ordering again.
        """

    def find(self, hostname: str, domain: str) -> list[CloudVm]:
        """All VMs of the account with exactly this name, oldest first; may lag behind orders."""

    def get(self, vm_id: int) -> CloudVm:
        """One VM, read fresh. Raises CloudNotFound when it is gone."""

    def vms(self) -> Iterator[CloudVm]:
        """All VMs of the account, paged; collect before acting (deleting shifts the pages)."""

    def label(self, vm_id: int, tags: frozenset[str], notes: str) -> None:
        """Replace the VM's tags and notes (at most 1,000 characters). Raises CloudNotFound."""

    def replace_user_data(self, vm_id: int, user_data: str) -> None:
        """Replace what the VM was ordered with as user data: `request_id` is read from it.

        Whatever runs on the VM can read it. Raises CloudNotFound, CloudRefused.
        """

    def capture(self, vm_id: int, name: str, notes: str) -> None:
        """Begin to capture the VM's disks as a private image of that name; asked for once.

        The image and a transaction on the VM follow: look with `captured` and `get`. Raises
        CloudBusy while a transaction runs on the VM, CloudRefused, CloudNotFound; CloudUnknown
        when nobody can tell whether it was begun.
        """

    def captured(self, name: str) -> Captured | None:
        """The account's newest private image of exactly this name; None when there is none."""

    def delete_image(self, guid: str) -> None:
        """Delete a private image of the account's. Gone already is success."""

    def cancel(self, vm_id: int) -> None:
        """Cancel one VM now; its data is deleted. A VM already gone is success.

        Raises CloudBusy while a transaction runs on it, CloudRefused.
        """


class ContainerHost(Protocol):
    """The Docker Engine of one VM. Each method may raise HostUnreachable, HostKeyMismatch,
    EngineMissing and EngineRefused besides what it names."""

    def host_key(self) -> str:
        """The key the machine shows ("ssh-ed25519 AAAA…"), after connecting under our rules.

        Works without an engine.
        """

    def engine(self) -> Engine:
        """The engine that answers. Raises EngineMissing when SSH works and no engine does."""

    def install_engine(self, tell: Callable[[str], None]) -> None:
        """Install and start Docker from the distribution's own packages; done already is success.

        tell: called with a line of output now and then. Raises EngineRefused when it failed.
        """

    def has_image(self, image: str) -> bool:
        """Whether the image is on the VM already."""

    def pull(self, image: str, tell: Callable[[PullProgress], None]) -> Pulled:
        """Pull an image (tag `latest` if none is named), or learn that it is up to date.

        Those who want the same image at once share one pull; each is told on its own thread, and
        may leave by raising from `tell`. Raises ImageNotFound.
        """

    def search(self, term: str, most: int = 25) -> list[SearchHit]:
        """What the engine's own search finds, the most stars first; `most` is at most 100.

        Raises EngineRefused when the search index cannot be reached.
        """

    def images(self) -> list[Image]:
        """The images that have a name, the newest first."""

    def layer_sizes(self, image: str) -> tuple[int, ...]:
        """Bytes of each of an image's layers, the lowest first; none when the engine does not tell.

        Raises ImageNotFound.
        """

    def remove_image(self, image: str) -> None:
        """Take a name away, and the image with its last one. Gone already is success.

        Raises ImageInUse.
        """

    def run(self, spec: ContainerSpec) -> Container:
        """Create and start a container. Leaves nothing behind when it raises.

        Raises NameTaken, PortTaken, ImageNotFound.
        """

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container that does not run yet. Leaves nothing behind when it raises.

        Raises NameTaken, ImageNotFound.
        """

    def start(self, container_id: str) -> Container:
        """Start what was created; running already is success, what has ended runs once more.

        Raises PortTaken: one that is to remove itself is gone then. Raises ContainerNotFound.
        """

    def containers(self, *, all: bool = False, label: str | None = None) -> list[Container]:
        """Containers, newest first; only running ones unless `all`; only those with `label`
        ("key" or "key=value") if given."""

    def get(self, container_id: str) -> Container:
        """One container by id, id prefix or name. Raises ContainerNotFound."""

    def environment(self, container_id: str) -> dict[str, str]:
        """The environment a container was started with. Raises ContainerNotFound."""

    def logs(
        self,
        container_id: str,
        tail: int,
        most_bytes: int = 1_000_000,
        timeout: timedelta = timedelta(seconds=20),
    ) -> str:
        """The last `tail` lines of output, cut at `most_bytes` (the newest stay).

        timeout: raises HostUnreachable when they have not come by then, or soon after.
        Raises ContainerNotFound.
        """

    def wait(self, container_id: str, timeout: timedelta) -> int | None:
        """Its exit code soon after it has ended; None when it still runs after `timeout`.

        Raises ContainerNotFound, also when it has removed itself.
        """

    def stop(self, container_id: str, grace: timedelta) -> None:
        """Ask a container to end, kill it after `grace` (whole seconds). Ended already is success.

        Raises ContainerNotFound.
        """

    def activity(self, timeout: timedelta = timedelta(seconds=10)) -> VmActivity:
        """What the VM does now; nothing of the look stays on the VM.

        A fact that cannot be read is None, and so are `containers` when no engine answers. What
        is no RStudio has no sessions (None), and what is no Shiny Server no viewers. Instants but
        `at` are by the VM's clock. A login is a shell at a console or an SSH connection that
        somebody authenticated; those of the bot and of its replicas do not count.
        timeout: once connected. Raises HostUnreachable when the VM has not answered by then.
        """

    def fetch(self, container_id: str, path: str, most_bytes: int) -> dict[str, bytes]:
        """The files under an absolute path in a container, running or not, by their path below it;
        none when there is no such path. What is a link, or lies in a tmpfs, is left out.

        Raises ContainerNotFound, and TooLarge above `most_bytes` in all, or above 1,000 files.
        """

    def volume_size(self, volume: str) -> int | None:
        """Bytes in a named volume; None when there is no such volume."""

    def volume_sizes(self, volumes: Iterable[str]) -> dict[str, int]:
        """Bytes in each of these volumes that is there: one question, for the engine reads all."""

    def suspend(self, container_id: str, timeout: timedelta) -> int:
        """Have the RStudio sessions in a running container write down what they have, and end.

        Gives how many are still there after `timeout`: one at work is never forced, and suspends
        itself later. What is no RStudio has none. Raises ContainerNotFound.
        """

    def blueprint(self, container_id: str) -> ContainerSpec:
        """What makes such a container again, without what its image says anyway and without files.

        Raises ContainerNotFound.
        """

    def volumes(self) -> list[str]:
        """Names of all volumes, also of those that the engine has named."""

    def save_volume(self, volume: str, write: Callable[[bytes], None]) -> None:
        """Everything in a volume as an uncompressed tar, links too, owners by their numbers.

        write: gets one piece after the other, and may leave by raising; after an error the pieces
        so far are of no use. Raises EngineRefused when there is no such volume.
        """

    def load_volume(self, volume: str, tar: Iterator[bytes]) -> None:
        """Unpack such a tar into a volume, made if there is none, over what is in it."""

    def save_changes(self, container_id: str, write: Callable[[bytes], None]) -> None:
        """As `save_volume`: what a container has written besides its volumes, as a tar from `/`.

        Left out is what never outlives a start, such as /tmp and /run. Raises ContainerNotFound.
        """

    def load_changes(self, container_id: str, tar: Iterator[bytes]) -> None:
        """Unpack such a tar into a container that does not run. Raises ContainerNotFound."""

    def archive(self, volume: str, most_bytes: int) -> bytes:
        """A named volume's files and folders, no links, as a gzipped tar.

        Raises TooLarge when the files have more than `most_bytes` in all, EngineRefused when there
        is no such volume.
        """

    def remove(self, container_id: str) -> None:
        """Kill a container if it runs, and remove it. Gone already is success."""


class ContainerHosts(Protocol):
    """Warm connections, one per VM."""

    def on(self, access: HostAccess) -> ContainerHost:
        """The VM's engine; connects at first use and reconnects when the connection broke."""

    def forget(self, access: HostAccess) -> None:
        """Drop the connection to a VM that is gone."""

    def public_key(self) -> str:
        """The bot's own SSH public key, to be put on every VM ("ssh-ed25519 AAAA… ds-bot")."""


class Web(Protocol):
    """Looking at a page as a browser would."""

    def answers(self, url: str, timeout: timedelta) -> bool:
        """True when GET gives status 200 within `timeout`; never raises."""


class Chat(Protocol):
    """Slack. Acts may raise ChatRefused and ChatUnknown."""

    def member(self, user_id: str) -> Member:
        """What Slack says of a person; cached for some minutes."""

    def post(self, channel_id: str, text: str, blocks: Blocks, key: str) -> MessageRef:
        """Post one message, one request, never re-sent. `key` is kept in the message's metadata."""

    def find(self, channel_id: str, key: str, since: datetime) -> MessageRef | None:
        """Our message with this key, if the channel has one posted after `since`."""

    def shown(self, ref: MessageRef) -> tuple[str, Blocks] | None:
        """Text and blocks of a message of ours as they are now; None when it is gone."""

    def update(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message: blocks until Slack has taken it, waiting its turn in the pacer."""

    def update_soon(self, ref: MessageRef, text: str, blocks: Blocks) -> None:
        """Edit a message when the pacer has room; a later edit replaces one still waiting."""

    def open_dm(self, user_id: str) -> str:
        """Channel id of the direct conversation with a person."""

    def respond(self, response_url: str, text: str, blocks: Blocks, *, replace: bool) -> None:
        """Answer privately through a response_url (5 uses in 30 min); `replace` the original."""

    def open_view(self, trigger_id: str, view: dict[str, Any]) -> str:
        """Open a modal (within 3 s of the click); returns its view id."""

    def update_view(self, view_id: str, view: dict[str, Any]) -> None:
        """Replace what an open modal shows."""

    def publish_home(self, user_id: str, view: dict[str, Any]) -> None:
        """Replace what a person's App Home shows; the last one to publish wins."""

    def upload(self, name: str, content: bytes, alt_text: str) -> str:
        """Id of a file that blocks of ours may show (slack_file); nobody sees it before one does.

        alt_text: what the file shows, in words, for those who cannot see it.
        """

    def share(
        self, channel_id: str, thread_ts: str | None, name: str, content: bytes, comment: str
    ) -> None:
        """Put a file into a conversation, into a thread of it if one is named; asked for once.

        After ChatUnknown it may be there or not: `shared` tells.
        """

    def shared(self, channel_id: str, thread_ts: str | None, name: str, since: datetime) -> bool:
        """Whether a file of that name was put there at or after `since`; give it a name of its own.

        Slack may take some seconds to show what it has taken.
        """


class Journal(Protocol):
    """The record of one durable operation: what was done is not done again after a crash."""

    @property
    def attempt(self) -> str:
        """Differs each time the operation is (re)started: by a process, or after an exception."""

    def step(self, name: str, act: Callable[[], T]) -> T:
        """Do `act` and record what it returns (JSON); if it is recorded already, only return that.

        A crash between doing and recording means `act` is called again: acts with a cost go
        through `bot.services.once`. An exception is not recorded: it ends the attempt, past every
        `except Exception` of the operation, and the engine tries the operation again some times.
        An expected failure is returned as a value. Names are unique within an operation.
        """


class Engines(Protocol):
    """Starts and resumes durable operations."""

    def start(self, op_id: str) -> None:
        """Begin the operation in the background; begun or done already is success."""
