"""Events of every type, of an order that a PMS would know again."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dicom_gateway.connectors.hl7.facts import AsSent, Known
from dicom_gateway.connectors.hl7.outgoing import Header
from dicom_gateway.core.envelope import Event, EventType, StudyFacts, describe_instance, envelope
from dicom_gateway.core.model import Code, InstanceHeader, Order, Patient, RequestedProcedure, ScheduledStep, Study
from dicom_gateway.core.status import OrderStatus

NOW = 1_800_000_000_123_456  # 2027-01-15T08:00:00Z
ZONE = ZoneInfo("Europe/Berlin")
EVENT_ID = "evt_0123456789abcdef0123456789"
CONTROL_ID = "0123456789abcdef0123"
NOT_SENT = AsSent()
HEADER = Header(("DICOM_GATEWAY", "", "PIMS", "Clinic|1"), "UNICODE UTF-8", "utf-8")


def step(number: int, **changes: Any) -> ScheduledStep:
    made = ScheduledStep(
        "DX", datetime(2027, 1, 15, 9), 0, f"S{number}", description="Thorax lateral", station_ae_titles=("DX1",),
        protocol_codes=(Code("TL", "99P", "Thorax lat"),),
    )  # fmt: skip
    return made.evolve(**changes)


ORDER = Order(
    "pims",
    "A-1001",
    Patient("P-78", "Groß & Söhne^Rex", "PIMS", date(2019, 1, 2), "M"),
    (
        RequestedProcedure((step(1),), "RP1", code=Code("TX2", "99P", "Thorax"), study_instance_uid="1.2.3"),
        RequestedProcedure(
            (step(2), step(3, original_id="THE-LONG-ID-OF-A-STEP")), "RP2", description="Pelvis",
            study_instance_uid="1.2.4",
        ),
    ),
    id="o1",
    status=OrderStatus.COMPLETED,
    accession_number="ACC1",
)  # fmt: skip


def event(kind: str, order: Order | None = ORDER, **changes: Any) -> dict[str, Any]:
    """Return the JSON of an event as a target gets it, study.received with one thumbnail."""
    header = InstanceHeader("1.2.3.1.1", "1.2", "1.2.3", "1.2.3.1", modality="DX", instance_number=1)
    facts = StudyFacts(Study("1.2.3", modality="DX", started_at=NOW - 60_000_000), [header], None, 1)
    has_study = kind.startswith("study.") or kind == "order.incomplete"
    about = None if kind in ("test", "study.unmatched") else order
    made = envelope(EVENT_ID, Event(EventType(kind), NOW, about, facts if has_study else None))
    if made["study"]:
        made["study"] |= {"expected": 2, "shortfall": "1 of 2 images (2 views)"}
    if kind == "study.received":
        picture = {"media_type": "image/jpeg", "width": 1, "height": 1, "data": "QUJD", "href": None}
        made["instances"] = [describe_instance(header, picture)]
    return made | changes


def known(kind: str, order: Order | None = ORDER, sent: AsSent = NOT_SENT, **changes: Any) -> Known:
    """Return what the sink knows of an event."""
    made = event(kind, order, **changes)
    return Known(made, ZONE, order if made["order"] else None, sent, link="https://g.example/api/v1/studies/1.2.3")
