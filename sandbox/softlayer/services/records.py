"""SoftLayer_Metric_Tracking_Object and SoftLayer_Event_Log: what was measured and what was done."""

from __future__ import annotations

from datetime import datetime

from sandbox.softlayer import errors, metrics
from sandbox.softlayer.calls import Call, Service, api
from sandbox.softlayer.schema import Answer, Raw, Rows
from sandbox.softlayer.state import Guest


class MetricService(Service):
    """Metrics of a guest, by its tracking object's id."""

    name = "SoftLayer_Metric_Tracking_Object"

    def find(self, call: Call) -> Guest:
        number = int(call.id) if str(call.id).isdecimal() else 0
        guest = self.account.guests.get(metrics.guest_id(number))
        if guest is None or metrics.tracking_id(guest) is None:
            raise errors.not_found(call.id)
        return guest

    @api("getType")
    def type(self, call: Call) -> Answer:
        self.find(call)
        return Raw("VIRTUAL_GUEST")

    @api("getMetricDataTypes")
    def data_types(self, call: Call) -> Answer:
        return Rows(None, metrics.data_types(self.find(call)))

    @api("getSummaryData")
    def summary(self, call: Call) -> Answer:
        guest = self.find(call)
        period = metrics.check_period(call.arg(3))
        return Rows(
            None, metrics.summary(guest, call.arg(2) or [], self._span(call, guest), period)
        )

    @api("getBandwidthData")
    def bandwidth(self, call: Call) -> Answer:
        guest = self.find(call)
        period = metrics.check_period(call.arg(3))
        direction = call.arg(2) or None
        return Rows(None, metrics.bandwidth(guest, self._span(call, guest), direction, period))

    def _span(self, call: Call, guest: Guest) -> tuple[datetime, datetime]:
        known_until = self.account.now() - self.backend.lifecycle.delays.metrics_lag
        return metrics.span_of(guest, call.arg(0), call.arg(1), known_until)


class EventLogService(Service):
    """The audit log."""

    name = "SoftLayer_Event_Log"

    @api("getAllObjects")
    def all(self, call: Call) -> Answer:
        return Rows(self.views.event, list(self.account.events))

    @api("getAllEventObjectNames")
    def object_names(self, call: Call) -> Answer:
        return Raw(["CCI"])
