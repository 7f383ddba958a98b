"""SoftLayer_Security_Ssh_Key. The refusals are the real ones (finn-no/terraform-provider-softlayer
#5, koding/koding#9736); the code that carries them is our guess."""

from __future__ import annotations

import base64
import binascii
import hashlib

from sandbox.softlayer import errors
from sandbox.softlayer.calls import Call, Service, api
from sandbox.softlayer.schema import Answer, DataType, One, Raw
from sandbox.softlayer.state import SshKey

_KIND = "SoftLayer_Security_Ssh_Key"


class SshKeyService(Service):
    """The account's SSH keys."""

    name = _KIND

    @property
    def kind(self) -> DataType:
        return self.views.ssh_key

    def find(self, call: Call) -> SshKey:
        if call.id in (None, ""):
            raise errors.no_object()
        key = self.account.ssh_keys.get(int(call.id) if str(call.id).isdecimal() else -1)
        if key is None:
            raise errors.not_found(call.id)
        return key

    @api("createObject")
    def create(self, call: Call) -> Answer:
        asked = call.arg(0) or {}
        for name in ("key", "label"):
            if not asked.get(name):
                raise errors.missing_property(name, _KIND)
        fingerprint = _fingerprint(str(asked["key"]))
        if any(each.fingerprint == fingerprint for each in self.account.ssh_keys.values()):
            raise errors.fault(errors.PUBLIC, "SSH key already exists.")
        now = self.account.now()
        key = SshKey(
            id=self.account.new_id(),
            label=str(asked["label"]),
            key=str(asked["key"]).strip(),
            fingerprint=fingerprint,
            notes=asked.get("notes") or None,
            created_at=now,
            modified_at=now,
        )
        self.account.ssh_keys[key.id] = key
        return One(self.views.ssh_key, key)

    @api("getObject")
    def object(self, call: Call) -> Answer:
        return One(self.views.ssh_key, self.find(call))

    @api("editObject")
    def edit(self, call: Call) -> Answer:
        key, asked = self.find(call), call.arg(0) or {}
        key.label = str(asked.get("label") or key.label)
        key.notes = asked.get("notes") or key.notes
        key.modified_at = self.account.now()
        return Raw(True)

    @api("deleteObject")
    def delete(self, call: Call) -> Answer:
        del self.account.ssh_keys[self.find(call).id]
        return Raw(True)


def _fingerprint(key: str) -> str:
    """MD5 with colons, as SoftLayer shows it. Raises the refusal for what is not a key."""
    kind, _, rest = key.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        blob = b""
    size = int.from_bytes(blob[:4])
    if not blob or blob[4 : 4 + size] != kind.encode():
        text = "Please ensure the key provided is a valid public key."
        raise errors.fault(errors.PUBLIC, f"Unable to generate a fingerprint. {text}")
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
