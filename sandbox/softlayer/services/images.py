"""SoftLayer_Virtual_Guest_Block_Device_Template_Group: image templates, public and our own."""

from __future__ import annotations

from sandbox.softlayer import errors
from sandbox.softlayer.calls import Call, Service, api
from sandbox.softlayer.image_templates import Template
from sandbox.softlayer.schema import Answer, DataType, One, Raw, Rows


class ImageService(Service):
    """Image templates."""

    name = "SoftLayer_Virtual_Guest_Block_Device_Template_Group"

    @property
    def kind(self) -> DataType:
        return self.views.template

    def find(self, call: Call) -> Template:
        if call.id in (None, ""):
            raise errors.no_object()
        return self.account.template(call.id)

    @api("getObject")
    def object(self, call: Call) -> Answer:
        return One(self.views.template, self.find(call))

    @api("getPublicImages")
    def public(self, call: Call) -> Answer:
        images = [each for each in self.account.templates.values() if each.is_public]
        return Rows(self.views.template, images)

    @api("editObject")
    def edit(self, call: Call) -> Answer:
        template, asked = self._own(call), call.arg(0) or {}
        template.name = str(asked.get("name") or template.name)
        template.note = str(asked.get("note") or template.note)
        return Raw(True)

    @api("deleteObject")
    def delete(self, call: Call) -> Answer:
        """It takes a while, and the answer is the transaction (SLDN)."""
        running = self.backend.lifecycle.delete_image(self._own(call))
        return Raw({"id": running.id, "createDate": running.started_at})

    def _own(self, call: Call) -> Template:
        template = self.find(call)
        if template.is_public:
            raise errors.fault(errors.PUBLIC, "Access Denied.")
        return template
