"""Examples of what the API takes and gives, shown by its documentation.

Answers are made by the functions that make the real ones, of one story: an order, its study of two images, its event.
A test holds them to the schemas.
"""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from dicom_gateway.core.completion import Evidence
from dicom_gateway.core.envelope import Event, EventType, StudyFacts, envelope
from dicom_gateway.core.local_time import SECOND, iso_utc
from dicom_gateway.core.model import Instance, InstanceHeader, Order, StoredObject, Study
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.orders import cancel, with_steps
from dicom_gateway.core.status import StepEvent, advance
from dicom_gateway.core.study_answer import Ordered, study_document, study_summary

_ORDERED = 1_795_420_800 * SECOND  # 2026-11-23T08:00:00Z
_IMAGED = _ORDERED + 8400 * SECOND
_UID = "2.25.329800735698586629295641978511506172918"
_EVENT_ID = "evt_0123456789abcdef0123456789"
_GATEWAY = ""  # `public_url` of a gateway that only its own machine reaches

EXAMPLE_ORDER: dict[str, Any] = {
    "source": "mypms",
    "placer_order_number": "A-1001",
    "priority": "ROUTINE",
    "referring_physician": "Roe^Ann",
    "reason": "cough",
    "patient": {
        "id": "P-78",
        "issuer": "MYPMS",
        "name": "Doe^Rex",
        "birth_date": "2019-05-01",
        "sex": "M",
        "weight_kg": 31.5,
        "species": "Canine",
        "breed": "Labrador Retriever",
        "breed_codes": [{"value": "62137007", "scheme": "SCT", "meaning": "Labrador retriever dog breed"}],
        "breed_registrations": [{"number": "SR 12345", "registry": "AKC"}],
        "neutered": True,
        "responsible_person": "Doe^Jane",
        "responsible_person_role": "OWNER",
        "other_ids": [{"id": "276098100123456", "type": "microchip"}],
    },
    "procedures": [
        {
            "code": {"value": "THX2", "scheme": "99LOCAL", "meaning": "Thorax 2 views"},
            "description": "Thorax 2 views",
            "steps": [
                {
                    "modality": "DX",
                    "station_ae_titles": ["DX1"],
                    "start": "2026-11-23T10:15:00",
                    "description": "Thorax 2 views",
                    "performer": "Roe^Ann",
                    "expected_instances": 2,
                }
            ],
        }
    ],
}


def _placed() -> Order:
    order = parse_order(EXAMPLE_ORDER, ZoneInfo("UTC"), date(2026, 11, 23))
    procedure = order.procedures[0]
    step = procedure.steps[0].evolve(id="SPS0000000001")
    procedure = procedure.evolve(id="RP0000000001", study_instance_uid=_UID, steps=(step,))
    return order.evolve(
        id="0123456789abcdef0123456789", created_at=_ORDERED, accession_number="0000000001", procedures=(procedure,)
    )


def _instance(number: int) -> Instance:
    header = InstanceHeader(
        sop_instance_uid=f"{_UID}1{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        study_instance_uid=_UID,
        series_instance_uid=f"{_UID}0",
        modality="DX",
        series_number=1,
        series_description="Thorax",
        instance_number=number,
        rows=2600,
        columns=2000,
        view=("LL", "VD")[number - 1],
        region="Chest",
        species="Canine",
        breed="Labrador Retriever",
        neutered=True,
        responsible_person="Doe^Jane",
        acquired_at=f"2026-11-23T10:19:{50 + number}",
    )
    stored = StoredObject(f"{number}.dcm", "1.2.840.10008.1.2.1", 0, 10_400_998, f"{number:02}" * 32)
    received_at = _IMAGED + number * SECOND
    return Instance(number, header, stored, received_at, "DX1", order_id=_ORDER.id, step_id="SPS0000000001")


def _moved(order: Order, *events: StepEvent) -> Order:
    for event in events:
        order = with_steps(order, lambda step: step.evolve(status=advance(step.status, event)))  # noqa: B023 - at once
    return order


_ORDER = _placed()
_INSTANCES = [_instance(1), _instance(2)]
_STUDY = Study(
    _UID,
    order_id=_ORDER.id,
    requested_procedure_id="RP0000000001",
    link_reason="study instance UID",
    patient_id="P-78",
    issuer="MYPMS",
    patient_name="Doe^Rex",
    accession_number=_ORDER.accession_number,
    modality="DX",
    started_at=_IMAGED + SECOND,
    last_received_at=_IMAGED + 2 * SECOND,
    reported_at=_IMAGED + 3 * SECOND,
    evidence=Evidence.MPPS_IMAGES,
    received=2,
)
_BY_HAND = _STUDY.evolve(evidence=Evidence.MANUAL)
_FACTS = StudyFacts(_STUDY, [instance.header for instance in _INSTANCES], _ORDER.procedures[0], 2)
_COMPLETED = _moved(_ORDER, StepEvent.START, StepEvent.COMPLETE)
_RECEIVED = Event(
    EventType.STUDY_RECEIVED, _IMAGED + 3 * SECOND, _COMPLETED, _FACTS, (1, 2), evidence=Evidence.MPPS_IMAGES
)


EXAMPLE_ANSWER: dict[str, Any] = order_document(_ORDER)
EXAMPLE_CANCELED: dict[str, Any] = order_document(cancel(_ORDER))
EXAMPLE_PROBLEM: dict[str, Any] = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "some values cannot be taken",
    "errors": [{"field": "procedures[0].steps[0].start", "message": "is required"}],
}
EXAMPLE_BATCH: dict[str, Any] = {
    "results": [{"status": 201, "order": EXAMPLE_ANSWER}, {"status": 422, "problem": EXAMPLE_PROBLEM}]
}
EXAMPLE_SUMMARY: dict[str, Any] = study_summary(_STUDY)
EXAMPLE_STUDY: dict[str, Any] = study_document(_STUDY, _INSTANCES, _GATEWAY, Ordered(_ORDER))
EXAMPLE_METADATA: dict[str, Any] = {
    "sop_instance_uid": _INSTANCES[0].header.sop_instance_uid,
    "complete": True,
    "attributes": {
        "TransferSyntaxUID": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
        "PatientID": {"vr": "LO", "Value": ["P-78"]},
        "PatientSpeciesCodeSequence": {"vr": "SQ", "Value": [{"CodeValue": {"vr": "SH", "Value": ["448771007"]}}]},
        "Rows": {"vr": "US", "Value": [2600]},
        "PixelData": {"vr": "OW", "bytes": 10_400_000},
    },
}
EXAMPLE_BY_HAND: dict[str, Any] = study_document(_BY_HAND, _INSTANCES, _GATEWAY, Ordered(_ORDER))
_DELIVERY: dict[str, Any] = {
    "target": "clinic",
    "status": "pending",
    "attempts": 2,
    "detail": "connection refused",
    "created_at": iso_utc(_RECEIVED.occurred_at),
    "due_at": iso_utc(_RECEIVED.occurred_at + 35 * SECOND),
    "first_try_at": iso_utc(_RECEIVED.occurred_at),
    "finished_at": None,
}
_DUE_NOW = {"attempts": 0, "first_try_at": None, "due_at": iso_utc(_RECEIVED.occurred_at + 20 * SECOND)}
_EVENT: dict[str, Any] = {
    "event_id": _EVENT_ID,
    "type": EventType.STUDY_RECEIVED.value,
    "order_id": _ORDER.id,
    "study_instance_uid": _UID,
}
_SHOWN: dict[str, Any] = {
    **_EVENT,
    "occurred_at": iso_utc(_RECEIVED.occurred_at),
    "envelope": envelope(_EVENT_ID, _RECEIVED),
}
EXAMPLE_DELIVERY: dict[str, Any] = {**_EVENT, **_DELIVERY}
EXAMPLE_EVENT: dict[str, Any] = {**_SHOWN, "deliveries": [_DELIVERY]}
EXAMPLE_RETRIED: dict[str, Any] = {"retried": 1, **_SHOWN, "deliveries": [_DELIVERY | _DUE_NOW]}
EXAMPLE_ALARM: dict[str, Any] = {
    "id": 7,
    "kind": "delivery parked",
    "subject": _EVENT_ID,
    "detail": "clinic: 404 Not Found",
    "count": 1,
    "raised_at": "2026-11-26T10:20:03.000Z",
}


def page_example(item: dict[str, Any]) -> dict[str, Any]:
    """Return an example of a list's last page."""
    return {"items": [item], "next": None}
