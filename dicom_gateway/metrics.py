"""Counters and gauges for Prometheus, over all processes. No patient and no UID in a label.

The supervisor names the folder that the processes share (PROMETHEUS_MULTIPROC_DIR) before prometheus_client is
imported, so this module is imported by roles only.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

ASSOCIATION_EVENTS = {  # how an association, or a connection that should have become one, went -> what it says
    "accepted": "associations that were accepted",
    "released": "ended by the device as they should",
    "aborted": "ended otherwise: by either side, by a deadline, by a limit, or the connection was lost",
    "refused": "rejected because of an AE title or an address",
    "over limit": "rejected: too many associations, in all or of the device",
    "connection refused": "connections closed unread: too many, in all or from the address",
    "handshake failed": "TLS: no handshake, no accepted certificate, or another protocol",
    "request late": "connections without a TLS handshake or an association request in time",
    "request invalid": "connections that began with something else than an association request",
}
HL7_EVENTS = {  # how an HL7 connection went -> what it says
    "accepted": "connections that were accepted",
    "connection refused": "closed unread: too many, in all or from the address, and all at work",
    "made room": "idle ones that were closed for a new one, because there were too many",
    "handshake failed": "TLS: no handshake, no accepted certificate, or another protocol",
    "late": "a message, or a TLS handshake, that was not there in time, or an answer that nobody read",
    "too large": "a message over hl7.message_mb",
    "no room": "a large message while several others were on their way; its sender was asked to send it later",
    "unfinished": "closed by the sender within a message",
}
UNNAMED_AFTER = 200  # AE titles that get a label of their own; the rest share one


@dataclass(frozen=True, slots=True)
class Gauge:
    """A value that is read when somebody asks: its help text, its labels, and (labels -> value)."""

    name: str
    help: str
    labels: tuple[str, ...]
    read: Callable[[], Mapping[tuple[str, ...], float]]


class Metrics:
    """What the roles count."""

    def __init__(self) -> None:
        self._ae_titles: set[str] = set()
        registry = CollectorRegistry()
        self.associations = Counter(
            "dicom_gateway_associations", "Associations by how they went.", ["event"], registry=registry
        )
        self.worklist_queries = Counter(
            "dicom_gateway_worklist_queries", "Worklist queries answered.", ["ae_title"], registry=registry
        )
        self.worklist_answers = Counter(
            "dicom_gateway_worklist_answers", "Scheduled steps served.", ["ae_title"], registry=registry
        )
        self.objects = Counter(
            "dicom_gateway_objects", "Objects received, by outcome.", ["ae_title", "outcome"], registry=registry
        )
        self.object_bytes = Counter(
            "dicom_gateway_object_bytes", "Bytes of data sets received.", ["ae_title"], registry=registry
        )
        self.performed_steps = Counter(
            "dicom_gateway_performed_steps", "Reports of performed steps.", ["ae_title", "outcome"], registry=registry
        )
        self.observations_dropped = Counter(
            "dicom_gateway_observations_dropped", "What devices asked or did, given up unwritten.", registry=registry
        )
        self.hl7_connections = Counter(
            "dicom_gateway_hl7_connections", "HL7 connections by how they went.", ["event"], registry=registry
        )
        self.hl7_skipped_bytes = Counter(
            "dicom_gateway_hl7_skipped_bytes", "Bytes that belonged to no HL7 message.", registry=registry
        )
        self.hl7_messages = Counter(
            "dicom_gateway_hl7_messages", "HL7 messages received.", ["source", "outcome"], registry=registry
        )
        self.deliveries = Counter(
            "dicom_gateway_deliveries", "Tries to deliver an event.", ["target", "outcome"], registry=registry
        )
        self.delivery_seconds = Histogram(
            "dicom_gateway_delivery_seconds", "From an event to its delivery.", ["target"], registry=registry,
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600),
        )  # fmt: skip

    def count_association(self, event: str) -> None:
        """Count one of ASSOCIATION_EVENTS."""
        self.associations.labels(event).inc()

    def count_query(self, ae_title: str, answers: int) -> None:
        """Count a worklist query and its answers."""
        device = self._label(ae_title)
        self.worklist_queries.labels(device).inc()
        self.worklist_answers.labels(device).inc(answers)

    def count_object(self, ae_title: str, outcome: str, size: int) -> None:
        """Count an object of `size` bytes."""
        device = self._label(ae_title)
        self.objects.labels(device, outcome).inc()
        self.object_bytes.labels(device).inc(size)

    def count_performed_step(self, ae_title: str, outcome: str) -> None:
        """Count a report of a performed step."""
        self.performed_steps.labels(self._label(ae_title), outcome).inc()

    def count_dropped_observation(self) -> None:
        """Count an observation that was given up: habits and what was served then lack it."""
        self.observations_dropped.inc()

    def count_hl7_connection(self, event: str) -> None:
        """Count one of HL7_EVENTS."""
        self.hl7_connections.labels(event).inc()

    def count_hl7_skipped(self, number: int) -> None:
        """Count bytes that belonged to no message."""
        self.hl7_skipped_bytes.inc(number)

    def count_hl7_message(self, source: str, outcome: str) -> None:
        """Count a message of a configured source, or of "unknown"."""
        self.hl7_messages.labels(source, outcome).inc()

    def count_delivery(self, target: str, outcome: str, seconds: float) -> None:
        """Count a try to deliver; `seconds` since the event occurred."""
        self.deliveries.labels(target, outcome).inc()
        if outcome == "delivered":
            self.delivery_seconds.labels(target).observe(seconds)

    def _label(self, ae_title: str) -> str:
        if ae_title not in self._ae_titles and len(self._ae_titles) >= UNNAMED_AFTER:
            return "other"
        self._ae_titles.add(ae_title)
        return ae_title


class _Gauges(Collector):
    def __init__(self, gauges: tuple[Gauge, ...]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.read().items():
                family.add_metric(labels, value)
            yield family


def exposition(gauges: tuple[Gauge, ...]) -> tuple[bytes, str]:
    """Return what all processes counted, and the gauges read now, as Prometheus text with its content type."""
    registry = CollectorRegistry()
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(_Gauges(gauges))
    return generate_latest(registry), CONTENT_TYPE_LATEST
