"""Everything that can go wrong, in our own words.

    BotError
    ├── UserError            the person can put it right: shown as is, with what to type instead
    │   ├── NotAllowed       somebody else may do it, this person may not
    │   ├── WrongName        a VM's or container's name that nothing has, or several things
    │   └── ConfigError      the operator can: every mistake in the settings, all at once
    └── OutsideError         a system outside did not do its part; the foreign text stays in
        │                    __cause__ and in the log
        ├── CloudError
        │   ├── CloudRefused       it said no, nothing was changed
        │   ├── CloudBusy          a transaction is running on the VM: ask again later
        │   ├── CloudNotFound      no such VM (any more)
        │   └── CloudUnknown       no usable answer: it may or may not have been done
        │       └── CloudHeld      an order was taken, and there is no VM yet
        ├── HostError
        │   ├── HostUnreachable    no SSH connection
        │   ├── HostKeyMismatch    something else answers at that address: nothing was sent
        │   ├── EngineMissing      SSH works, there is no Docker Engine
        │   ├── EngineRefused      the engine said no, nothing was changed
        │   │   ├── ImageNotFound  no registry has that image
        │   │   ├── ImageInUse     a container was made of that image
        │   │   ├── PortTaken      that host port is in use
        │   │   ├── NameTaken      a container of that name exists
        │   │   └── TooLarge       more than was asked for at the most
        │   └── ContainerNotFound  no such container (any more)
        ├── ChatError
        │   ├── ChatRefused        Slack said no (not in channel, archived, bad blocks …)
        │   └── ChatUnknown        no usable answer: it may or may not have been posted
        └── SaveFailed             saved work cannot be written, or not be read again

`is_passing` says whether the same question may be asked again later with another answer. It never
says that an act may be repeated: after CloudUnknown, look before ordering again.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.models import Choice, Text, counted


class BotError(Exception):
    """Base of all errors the bot raises on purpose. `text` is fit to be shown to a person."""

    is_passing = False

    def __init__(self, text: Text | str) -> None:
        self.text = text if isinstance(text, Text) else Text("{message}", message=text)
        super().__init__(str(self.text))


class UserError(BotError):
    """Something the person typed or clicked cannot be done. Nothing was changed.

    `instead` is what to type (without the `/ds`), or None when there is nothing to suggest.
    `choices` are offered as buttons.
    """

    def __init__(
        self, text: Text, instead: str | None = None, choices: Sequence[Choice] = ()
    ) -> None:
        super().__init__(text)
        self.instead = instead
        self.choices = tuple(choices)


class NotAllowed(UserError):
    """The person may not do that; somebody else may."""


class WrongName(UserError):
    """A name that no VM or container has, or several have.

    what: "vm" or "container". typed: the name as it was typed. meant: what it may stand for, the
    likeliest first, each with a label where the name alone would not tell it.
    """

    def __init__(
        self,
        text: Text,
        what: str,
        typed: str,
        meant: Sequence[tuple[str, Text | None]],
        instead: str | None = None,
    ) -> None:
        super().__init__(text, instead)
        self.what = what
        self.typed = typed
        self.meant = tuple(meant)


class ConfigError(UserError):
    """The settings are wrong. `mistakes` lists every one: key, value and allowed form."""

    def __init__(self, mistakes: list[str]) -> None:
        lines = "\n".join(f"  - {line}" for line in mistakes)
        super().__init__(
            counted(
                "The settings have {count} mistake:\n{lines}",
                "The settings have {count} mistakes:\n{lines}",
                len(mistakes),
                lines=lines,
            )
        )
        self.mistakes = mistakes


class OutsideError(BotError):
    """A system outside did not do its part."""


class CloudError(OutsideError):
    """SoftLayer did not do what was asked."""


class CloudRefused(CloudError):
    """SoftLayer said no. Nothing was ordered or changed."""


class CloudBusy(CloudError):
    """A transaction is running on the VM; the same call may succeed when it has ended."""

    is_passing = True


class CloudNotFound(CloudError):
    """SoftLayer knows no such VM (any more)."""


class CloudUnknown(CloudError):
    """No usable answer came: the act may have been done, or may still be done."""

    is_passing = True


class CloudHeld(CloudUnknown):
    """SoftLayer took an order and names no VM yet, as when a person must approve it first."""


class HostError(OutsideError):
    """A VM or its Docker Engine did not do what was asked."""


class HostUnreachable(HostError):
    """No SSH connection to the VM, or it broke."""

    is_passing = True


class HostKeyMismatch(HostError):
    """The machine at that address has not the host key we pinned. Nothing was sent to it."""


class EngineMissing(HostError):
    """SSH works, but no Docker Engine answers on the VM."""

    is_passing = True


class EngineRefused(HostError):
    """The Docker Engine said no; nothing was changed."""


class ImageNotFound(EngineRefused):
    """No registry has that image, or it is not public."""


class ImageInUse(EngineRefused):
    """A container, running or not, was made of that image."""


class PortTaken(EngineRefused):
    """That host port is in use on the VM."""


class NameTaken(EngineRefused):
    """A container of that name exists on the VM."""


class TooLarge(EngineRefused):
    """There is more than was asked for at the most; nothing of it is given."""


class ContainerNotFound(HostError):
    """No such container on the VM (any more)."""


class ChatError(OutsideError):
    """Slack did not do what was asked."""


class ChatRefused(ChatError):
    """Slack said no. `code` is Slack's own error code, such as `not_in_channel`."""

    def __init__(self, text: Text, code: str) -> None:
        super().__init__(text)
        self.code = code


class ChatUnknown(ChatError):
    """No usable answer from Slack: the message may or may not have been posted."""

    is_passing = True


class SaveFailed(OutsideError):
    """Saved work could not be written, or not be read again: it does not count as saved."""
