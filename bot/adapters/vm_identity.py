"""What a VM is given at its order so that the bot can log in and know it again."""

from __future__ import annotations

from pathlib import Path

from bot.adapters.cloud_config import user_data_for
from bot.adapters.ssh_keys import BotKey, HostKeys


class VmIdentity:
    """Implements `bot.services.vm_order.Identity`.

    home: where the keys are. pins_host_keys: make each VM's SSH host key and hand it over with the
    order; without it the VM makes its own, and the first one shown is trusted.
    """

    def __init__(self, home: Path, *, pins_host_keys: bool) -> None:
        self.key = BotKey(home / "ssh")
        self._host_keys = HostKeys(home / "host-keys")
        self._pins = pins_host_keys

    def user_data(self, op_id: str) -> str:
        if not self._pins:
            return user_data_for(op_id)
        pair = self._host_keys.for_operation(op_id)
        return user_data_for(op_id, pair.private_openssh, pair.public)

    def public_user_data(self, op_id: str) -> str | None:
        return user_data_for(op_id) if self._pins else None

    def host_key(self, op_id: str) -> str | None:
        return self._host_keys.for_operation(op_id).public if self._pins else None

    def public_key(self) -> str:
        return self.key.public

    def forget(self, op_id: str) -> None:
        self._host_keys.forget(op_id)
